//! How far each webhook has told each log.

use rusqlite::{Connection, OptionalExtension, params};
use zas_protocol::{RoomId, Seq};

use super::columns;
use crate::error::StoreError;

pub(super) fn begin(connection: &Connection, webhook: &str) -> Result<(), StoreError> {
    let mut insert =
        connection.prepare_cached("INSERT INTO webhooks (name) VALUES (?1) ON CONFLICT DO NOTHING")?;
    if insert.execute([webhook])? == 1 {
        connection.execute(
            "INSERT INTO webhook_places (webhook, room_id, seq)
             SELECT ?1, id, head FROM rooms WHERE kind <> 'self' AND head > 0",
            [webhook],
        )?;
    }
    Ok(())
}

pub(super) fn due(
    connection: &Connection,
    webhook: &str,
    limit: u32,
) -> Result<Vec<(RoomId, Seq)>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT r.id, coalesce(p.seq, 0) FROM rooms r
         LEFT JOIN webhook_places p ON p.webhook = ?1 AND p.room_id = r.id
         WHERE r.kind <> 'self' AND r.head > coalesce(p.seq, 0) ORDER BY r.id LIMIT ?2",
    )?;
    let rows =
        select.query_map(params![webhook, limit], |row| Ok((RoomId(row.get(0)?), columns::uint(row, 1)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn place(connection: &Connection, webhook: &str, room: RoomId) -> Result<Seq, StoreError> {
    let mut select =
        connection.prepare_cached("SELECT seq FROM webhook_places WHERE webhook = ?1 AND room_id = ?2")?;
    let found = select.query_row(params![webhook, room.0], |row| columns::uint(row, 0)).optional()?;
    Ok(found.unwrap_or(0))
}

pub(super) fn advance(
    connection: &Connection,
    webhook: &str,
    places: &[(RoomId, Seq)],
) -> Result<(), StoreError> {
    let mut put = connection.prepare_cached(
        "INSERT INTO webhook_places (webhook, room_id, seq) VALUES (?1, ?2, ?3)
         ON CONFLICT (webhook, room_id) DO UPDATE SET seq = max(seq, excluded.seq)",
    )?;
    for &(room, seq) in places {
        put.execute(params![webhook, room.0, columns::int(seq)])?;
    }
    Ok(())
}
