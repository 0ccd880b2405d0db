//! Rooms as their members see them: a few statements for however many rooms.

use std::collections::BTreeMap;

use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, query};
use zas_protocol::limits::{SMALL_GROUP, UNREAD_CAP};
use zas_protocol::rest::{Member, Room};
use zas_protocol::{Epoch, Event, FileId, RoomId, Seq, UserId};

use super::changes;
use super::columns::{self, event_columns, get, open, position_columns};
use super::error::Failure;
use super::lists::{self, statement};
use crate::paging::Stay;
use crate::rows::{Membership, RoomHead, Roster};

pub(super) async fn heads(
    c: &mut MySqlConnection,
    user: UserId,
    epoch: Epoch,
) -> Result<Vec<RoomHead>, Failure> {
    let select = query(concat!(
        "SELECT r.id, r.head,
           (SELECT min(i.from_seq) FROM memberships i WHERE i.room_id = m.room_id AND i.user_id = m.user_id),
           r.members
         FROM memberships m JOIN rooms r ON r.id = m.room_id
         WHERE m.user_id = ? AND m.to_seq = ",
        open!(),
        " ORDER BY r.id"
    ));
    let rows = select.bind(user.0.as_bytes().as_slice()).fetch_all(c).await?;
    let head = |row: &MySqlRow| {
        Ok(RoomHead {
            room: RoomId(columns::id(row, 0)?),
            epoch,
            head: columns::uint(row, 1)?,
            from: columns::uint(row, 2)?,
            members: columns::small(row, 3)?,
        })
    };
    rows.iter().map(head).collect()
}

pub(super) async fn member(
    c: &mut MySqlConnection,
    room: RoomId,
    user: UserId,
    epoch: Epoch,
) -> Result<Option<Membership>, Failure> {
    let select = query(concat!(
        "SELECT r.kind, r.head, r.members, m.role, m.from_seq, m.joined_at
         FROM memberships m JOIN rooms r ON r.id = m.room_id
         WHERE m.user_id = ? AND m.room_id = ? AND m.to_seq = ",
        open!()
    ));
    let select = select.bind(user.0.as_bytes().as_slice()).bind(room.0.as_bytes().as_slice());
    let Some(row) = select.fetch_optional(c).await? else { return Ok(None) };
    Ok(Some(Membership {
        kind: columns::kind(&row, 0)?,
        epoch,
        head: columns::uint(&row, 1)?,
        members: columns::small(&row, 2)?,
        role: columns::role(&row, 3)?,
        from: columns::uint(&row, 4)?,
        joined_at: get(&row, 5)?,
    }))
}

/// One statement for all rooms of a person, and one for a single room of them, whose id is the last
/// argument.
macro_rules! both {
    ($name:ident, $($before:expr),+ ; $($after:expr),+) => {
        const $name: [&str; 2] =
            [concat!($($before,)+ " " $(, $after)+), concat!($($before,)+ " AND me.room_id = ? " $(, $after)+)];
    };
}

both!(
    ROOMS,
    "SELECT r.id, r.kind, r.name, r.head, r.last_at, s.prefs, me.role, r.members, p.read_seq,
       r.description, r.avatar
     FROM memberships me
     JOIN rooms r ON r.id = me.room_id
     LEFT JOIN positions p ON p.room_id = me.room_id AND p.user_id = me.user_id
     LEFT JOIN room_prefs s ON s.user_id = me.user_id AND s.room_id = me.room_id
     WHERE me.user_id = ? AND r.kind <> 'self' AND me.to_seq = ", open!();
    "ORDER BY r.last_at DESC, r.id"
);

both!(
    STAYS,
    "SELECT i.room_id, i.from_seq, i.to_seq FROM memberships me
     JOIN memberships i ON i.room_id = me.room_id AND i.user_id = me.user_id
     WHERE me.user_id = ? AND me.to_seq = ", open!();
    "ORDER BY i.room_id, i.from_seq"
);

// The others. In this order a large group's are not even read where they are not asked for.
both!(
    ROSTERS,
    "SELECT STRAIGHT_JOIN m.room_id, m.user_id, m.role FROM memberships me
     JOIN rooms r ON r.id = me.room_id
     JOIN memberships m ON m.room_id = me.room_id AND m.user_id <> me.user_id AND m.to_seq = ", open!(),
    " WHERE r.members <= ? AND me.user_id = ? AND me.to_seq = ", open!();
    "ORDER BY m.room_id, m.from_seq, m.user_id"
);

