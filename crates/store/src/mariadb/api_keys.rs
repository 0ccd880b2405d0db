//! Keys of the server-side API.

use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, query};

use super::columns::{self, get};
use super::error::Failure;
use crate::rows::ApiKeyRow;

pub(super) async fn put(c: &mut MySqlConnection, key: &ApiKeyRow) -> Result<bool, Failure> {
    let select = query("SELECT 1 FROM api_keys WHERE name = ?");
    if select.bind(&key.name).fetch_optional(&mut *c).await?.is_some() {
        return Ok(false);
    }
    let insert = query("INSERT INTO api_keys (name, hash, created_at) VALUES (?, ?, ?)");
    insert.bind(&key.name).bind(key.hash.as_slice()).bind(key.created_at).execute(c).await?;
    Ok(true)
}

pub(super) async fn all(c: &mut MySqlConnection) -> Result<Vec<ApiKeyRow>, Failure> {
    let rows = query("SELECT name, hash, created_at FROM api_keys ORDER BY name").fetch_all(c).await?;
    let key = |row: &MySqlRow| {
        let hash: &[u8] = get(row, 1)?;
        Ok(ApiKeyRow {
            name: columns::text(row, 0)?,
            hash: hash.try_into().map_err(|_| columns::unknown("a hash that is none"))?,
            created_at: get(row, 2)?,
        })
    };
    rows.iter().map(key).collect()
}

pub(super) async fn remove(c: &mut MySqlConnection, name: &str) -> Result<bool, Failure> {
    Ok(query("DELETE FROM api_keys WHERE name = ?").bind(name).execute(c).await?.rows_affected() == 1)
}
