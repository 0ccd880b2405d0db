//! What is known of stored files.

use sqlx::{MySqlConnection, query};
use zas_protocol::{FileId, Micros, RoomId, UserId};

use super::columns::{self, get};
use super::error::Failure;
use super::lists::{self, places, statement};
use crate::rows::{FileKind, FileRow};

pub(super) async fn put(c: &mut MySqlConnection, file: &FileRow) -> Result<(), Failure> {
    let insert = query(
        "INSERT INTO files (id, user_id, kind, media_type, bytes, width, height, created_at, name, room_id, seq)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    let insert = insert
        .bind(file.id.0.as_bytes().as_slice())
        .bind(file.user.0.as_bytes().as_slice())
        .bind(file.kind.name())
        .bind(&file.media_type)
        .bind(columns::int(file.bytes))
        .bind(file.width)
        .bind(file.height)
        .bind(file.at)
        .bind(&file.name)
        .bind(file.message.as_ref().map(|(room, _)| room.0.as_bytes().as_slice()))
        .bind(file.message.map(|(_, seq)| columns::int(seq)));
    insert.execute(c).await?;
    Ok(())
}

pub(super) async fn find(c: &mut MySqlConnection, file: FileId) -> Result<Option<FileRow>, Failure> {
    let select = query(
        "SELECT user_id, kind, media_type, bytes, width, height, created_at, name, room_id, seq
         FROM files WHERE id = ? AND erased_at IS NULL",
    );
    let Some(row) = select.bind(file.0.as_bytes().as_slice()).fetch_optional(c).await? else {
        return Ok(None);
    };
    let place = get::<Option<i64>>(&row, 9)?.map(i64::unsigned_abs);
    Ok(Some(FileRow {
        id: file,
        user: UserId(columns::id(&row, 0)?),
        kind: FileKind::from_name(get(&row, 1)?)
            .ok_or_else(|| columns::unknown("a kind of file that is none"))?,
        media_type: columns::text(&row, 2)?,
        bytes: columns::uint(&row, 3)?,
        width: columns::small(&row, 4)?,
        height: columns::small(&row, 5)?,
        at: get(&row, 6)?,
        name: columns::text(&row, 7)?,
        message: columns::maybe_id(&row, 8)?.map(RoomId).zip(place),
    }))
}

pub(super) async fn bytes(c: &mut MySqlConnection, user: UserId) -> Result<u64, Failure> {
    let select = query(
        "SELECT CAST(ifnull(sum(bytes), 0) AS SIGNED) FROM files
         WHERE user_id = ? AND kind = 'attachment' AND erased_at IS NULL",
    );
    columns::uint(&select.bind(user.0.as_bytes().as_slice()).fetch_one(c).await?, 0)
}

pub(super) async fn forget(
    c: &mut MySqlConnection,
    before: Micros,
    limit: u32,
) -> Result<Vec<FileId>, Failure> {
    let dead = query(
        "SELECT id FROM files WHERE kind IN ('attachment', 'room_avatar')
           AND (erased_at IS NOT NULL OR (room_id IS NULL AND created_at < ?))
         LIMIT ? FOR UPDATE",
    );
    let dead = dead.bind(before).bind(limit).fetch_all(&mut *c).await?;
    let mut ids = Vec::with_capacity(dead.len());
    for row in &dead {
        ids.push(FileId(columns::id(row, 0)?));
    }
    for ids in lists::keys(&ids) {
        let sql = format!("DELETE FROM files WHERE id IN ({})", places("?", ids.len()));
        let delete = ids.fold(statement(sql), |delete, file| delete.bind(file.0.as_bytes().as_slice()));
        delete.execute(&mut *c).await?;
    }
    Ok(ids)
}