// In a large group nobody hears how far the others are.
both!(
    POSITIONS,
    "SELECT STRAIGHT_JOIN me.room_id, ",
    position_columns!(),
    " FROM memberships me
     JOIN rooms r ON r.id = me.room_id
     JOIN positions p ON p.room_id = me.room_id
     JOIN memberships m ON m.user_id = p.user_id AND m.room_id = p.room_id AND m.to_seq = ", open!(),
    " WHERE (r.members <= ? OR p.user_id = me.user_id) AND me.user_id = ? AND me.to_seq = ", open!();
    "ORDER BY me.room_id, p.user_id"
);

/// What is asked of a stretch of a log, once for each: together they are one statement.
const UNREAD: &str = "(SELECT ? AS room, count(*) AS n FROM (SELECT 1 FROM events u
    WHERE u.room_id = ? AND u.seq BETWEEN ? AND ? AND u.kind = 'message' AND NOT (u.sender <=> ?)
    LIMIT ?) f)";
const LAST: &str = concat!(
    "(SELECT ",
    event_columns!(),
    " FROM events e WHERE e.room_id = ? AND e.seq BETWEEN ? AND ? AND e.kind = 'message'
     ORDER BY e.seq DESC LIMIT 1)"
);

/// What is asked of each room, for the test of its plans.
#[cfg(test)]
pub(super) const STATEMENTS: [[&str; 2]; 4] = [ROOMS, STAYS, ROSTERS, POSITIONS];
#[cfg(test)]
pub(super) const PIECES: [&str; 2] = [UNREAD, LAST];

/// A stretch of a room's log.
#[derive(Clone, Copy)]
struct Piece {
    room: RoomId,
    low: Seq,
    high: Seq,
}

/// The rooms of a person, or the one of them that is asked for.
pub(super) async fn summaries(
    c: &mut MySqlConnection,
    user: UserId,
    only: Option<RoomId>,
    epoch: Epoch,
) -> Result<Vec<Room>, Failure> {
    let which = usize::from(only.is_some());
    let mut rooms = Vec::new();
    let mut read_up_to = Vec::new();
    let mut places = BTreeMap::new();
    for row in asked(c, ROOMS[which], &[], user, only).await? {
        let id = RoomId(columns::id(&row, 0)?);
        places.insert(id, rooms.len());
        read_up_to.push(get::<Option<i64>>(&row, 8)?.map_or(0, i64::unsigned_abs));
        rooms.push(Room {
            id,
            kind: columns::kind(&row, 1)?,
            name: get(&row, 2)?,
            description: columns::text(&row, 9)?,
            avatar: columns::maybe_id(&row, 10)?.map(FileId),
            epoch,
            head: columns::uint(&row, 3)?,
            from: Seq::MAX,
            last_at: get(&row, 4)?,
            members: vec![Member { user, role: columns::role(&row, 6)? }],
            more_members: columns::small(&row, 7)?.saturating_sub(1),
            last: None,
            last_state: None,
            unread: 0,
            positions: Vec::new(),
            prefs: columns::json(&row, 5)?,
        });
    }
    let (mut seen, mut unread) = (Vec::new(), Vec::new());
    for row in asked(c, STAYS[which], &[], user, only).await? {
        let id = RoomId(columns::id(&row, 0)?);
        let Some(&place) = places.get(&id) else { continue };
        let stay = Stay { from: columns::uint(&row, 1)?, to: columns::open_end(&row, 2)? };
        let room = &mut rooms[place];
        room.from = room.from.min(stay.from);
        let high = stay.to.unwrap_or(Seq::MAX).min(room.head);
        let low = stay.from.max(read_up_to[place] + 1);
        seen.extend((stay.from <= high).then_some(Piece { room: id, low: stay.from, high }));
        unread.extend((low <= high).then_some(Piece { room: id, low, high }));
    }
    for last in last_messages(c, &seen).await? {
        if let Some(&place) = places.get(&last.room) {
            let known = &mut rooms[place].last;
            if known.as_ref().is_none_or(|known| known.seq < last.seq) {
                *known = Some(last);
            }
        }
    }
    let seqs: Vec<(RoomId, Seq)> =
        rooms.iter().filter_map(|room| Some((room.id, room.last.as_ref()?.seq))).collect();
    for (room, seq) in changed(c, &seqs).await? {
        if let Some(&place) = places.get(&room) {
            rooms[place].last_state = changes::states(c, user, room, &[seq]).await?.pop();
        }
    }
    for (room, count) in unread_counts(c, &unread, user).await? {
        if let Some(&place) = places.get(&room) {
            rooms[place].unread = (rooms[place].unread + count).min(UNREAD_CAP);
        }
    }
    // A list of rooms has a limit, however large and many they are; one room is given whole.
    let small = columns::int(SMALL_GROUP as u64);
    let whole = if only.is_some() { i64::MAX } else { small };
    for row in asked(c, ROSTERS[which], &[whole], user, only).await? {
        if let Some(&place) = places.get(&RoomId(columns::id(&row, 0)?)) {
            let member = Member { user: UserId(columns::id(&row, 1)?), role: columns::role(&row, 2)? };
            let room = &mut rooms[place];
            room.members.push(member);
            room.more_members = room.more_members.saturating_sub(1);
        }
    }
    for row in asked(c, POSITIONS[which], &[small], user, only).await? {
        if let Some(&place) = places.get(&RoomId(columns::id(&row, 0)?)) {
            rooms[place].positions.push(columns::position(&row, 1)?);
        }
    }
    Ok(rooms)
}

