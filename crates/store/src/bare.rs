//! What durability alone costs: messages into one table of SQLite, with the pragmas and the commit of
//! [`crate::sqlite`] and no rule at all. `zas bench` divides by it.

mod server;

pub use server::{ServerLog, wipe};

use std::path::Path;

use rusqlite::{Connection, params_from_iter, types::Value};

use crate::error::StoreError;
use crate::sqlite::CHECKPOINT_PAGES;

/// Rows of one statement.
const ROWS: usize = 64;

/// A message as the bare loop keeps it.
#[derive(Debug)]
pub struct Row {
    /// Which room.
    pub room: String,
    /// Its place in the room.
    pub seq: u64,
    /// How its sender calls it.
    pub txn_id: String,
    /// What it says.
    pub text: String,
    /// When, in microseconds since 1970.
    pub at: i64,
}

/// The table.
pub struct Log(Connection);

impl Log {
    /// Makes it in a file that is not there yet.
    ///
    /// # Errors
    /// What opening a file may fail with.
    pub fn create(path: &Path) -> Result<Self, StoreError> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
        connection.execute_batch(
            "CREATE TABLE log (
               room TEXT NOT NULL, seq INTEGER NOT NULL, txn_id TEXT NOT NULL, text TEXT NOT NULL,
               at INTEGER NOT NULL, PRIMARY KEY (room, seq)
             ) STRICT, WITHOUT ROWID",
        )?;
        Ok(Self(connection))
    }

    /// Appends all rows and commits once; they are on the disk when this returns.
    ///
    /// # Errors
    /// What writing may fail with.
    pub fn append(&mut self, rows: &[Row]) -> Result<(), StoreError> {
        let transaction = self.0.transaction()?;
        for rows in rows.chunks(ROWS) {
            let places = vec!["(?,?,?,?,?)"; rows.len()].join(",");
            let mut insert = transaction.prepare_cached(&format!("INSERT INTO log VALUES {places}"))?;
            let values = rows.iter().flat_map(|row| {
                [
                    Value::from(row.room.clone()),
                    Value::from(i64::try_from(row.seq).unwrap_or(i64::MAX)),
                    Value::from(row.txn_id.clone()),
                    Value::from(row.text.clone()),
                    Value::from(row.at),
                ]
            });
            insert.execute(params_from_iter(values))?;
        }
        Ok(transaction.commit()?)
    }
}
