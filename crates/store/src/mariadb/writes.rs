//! A batch's writes. What is made goes in together, many rows a statement; what is changed waits for
//! that, and goes by itself. A room's head moves once a batch, however many events went in.

use std::collections::BTreeMap;

use sqlx::{MySqlConnection, query};
use uuid::Uuid;
use zas_core::ledger::{Fingerprint, Pair, Write};
use zas_protocol::{Event, Micros, Role, RoomId, RoomKind, Seq, UserId};

use super::changes;
use super::columns::{self, open};
use super::error::Failure;
use super::lists::{self, places, statement};
use crate::body;
use crate::error::StoreError;
use crate::fold::fold;
use crate::names;

pub(super) async fn apply(
    c: &mut MySqlConnection,
    writes: impl Iterator<Item = &Write>,
) -> Result<(), Failure> {
    let (mut made, mut log, mut messages) = (Made::default(), Log::default(), Vec::new());
    for write in writes {
        match write {
            Write::Append { event, fingerprint } => log.append(event, fingerprint.as_ref()),
            Write::CreateRoom { room, kind, name, pair, at } => {
                made.rooms.push(NewRoom {
                    room: *room,
                    kind: *kind,
                    name: name.as_deref(),
                    pair: *pair,
                    at: *at,
                });
            }
            Write::StartMembership { room, user, role, from, at } => {
                made.stays.push(NewStay { room: *room, user: *user, role: *role, from: *from, at: *at });
                *made.counts.entry(*room).or_default() += 1;
            }
            // These may be of messages that go in with the log.
            Write::Attach { .. }
            | Write::EditMessage { .. }
            | Write::EraseMessage { .. }
            | Write::SetReaction { .. } => messages.push(write),
            other => {
                made.insert(c).await?;
                if let Write::EndMembership { room, .. } = other {
                    *made.counts.entry(*room).or_default() -= 1;
                }
                change(c, other).await?;
            }
        }
    }
    made.insert(c).await?;
    made.count_members(c).await?;
    log.insert(c).await?;
    for write in messages {
        changes::apply(c, write).await?;
    }
    Ok(())
}

struct NewRoom<'a> {
    room: RoomId,
    kind: RoomKind,
    name: Option<&'a str>,
    pair: Option<Pair>,
    at: Micros,
}

struct NewStay {
    room: RoomId,
    user: UserId,
    role: Role,
    from: Seq,
    at: Micros,
}

/// What is to be made, and by how much each room's members change.
#[derive(Default)]
struct Made<'a> {
    rooms: Vec<NewRoom<'a>>,
    stays: Vec<NewStay>,
    counts: BTreeMap<RoomId, i64>,
}

impl Made<'_> {
    async fn insert(&mut self, c: &mut MySqlConnection) -> Result<(), Failure> {
        for rooms in lists::pieces(&self.rooms) {
            let sql = format!(
                "INSERT INTO rooms (id, kind, name, pair_low, pair_high, created_at) VALUES {}",
                places("(?,?,?,?,?,?)", rooms.len())
            );
            let insert = rooms.iter().fold(statement(sql), |insert, new| {
                let side = |user: UserId| user.0.as_bytes().to_vec();
                insert
                    .bind(new.room.0.as_bytes().as_slice())
                    .bind(names::of_kind(new.kind))
                    .bind(new.name)
                    .bind(new.pair.map(|pair| side(pair.0)))
                    .bind(new.pair.map(|pair| side(pair.1)))
                    .bind(new.at)
            });
            insert.execute(&mut *c).await?;
        }
        self.rooms.clear();
        for stays in lists::pieces(&self.stays) {
            let sql = format!(
                "INSERT INTO memberships (room_id, user_id, from_seq, role, joined_at) VALUES {}",
                places("(?,?,?,?,?)", stays.len())
            );
            let insert = stays.iter().fold(statement(sql), |insert, new| {
                insert
                    .bind(new.room.0.as_bytes().as_slice())
                    .bind(new.user.0.as_bytes().as_slice())
                    .bind(columns::int(new.from))
                    .bind(names::of_role(new.role))
                    .bind(new.at)
            });
            insert.execute(&mut *c).await?;
        }
        self.stays.clear();
        Ok(())
    }

    async fn count_members(&self, c: &mut MySqlConnection) -> Result<(), Failure> {
        let counts: Vec<(RoomId, i64)> = self
            .counts
            .iter()
            .filter(|(_, change)| **change != 0)
            .map(|(room, change)| (*room, *change))
            .collect();
        for counts in lists::pieces(&counts) {
            let sql = format!(
                "UPDATE rooms r JOIN ({} SELECT * FROM w) v ON v.id = r.id
                 SET r.members = r.members + v.more",
                lists::table("w (id, more)", &[lists::ID, lists::INT], counts.len())
            );
            let update = counts.iter().fold(statement(sql), |update, (room, change)| {
                update.bind(room.0.as_bytes().as_slice()).bind(*change)
            });
            all(update.execute(&mut *c).await?.rows_affected(), counts.len(), "a room is not there")?;
        }
        Ok(())
    }
}

