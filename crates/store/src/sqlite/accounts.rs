//! Accounts.

use rusqlite::{Connection, OptionalExtension, Row, params};
use zas_core::ledger::Write;
use zas_protocol::limits::SMALL_GROUP;
use zas_protocol::rest::{Me, User};
use zas_protocol::{Micros, Role, RoomId, RoomKind, UserId};

use super::columns::{self, user_columns};
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

fn account(row: &Row<'_>) -> rusqlite::Result<UserRow> {
    Ok(UserRow {
        user: columns::user(row)?,
        email: names::email(row.get(6)?),
        password_hash: PasswordHash(row.get(7)?),
        active: row.get(8)?,
        admin: row.get(9)?,
        created_at: row.get(10)?,
    })
}

/// A name that an account has.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    Username(&'a str),
    Skeleton(&'a str),
    Email(&'a str),
}

pub(super) fn is_taken(connection: &Connection, name: Name<'_>) -> Result<bool, StoreError> {
    let (sql, name) = match name {
        Name::Username(name) => ("SELECT 1 FROM users WHERE username = ?1", name),
        Name::Skeleton(name) => ("SELECT 1 FROM users WHERE skeleton = ?1", name),
        Name::Email(name) => ("SELECT 1 FROM users WHERE email = ?1", name),
    };
    Ok(connection.prepare_cached(sql)?.exists([name])?)
}

pub(super) fn create(connection: &Connection, new: &NewUser) -> Result<UserRow, CreateUserError> {
    if is_taken(connection, Name::Username(&new.username))?
        || is_taken(connection, Name::Skeleton(&new.skeleton))?
    {
        return Err(CreateUserError::UsernameTaken);
    }
    if is_taken(connection, Name::Email(&new.email))? {
        return Err(CreateUserError::EmailTaken);
    }
    insert(connection, new, Some(&new.skeleton))?;
    let made = by_id(connection, new.id)?;
    made.ok_or_else(|| StoreError::Corrupt("an account is not there".to_owned()).into())
}

/// Makes an account whose names are free, and its own log.
pub(super) fn insert(
    connection: &Connection,
    new: &NewUser,
    skeleton: Option<&str>,
) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO users
           (id, username, skeleton, email, display_name, search_name, password_hash, admin, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?;
    insert.execute(params![
        new.id.0,
        new.username,
        skeleton,
        names::of_email(new.id, &new.email),
        new.display_name,
        fold(&new.display_name),
        new.password_hash.0,
        new.admin,
        new.at,
    ])?;
    let (room, user, at) = (RoomId::own_log(new.id), new.id, new.at);
    let own_log = [
        Write::CreateRoom { room, kind: RoomKind::OwnLog, name: None, pair: None, at },
        Write::StartMembership { room, user, role: Role::Owner, from: 1, at },
    ];
    writes::apply(connection, own_log.iter())
}

pub(super) fn by_login(connection: &Connection, login: &str) -> Result<Option<UserRow>, StoreError> {
    let mut select = connection.prepare_cached(select_account!("username = ?1 OR email = ?1"))?;
    let found = select.query_row([login], account).optional()?;
    // Who has no email is not found by what the column holds instead.
    Ok(found.filter(|row| row.user.username == login || row.email == login))
}

pub(super) fn by_id(connection: &Connection, user: UserId) -> Result<Option<UserRow>, StoreError> {
    let mut select = connection.prepare_cached(select_account!("id = ?1"))?;
    Ok(select.query_row([user.0], account).optional()?)
}

pub(super) fn by_ids(connection: &Connection, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
    let mut select =
        connection.prepare_cached(concat!("SELECT ", user_columns!(), " FROM users WHERE id = ?1"))?;
    let mut users = Vec::with_capacity(ids.len());
    for id in ids {
        users.extend(select.query_row([id.0], columns::user).optional()?);
    }
    users.sort_unstable_by_key(|user| user.id);
    users.dedup_by_key(|user| user.id);
    Ok(users)
}

/// Three passes, each only while there is room: the first two walk an index, and only the last,
/// for words within a name, reads all names.
pub(super) fn search(
    connection: &Connection,
    query: &str,
    not: UserId,
    limit: u32,
) -> Result<Vec<User>, StoreError> {
    const AFTER_ANY: char = char::MAX;
    macro_rules! select_found {
        ($where:literal) => {
            concat!(
                "SELECT ",
                user_columns!(),
                " FROM users WHERE active = 1 AND id <> ?1 AND ",
                $where,
                " LIMIT ?2"
            )
        };
    }
    let (username, name) = (query.to_lowercase(), fold(query));
    let passes: [(&str, [String; 2]); 3] = [
        (
            select_found!("username >= ?3 AND username < ?4 ORDER BY username"),
            [username.clone(), format!("{username}{AFTER_ANY}")],
        ),
        (
            select_found!("search_name >= ?3 AND search_name < ?4 ORDER BY search_name, username"),
            [name.clone(), format!("{name}{AFTER_ANY}")],
        ),
        (
            select_found!("search_name LIKE ?3 ESCAPE ?4 ORDER BY search_name, username"),
            [format!("% {}%", escape_like(&name)), "\\".to_owned()],
        ),
    ];
    let limit = limit as usize;
    let mut found: Vec<User> = Vec::new();
    for (sql, [third, fourth]) in passes {
        if found.len() >= limit {
            break;
        }
        // What earlier passes found may come again, so as many are asked for as are wanted at all.
        let mut select = connection.prepare_cached(sql)?;
        let mut rows = select.query(params![not.0, columns::int(limit as u64), third, fourth])?;
        while let Some(row) = rows.next()? {
            let user = columns::user(row)?;
            if found.len() < limit && !found.iter().any(|known| known.id == user.id) {
                found.push(user);
            }
        }
    }
    Ok(found)
}

/// `text` as itself within a pattern of `LIKE … ESCAPE '\'`.
fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

pub(super) fn me(connection: &Connection, user: UserId) -> Result<Option<Me>, StoreError> {
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        user_columns!(),
        ", email, admin, prefs FROM users WHERE id = ?1"
    ))?;
    let found = select.query_row([user.0], |row| {
        Ok(Me {
            user: columns::user(row)?,
            email: names::email(row.get(6)?),
            admin: row.get(7)?,
            prefs: columns::json(row, 8)?,
        })
    });
    Ok(found.optional()?)
}

