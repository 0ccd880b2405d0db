//! How far each webhook has told each log.

use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, query};
use zas_protocol::{RoomId, Seq};

use super::columns;
use super::error::Failure;

pub(super) async fn begin(c: &mut MySqlConnection, webhook: &str) -> Result<(), Failure> {
    let select = query("SELECT 1 FROM webhooks WHERE name = ?");
    if select.bind(webhook).fetch_optional(&mut *c).await?.is_none() {
        query("INSERT INTO webhooks (name) VALUES (?)").bind(webhook).execute(&mut *c).await?;
        let insert = query(
            "INSERT INTO webhook_places (webhook, room_id, seq)
             SELECT ?, id, head FROM rooms WHERE kind <> 'self' AND head > 0",
        );
        insert.bind(webhook).execute(c).await?;
    }
    Ok(())
}

pub(super) async fn due(
    c: &mut MySqlConnection,
    webhook: &str,
    limit: u32,
) -> Result<Vec<(RoomId, Seq)>, Failure> {
    let select = query(
        "SELECT r.id, coalesce(p.seq, 0) FROM rooms r
         LEFT JOIN webhook_places p ON p.webhook = ? AND p.room_id = r.id
         WHERE r.kind <> 'self' AND r.head > coalesce(p.seq, 0) ORDER BY r.id LIMIT ?",
    );
    let rows = select.bind(webhook).bind(i64::from(limit)).fetch_all(c).await?;
    let place = |row: &MySqlRow| Ok((RoomId(columns::id(row, 0)?), columns::uint(row, 1)?));
    rows.iter().map(place).collect()
}

pub(super) async fn place(c: &mut MySqlConnection, webhook: &str, room: RoomId) -> Result<Seq, Failure> {
    let select = query("SELECT seq FROM webhook_places WHERE webhook = ? AND room_id = ?");
    let found = select.bind(webhook).bind(room.0.as_bytes().as_slice()).fetch_optional(c).await?;
    found.map_or(Ok(0), |row| columns::uint(&row, 0))
}

pub(super) async fn advance(
    c: &mut MySqlConnection,
    webhook: &str,
    places: &[(RoomId, Seq)],
) -> Result<(), Failure> {
    for &(room, seq) in places {
        let put = query(
            "INSERT INTO webhook_places (webhook, room_id, seq) VALUES (?, ?, ?)
             ON DUPLICATE KEY UPDATE seq = greatest(seq, VALUES(seq))",
        );
        let put = put.bind(webhook).bind(room.0.as_bytes().as_slice()).bind(columns::int(seq));
        put.execute(&mut *c).await?;
    }
    Ok(())
}