/// The ends of logs that events go to.
#[derive(Default)]
pub(super) struct Log<'a> {
    events: Vec<(&'a Event, Option<&'a Fingerprint>)>,
    heads: BTreeMap<RoomId, (Seq, Micros)>,
}

impl<'a> Log<'a> {
    pub(super) fn append(&mut self, event: &'a Event, fingerprint: Option<&'a Fingerprint>) {
        self.events.push((event, fingerprint));
        self.heads.insert(event.room, (event.seq, event.at));
    }

    pub(super) async fn insert(self, c: &mut MySqlConnection) -> Result<(), Failure> {
        for events in lists::pieces(&self.events) {
            let sql = format!(
                "INSERT INTO events (room_id, seq, at, kind, sender, txn_id, fingerprint, message, body)
                 VALUES {}",
                places("(?,?,?,?,?,?,?,?,?)", events.len())
            );
            let insert = events.iter().fold(statement(sql), |insert, (event, fingerprint)| {
                insert
                    .bind(event.room.0.as_bytes().as_slice())
                    .bind(columns::int(event.seq))
                    .bind(event.at)
                    .bind(event.body.kind())
                    .bind(event.sender.as_ref().map(|user| user.0.as_bytes().as_slice()))
                    .bind(event.txn_id.as_ref().map(|txn| txn.as_str().as_bytes()))
                    .bind(fingerprint.map(<[u8; 16]>::as_slice))
                    .bind(event.body.message().map(|message| message.0.as_bytes().to_vec()))
                    .bind(body::encode(&event.body))
            });
            insert.execute(&mut *c).await?;
        }
        let others: Vec<(RoomId, Seq)> = self
            .events
            .iter()
            .filter(|(event, _)| event.body.message().is_none())
            .map(|(event, _)| (event.room, event.seq))
            .collect();
        for others in lists::pieces(&others) {
            let sql = format!("INSERT INTO others (room_id, seq) VALUES {}", places("(?,?)", others.len()));
            let insert = others.iter().fold(statement(sql), |insert, (room, seq)| {
                insert.bind(room.0.as_bytes().as_slice()).bind(columns::int(*seq))
            });
            insert.execute(&mut *c).await?;
        }
        let heads: Vec<(RoomId, (Seq, Micros))> = self.heads.into_iter().collect();
        for heads in lists::pieces(&heads) {
            let sql = format!(
                "UPDATE rooms r JOIN ({} SELECT * FROM w) v ON v.id = r.id
                 SET r.head = v.head, r.last_at = v.at",
                lists::table("w (id, head, at)", &[lists::ID, lists::INT, lists::INT], heads.len())
            );
            let update = heads.iter().fold(statement(sql), |update, (room, (head, at))| {
                update.bind(room.0.as_bytes().as_slice()).bind(columns::int(*head)).bind(*at)
            });
            all(update.execute(&mut *c).await?.rows_affected(), heads.len(), "a room is not there")?;
        }
        Ok(())
    }
}

