//! What is known of stored files.

use rusqlite::{Connection, OptionalExtension, params};
use zas_protocol::{FileId, Micros, RoomId, UserId};

use super::columns;
use crate::error::StoreError;
use crate::rows::{FileKind, FileRow};

pub(super) fn put(connection: &Connection, file: &FileRow) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO files (id, user_id, kind, media_type, bytes, width, height, created_at, name, room_id, seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    insert.execute(params![
        file.id.0,
        file.user.0,
        file.kind.name(),
        file.media_type,
        columns::int(file.bytes),
        file.width,
        file.height,
        file.at,
        file.name,
        file.message.map(|(room, _)| room.0),
        file.message.map(|(_, seq)| columns::int(seq)),
    ])?;
    Ok(())
}

pub(super) fn get(connection: &Connection, file: FileId) -> Result<Option<FileRow>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT user_id, kind, media_type, bytes, width, height, created_at, name, room_id, seq
         FROM files WHERE id = ?1 AND erased_at IS NULL",
    )?;
    let found = select.query_row([file.0], |row| {
        let kind = row.get_ref(1)?.as_str()?;
        Ok(FileRow {
            id: file,
            user: UserId(row.get(0)?),
            kind: FileKind::from_name(kind).ok_or_else(|| columns::unknown(1, kind))?,
            media_type: row.get(2)?,
            bytes: columns::uint(row, 3)?,
            width: row.get(4)?,
            height: row.get(5)?,
            at: row.get(6)?,
            name: row.get(7)?,
            message: row.get::<_, Option<_>>(8)?.map(RoomId).zip(columns::open_end(row, 9)?),
        })
    });
    Ok(found.optional()?)
}

pub(super) fn bytes(connection: &Connection, user: UserId) -> Result<u64, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT ifnull(sum(bytes), 0) FROM files
         WHERE user_id = ?1 AND kind = 'attachment' AND erased_at IS NULL",
    )?;
    Ok(select.query_row([user.0], |row| columns::uint(row, 0))?)
}

pub(super) fn forget(connection: &Connection, before: Micros, limit: u32) -> Result<Vec<FileId>, StoreError> {
    let mut delete = connection.prepare_cached(
        "DELETE FROM files WHERE id IN (
           SELECT id FROM files
           WHERE kind <> 'avatar' AND (room_id IS NULL OR erased_at IS NOT NULL)
             AND (erased_at IS NOT NULL OR created_at < ?1)
           LIMIT ?2)
         RETURNING id",
    )?;
    let ids = delete.query_map(params![before, limit], |row| row.get(0).map(FileId))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}
