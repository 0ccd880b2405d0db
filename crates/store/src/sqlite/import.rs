//! What moves in from another system.

use rusqlite::{Connection, OptionalExtension, params};
use zas_protocol::{FileId, MessageId, Micros, RoomId, Seq};

use super::accounts::{self, Name};
use super::{columns, files, logs, writes};
use crate::error::StoreError;
use crate::fold::fold;
use crate::rows::{AccountKept, Imported, OldAccount};

pub(super) fn account(connection: &Connection, old: &OldAccount) -> Result<AccountKept, StoreError> {
    if let Some(here) = accounts::by_id(connection, old.id)? {
        if !old.may_change(&here) {
            return Ok(AccountKept::Left);
        }
        put(connection, old)?;
        return Ok(AccountKept::Changed);
    }
    let mut free = None;
    for names in &old.usernames {
        if !accounts::is_taken(connection, Name::Username(&names.0))? {
            free = Some(names);
            break;
        }
    }
    let (username, skeleton) = free.ok_or_else(|| StoreError::Other("no name is free".to_owned()))?.clone();
    let looks_new = !accounts::is_taken(connection, Name::Skeleton(&skeleton))?;
    let email_is_free = !accounts::is_taken(connection, Name::Email(&old.email))?;
    let user = old.to_user(username, skeleton, email_is_free);
    accounts::insert(connection, &user, looks_new.then_some(&user.skeleton))?;
    put(connection, old)?;
    Ok(AccountKept::Made(user.username))
}

fn put(connection: &Connection, old: &OldAccount) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached(
        "UPDATE users SET display_name = ?2, search_name = ?3, bio = ?4, password_hash = ?5, active = ?6,
           last_seen = max(last_seen, ?7) WHERE id = ?1",
    )?;
    update.execute(params![
        old.id.0,
        old.display_name,
        fold(&old.display_name),
        old.bio,
        old.password_hash.0,
        old.active,
        old.last_seen,
    ])?;
    Ok(())
}

pub(super) fn carry_out(connection: &Connection, what: &Imported) -> Result<(), StoreError> {
    // The log ends where its last event is before anything that changes messages looks for them.
    writes::apply(connection, what.writes.iter())?;
    let mut origin =
        connection.prepare_cached("INSERT INTO file_origins (file_id, address) VALUES (?1, ?2)")?;
    for (file, address) in &what.files {
        files::put(connection, file)?;
        origin.execute(params![file.id.0, address])?;
    }
    let mut time =
        connection.prepare_cached("INSERT INTO message_times (room_id, seq, said_at) VALUES (?1, ?2, ?3)")?;
    for (room, seq, at) in &what.times {
        time.execute(params![room.0, columns::int(*seq), at])?;
    }
    logs::put_positions(connection, &what.positions)
}

pub(super) fn places(
    connection: &Connection,
    messages: &[MessageId],
) -> Result<Vec<(MessageId, RoomId, Seq)>, StoreError> {
    let mut select = connection.prepare_cached("SELECT room_id, seq FROM events WHERE message = ?1")?;
    let mut found = Vec::new();
    for &message in messages {
        let place = select.query_row([message.0], |row| Ok((RoomId(row.get(0)?), columns::uint(row, 1)?)));
        found.extend(place.optional()?.map(|(room, seq)| (message, room, seq)));
    }
    Ok(found)
}

pub(super) fn said_at(
    connection: &Connection,
    room: RoomId,
    from: Seq,
    to: Seq,
) -> Result<Vec<(Seq, Micros)>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT seq, said_at FROM message_times WHERE room_id = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq",
    )?;
    let range = params![room.0, columns::int(from), columns::int(to)];
    let rows = select.query_map(range, |row| Ok((columns::uint(row, 0)?, row.get(1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn commanded(connection: &Connection, prefix: &str) -> Result<Vec<RoomId>, StoreError> {
    // By the index of those events alone that have a name.
    let mut select = connection.prepare_cached(
        "SELECT DISTINCT e.room_id FROM events e INDEXED BY events_txn JOIN rooms r ON r.id = e.room_id
         WHERE e.txn_id IS NOT NULL AND substr(e.txn_id, 1, length(?1)) <> ?1 AND r.kind <> 'self'
         ORDER BY e.room_id",
    )?;
    let rows = select.query_map([prefix], |row| Ok(RoomId(row.get(0)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn file_origin(connection: &Connection, file: FileId) -> Result<Option<String>, StoreError> {
    let mut select = connection.prepare_cached("SELECT address FROM file_origins WHERE file_id = ?1")?;
    Ok(select.query_row([file.0], |row| row.get(0)).optional()?)
}
