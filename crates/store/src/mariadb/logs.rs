//! Reading and filling logs, and how far their readers are.

use sqlx::{MySqlConnection, query};
use zas_protocol::rest::Page;
use zas_protocol::{Epoch, Event, MessageId, Micros, Position, RoomId, Seq, UserId};

use super::changes;
use super::columns::{self, event_columns, get, open, position_columns};
use super::error::Failure;
use super::lists::{self, places, statement};
use super::writes::Log;
use crate::error::StoreError;
use crate::paging::{self, Plan, Stay};
use crate::rows::PageAt;

macro_rules! select_events {
    ($and:literal, $order:literal) => {
        concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e WHERE e.room_id = ? AND e.seq BETWEEN ? AND ?",
            $and,
            " ORDER BY e.seq ",
            $order,
            " LIMIT ?"
        )
    };
}

const UP: &str = select_events!("", "ASC");
const DOWN: &str = select_events!("", "DESC");
const MESSAGES: &str = select_events!(" AND e.kind = 'message'", "DESC");
const OTHERS: &str = "SELECT count(*) FROM others o WHERE o.room_id = ? AND o.seq BETWEEN ? AND ?";

/// How a log is read, for the test of its plans.
#[cfg(test)]
pub(super) const STATEMENTS: [&str; 4] = [UP, DOWN, MESSAGES, OTHERS];

pub(super) async fn page(
    c: &mut MySqlConnection,
    user: UserId,
    room: RoomId,
    at: PageAt,
    limit: u32,
    epoch: Epoch,
) -> Result<Option<Page>, Failure> {
    let stays = stays(c, user, room).await?;
    if !paging::is_in(&stays) {
        return Ok(None);
    }
    let head = head(c, room).await?;
    let plan = Plan::new(at, limit, head);
    let (mut below, mut above) = (Vec::new(), Vec::new());
    if let Some((top, limit)) = plan.down {
        for piece in paging::visible(&stays, 1, top).rev() {
            read(c, DOWN, room, piece, limit, &mut below).await?;
        }
    }
    if let Some((bottom, limit)) = plan.up {
        for piece in paging::visible(&stays, bottom, head) {
            read(c, UP, room, piece, limit, &mut above).await?;
        }
    }
    let mut page = paging::assemble((room, epoch, head), &stays, plan, below, above)?;
    changes::add_states(c, user, &mut page).await?;
    Ok(Some(page))
}

pub(super) async fn after(
    c: &mut MySqlConnection,
    room: RoomId,
    after: Seq,
    limit: u32,
) -> Result<Vec<Event>, Failure> {
    let mut events = Vec::new();
    let above = (after.saturating_add(1), Seq::MAX);
    read(c, UP, room, above, limit as usize, &mut events).await?;
    Ok(events)
}

/// Reads events of `low..=high` until `into` holds `limit`.
async fn read(
    c: &mut MySqlConnection,
    sql: &'static str,
    room: RoomId,
    (low, high): (Seq, Seq),
    limit: usize,
    into: &mut Vec<Event>,
) -> Result<(), Failure> {
    let left = limit - into.len();
    if left == 0 {
        return Ok(());
    }
    let select = query(sql)
        .bind(room.0.as_bytes().as_slice())
        .bind(columns::int(low))
        .bind(columns::int(high))
        .bind(columns::int(left as u64));
    for row in select.fetch_all(c).await? {
        into.push(columns::event(&row)?);
    }
    Ok(())
}

async fn stays(c: &mut MySqlConnection, user: UserId, room: RoomId) -> Result<Vec<Stay>, Failure> {
    let select =
        query("SELECT from_seq, to_seq FROM memberships WHERE room_id = ? AND user_id = ? ORDER BY from_seq");
    let rows =
        select.bind(room.0.as_bytes().as_slice()).bind(user.0.as_bytes().as_slice()).fetch_all(c).await?;
    rows.iter().map(|row| Ok(Stay { from: columns::uint(row, 0)?, to: columns::open_end(row, 1)? })).collect()
}

pub(super) async fn messages(
    c: &mut MySqlConnection,
    user: UserId,
    room: RoomId,
    skip: u64,
    limit: u32,
) -> Result<Option<(u64, Vec<Event>)>, Failure> {
    let stays = stays(c, user, room).await?;
    if !paging::is_in(&stays) {
        return Ok(None);
    }
    let head = head(c, room).await?;
    let (mut all, mut skip, mut events) = (0, skip, Vec::new());
    for (low, high) in paging::visible(&stays, 1, head).rev() {
        let here = message_count(c, room, low, high).await?;
        all += here;
        if skip < here && events.len() < limit as usize {
            // The last place behind which there are no more than are to be skipped, by halving.
            let (mut newest, mut above) = (low, high);
            while newest < above {
                let middle = newest + (above - newest).div_ceil(2);
                if message_count(c, room, middle, high).await? > skip {
                    newest = middle;
                } else {
                    above = middle - 1;
                }
            }
            read(c, MESSAGES, room, (low, newest), limit as usize, &mut events).await?;
        }
        skip = skip.saturating_sub(here);
    }
    Ok(Some((all, events)))
}

