//! What is known of stored files.

use rusqlite::{Connection, OptionalExtension, params};
use zas_protocol::{FileId, UserId};

use super::columns;
use crate::error::StoreError;
use crate::rows::{FileKind, FileRow};

pub(super) fn put(connection: &Connection, file: &FileRow) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO files (id, user_id, kind, media_type, bytes, width, height, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
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
    ])?;
    Ok(())
}

pub(super) fn get(connection: &Connection, file: FileId) -> Result<Option<FileRow>, StoreError> {
    let mut select = connection.prepare_cached(
        "SELECT user_id, kind, media_type, bytes, width, height, created_at FROM files WHERE id = ?1",
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
        })
    });
    Ok(found.optional()?)
}
