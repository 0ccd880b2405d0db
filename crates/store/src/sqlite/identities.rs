//! Accounts of other issuers, and until when their tokens are refused.

use rusqlite::{Connection, OptionalExtension, Row, params};
use zas_protocol::{Micros, UserId};

use super::accounts::{self, Name};
use crate::error::{CreateUserError, StoreError};
use crate::rows::{AccountState, Identified, NewIdentity, NewUser, PasswordHash};

pub(super) fn find(
    connection: &Connection,
    issuer: &str,
    subject: &str,
) -> Result<Option<Identified>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT u.active, u.signed_out_at, u.id, u.username FROM identities i JOIN users u ON u.id = i.user_id
         WHERE i.issuer = ?1 AND i.subject = ?2",
    )?;
    Ok(select.query_row([issuer, subject], identified).optional()?)
}

pub(super) fn find_or_make(
    connection: &Connection,
    new: &NewIdentity,
) -> Result<Identified, CreateUserError> {
    if let Some(found) = find(connection, &new.issuer, &new.subject)? {
        return Ok(found);
    }
    if accounts::by_id(connection, new.id)?.is_none() {
        make(connection, new)?;
    }
    let mut insert = connection
        .prepare_cached(
            "INSERT INTO identities (issuer, subject, user_id, created_at) VALUES (?1, ?2, ?3, ?4)",
        )
        .map_err(StoreError::from)?;
    insert.execute(params![new.issuer, new.subject, new.id.0, new.at]).map_err(StoreError::from)?;
    let made = find(connection, &new.issuer, &new.subject)?;
    made.ok_or_else(|| StoreError::Corrupt("an identity is not there".to_owned()).into())
}

fn make(connection: &Connection, new: &NewIdentity) -> Result<(), CreateUserError> {
    let mut free = None;
    for names in &new.usernames {
        if !accounts::is_taken(connection, Name::Username(&names.0))? {
            free = Some(names.clone());
            break;
        }
    }
    let (username, skeleton) = free.ok_or(CreateUserError::UsernameTaken)?;
    let looks_new = !accounts::is_taken(connection, Name::Skeleton(&skeleton))?;
    let email_is_free = !accounts::is_taken(connection, Name::Email(&new.email))?;
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
    accounts::insert(connection, &user, looks_new.then_some(&user.skeleton))?;
    Ok(())
}

pub(super) fn state(connection: &Connection, user: UserId) -> Result<Option<AccountState>, StoreError> {
    let mut select = connection.prepare_cached("SELECT active, signed_out_at FROM users WHERE id = ?1")?;
    Ok(select.query_row([user.0], account_state).optional()?)
}

pub(super) fn set_signed_out(connection: &Connection, user: UserId, at: Micros) -> Result<bool, StoreError> {
    let mut update =
        connection.prepare_cached("UPDATE users SET signed_out_at = max(signed_out_at, ?2) WHERE id = ?1")?;
    Ok(update.execute(params![user.0, at])? == 1)
}

fn account_state(row: &Row<'_>) -> rusqlite::Result<AccountState> {
    Ok(AccountState { active: row.get(0)?, signed_out_at: row.get(1)? })
}

fn identified(row: &Row<'_>) -> rusqlite::Result<Identified> {
    Ok(Identified { state: account_state(row)?, user: UserId(row.get(2)?), username: row.get(3)? })
}