/// How many messages are in `low..=high`. Places have no holes, so only what is no message is counted.
async fn message_count(c: &mut MySqlConnection, room: RoomId, low: Seq, high: Seq) -> Result<u64, Failure> {
    let select =
        query(OTHERS).bind(room.0.as_bytes().as_slice()).bind(columns::int(low)).bind(columns::int(high));
    let others = columns::uint(&select.fetch_one(c).await?, 0)?;
    Ok((high + 1).saturating_sub(low).saturating_sub(others))
}

async fn head(c: &mut MySqlConnection, room: RoomId) -> Result<Seq, Failure> {
    let select = query("SELECT head FROM rooms WHERE id = ?").bind(room.0.as_bytes().as_slice());
    select.fetch_optional(c).await?.map_or(Ok(0), |row| columns::uint(&row, 0))
}

/// Times rise with places, so a place is found by halving.
pub(super) async fn seq_at(c: &mut MySqlConnection, room: RoomId, at: Micros) -> Result<Seq, Failure> {
    let (mut low, mut high) = (0, head(c, room).await?);
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        let select = query("SELECT at FROM events WHERE room_id = ? AND seq = ?")
            .bind(room.0.as_bytes().as_slice())
            .bind(columns::int(middle));
        let then: Micros = get(&select.fetch_one(&mut *c).await?, 0)?;
        if then <= at {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Ok(low)
}

pub(super) async fn by_message(
    c: &mut MySqlConnection,
    message: MessageId,
) -> Result<Option<Event>, Failure> {
    let select = query(concat!("SELECT ", event_columns!(), " FROM events e WHERE e.message = ?"));
    let found = select.bind(message.0.as_bytes().as_slice()).fetch_optional(c).await?;
    found.map(|row| columns::event(&row)).transpose()
}

pub(super) async fn visible(
    c: &mut MySqlConnection,
    user: UserId,
    room: RoomId,
    seqs: &[Seq],
) -> Result<Option<Vec<Event>>, Failure> {
    let stays = stays(c, user, room).await?;
    if !paging::is_in(&stays) {
        return Ok(None);
    }
    let mut events = Vec::new();
    for seqs in lists::keys(&paging::seen(&stays, seqs)) {
        let sql = format!(
            concat!(
                "SELECT ",
                event_columns!(),
                " FROM events e WHERE e.room_id = ? AND e.seq IN ({}) ORDER BY e.seq"
            ),
            places("?", seqs.len())
        );
        let select = statement(sql).bind(room.0.as_bytes().as_slice());
        let select = seqs.fold(select, |select, &seq| select.bind(columns::int(seq)));
        for row in select.fetch_all(&mut *c).await? {
            events.push(columns::event(&row)?);
        }
    }
    Ok(Some(events))
}

pub(super) async fn append_bulk(
    c: &mut MySqlConnection,
    room: RoomId,
    events: &[Event],
) -> Result<(), Failure> {
    let select = query("SELECT head FROM rooms WHERE id = ? FOR UPDATE").bind(room.0.as_bytes().as_slice());
    let row = select.fetch_optional(&mut *c).await?;
    let row = row.ok_or_else(|| StoreError::Other(format!("there is no room {room}")))?;
    let head = columns::uint(&row, 0)?;
    let mut log = Log::default();
    for (event, seq) in events.iter().zip(head + 1..) {
        if event.room != room || event.seq != seq {
            return Err(StoreError::Other(format!("an event does not belong at {seq} of room {room}")).into());
        }
        log.append(event, event.txn_id.is_some().then_some(&[0; 16]));
    }
    log.insert(c).await
}

/// The times come first: of what is assigned, each sees those before it.
pub(super) async fn put_positions(
    c: &mut MySqlConnection,
    positions: &[(RoomId, Position)],
) -> Result<(), Failure> {
    for positions in lists::pieces(positions) {
        let sql = format!(
            "INSERT INTO positions (room_id, user_id, delivered_seq, read_seq, delivered_at, read_at)
             VALUES {} ON DUPLICATE KEY UPDATE
               delivered_at = IF(VALUES(delivered_seq) > delivered_seq, VALUES(delivered_at), delivered_at),
               read_at = IF(VALUES(read_seq) > read_seq, VALUES(read_at), read_at),
               delivered_seq = GREATEST(delivered_seq, VALUES(delivered_seq)),
               read_seq = GREATEST(read_seq, VALUES(read_seq))",
            places("(?,?,?,?,?,?)", positions.len())
        );
        let upsert = positions.iter().fold(statement(sql), |upsert, (room, position)| {
            upsert
                .bind(room.0.as_bytes().as_slice())
                .bind(position.user.0.as_bytes().as_slice())
                .bind(columns::int(position.delivered))
                .bind(columns::int(position.read))
                .bind(position.delivered_at)
                .bind(position.read_at)
        });
        upsert.execute(&mut *c).await?;
    }
    Ok(())
}

pub(super) async fn positions(c: &mut MySqlConnection, room: RoomId) -> Result<Vec<Position>, Failure> {
    let select = query(concat!(
        "SELECT ",
        position_columns!(),
        " FROM positions p
         JOIN memberships m ON m.room_id = p.room_id AND m.user_id = p.user_id AND m.to_seq = ",
        open!(),
        " WHERE p.room_id = ? ORDER BY p.user_id"
    ));
    let rows = select.bind(room.0.as_bytes().as_slice()).fetch_all(c).await?;
    rows.iter().map(|row| columns::position(row, 0)).collect()
}
