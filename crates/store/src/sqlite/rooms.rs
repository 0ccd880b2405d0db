//! Rooms as their members see them: three statements for however many rooms.

use std::collections::BTreeMap;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Params, params};
use zas_protocol::limits::{SMALL_GROUP, UNREAD_CAP};
use zas_protocol::rest::{Member, Room};
use zas_protocol::{Epoch, FileId, RoomId, Seq, UserId};

use super::changes;
use super::columns::{self, event_columns, position_columns};
use crate::error::StoreError;
use crate::rows::{Membership, RoomHead, Roster};

pub(super) fn heads(
    connection: &Connection,
    user: UserId,
    epoch: Epoch,
) -> Result<Vec<RoomHead>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT r.id, r.head,
           (SELECT min(i.from_seq) FROM memberships i WHERE i.room_id = m.room_id AND i.user_id = m.user_id),
           r.members
         FROM memberships m JOIN rooms r ON r.id = m.room_id
         WHERE m.user_id = ?1 AND m.to_seq IS NULL ORDER BY r.id",
    )?;
    let rows = select.query_map([user.0], |row| {
        Ok(RoomHead {
            room: RoomId(row.get(0)?),
            epoch,
            head: columns::uint(row, 1)?,
            from: columns::uint(row, 2)?,
            members: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn member(
    connection: &Connection,
    room: RoomId,
    user: UserId,
    epoch: Epoch,
) -> Result<Option<Membership>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT r.kind, r.head, r.members, m.role, m.from_seq, m.joined_at
         FROM memberships m JOIN rooms r ON r.id = m.room_id
         WHERE m.user_id = ?1 AND m.room_id = ?2 AND m.to_seq IS NULL",
    )?;
    let found = select.query_row(params![user.0, room.0], |row| {
        Ok(Membership {
            kind: columns::kind(row, 0)?,
            epoch,
            head: columns::uint(row, 1)?,
            members: row.get(2)?,
            role: columns::role(row, 3)?,
            from: columns::uint(row, 4)?,
            joined_at: row.get(5)?,
        })
    });
    Ok(found.optional()?)
}

/// One statement for all rooms of a person (`?1`), and one for a single room (`?2`) of them.
macro_rules! both {
    ($name:ident, $($before:expr),+ ; $($after:expr),+) => {
        const $name: [&str; 2] = [
            concat!($($before,)+ " AND ?2 IS NULL " $(, $after)+),
            concat!($($before,)+ " AND me.room_id = ?2 " $(, $after)+),
        ];
    };
}

// The unread are counted, up to a limit, and the last message found, within the stays of the person.
both!(
    SUMMARIES,
    "SELECT r.id, r.kind, r.name, r.head, r.last_at,
       (SELECT min(i.from_seq) FROM memberships i
        WHERE i.room_id = me.room_id AND i.user_id = me.user_id),
       s.prefs,
       (SELECT count(*) FROM (
          SELECT 1 FROM memberships i CROSS JOIN events u
          WHERE i.room_id = me.room_id AND i.user_id = me.user_id
            AND u.room_id = i.room_id AND u.kind = 'message' AND u.sender IS NOT me.user_id
            AND u.seq > max(i.from_seq - 1, ifnull(p.read_seq, 0))
            AND u.seq <= ifnull(i.to_seq, 9223372036854775807)
          LIMIT ?3)),
       me.role, r.members, c.rev, r.description, r.avatar, ",
    event_columns!(),
    " FROM memberships me
     JOIN rooms r ON r.id = me.room_id
     LEFT JOIN positions p ON p.room_id = me.room_id AND p.user_id = me.user_id
     LEFT JOIN room_prefs s ON s.user_id = me.user_id AND s.room_id = me.room_id
     LEFT JOIN events e ON e.room_id = me.room_id AND e.seq = (
       SELECT max((
         SELECT l.seq FROM events l
         WHERE l.room_id = i.room_id AND l.kind = 'message' AND l.seq >= i.from_seq
           AND l.seq <= ifnull(i.to_seq, 9223372036854775807)
         ORDER BY l.seq DESC LIMIT 1))
       FROM memberships i WHERE i.room_id = me.room_id AND i.user_id = me.user_id)
     LEFT JOIN message_states c ON c.room_id = e.room_id AND c.seq = e.seq
     WHERE me.user_id = ?1 AND me.to_seq IS NULL AND r.kind <> 'self' ";
    "ORDER BY r.last_at DESC, r.id"
);

// The others. In this order a large group's are not even read where they are not asked for.
both!(
    ROSTERS,
    "SELECT m.room_id, m.user_id, m.role FROM memberships me
     CROSS JOIN rooms r ON r.id = me.room_id
     CROSS JOIN memberships m ON m.room_id = me.room_id AND m.to_seq IS NULL AND m.user_id <> ?1
     WHERE me.user_id = ?1 AND me.to_seq IS NULL AND r.members <= ?3 ";
    "ORDER BY m.room_id, m.from_seq, m.user_id"
);

// In a large group nobody hears how far the others are.
both!(
    POSITIONS,
    "SELECT me.room_id, ",
    position_columns!(),
    " FROM memberships me
     JOIN rooms r ON r.id = me.room_id
     JOIN memberships m ON m.room_id = me.room_id AND m.to_seq IS NULL
     JOIN positions p ON p.room_id = m.room_id AND p.user_id = m.user_id
     WHERE me.user_id = ?1 AND me.to_seq IS NULL AND (r.members <= ?3 OR p.user_id = ?1) ";
    "ORDER BY me.room_id, p.user_id"
);

/// What is asked of each room, for the test of its plans.
#[cfg(test)]
pub(super) const STATEMENTS: [[&str; 2]; 3] = [SUMMARIES, ROSTERS, POSITIONS];

/// The rooms of a person, or the one of them that is asked for.
pub(super) fn summaries(
    connection: &Connection,
    user: UserId,
    only: Option<RoomId>,
    epoch: Epoch,
) -> Result<Vec<Room>, StoreError> {
    let which = usize::from(only.is_some());
    let key = only.map(|room| room.0);
    let mut rooms = Vec::new();
    let (mut places, mut changed) = (BTreeMap::new(), Vec::new());
    each(connection, SUMMARIES[which], params![user.0, key, UNREAD_CAP], |row| {
        let id = RoomId(row.get(0)?);
        places.insert(id, rooms.len());
        let has_message = row.get_ref(14)? != ValueRef::Null;
        if row.get_ref(10)? != ValueRef::Null {
            changed.push(rooms.len());
        }
        rooms.push(Room {
            id,
            kind: columns::kind(row, 1)?,
            name: row.get(2)?,
            description: row.get(11)?,
            avatar: row.get::<_, Option<_>>(12)?.map(FileId),
            epoch,
            head: columns::uint(row, 3)?,
            from: columns::uint(row, 5)?,
            last_at: row.get(4)?,
            members: vec![Member { user, role: columns::role(row, 8)? }],
            more_members: row.get::<_, u32>(9)?.saturating_sub(1),
            last: has_message.then(|| columns::event(row, 13)).transpose()?,
            last_state: None,
            unread: row.get(7)?,
            positions: Vec::new(),
            prefs: columns::json(row, 6)?,
        });
        Ok(())
    })?;
    for place in changed {
        let room: &mut Room = &mut rooms[place];
        let seqs: Vec<Seq> = room.last.iter().map(|event| event.seq).collect();
        room.last_state = changes::states(connection, user, room.id, &seqs)?.pop();
    }
    // A list of rooms has a limit, however large and many they are; one room is given whole.
    let whole = if only.is_some() { i64::MAX } else { columns::int(SMALL_GROUP as u64) };
    each(connection, ROSTERS[which], params![user.0, key, whole], |row| {
        if let Some(&place) = places.get(&RoomId(row.get(0)?)) {
            let member = Member { user: UserId(row.get(1)?), role: columns::role(row, 2)? };
            let room = &mut rooms[place];
            room.members.push(member);
            room.more_members = room.more_members.saturating_sub(1);
        }
        Ok(())
    })?;
    let small = columns::int(SMALL_GROUP as u64);
    each(connection, POSITIONS[which], params![user.0, key, small], |row| {
        if let Some(&place) = places.get(&RoomId(row.get(0)?)) {
            rooms[place].positions.push(columns::position(row, 1)?);
        }
        Ok(())
    })?;
    Ok(rooms)
}

fn each(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut row: impl FnMut(&rusqlite::Row<'_>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    while let Some(next) = rows.next()? {
        row(next)?;
    }
    Ok(())
}

pub(super) fn roster(connection: &Connection, room: RoomId) -> Result<Option<Roster>, StoreError> {
    let mut select = connection.prepare_cached("SELECT kind, head, last_at FROM rooms WHERE id = ?1")?;
    let found =
        select.query_row([room.0], |row| Ok((columns::kind(row, 0)?, columns::uint(row, 1)?, row.get(2)?)));
    let Some((kind, head, last_at)) = found.optional()? else { return Ok(None) };
    let mut select = connection.prepare_cached(
        "SELECT user_id, role FROM memberships WHERE room_id = ?1 AND to_seq IS NULL ORDER BY user_id",
    )?;
    let members = select
        .query_map([room.0], |row| Ok(Member { user: UserId(row.get(0)?), role: columns::role(row, 1)? }))?;
    Ok(Some(Roster { kind, head, last_at, members: members.collect::<rusqlite::Result<_>>()? }))
}
