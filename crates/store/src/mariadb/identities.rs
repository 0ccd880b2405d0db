//! Accounts of other issuers, and until when their tokens are refused.

use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, query};
use zas_protocol::{Micros, UserId};

use super::accounts::{self, Name};
use super::columns::{self, get};
use super::error::Failure;
use crate::error::{CreateUserError, StoreError};
use crate::rows::{AccountState, Identified, NewIdentity, NewUser, PasswordHash};

pub(super) async fn find(
    c: &mut MySqlConnection,
    issuer: &str,
    subject: &str,
) -> Result<Option<Identified>, Failure> {
    let select = query(
        "SELECT u.active, u.signed_out_at, u.id, u.username FROM identities i JOIN users u ON u.id = i.user_id
         WHERE i.issuer = ? AND i.subject = ?",
    );
    let found = select.bind(issuer).bind(subject).fetch_optional(c).await?;
    found.map(|row| identified(&row)).transpose()
}

pub(super) async fn find_or_make(
    c: &mut MySqlConnection,
    new: &NewIdentity,
) -> Result<Result<Identified, CreateUserError>, Failure> {
    if let Some(found) = find(c, &new.issuer, &new.subject).await? {
        return Ok(Ok(found));
    }
    if accounts::by_id(c, new.id).await?.is_none()
        && let Err(refused) = make(c, new).await?
    {
        return Ok(Err(refused));
    }
    let insert = query("INSERT INTO identities (issuer, subject, user_id, created_at) VALUES (?, ?, ?, ?)");
    let insert =
        insert.bind(&new.issuer).bind(&new.subject).bind(new.id.0.as_bytes().as_slice()).bind(new.at);
    insert.execute(&mut *c).await?;
    let made = find(c, &new.issuer, &new.subject).await?;
    Ok(Ok(made.ok_or_else(|| StoreError::Corrupt("an identity is not there".to_owned()))?))
}

async fn make(c: &mut MySqlConnection, new: &NewIdentity) -> Result<Result<(), CreateUserError>, Failure> {
    let mut free = None;
    for names in &new.usernames {
        if !accounts::is_taken(c, Name::Username(&names.0)).await? {
            free = Some(names.clone());
            break;
        }
    }
    let Some((username, skeleton)) = free else { return Ok(Err(CreateUserError::UsernameTaken)) };
    let looks_new = !accounts::is_taken(c, Name::Skeleton(&skeleton)).await?;
    let email_is_free = !accounts::is_taken(c, Name::Email(&new.email)).await?;
    let user = NewUser {
        id: new.id,
        display_name: if new.display_name.is_empty() { username.clone() } else { new.display_name.clone() },
        email: if email_is_free { new.email.clone() } else { String::new() },
        password_hash: PasswordHash::none(),
        admin: false,
        at: new.at,
        username,
        skeleton,
    };
    accounts::insert(c, &user, looks_new.then_some(user.skeleton.as_str())).await?;
    Ok(Ok(()))
}

pub(super) async fn state(c: &mut MySqlConnection, user: UserId) -> Result<Option<AccountState>, Failure> {
    let select = query("SELECT active, signed_out_at FROM users WHERE id = ?");
    let found = select.bind(user.0.as_bytes().as_slice()).fetch_optional(c).await?;
    found.map(|row| account_state(&row)).transpose()
}

/// Whether it is there is asked apart: a value that stays the same counts as no row.
pub(super) async fn set_signed_out(
    c: &mut MySqlConnection,
    user: UserId,
    at: Micros,
) -> Result<bool, Failure> {
    let update = query("UPDATE users SET signed_out_at = greatest(signed_out_at, ?) WHERE id = ?");
    update.bind(at).bind(user.0.as_bytes().as_slice()).execute(&mut *c).await?;
    Ok(state(c, user).await?.is_some())
}

fn account_state(row: &MySqlRow) -> Result<AccountState, Failure> {
    Ok(AccountState { active: columns::flag(row, 0)?, signed_out_at: get(row, 1)? })
}

fn identified(row: &MySqlRow) -> Result<Identified, Failure> {
    Ok(Identified {
        state: account_state(row)?,
        user: UserId(columns::id(row, 2)?),
        username: columns::text(row, 3)?,
    })
}
