//! What happened to messages since they were sent.

use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use zas_protocol::rest::{Page, Reacted};
use zas_protocol::{Event, MessageId, MessageState, Micros, Reaction, ReactionCount, RoomId, Seq, UserId};

use super::columns::{self, event_columns};
use crate::body;
use crate::error::StoreError;

const STATE: &str = "SELECT s.rev, s.text, s.edited_at, s.deleted_at, e.message
    FROM message_states s JOIN events e ON e.room_id = s.room_id AND e.seq = s.seq
    WHERE s.room_id = ?1 AND s.seq = ?2";
const CHANGED: &str = "SELECT seq FROM message_states WHERE room_id = ?1 AND seq BETWEEN ?2 AND ?3";
const COUNTS: &str = "SELECT reaction, count(*), max(user_id = ?3) FROM reactions
    WHERE room_id = ?1 AND seq = ?2 GROUP BY reaction";
const REACTED: &str = "SELECT user_id, reaction, at FROM reactions
    WHERE room_id = ?1 AND seq = ?2 ORDER BY at, user_id";

/// How changes are read, for the test of its plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 4] = [STATE, CHANGED, COUNTS, REACTED];

pub(super) fn states(
    connection: &Connection,
    viewer: UserId,
    room: RoomId,
    seqs: &[Seq],
) -> Result<Vec<MessageState>, StoreError> {
    let mut state = connection.prepare_cached(STATE)?;
    let mut counts = connection.prepare_cached(COUNTS)?;
    let mut seqs = seqs.to_vec();
    seqs.sort_unstable();
    seqs.dedup();
    let read = seqs.iter().map(|&of| read_state(&mut state, &mut counts, viewer, room, of));
    read.filter_map(Result::transpose).collect()
}

fn read_state(
    state: &mut CachedStatement<'_>,
    counts: &mut CachedStatement<'_>,
    viewer: UserId,
    room: RoomId,
    of: Seq,
) -> Result<Option<MessageState>, StoreError> {
    let place = params![room.0, columns::int(of)];
    let found = state.query_row(place, |row| {
        Ok(MessageState {
            message: MessageId(row.get(4)?),
            of,
            rev: columns::uint(row, 0)?,
            text: row.get(1)?,
            edited_at: row.get(2)?,
            deleted_at: row.get(3)?,
            reactions: Vec::new(),
            mine: None,
        })
    });
    let Some(mut found) = found.optional()? else { return Ok(None) };
    let mut rows = counts.query(params![room.0, columns::int(of), viewer.0])?;
    while let Some(row) = rows.next()? {
        let reaction = columns::reaction(row, 0)?;
        found.reactions.push(ReactionCount { reaction, count: row.get(1)? });
        if row.get(2)? {
            found.mine = Some(reaction);
        }
    }
    found.reactions.sort_unstable_by_key(|count| count.reaction);
    Ok(Some(found))
}

/// Adds to a page what has become of its messages.
pub(super) fn add_states(connection: &Connection, viewer: UserId, page: &mut Page) -> Result<(), StoreError> {
    let mut changed = connection.prepare_cached(CHANGED)?;
    let range = params![page.room.0, columns::int(page.from), columns::int(page.to)];
    let seqs = changed.query_map(range, |row| columns::uint(row, 0))?.collect::<Result<Vec<_>, _>>()?;
    let shown = |seq: &Seq| page.events.binary_search_by_key(seq, |event| event.seq).is_ok();
    let seqs: Vec<Seq> = seqs.into_iter().filter(shown).collect();
    page.states = states(connection, viewer, page.room, &seqs)?;
    Ok(())
}

pub(super) fn reacted(
    connection: &Connection,
    room: RoomId,
    seqs: &[Seq],
) -> Result<Vec<Reacted>, StoreError> {
    let mut select = connection.prepare_cached(REACTED)?;
    let mut seqs = seqs.to_vec();
    seqs.sort_unstable();
    seqs.dedup();
    let mut all = Vec::new();
    for of in seqs {
        let mut rows = select.query(params![room.0, columns::int(of)])?;
        while let Some(row) = rows.next()? {
            let reaction = columns::reaction(row, 1)?;
            all.push(Reacted { of, user: UserId(row.get(0)?), reaction, at: row.get(2)? });
        }
    }
    Ok(all)
}

