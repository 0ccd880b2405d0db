//! Reading and filling logs, and how far their readers are.

use rusqlite::{Connection, OptionalExtension, params};
use zas_protocol::rest::Page;
use zas_protocol::{Epoch, Event, MessageId, Micros, Position, RoomId, Seq, UserId};

use super::changes;
use super::columns::{self, event_columns, position_columns};
use super::writes::Log;
use crate::error::StoreError;
use crate::paging::{self, Plan, Stay};
use crate::rows::PageAt;

macro_rules! select_events {
    ($order:literal) => {
        concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e WHERE e.room_id = ?1 AND e.seq BETWEEN ?2 AND ?3 ORDER BY e.seq ",
            $order,
            " LIMIT ?4"
        )
    };
}

macro_rules! select_messages {
    () => {
        concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e WHERE e.room_id = ?1 AND e.kind = 'message' AND e.seq BETWEEN ?2 AND ?3
              ORDER BY e.seq DESC LIMIT ?4"
        )
    };
}

const OTHERS: &str = "SELECT count(*) FROM events e
    WHERE e.room_id = ?1 AND e.kind <> 'message' AND e.seq BETWEEN ?2 AND ?3";

/// How a log is read, for the test of its plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 4] =
    [select_events!("ASC"), select_events!("DESC"), select_messages!(), OTHERS];

pub(super) fn page(
    connection: &Connection,
    user: UserId,
    room: RoomId,
    at: PageAt,
    limit: u32,
    epoch: Epoch,
) -> Result<Option<Page>, StoreError> {
    let stays = stays(connection, user, room)?;
    if !paging::is_in(&stays) {
        return Ok(None);
    }
    let head = head(connection, room)?;
    let plan = Plan::new(at, limit, head);
    let (mut below, mut above) = (Vec::new(), Vec::new());
    if let Some((top, limit)) = plan.down {
        for piece in paging::visible(&stays, 1, top).rev() {
            read(connection, select_events!("DESC"), room, piece, limit, &mut below)?;
        }
    }
    if let Some((bottom, limit)) = plan.up {
        for piece in paging::visible(&stays, bottom, head) {
            read(connection, select_events!("ASC"), room, piece, limit, &mut above)?;
        }
    }
    let mut page = paging::assemble((room, epoch, head), &stays, plan, below, above)?;
    changes::add_states(connection, user, &mut page)?;
    Ok(Some(page))
}

pub(super) fn after(
    connection: &Connection,
    room: RoomId,
    after: Seq,
    limit: u32,
) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    let above = (after.saturating_add(1), Seq::MAX);
    read(connection, select_events!("ASC"), room, above, limit as usize, &mut events)?;
    Ok(events)
}

/// Reads events of `low..=high` until `into` holds `limit`.
fn read(
    connection: &Connection,
    sql: &str,
    room: RoomId,
    (low, high): (Seq, Seq),
    limit: usize,
    into: &mut Vec<Event>,
) -> Result<(), StoreError> {
    let left = limit - into.len();
    if left == 0 {
        return Ok(());
    }
    let mut select = connection.prepare_cached(sql)?;
    let mut rows =
        select.query(params![room.0, columns::int(low), columns::int(high), columns::int(left as u64)])?;
    while let Some(row) = rows.next()? {
        into.push(columns::event(row, 0)?);
    }
    Ok(())
}

