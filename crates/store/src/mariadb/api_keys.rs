//! Keys of the server-side API.

use sqlx::{MySqlConnection, query};

use super::columns::{self, get};
use super::error::Failure;
use crate::rows::ApiKeyRow;

pub(super) async fn put(c: &mut MySqlConnection, key: &ApiKeyRow) -> Result<bool, Failure> {
    let named = query("SELECT 1 FROM api_keys WHERE name = ? FOR UPDATE").bind(&key.name);
    if named.fetch_optional(&mut *c).await?.is_some() {
        return Ok(false);
    }
    query("INSERT INTO api_keys (name, hash, created_at) VALUES (?, ?, ?)")
        .bind(&key.name)
        .bind(key.hash.as_slice())
        .bind(key.created_at)
        .execute(c)
        .await?;
    Ok(true)
}

pub(super) async fn all(c: &mut MySqlConnection) -> Result<Vec<ApiKeyRow>, Failure> {
    let rows = query("SELECT name, hash, created_at FROM api_keys ORDER BY name").fetch_all(c).await?;
    let key = |row: &_| -> Result<ApiKeyRow, Failure> {
        let hash = get::<&[u8]>(row, 1)?.try_into();
        let hash = hash.map_err(|_| columns::unknown("a key's hash of another length"))?;
        Ok(ApiKeyRow { name: columns::text(row, 0)?, hash, created_at: get(row, 2)? })
    };
    rows.iter().map(key).collect()
}

pub(super) async fn remove(c: &mut MySqlConnection, name: &str) -> Result<bool, Failure> {
    let delete = query("DELETE FROM api_keys WHERE name = ?").bind(name);
    Ok(delete.execute(c).await?.rows_affected() == 1)
}