/// Notes that an event changed a message.
fn put_rev(connection: &Connection, room: RoomId, of: Seq, rev: Seq) -> Result<(), StoreError> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO message_states (room_id, seq, rev) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET rev = excluded.rev",
    )?;
    upsert.execute(params![room.0, columns::int(of), columns::int(rev)])?;
    Ok(())
}

pub(super) fn edit(
    connection: &Connection,
    room: RoomId,
    of: Seq,
    rev: Seq,
    text: &str,
    at: Micros,
) -> Result<(), StoreError> {
    put_rev(connection, room, of, rev)?;
    let place = (room.0, columns::int(of));
    connection
        .prepare_cached(
            "UPDATE message_states SET text = ?3, edited_at = ?4 WHERE room_id = ?1 AND seq = ?2",
        )?
        .execute(params![place.0, place.1, text, at])?;
    connection
        .prepare_cached("INSERT INTO message_edits (room_id, seq, rev) VALUES (?1, ?2, ?3)")?
        .execute(params![place.0, place.1, columns::int(rev)])?;
    Ok(())
}

pub(super) fn erase(
    connection: &Connection,
    room: RoomId,
    of: Seq,
    rev: Seq,
    at: Micros,
) -> Result<(), StoreError> {
    put_rev(connection, room, of, rev)?;
    let place = params![room.0, columns::int(of)];
    let edits = connection
        .prepare_cached("SELECT rev FROM message_edits WHERE room_id = ?1 AND seq = ?2")?
        .query_map(place, |row| columns::uint(row, 0))?
        .collect::<Result<Vec<_>, _>>()?;
    for seq in edits.into_iter().chain([of]) {
        erase_body(connection, room, seq)?;
    }
    for statement in [
        "DELETE FROM message_edits WHERE room_id = ?1 AND seq = ?2",
        "DELETE FROM reactions WHERE room_id = ?1 AND seq = ?2",
    ] {
        connection.prepare_cached(statement)?.execute(place)?;
    }
    connection
        .prepare_cached(
            "UPDATE message_states SET text = NULL, edited_at = NULL, deleted_at = ?3
             WHERE room_id = ?1 AND seq = ?2",
        )?
        .execute(params![room.0, columns::int(of), at])?;
    connection
        .prepare_cached("UPDATE files SET erased_at = ?3 WHERE room_id = ?1 AND seq = ?2")?
        .execute(params![room.0, columns::int(of), at])?;
    Ok(())
}

fn erase_body(connection: &Connection, room: RoomId, seq: Seq) -> Result<(), StoreError> {
    let event: Event = {
        let mut select = connection.prepare_cached(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e WHERE e.room_id = ?1 AND e.seq = ?2"
        ))?;
        let mut rows = select.query(params![room.0, columns::int(seq)])?;
        let missing = || StoreError::Corrupt("a message is not there".to_owned());
        columns::event(rows.next()?.ok_or_else(missing)?, 0)?
    };
    connection
        .prepare_cached("UPDATE events SET body = ?3 WHERE room_id = ?1 AND seq = ?2")?
        .execute(params![room.0, columns::int(seq), body::encode(&event.body.erased())])?;
    Ok(())
}

pub(super) fn react(
    connection: &Connection,
    (room, of, rev): (RoomId, Seq, Seq),
    user: UserId,
    reaction: Option<Reaction>,
    at: Micros,
) -> Result<(), StoreError> {
    put_rev(connection, room, of, rev)?;
    let place = (room.0, columns::int(of), user.0);
    match reaction {
        Some(reaction) => connection
            .prepare_cached(
                "INSERT INTO reactions (room_id, seq, user_id, reaction, at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET reaction = excluded.reaction, at = excluded.at",
            )?
            .execute(params![place.0, place.1, place.2, reaction.name(), at])?,
        None => connection
            .prepare_cached("DELETE FROM reactions WHERE room_id = ?1 AND seq = ?2 AND user_id = ?3")?
            .execute(params![place.0, place.1, place.2])?,
    };
    Ok(())
}
