//! What is known of stored files.

use sqlx::{MySqlConnection, query};
use zas_protocol::{FileId, UserId};

use super::columns::{self, get};
use super::error::Failure;
use crate::rows::{FileKind, FileRow};

pub(super) async fn put(c: &mut MySqlConnection, file: &FileRow) -> Result<(), Failure> {
    let insert = query(
        "INSERT INTO files (id, user_id, kind, media_type, bytes, width, height, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    );
    let insert = insert
        .bind(file.id.0.as_bytes().as_slice())
        .bind(file.user.0.as_bytes().as_slice())
        .bind(file.kind.name())
        .bind(&file.media_type)
        .bind(columns::int(file.bytes))
        .bind(file.width)
        .bind(file.height)
        .bind(file.at);
    insert.execute(c).await?;
    Ok(())
}

pub(super) async fn find(c: &mut MySqlConnection, file: FileId) -> Result<Option<FileRow>, Failure> {
    let select =
        query("SELECT user_id, kind, media_type, bytes, width, height, created_at FROM files WHERE id = ?");
    let Some(row) = select.bind(file.0.as_bytes().as_slice()).fetch_optional(c).await? else {
        return Ok(None);
    };
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
    }))
}