async fn change(c: &mut MySqlConnection, write: &Write) -> Result<(), Failure> {
    match write {
        Write::Append { .. }
        | Write::CreateRoom { .. }
        | Write::StartMembership { .. }
        | Write::Attach { .. }
        | Write::EditMessage { .. }
        | Write::EraseMessage { .. }
        | Write::SetReaction { .. } => Ok(()),
        Write::RenameRoom { room, name } => {
            let update = query("UPDATE rooms SET name = ? WHERE id = ?").bind(name).bind(bytes(&room.0));
            all(update.execute(c).await?.rows_affected(), 1, "a room is not there")
        }
        Write::SetRoomProfile { room, profile, at } => {
            if profile.avatar.is_some() {
                let update = query(
                    "UPDATE files SET erased_at = ? WHERE id = (SELECT avatar FROM rooms WHERE id = ?)",
                );
                update.bind(at).bind(bytes(&room.0)).execute(&mut *c).await?;
            }
            let update = query(
                "UPDATE rooms SET description = coalesce(?, description),
                   avatar = CASE WHEN ? THEN ? ELSE avatar END WHERE id = ?",
            );
            let avatar = profile.avatar.flatten();
            let update = update
                .bind(&profile.description)
                .bind(profile.avatar.is_some())
                .bind(avatar.as_ref().map(|file| bytes(&file.0)))
                .bind(bytes(&room.0));
            all(update.execute(c).await?.rows_affected(), 1, "a room is not there")
        }
        Write::EndMembership { room, user, to, at } => {
            let update = query(concat!(
                "UPDATE memberships SET to_seq = ?, left_at = ? WHERE user_id = ? AND room_id = ? AND to_seq = ",
                open!()
            ));
            let update = update.bind(columns::int(*to)).bind(at).bind(bytes(&user.0)).bind(bytes(&room.0));
            all(update.execute(c).await?.rows_affected(), 1, "a membership is not there")
        }
        Write::SetRole { room, user, role } => {
            let update = query(concat!(
                "UPDATE memberships SET role = ? WHERE user_id = ? AND room_id = ? AND to_seq = ",
                open!()
            ));
            let update = update.bind(names::of_role(*role)).bind(bytes(&user.0)).bind(bytes(&room.0));
            all(update.execute(c).await?.rows_affected(), 1, "a membership is not there")
        }
        Write::SetProfile { user, profile, profile_rev } => {
            let update = query(
                "UPDATE users SET display_name = coalesce(?, display_name),
                   search_name = coalesce(?, search_name), bio = coalesce(?, bio),
                   avatar = coalesce(?, avatar), profile_rev = ? WHERE id = ?",
            );
            let update = update
                .bind(&profile.display_name)
                .bind(profile.display_name.as_deref().map(fold))
                .bind(&profile.bio)
                .bind(profile.avatar.as_ref().map(|file| bytes(&file.0)))
                .bind(profile_rev)
                .bind(bytes(&user.0));
            all(update.execute(c).await?.rows_affected(), 1, "an account is not there")
        }
        Write::SetPrefs { user, prefs } => {
            let update = query("UPDATE users SET prefs = ? WHERE id = ?");
            let update = update.bind(json(prefs)).bind(bytes(&user.0));
            all(update.execute(c).await?.rows_affected(), 1, "an account is not there")
        }
        Write::SetRoomPrefs { user, room, prefs } => {
            let upsert = query(
                "INSERT INTO room_prefs (user_id, room_id, prefs) VALUES (?, ?, ?)
                 ON DUPLICATE KEY UPDATE prefs = VALUES(prefs)",
            );
            upsert.bind(bytes(&user.0)).bind(bytes(&room.0)).bind(json(prefs)).execute(c).await?;
            Ok(())
        }
    }
}

fn bytes(id: &Uuid) -> &[u8] {
    id.as_bytes()
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("settings are always JSON")
}

/// What was decided on facts of this transaction finds its rows. The driver has the server count the rows
/// that are found, not those that change by it.
fn all(found: u64, wanted: usize, otherwise: &str) -> Result<(), Failure> {
    if found == wanted as u64 { Ok(()) } else { Err(StoreError::Corrupt(otherwise.to_owned()).into()) }
}