fn stays(connection: &Connection, user: UserId, room: RoomId) -> Result<Vec<Stay>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT from_seq, to_seq FROM memberships WHERE room_id = ?1 AND user_id = ?2 ORDER BY from_seq",
    )?;
    let rows = select.query_map(params![room.0, user.0], |row| {
        Ok(Stay { from: columns::uint(row, 0)?, to: columns::open_end(row, 1)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn messages(
    connection: &Connection,
    user: UserId,
    room: RoomId,
    skip: u64,
    limit: u32,
) -> Result<Option<(u64, Vec<Event>)>, StoreError> {
    let stays = stays(connection, user, room)?;
    if !paging::is_in(&stays) {
        return Ok(None);
    }
    let mut select = connection.prepare_cached(select_messages!())?;
    let head = head(connection, room)?;
    let (mut all, mut skip, mut events) = (0, skip, Vec::new());
    for (low, high) in paging::visible(&stays, 1, head).rev() {
        let here = message_count(connection, room, low, high)?;
        all += here;
        let left = u64::from(limit) - events.len() as u64;
        if skip < here && left > 0 {
            // The last place behind which there are no more than are to be skipped, by halving.
            let (mut newest, mut above) = (low, high);
            while newest < above {
                let middle = newest + (above - newest).div_ceil(2);
                if message_count(connection, room, middle, high)? > skip {
                    newest = middle;
                } else {
                    above = middle - 1;
                }
            }
            let mut rows =
                select.query(params![room.0, columns::int(low), columns::int(newest), columns::int(left)])?;
            while let Some(row) = rows.next()? {
                events.push(columns::event(row, 0)?);
            }
        }
        skip = skip.saturating_sub(here);
    }
    Ok(Some((all, events)))
}

/// How many messages are in `low..=high`. Places have no holes, so only what is no message is counted,
/// on an index of its own.
fn message_count(connection: &Connection, room: RoomId, low: Seq, high: Seq) -> Result<u64, StoreError> {
    let mut others = connection.prepare_cached(OTHERS)?;
    let others = others
        .query_row(params![room.0, columns::int(low), columns::int(high)], |row| columns::uint(row, 0))?;
    Ok((high + 1).saturating_sub(low).saturating_sub(others))
}

fn head(connection: &Connection, room: RoomId) -> Result<Seq, StoreError> {
    let mut head = connection.prepare_cached("SELECT head FROM rooms WHERE id = ?1")?;
    Ok(head.query_row([room.0], |row| columns::uint(row, 0)).optional()?.unwrap_or(0))
}

/// Times rise with places, so a place is found by halving.
pub(super) fn seq_at(connection: &Connection, room: RoomId, at: Micros) -> Result<Seq, StoreError> {
    let head = head(connection, room)?;
    let mut time = connection.prepare_cached("SELECT at FROM events WHERE room_id = ?1 AND seq = ?2")?;
    let (mut low, mut high) = (0, head);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let then: Micros = time.query_row(params![room.0, columns::int(middle)], |row| row.get(0))?;
        if then <= at {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

pub(super) fn by_message(connection: &Connection, message: MessageId) -> Result<Option<Event>, StoreError> {
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        event_columns!(),
        " FROM events e WHERE e.message = ?1"
    ))?;
    let mut rows = select.query([message.0])?;
    rows.next()?.map(|row| columns::event(row, 0)).transpose()
}

pub(super) fn visible(
    connection: &Connection,
    user: UserId,
    room: RoomId,
    seqs: &[Seq],
) -> Result<Option<Vec<Event>>, StoreError> {
    let stays = stays(connection, user, room)?;
    if !paging::is_in(&stays) {
        return Ok(None);
    }
    let mut events = Vec::new();
    for seq in paging::seen(&stays, seqs) {
        read(connection, select_events!("ASC"), room, (seq, seq), events.len() + 1, &mut events)?;
    }
    Ok(Some(events))
}

pub(super) fn append_bulk(connection: &Connection, room: RoomId, events: &[Event]) -> Result<(), StoreError> {
    let head = connection
        .query_row("SELECT head FROM rooms WHERE id = ?1", [room.0], |row| columns::uint(row, 0))
        .optional()?
        .ok_or_else(|| StoreError::Other(format!("there is no room {room}")))?;
    let mut log = Log::new(connection)?;
    for (event, seq) in events.iter().zip(head + 1..) {
        if event.room != room || event.seq != seq {
            return Err(StoreError::Other(format!("an event does not belong at {seq} of room {room}")));
        }
        let fingerprint = event.txn_id.is_some().then_some(&[0; 16]);
        log.append(event, fingerprint)?;
    }
    log.finish(connection)
}

pub(super) fn put_positions(
    connection: &Connection,
    positions: &[(RoomId, Position)],
) -> Result<(), StoreError> {
    let mut upsert = connection.prepare_cached(
        "INSERT INTO positions AS p (room_id, user_id, delivered_seq, read_seq, delivered_at, read_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT DO UPDATE SET
           delivered_at = iif(excluded.delivered_seq > p.delivered_seq, excluded.delivered_at, p.delivered_at),
           read_at = iif(excluded.read_seq > p.read_seq, excluded.read_at, p.read_at),
           delivered_seq = max(p.delivered_seq, excluded.delivered_seq),
           read_seq = max(p.read_seq, excluded.read_seq)",
    )?;
    for (room, position) in positions {
        upsert.execute(params![
            room.0,
            position.user.0,
            columns::int(position.delivered),
            columns::int(position.read),
            position.delivered_at,
            position.read_at,
        ])?;
    }
    Ok(())
}

pub(super) fn positions(connection: &Connection, room: RoomId) -> Result<Vec<Position>, StoreError> {
    let mut select = connection.prepare_cached(concat!(
        "SELECT ",
        position_columns!(),
        " FROM positions p
         JOIN memberships m ON m.room_id = p.room_id AND m.user_id = p.user_id AND m.to_seq IS NULL
         WHERE p.room_id = ?1 ORDER BY p.user_id"
    ))?;
    let rows = select.query_map([room.0], |row| columns::position(row, 0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