pub(super) fn set_password(
    connection: &Connection,
    user: UserId,
    hash: &PasswordHash,
) -> Result<bool, StoreError> {
    let mut update = connection.prepare_cached("UPDATE users SET password_hash = ?2 WHERE id = ?1")?;
    Ok(update.execute(params![user.0, hash.0])? == 1)
}

pub(super) fn replace_password(
    connection: &Connection,
    user: UserId,
    old: &PasswordHash,
    hash: &PasswordHash,
) -> Result<bool, StoreError> {
    let sql = "UPDATE users SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2";
    Ok(connection.prepare_cached(sql)?.execute(params![user.0, old.0, hash.0])? == 1)
}

pub(super) fn set_active(connection: &Connection, user: UserId, active: bool) -> Result<bool, StoreError> {
    let mut update = connection.prepare_cached("UPDATE users SET active = ?2 WHERE id = ?1")?;
    Ok(update.execute(params![user.0, active])? == 1)
}

pub(super) fn set_admin(connection: &Connection, user: UserId, admin: bool) -> Result<bool, StoreError> {
    let mut update = connection.prepare_cached("UPDATE users SET admin = ?2 WHERE id = ?1")?;
    Ok(update.execute(params![user.0, admin])? == 1)
}

pub(super) fn page(
    connection: &Connection,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<UserRow>, StoreError> {
    let after = after.map(|user| user.0);
    let mut select =
        connection.prepare_cached(select_account!("?1 IS NULL OR id > ?1 ORDER BY id LIMIT ?2"))?;
    let rows = select.query_map(params![after, limit], account)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn count(connection: &Connection) -> Result<u64, StoreError> {
    Ok(connection.query_row("SELECT count(*) FROM users", [], |row| columns::uint(row, 0))?)
}

pub(super) fn peers(connection: &Connection, user: UserId) -> Result<Vec<UserId>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT m.user_id FROM memberships me
         JOIN rooms r ON r.id = me.room_id AND r.members <= ?2
         JOIN memberships m ON m.room_id = me.room_id AND m.to_seq IS NULL
         WHERE me.user_id = ?1 AND me.to_seq IS NULL AND m.user_id <> ?1 ORDER BY m.user_id",
    )?;
    let rows =
        select.query_map(params![user.0, columns::int(SMALL_GROUP as u64)], |row| row.get(0).map(UserId))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn put_last_seen(connection: &Connection, seen: &[(UserId, Micros)]) -> Result<(), StoreError> {
    let mut update =
        connection.prepare_cached("UPDATE users SET last_seen = max(last_seen, ?2) WHERE id = ?1")?;
    for (user, at) in seen {
        update.execute(params![user.0, at])?;
    }
    Ok(())
}

pub(super) fn last_seen(
    connection: &Connection,
    ids: &[UserId],
) -> Result<Vec<(UserId, Micros)>, StoreError> {
    let mut select =
        connection.prepare_cached("SELECT last_seen FROM users WHERE id = ?1 AND last_seen > 0")?;
    let mut seen = Vec::with_capacity(ids.len());
    for &id in ids {
        seen.extend(select.query_row([id.0], |row| row.get(0)).optional()?.map(|at| (id, at)));
    }
    Ok(seen)
}
