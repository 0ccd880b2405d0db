//! Keys of the server-side API.

use rusqlite::{Connection, params};

use crate::error::StoreError;
use crate::rows::ApiKeyRow;

pub(super) fn put(connection: &Connection, key: &ApiKeyRow) -> Result<bool, StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO api_keys (name, hash, created_at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
    )?;
    Ok(insert.execute(params![key.name, key.hash, key.created_at])? == 1)
}

pub(super) fn all(connection: &Connection) -> Result<Vec<ApiKeyRow>, StoreError> {
    let mut select =
        connection.prepare_cached("SELECT name, hash, created_at FROM api_keys ORDER BY name")?;
    let rows = select.query_map([], |row| {
        Ok(ApiKeyRow { name: row.get(0)?, hash: row.get(1)?, created_at: row.get(2)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn remove(connection: &Connection, name: &str) -> Result<bool, StoreError> {
    let mut delete = connection.prepare_cached("DELETE FROM api_keys WHERE name = ?1")?;
    Ok(delete.execute([name])? == 1)
}
