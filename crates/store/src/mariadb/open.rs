//! The schema, and which history the database holds.

use std::time::Duration;

use sqlx::{MySqlConnection, query, raw_sql};
use tokio::time::timeout;
use zas_protocol::Epoch;

use super::columns::{self, get};
use super::error::Failure;
use crate::error::StoreError;
use crate::migrate::{self, Migration};

/// How long one server waits for another that brings the schema up to date, in seconds.
const MIGRATING: u32 = 60;
/// And how long that may take.
const MIGRATION: Duration = Duration::from_secs(3_600);

/// Brings the schema up to date. Of servers that start at once one does it, the others wait.
pub(super) async fn migrate(c: &mut MySqlConnection, all: &[Migration]) -> Result<(), StoreError> {
    let lock = query("SELECT GET_LOCK(CONCAT('zas migrates ', DATABASE()), ?)").bind(MIGRATING);
    let row = lock.fetch_one(&mut *c).await.map_err(Failure::from)?;
    if get::<Option<i64>>(&row, 0)? != Some(1) {
        return Err(StoreError::Busy);
    }
    let done = match timeout(MIGRATION, run(c, all)).await {
        Ok(done) => done.map_err(StoreError::from),
        Err(_) => Err(StoreError::Unavailable("a migration takes too long".to_owned())),
    };
    let _with_the_connection_it_ends_anyway =
        raw_sql("DO RELEASE_LOCK(CONCAT('zas migrates ', DATABASE()))").execute(c).await;
    done
}

/// Each statement commits by itself, so that each may run again: a step is on record once all of it has
/// run, and one that was cut off starts from its beginning.
async fn run(c: &mut MySqlConnection, all: &[Migration]) -> Result<(), Failure> {
    raw_sql(
        "CREATE TABLE IF NOT EXISTS migrations (
           number INT UNSIGNED NOT NULL PRIMARY KEY, name VARCHAR(255) NOT NULL, checksum VARCHAR(64) NOT NULL
         ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
    )
    .execute(&mut *c)
    .await?;
    let rows = query("SELECT number, checksum FROM migrations ORDER BY number").fetch_all(&mut *c).await?;
    let mut applied = Vec::with_capacity(rows.len());
    for row in &rows {
        applied.push((columns::small(row, 0)?, columns::text(row, 1)?));
    }
    for step in migrate::pending(all, &applied)? {
        for sql in step.statements() {
            raw_sql(sql).execute(&mut *c).await?;
        }
        let insert = query("INSERT INTO migrations (number, name, checksum) VALUES (?, ?, ?)");
        insert.bind(step.number).bind(step.name).bind(step.checksum()).execute(&mut *c).await?;
    }
    Ok(())
}

/// Which history the database holds.
pub(super) async fn epoch(c: &mut MySqlConnection) -> Result<Epoch, Failure> {
    let row = query("SELECT value FROM meta WHERE name = 'epoch'").fetch_one(c).await?;
    Epoch::try_from(get::<i64>(&row, 0)?).map_err(|_| columns::unknown("an epoch that is none"))
}

/// The number of the newest migration.
pub(super) async fn schema(c: &mut MySqlConnection) -> Result<u32, Failure> {
    columns::small(&query("SELECT max(number) FROM migrations").fetch_one(c).await?, 0)
}
