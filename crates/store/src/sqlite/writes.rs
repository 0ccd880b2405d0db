//! A batch's writes, carried out in order. A room's head moves once a batch, however many
//! events went in.

use std::collections::BTreeMap;

use rusqlite::{CachedStatement, Connection, params};
use zas_core::ledger::{Fingerprint, Write};
use zas_protocol::{Event, Micros, RoomId, Seq};

use super::{changes, columns};
use crate::body;
use crate::error::StoreError;
use crate::fold::fold;
use crate::names;

pub(super) fn apply<'a>(
    connection: &Connection,
    writes: impl Iterator<Item = &'a Write>,
) -> Result<(), StoreError> {
    let mut log = Log::new(connection)?;
    for write in writes {
        match write {
            Write::Append { event, fingerprint } => log.append(event, fingerprint.as_ref())?,
            other => change(connection, other)?,
        }
    }
    log.finish(connection)
}

/// The ends of logs that events go to.
pub(super) struct Log<'a> {
    insert: CachedStatement<'a>,
    heads: BTreeMap<RoomId, (Seq, Micros)>,
}

impl<'a> Log<'a> {
    pub(super) fn new(connection: &'a Connection) -> Result<Self, StoreError> {
        let insert = connection.prepare_cached(
            "INSERT INTO events (room_id, seq, at, kind, sender, txn_id, fingerprint, message, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        Ok(Self { insert, heads: BTreeMap::new() })
    }

    pub(super) fn append(
        &mut self,
        event: &Event,
        fingerprint: Option<&Fingerprint>,
    ) -> Result<(), StoreError> {
        self.insert.execute(params![
            event.room.0,
            columns::int(event.seq),
            event.at,
            event.body.kind(),
            event.sender.map(|user| user.0),
            event.txn_id.as_ref().map(|txn| txn.as_str()),
            fingerprint,
            event.body.message().map(|message| message.0),
            body::encode(&event.body),
        ])?;
        self.heads.insert(event.room, (event.seq, event.at));
        Ok(())
    }

    pub(super) fn finish(self, connection: &Connection) -> Result<(), StoreError> {
        let mut update =
            connection.prepare_cached("UPDATE rooms SET head = ?2, last_at = ?3 WHERE id = ?1")?;
        for (room, (head, at)) in self.heads {
            one(update.execute(params![room.0, columns::int(head), at])?, "a room is not there")?;
        }
        Ok(())
    }
}

fn change(connection: &Connection, write: &Write) -> Result<(), StoreError> {
    match write {
        Write::Append { .. } => Ok(()),
        Write::Attach { file, room, of } => {
            let mut update = connection.prepare_cached(
                "UPDATE files SET room_id = ?2, seq = ?3 WHERE id = ?1 AND room_id IS NULL",
            )?;
            one(update.execute(params![file.0, room.0, columns::int(*of)])?, "a file is not there")
        }
        Write::EditMessage { room, of, rev, text, at } => {
            changes::edit(connection, *room, *of, *rev, text, *at)
        }
        Write::EraseMessage { room, of, rev, at } => changes::erase(connection, *room, *of, *rev, *at),
        Write::SetReaction { room, of, rev, user, reaction, at } => {
            changes::react(connection, (*room, *of, *rev), *user, *reaction, *at)
        }
        Write::CreateRoom { room, kind, name, pair, at } => {
            let mut insert = connection.prepare_cached(
                "INSERT INTO rooms (id, kind, name, pair_low, pair_high, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            let (low, high) = (pair.map(|pair| pair.0.0), pair.map(|pair| pair.1.0));
            insert.execute(params![room.0, names::of_kind(*kind), name, low, high, at])?;
            Ok(())
        }
        Write::RenameRoom { room, name } => {
            let mut update = connection.prepare_cached("UPDATE rooms SET name = ?2 WHERE id = ?1")?;
            one(update.execute(params![room.0, name])?, "a room is not there")
        }
        Write::SetRoomProfile { room, profile, at } => {
            if profile.avatar.is_some() {
                let mut update = connection.prepare_cached(
                    "UPDATE files SET erased_at = ?2 WHERE id = (SELECT avatar FROM rooms WHERE id = ?1)",
                )?;
                update.execute(params![room.0, at])?;
            }
            let mut update = connection.prepare_cached(
                "UPDATE rooms SET description = coalesce(?2, description),
                   avatar = CASE WHEN ?3 THEN ?4 ELSE avatar END WHERE id = ?1",
            )?;
            let avatar = profile.avatar.flatten().map(|file| file.0);
            let changed =
                update.execute(params![room.0, profile.description, profile.avatar.is_some(), avatar])?;
            one(changed, "a room is not there")
        }
        Write::StartMembership { room, user, role, from, at } => {
            let mut insert = connection.prepare_cached(
                "INSERT INTO memberships (room_id, user_id, from_seq, role, joined_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            insert.execute(params![room.0, user.0, columns::int(*from), names::of_role(*role), at])?;
            count_members(connection, *room, 1)
        }
        Write::EndMembership { room, user, to, at } => {
            let mut update = connection.prepare_cached(
                "UPDATE memberships SET to_seq = ?3, left_at = ?4
                 WHERE room_id = ?1 AND user_id = ?2 AND to_seq IS NULL",
            )?;
            one(
                update.execute(params![room.0, user.0, columns::int(*to), at])?,
                "a membership is not there",
            )?;
            count_members(connection, *room, -1)
        }
        Write::SetRole { room, user, role } => {
            let mut update = connection.prepare_cached(
                "UPDATE memberships SET role = ?3 WHERE room_id = ?1 AND user_id = ?2 AND to_seq IS NULL",
            )?;
            one(update.execute(params![room.0, user.0, names::of_role(*role)])?, "a membership is not there")
        }
        Write::SetProfile { user, profile, profile_rev } => {
            let mut update = connection.prepare_cached(
                "UPDATE users SET display_name = coalesce(?2, display_name),
                   search_name = coalesce(?3, search_name), bio = coalesce(?4, bio),
                   avatar = coalesce(?5, avatar), profile_rev = ?6 WHERE id = ?1",
            )?;
            let changed = update.execute(params![
                user.0,
                profile.display_name,
                profile.display_name.as_deref().map(fold),
                profile.bio,
                profile.avatar.map(|file| file.0),
                profile_rev,
            ])?;
            one(changed, "an account is not there")
        }
        Write::SetPrefs { user, prefs } => {
            let mut update = connection.prepare_cached("UPDATE users SET prefs = ?2 WHERE id = ?1")?;
            one(update.execute(params![user.0, json(prefs)])?, "an account is not there")
        }
        Write::SetRoomPrefs { user, room, prefs } => {
            let mut upsert = connection.prepare_cached(
                "INSERT INTO room_prefs (user_id, room_id, prefs) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET prefs = excluded.prefs",
            )?;
            upsert.execute(params![user.0, room.0, json(prefs)])?;
            Ok(())
        }
    }
}

fn count_members(connection: &Connection, room: RoomId, change: i64) -> Result<(), StoreError> {
    let mut update = connection.prepare_cached("UPDATE rooms SET members = members + ?2 WHERE id = ?1")?;
    one(update.execute(params![room.0, change])?, "a room is not there")
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("settings are always JSON")
}

/// What was decided on facts of this transaction finds its row.
fn one(changed: usize, otherwise: &str) -> Result<(), StoreError> {
    if changed == 1 { Ok(()) } else { Err(StoreError::Corrupt(otherwise.to_owned())) }
}