pub(super) async fn roster(c: &mut MySqlConnection, room: RoomId) -> Result<Option<Roster>, Failure> {
    let select =
        query("SELECT kind, head, last_at FROM rooms WHERE id = ?").bind(room.0.as_bytes().as_slice());
    let Some(row) = select.fetch_optional(&mut *c).await? else { return Ok(None) };
    let (kind, head, last_at) = (columns::kind(&row, 0)?, columns::uint(&row, 1)?, get(&row, 2)?);
    let select = query(concat!(
        "SELECT user_id, role FROM memberships WHERE room_id = ? AND to_seq = ",
        open!(),
        " ORDER BY user_id"
    ));
    let mut members = Vec::new();
    for row in select.bind(room.0.as_bytes().as_slice()).fetch_all(c).await? {
        members.push(Member { user: UserId(columns::id(&row, 0)?), role: columns::role(&row, 1)? });
    }
    Ok(Some(Roster { kind, head, last_at, members }))
}

/// Which of these messages are no longer what their events say.
async fn changed(c: &mut MySqlConnection, of: &[(RoomId, Seq)]) -> Result<Vec<(RoomId, Seq)>, Failure> {
    let mut found = Vec::new();
    for of in lists::keys(of) {
        let sql = format!(
            "{} SELECT DISTINCT s.room_id, s.seq FROM v
             STRAIGHT_JOIN message_states s ON s.room_id = v.room AND s.seq = v.seq",
            lists::table("v (room, seq)", &[lists::ID, lists::INT], of.len())
        );
        let select = of.fold(statement(sql), |select, (room, seq)| {
            select.bind(room.0.as_bytes().as_slice()).bind(columns::int(*seq))
        });
        for row in select.fetch_all(&mut *c).await? {
            found.push((RoomId(columns::id(&row, 0)?), columns::uint(&row, 1)?));
        }
    }
    Ok(found)
}

async fn asked(
    c: &mut MySqlConnection,
    sql: &'static str,
    before: &[i64],
    user: UserId,
    only: Option<RoomId>,
) -> Result<Vec<MySqlRow>, Failure> {
    let select = before.iter().fold(query(sql), |select, number| select.bind(*number));
    let select = select.bind(user.0.as_bytes().as_slice());
    let rows = match &only {
        Some(room) => select.bind(room.0.as_bytes().as_slice()).fetch_all(c).await,
        None => select.fetch_all(c).await,
    };
    Ok(rows?)
}

/// The last message of each piece that has one.
async fn last_messages(c: &mut MySqlConnection, of: &[Piece]) -> Result<Vec<Event>, Failure> {
    let mut found = Vec::new();
    for pieces in lists::pieces(of) {
        let sql = vec![LAST; pieces.len()].join(" UNION ALL ");
        let select = pieces.iter().fold(statement(sql), |select, piece| {
            select
                .bind(piece.room.0.as_bytes().as_slice())
                .bind(columns::int(piece.low))
                .bind(columns::int(piece.high))
        });
        for row in select.fetch_all(&mut *c).await? {
            found.push(columns::event(&row)?);
        }
    }
    Ok(found)
}

/// How many messages of others are in each piece, counted up to the cap.
async fn unread_counts(
    c: &mut MySqlConnection,
    of: &[Piece],
    user: UserId,
) -> Result<Vec<(RoomId, u32)>, Failure> {
    let mut found = Vec::new();
    for pieces in lists::pieces(of) {
        let sql = vec![UNREAD; pieces.len()].join(" UNION ALL ");
        let select = pieces.iter().fold(statement(sql), |select, piece| {
            select
                .bind(piece.room.0.as_bytes().as_slice())
                .bind(piece.room.0.as_bytes().as_slice())
                .bind(columns::int(piece.low))
                .bind(columns::int(piece.high))
                .bind(user.0.as_bytes().to_vec())
                .bind(UNREAD_CAP)
        });
        for row in select.fetch_all(&mut *c).await? {
            found.push((RoomId(columns::id(&row, 0)?), columns::small(&row, 1)?));
        }
    }
    Ok(found)
}
