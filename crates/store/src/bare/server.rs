//! The same on MariaDB: one statement of many rows a commit, prepared for few lengths.

use sqlx::{Connection as _, MySqlConnection, query, raw_sql};
use tokio::runtime::Runtime;

use super::Row;
use crate::error::StoreError;
use crate::mariadb::{Failure, Role, Server, get, lists};

/// What a database's name must contain to be emptied.
const MEANT: &str = "bench";

/// The table, and a runtime for who waits.
pub struct ServerLog {
    runtime: Runtime,
    connection: MySqlConnection,
}

impl ServerLog {
    /// Makes it anew in a database. Not within a runtime.
    ///
    /// # Errors
    /// What connecting may fail with.
    pub fn create(url: &str) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let connection = runtime.block_on(async {
            let mut connection = Server::parse(url)?.connect(Role::Writer).await?;
            raw_sql(
                "CREATE OR REPLACE TABLE bare_log (
                   room VARBINARY(64) NOT NULL, seq BIGINT NOT NULL, txn_id VARBINARY(64) NOT NULL,
                   text MEDIUMTEXT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (room, seq)
                 ) ENGINE = InnoDB CHARACTER SET utf8mb4",
            )
            .execute(&mut connection)
            .await
            .map_err(Failure::from)?;
            Ok::<_, StoreError>(connection)
        })?;
        Ok(Self { runtime, connection })
    }

    /// Appends all rows and commits once.
    ///
    /// # Errors
    /// What writing may fail with.
    pub fn append(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        let Self { runtime, connection } = self;
        let appended = runtime.block_on(async {
            let mut transaction = connection.begin().await?;
            for rows in lists::pieces(rows) {
                let sql = format!("INSERT INTO bare_log VALUES {}", lists::places("(?,?,?,?,?)", rows.len()));
                let insert = rows.iter().fold(lists::statement(sql), |insert, row| {
                    insert
                        .bind(row.room.as_bytes())
                        .bind(i64::try_from(row.seq).unwrap_or(i64::MAX))
                        .bind(row.txn_id.as_bytes())
                        .bind(&row.text)
                        .bind(row.at)
                });
                insert.execute(&mut *transaction).await?;
            }
            transaction.commit().await
        });
        Ok(appended.map_err(Failure::from)?)
    }
}

/// Empties a database that is there to be measured in: its name says so.
///
/// # Errors
/// [`StoreError::Other`] for one with another name; what writing may fail with.
pub async fn wipe(url: &str) -> Result<(), StoreError> {
    let server = Server::parse(url)?;
    if !server.database.contains(MEANT) {
        return Err(StoreError::Other(format!(
            "a bench empties its database, so that its name must contain {MEANT:?}, and {} does not",
            server.database
        )));
    }
    let mut connection = server.connect(Role::Writer).await?;
    let wiped = async {
        raw_sql("SET SESSION foreign_key_checks = 0").execute(&mut connection).await?;
        let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()";
        for row in query(tables).fetch_all(&mut connection).await? {
            let table: String = get(&row, 0)?;
            let drop = lists::statement(format!("DROP TABLE IF EXISTS `{}`", table.replace('`', "``")));
            drop.persistent(false).execute(&mut connection).await?;
        }
        Ok::<_, Failure>(())
    };
    Ok(wiped.await?)
}
