//! What moves in from another system.

use std::collections::BTreeMap;

use sqlx::{MySqlConnection, query};
use zas_protocol::{FileId, MessageId, Micros, RoomId, Seq};

use super::accounts::{self, Name};
use super::columns::{self, get};
use super::error::Failure;
use super::lists::{self, places as marks, statement};
use super::{files, logs, writes};
use crate::error::StoreError;
use crate::fold::fold;
use crate::rows::{AccountKept, Imported, OldAccount};

pub(super) async fn accounts(
    c: &mut MySqlConnection,
    accounts: &[OldAccount],
) -> Result<Vec<AccountKept>, Failure> {
    let mut kept = Vec::with_capacity(accounts.len());
    for old in accounts {
        kept.push(account(c, old).await?);
    }
    Ok(kept)
}

async fn account(c: &mut MySqlConnection, old: &OldAccount) -> Result<AccountKept, Failure> {
    if let Some(here) = accounts::by_id(c, old.id).await? {
        if !old.may_change(&here) {
            return Ok(AccountKept::Left);
        }
        put(c, old).await?;
        return Ok(AccountKept::Changed);
    }
    let mut free = None;
    for names in &old.usernames {
        if !accounts::is_taken(c, Name::Username(&names.0)).await? {
            free = Some(names);
            break;
        }
    }
    let (username, skeleton) = free.ok_or_else(|| StoreError::Other("no name is free".to_owned()))?.clone();
    let looks_new = !accounts::is_taken(c, Name::Skeleton(&skeleton)).await?;
    let email_is_free = !accounts::is_taken(c, Name::Email(&old.email)).await?;
    let user = old.to_user(username, skeleton, email_is_free);
    accounts::insert(c, &user, looks_new.then_some(&user.skeleton)).await?;
    put(c, old).await?;
    Ok(AccountKept::Made(user.username))
}

async fn put(c: &mut MySqlConnection, old: &OldAccount) -> Result<(), Failure> {
    query(
        "UPDATE users SET display_name = ?, search_name = ?, bio = ?, password_hash = ?, active = ?,
           last_seen = greatest(last_seen, ?) WHERE id = ?",
    )
    .bind(&old.display_name)
    .bind(fold(&old.display_name))
    .bind(&old.bio)
    .bind(&old.password_hash.0)
    .bind(old.active)
    .bind(old.last_seen)
    .bind(old.id.0.as_bytes().as_slice())
    .execute(c)
    .await?;
    Ok(())
}

pub(super) async fn carry_out(c: &mut MySqlConnection, what: &Imported) -> Result<(), Failure> {
    writes::apply(c, what.writes.iter()).await?;
    for (file, _) in &what.files {
        files::put(c, file).await?;
    }
    for rows in lists::pieces(&what.files) {
        let sql =
            format!("INSERT INTO file_origins (file_id, address) VALUES {}", marks("(?,?)", rows.len()));
        let insert = rows.iter().fold(statement(sql), |insert, (file, address)| {
            insert.bind(file.id.0.as_bytes().as_slice()).bind(address)
        });
        insert.execute(&mut *c).await?;
    }
    for rows in lists::pieces(&what.times) {
        let sql = format!(
            "INSERT INTO message_times (room_id, seq, said_at) VALUES {}",
            marks("(?,?,?)", rows.len())
        );
        let insert = rows.iter().fold(statement(sql), |insert, (room, seq, at)| {
            insert.bind(room.0.as_bytes().as_slice()).bind(columns::int(*seq)).bind(at)
        });
        insert.execute(&mut *c).await?;
    }
    logs::put_positions(c, &what.positions).await
}

/// In the order in which they were asked for.
pub(super) async fn places(
    c: &mut MySqlConnection,
    messages: &[MessageId],
) -> Result<Vec<(MessageId, RoomId, Seq)>, Failure> {
    let mut found = BTreeMap::new();
    for messages in lists::keys(messages) {
        let sql = format!(
            "SELECT message, room_id, seq FROM events WHERE message IN ({})",
            marks("?", messages.len())
        );
        let select =
            messages.fold(statement(sql), |select, message| select.bind(message.0.as_bytes().as_slice()));
        for row in select.fetch_all(&mut *c).await? {
            let place = (RoomId(columns::id(&row, 1)?), columns::uint(&row, 2)?);
            found.insert(MessageId(columns::id(&row, 0)?), place);
        }
    }
    let place = |message: &MessageId| found.get(message).map(|&(room, seq)| (*message, room, seq));
    Ok(messages.iter().filter_map(place).collect())
}

pub(super) async fn said_at(
    c: &mut MySqlConnection,
    room: RoomId,
    from: Seq,
    to: Seq,
) -> Result<Vec<(Seq, Micros)>, Failure> {
    let select = query(
        "SELECT seq, said_at FROM message_times WHERE room_id = ? AND seq BETWEEN ? AND ? ORDER BY seq",
    );
    let select = select.bind(room.0.as_bytes().as_slice()).bind(columns::int(from)).bind(columns::int(to));
    select.fetch_all(c).await?.iter().map(|row| Ok((columns::uint(row, 0)?, get(row, 1)?))).collect()
}

pub(super) async fn commanded(c: &mut MySqlConnection, prefix: &str) -> Result<Vec<RoomId>, Failure> {
    // By the index of names: what has none is not looked at.
    let select = query(
        "SELECT DISTINCT e.room_id FROM events e FORCE INDEX (events_name)
         STRAIGHT_JOIN rooms r ON r.id = e.room_id
         WHERE e.txn_id IS NOT NULL AND left(e.txn_id, ?) <> ? AND r.kind <> 'self' ORDER BY e.room_id",
    );
    let select = select.bind(prefix.len() as u64).bind(prefix.as_bytes());
    select.fetch_all(c).await?.iter().map(|row| Ok(RoomId(columns::id(row, 0)?))).collect()
}

pub(super) async fn file_origin(c: &mut MySqlConnection, file: FileId) -> Result<Option<String>, Failure> {
    let select = query("SELECT address FROM file_origins WHERE file_id = ?");
    let found = select.bind(file.0.as_bytes().as_slice()).fetch_optional(c).await?;
    found.map(|row| columns::text(&row, 0)).transpose()
}
