//! Accounts.

use std::collections::BTreeMap;

use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, query};
use zas_core::ledger::Write;
use zas_protocol::limits::SMALL_GROUP;
use zas_protocol::rest::{Me, User};
use zas_protocol::{Micros, Role, RoomId, RoomKind, UserId};

use super::columns::{self, get, open, user_columns};
use super::error::Failure;
use super::lists::{self, places, statement};
use super::writes;
use crate::error::{CreateUserError, StoreError};
use crate::fold::fold;
use crate::names;
use crate::rows::{NewUser, PasswordHash, UserRow};

macro_rules! select_account {
    ($where:literal) => {
        concat!(
            "SELECT ",
            user_columns!(),
            ", email, password_hash, active, admin, created_at FROM users WHERE ",
            $where
        )
    };
}

fn account(row: &MySqlRow) -> Result<UserRow, Failure> {
    Ok(UserRow {
        user: columns::user(row)?,
        email: names::email(columns::text(row, 6)?),
        password_hash: PasswordHash(columns::text(row, 7)?),
        active: columns::flag(row, 8)?,
        admin: columns::flag(row, 9)?,
        created_at: get(row, 10)?,
    })
}

/// A name that an account has.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    Username(&'a str),
    Skeleton(&'a str),
    Email(&'a str),
}

pub(super) async fn is_taken(c: &mut MySqlConnection, name: Name<'_>) -> Result<bool, Failure> {
    let (sql, name) = match name {
        Name::Username(name) => ("SELECT 1 FROM users WHERE username = ?", name),
        Name::Skeleton(name) => ("SELECT 1 FROM users WHERE skeleton = ?", name),
        Name::Email(name) => ("SELECT 1 FROM users WHERE email = ?", name),
    };
    Ok(query(sql).bind(name).fetch_optional(c).await?.is_some())
}

pub(super) async fn create(
    c: &mut MySqlConnection,
    new: &NewUser,
) -> Result<Result<UserRow, CreateUserError>, Failure> {
    if is_taken(c, Name::Username(&new.username)).await? || is_taken(c, Name::Skeleton(&new.skeleton)).await?
    {
        return Ok(Err(CreateUserError::UsernameTaken));
    }
    if is_taken(c, Name::Email(&new.email)).await? {
        return Ok(Err(CreateUserError::EmailTaken));
    }
    insert(c, new, Some(&new.skeleton)).await?;
    let made = by_id(c, new.id).await?;
    Ok(Ok(made.ok_or_else(|| StoreError::Corrupt("an account is not there".to_owned()))?))
}

/// Makes an account whose names are free, and its own log.
pub(super) async fn insert(
    c: &mut MySqlConnection,
    new: &NewUser,
    skeleton: Option<&str>,
) -> Result<(), Failure> {
    let insert = query(
        "INSERT INTO users
           (id, username, skeleton, email, display_name, search_name, password_hash, admin, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    let insert = insert
        .bind(new.id.0.as_bytes().as_slice())
        .bind(&new.username)
        .bind(skeleton)
        .bind(names::of_email(new.id, &new.email))
        .bind(&new.display_name)
        .bind(fold(&new.display_name))
        .bind(&new.password_hash.0)
        .bind(new.admin)
        .bind(new.at);
    insert.execute(&mut *c).await?;
    let (room, user, at) = (RoomId::own_log(new.id), new.id, new.at);
    let own_log = [
        Write::CreateRoom { room, kind: RoomKind::OwnLog, name: None, pair: None, at },
        Write::StartMembership { room, user, role: Role::Owner, from: 1, at },
    ];
    writes::apply(c, own_log.iter()).await
}

/// A statement for each index. A username comes before an email.
pub(super) async fn by_login(c: &mut MySqlConnection, login: &str) -> Result<Option<UserRow>, Failure> {
    let by_username = query(select_account!("username = ?")).bind(login).fetch_optional(&mut *c).await?;
    let found = match by_username {
        Some(row) => Some(row),
        None => query(select_account!("email = ?")).bind(login).fetch_optional(c).await?,
    };
    let found = found.map(|row| account(&row)).transpose()?;
    // Who has no email is not found by what the column holds instead.
    Ok(found.filter(|row| row.user.username == login || row.email == login))
}

pub(super) async fn by_id(c: &mut MySqlConnection, user: UserId) -> Result<Option<UserRow>, Failure> {
    let select = query(select_account!("id = ?")).bind(user.0.as_bytes().as_slice());
    select.fetch_optional(c).await?.map(|row| account(&row)).transpose()
}

pub(super) async fn by_ids(c: &mut MySqlConnection, ids: &[UserId]) -> Result<Vec<User>, Failure> {
    let mut users = Vec::with_capacity(ids.len());
    for ids in lists::keys(ids) {
        let sql = format!(
            concat!("SELECT ", user_columns!(), " FROM users WHERE id IN ({})"),
            places("?", ids.len())
        );
        let select = ids.fold(statement(sql), |select, id| select.bind(id.0.as_bytes().as_slice()));
        for row in select.fetch_all(&mut *c).await? {
            users.push(columns::user(&row)?);
        }
    }
    users.sort_unstable_by_key(|user| user.id);
    users.dedup_by_key(|user| user.id);
    Ok(users)
}

/// Three passes, each only while there is room: the first two walk an index, and only the last,
/// for words within a name, reads all names.
pub(super) async fn search(
    c: &mut MySqlConnection,
    text: &str,
    not: UserId,
    limit: u32,
) -> Result<Vec<User>, Failure> {
    const AFTER_ANY: char = char::MAX;
    macro_rules! select_found {
        ($where:literal) => {
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM users WHERE active = 1 AND id <> ? AND ",
                $where,
                " LIMIT ?"
            )
        };
    }
    let (username, name) = (text.to_lowercase(), fold(text));
    let passes: [(&str, Vec<String>); 3] = [
        (
            select_found!("username >= ? AND username < ? ORDER BY username"),
            vec![username.clone(), format!("{username}{AFTER_ANY}")],
        ),
        (
            select_found!("search_name >= ? AND search_name < ? ORDER BY search_name, username"),
            vec![name.clone(), format!("{name}{AFTER_ANY}")],
        ),
        (
            select_found!("search_name LIKE ? ESCAPE '!' ORDER BY search_name, username"),
            vec![format!("% {}%", escape_like(&name))],
        ),
    ];
    let limit = limit as usize;
    let mut found: Vec<User> = Vec::new();
    for (sql, patterns) in passes {
        if found.len() >= limit {
            break;
        }
        // What earlier passes found may come again, so as many are asked for as are wanted at all.
        let select = patterns
            .iter()
            .fold(query(sql).bind(not.0.as_bytes().as_slice()), |select, pattern| select.bind(pattern));
        for row in select.bind(columns::int(limit as u64)).fetch_all(&mut *c).await? {
            let user = columns::user(&row)?;
            if found.len() < limit && !found.iter().any(|known| known.id == user.id) {
                found.push(user);
            }
        }
    }
    Ok(found)
}

/// `text` as itself within a pattern of `LIKE … ESCAPE '!'`.
fn escape_like(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

pub(super) async fn me(c: &mut MySqlConnection, user: UserId) -> Result<Option<Me>, Failure> {
    let select = query(concat!("SELECT ", user_columns!(), ", email, admin, prefs FROM users WHERE id = ?"));
    let Some(row) = select.bind(user.0.as_bytes().as_slice()).fetch_optional(c).await? else {
        return Ok(None);
    };
    Ok(Some(Me {
        user: columns::user(&row)?,
        email: names::email(columns::text(&row, 6)?),
        admin: columns::flag(&row, 7)?,
        prefs: columns::json(&row, 8)?,
    }))
}

pub(super) async fn set_password(
    c: &mut MySqlConnection,
    user: UserId,
    hash: &PasswordHash,
) -> Result<bool, Failure> {
    let update = query("UPDATE users SET password_hash = ? WHERE id = ?");
    let update = update.bind(&hash.0).bind(user.0.as_bytes().as_slice());
    Ok(update.execute(c).await?.rows_affected() == 1)
}

pub(super) async fn replace_password(
    c: &mut MySqlConnection,
    user: UserId,
    old: &PasswordHash,
    hash: &PasswordHash,
) -> Result<bool, Failure> {
    let update = query("UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?");
    let update = update.bind(&hash.0).bind(user.0.as_bytes().as_slice()).bind(&old.0);
    Ok(update.execute(c).await?.rows_affected() == 1)
}

pub(super) async fn set_active(c: &mut MySqlConnection, user: UserId, active: bool) -> Result<bool, Failure> {
    let update = query("UPDATE users SET active = ? WHERE id = ?");
    let update = update.bind(active).bind(user.0.as_bytes().as_slice());
    Ok(update.execute(c).await?.rows_affected() == 1)
}

pub(super) async fn set_admin(c: &mut MySqlConnection, user: UserId, admin: bool) -> Result<bool, Failure> {
    let update = query("UPDATE users SET admin = ? WHERE id = ?");
    let update = update.bind(admin).bind(user.0.as_bytes().as_slice());
    Ok(update.execute(c).await?.rows_affected() == 1)
}

pub(super) async fn page(
    c: &mut MySqlConnection,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserRow>, Failure> {
    let rows = match after {
        None => query(select_account!("1 ORDER BY id LIMIT ?")).bind(limit).fetch_all(c).await?,
        Some(after) => {
            let select = query(select_account!("id > ? ORDER BY id LIMIT ?"));
            select.bind(after.0.as_bytes().as_slice()).bind(limit).fetch_all(c).await?
        }
    };
    rows.iter().map(account).collect()
}

pub(super) async fn count(c: &mut MySqlConnection) -> Result<u64, Failure> {
    columns::uint(&query("SELECT count(*) FROM users").fetch_one(c).await?, 0)
}

pub(super) async fn peers(c: &mut MySqlConnection, user: UserId) -> Result<Vec<UserId>, Failure> {
    let select = query(concat!(
        "SELECT DISTINCT m.user_id FROM memberships me
         JOIN rooms r ON r.id = me.room_id AND r.members <= ?
         JOIN memberships m ON m.room_id = me.room_id AND m.to_seq = ",
        open!(),
        " WHERE me.user_id = ? AND m.user_id <> me.user_id AND me.to_seq = ",
        open!(),
        " ORDER BY m.user_id"
    ));
    let select = select.bind(columns::int(SMALL_GROUP as u64)).bind(user.0.as_bytes().as_slice());
    select.fetch_all(c).await?.iter().map(|row| columns::id(row, 0).map(UserId)).collect()
}

pub(super) async fn put_last_seen(c: &mut MySqlConnection, seen: &[(UserId, Micros)]) -> Result<(), Failure> {
    // A statement changes each row once.
    let mut latest = BTreeMap::new();
    for &(user, at) in seen {
        let known = latest.entry(user).or_insert(at);
        *known = at.max(*known);
    }
    let latest: Vec<(UserId, Micros)> = latest.into_iter().collect();
    for seen in lists::pieces(&latest) {
        let sql = format!(
            "UPDATE users u JOIN ({} SELECT * FROM w) v ON v.id = u.id
             SET u.last_seen = GREATEST(u.last_seen, v.at)",
            lists::table("w (id, at)", &[lists::ID, lists::INT], seen.len())
        );
        let update = seen
            .iter()
            .fold(statement(sql), |update, (user, at)| update.bind(user.0.as_bytes().as_slice()).bind(*at));
        update.execute(&mut *c).await?;
    }
    Ok(())
}

pub(super) async fn last_seen(
    c: &mut MySqlConnection,
    ids: &[UserId],
) -> Result<Vec<(UserId, Micros)>, Failure> {
    let mut seen: BTreeMap<UserId, Micros> = BTreeMap::new();
    for ids in lists::keys(ids) {
        let sql = format!(
            "SELECT id, last_seen FROM users WHERE last_seen > 0 AND id IN ({})",
            places("?", ids.len())
        );
        let select = ids.fold(statement(sql), |select, id| select.bind(id.0.as_bytes().as_slice()));
        for row in select.fetch_all(&mut *c).await? {
            seen.insert(UserId(columns::id(&row, 0)?), get(&row, 1)?);
        }
    }
    Ok(ids.iter().filter_map(|id| seen.get(id).map(|at| (*id, *at))).collect())
}
