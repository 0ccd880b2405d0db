//! Copies of a database, in the form that every engine's have: a file of SQLite. So a backup may be restored
//! to either engine, and a server moves from one to the other by a backup.
//!
//! To add a table or a column: its place in [`TABLES`]; a test compares them with the schema.

use std::path::Path;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use sqlx::mysql::MySqlRow;
use sqlx::{MySqlConnection, query, raw_sql};
use zas_protocol::Epoch;

use super::columns::{OPEN, get};
use super::connect::{Durability, Role, Server};
use super::error::Failure;
use super::lists::{self, places, statement};
use super::open;
use crate::error::StoreError;
use crate::migrate;
use crate::sqlite;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Bytes,
    Text,
    Number,
    /// Where a stay ends: open is nothing in one engine, the largest number in the other.
    End,
}

use Holds::{Bytes, End, Number, Text};

/// A table, and its columns in both engines.
type Table = (&'static str, &'static [(&'static str, Holds)]);

/// Everything but `migrations`, which each engine has of its own, and `others`, which follows from `events`.
const TABLES: [Table; 18] = [
    ("meta", &[("name", Text), ("value", Number)]),
    (
        "users",
        &[
            ("id", Bytes),
            ("username", Text),
            ("skeleton", Text),
            ("email", Text),
            ("display_name", Text),
            ("search_name", Text),
            ("bio", Text),
            ("avatar", Bytes),
            ("profile_rev", Number),
            ("password_hash", Text),
            ("admin", Number),
            ("active", Number),
            ("prefs", Text),
            ("last_seen", Number),
            ("created_at", Number),
            ("signed_out_at", Number),
        ],
    ),
    (
        "devices",
        &[
            ("id", Bytes),
            ("user_id", Bytes),
            ("name", Text),
            ("refresh_jti", Text),
            ("refresh_issued_at", Number),
            ("previous_jti", Text),
            ("created_at", Number),
            ("last_used_at", Number),
        ],
    ),
    (
        "rooms",
        &[
            ("id", Bytes),
            ("kind", Text),
            ("name", Text),
            ("pair_low", Bytes),
            ("pair_high", Bytes),
            ("head", Number),
            ("last_at", Number),
            ("members", Number),
            ("created_at", Number),
            ("description", Text),
            ("avatar", Bytes),
        ],
    ),
    (
        "memberships",
        &[
            ("room_id", Bytes),
            ("user_id", Bytes),
            ("from_seq", Number),
            ("to_seq", End),
            ("role", Text),
            ("joined_at", Number),
            ("left_at", Number),
        ],
    ),
    (
        "positions",
        &[
            ("room_id", Bytes),
            ("user_id", Bytes),
            ("delivered_seq", Number),
            ("read_seq", Number),
            ("delivered_at", Number),
            ("read_at", Number),
        ],
    ),
    (
        "events",
        &[
            ("room_id", Bytes),
            ("seq", Number),
            ("at", Number),
            ("kind", Text),
            ("sender", Bytes),
            ("txn_id", Text),
            ("fingerprint", Bytes),
            ("message", Bytes),
            ("body", Text),
        ],
    ),
    ("room_prefs", &[("user_id", Bytes), ("room_id", Bytes), ("prefs", Text)]),
    (
        "files",
        &[
            ("id", Bytes),
            ("user_id", Bytes),
            ("kind", Text),
            ("media_type", Text),
            ("bytes", Number),
            ("width", Number),
            ("height", Number),
            ("created_at", Number),
            ("name", Text),
            ("room_id", Bytes),
            ("seq", Number),
            ("erased_at", Number),
        ],
    ),
    (
        "message_states",
        &[
            ("room_id", Bytes),
            ("seq", Number),
            ("rev", Number),
            ("text", Text),
            ("edited_at", Number),
            ("deleted_at", Number),
        ],
    ),
    ("message_edits", &[("room_id", Bytes), ("seq", Number), ("rev", Number)]),
    (
        "reactions",
        &[("room_id", Bytes), ("seq", Number), ("user_id", Bytes), ("reaction", Text), ("at", Number)],
    ),
    ("identities", &[("issuer", Text), ("subject", Text), ("user_id", Bytes), ("created_at", Number)]),
    ("api_keys", &[("name", Text), ("hash", Bytes), ("created_at", Number)]),
    ("webhooks", &[("name", Text)]),
    ("webhook_places", &[("webhook", Text), ("room_id", Bytes), ("seq", Number)]),
    ("message_times", &[("room_id", Bytes), ("seq", Number), ("said_at", Number)]),
    ("file_origins", &[("file_id", Bytes), ("address", Text)]),
];

/// Rows of one transaction when a database is filled.
const ROWS: usize = 4_096;
/// How long a restore waits for the connection of a server that has just ended, in seconds.
const CLAIM: u32 = 2;

fn names((_, columns): &Table) -> String {
    columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// Writes what the database holds at this moment into a file that is empty or not there yet. All that was
/// acknowledged before is in it. Servers go on reading and writing.
///
/// # Errors
/// [`StoreError::Unavailable`] where the server goes away meanwhile, [`StoreError::Full`] where there is no
/// room for the copy; what reading may fail with.
pub async fn snapshot(url: &str, to: &Path) -> Result<(), StoreError> {
    let mut from = Server::parse(url)?.connect(Role::Reader).await?;
    Durability::read(&mut from).await?.usable()?;
    let mut to = sqlite::backup::empty(to)?;
    // The copy may take long, and is read as fast as the file takes it.
    for sql in [
        "SET SESSION idle_transaction_timeout = 0, net_write_timeout = 3600",
        "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
    ] {
        raw_sql(sql).execute(&mut from).await.map_err(Failure::from)?;
    }
    let schema = open::schema(&mut from).await?;
    if schema != newest() {
        return Err(StoreError::Other(format!(
            "its schema is of version {schema} and this program's {}; start the server once to update it",
            newest()
        )));
    }
    let writing = to.transaction()?;
    for table in &TABLES {
        copy_out(&mut from, &writing, table).await?;
    }
    writing.commit()?;
    raw_sql("COMMIT").execute(&mut from).await.map_err(Failure::from)?;
    Ok(())
}

async fn copy_out(from: &mut MySqlConnection, to: &Connection, table: &Table) -> Result<(), StoreError> {
    let (name, columns) = table;
    let marks = places("?", columns.len());
    let mut insert =
        to.prepare(&format!("INSERT OR REPLACE INTO {name} ({}) VALUES ({marks})", names(table)))?;
    let select = statement(format!("SELECT {} FROM {name}", names(table)));
    let mut rows = select.fetch(from);
    while let Some(row) = rows.try_next().await.map_err(Failure::from)? {
        let mut values = Vec::with_capacity(columns.len());
        for (index, (_, holds)) in columns.iter().enumerate() {
            values.push(value(&row, index, *holds)?);
        }
        insert.execute(params_from_iter(values))?;
    }
    Ok(())
}

fn value(row: &MySqlRow, index: usize, holds: Holds) -> Result<Value, Failure> {
    Ok(match holds {
        Bytes => get::<Option<Vec<u8>>>(row, index)?.into(),
        Text => get::<Option<String>>(row, index)?.into(),
        Number => get::<Option<i64>>(row, index)?.into(),
        End => get::<Option<i64>>(row, index)?.filter(|end| *end != OPEN).into(),
    })
}

/// A database that is being filled: no server opens it before [`Self::finish`].
pub struct Restoring(MySqlConnection);

/// Fills an empty database, or one whose filling was cut off, with what a file holds that nobody writes to.
/// The file's schema is the newest, its epoch the one that is to be.
///
/// # Errors
/// [`StoreError::InUse`] while a server has the database, [`StoreError::Other`] where there is something in
/// it, what writing may fail with.
pub async fn fill(url: &str, from: &Path) -> Result<Restoring, StoreError> {
    let server = Server::parse(url)?;
    let mut to = server.connect(Role::Writer).await?;
    Durability::read(&mut to).await?.usable()?;
    if !open::claim(&mut to, CLAIM).await? {
        return Err(StoreError::InUse(server.database));
    }
    if !open::is_being_restored(&mut to).await? {
        let count = "SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE()";
        let row = query(count).fetch_one(&mut to).await.map_err(Failure::from)?;
        if get::<i64>(&row, 0)? != 0 {
            return Err(StoreError::Other(format!(
                "the database {} has something in it, and is left as it is; make an empty one and name it with \
                 --database-url",
                server.database
            )));
        }
        open::mark_restoring(&mut to).await?;
    }
    open::migrate(&mut to, migrate::MARIADB).await?;
    let from = Connection::open(from)?;
    let session = "SET SESSION foreign_key_checks = 0, idle_transaction_timeout = 0, lock_wait_timeout = 60";
    raw_sql(session).execute(&mut to).await.map_err(Failure::from)?;
    for table in &TABLES {
        statement(format!("TRUNCATE TABLE {}", table.0))
            .persistent(false)
            .execute(&mut to)
            .await
            .map_err(Failure::from)?;
        copy_in(&from, &mut to, table).await?;
    }
    for sql in ["TRUNCATE TABLE others", open::FILL_OTHERS] {
        raw_sql(sql).execute(&mut to).await.map_err(Failure::from)?;
    }
    Ok(Restoring(to))
}

async fn copy_in(from: &Connection, to: &mut MySqlConnection, table: &Table) -> Result<(), StoreError> {
    let (name, columns) = table;
    let mut select = from.prepare(&format!("SELECT {} FROM {name}", names(table)))?;
    let mut rows = select.query([])?;
    loop {
        let mut some: Vec<Vec<Value>> = Vec::new();
        while some.len() < ROWS
            && let Some(row) = rows.next()?
        {
            let read = (0..columns.len()).map(|index| row.get(index));
            some.push(read.collect::<rusqlite::Result<_>>()?);
        }
        if some.is_empty() {
            return Ok(());
        }
        insert(to, table, &some).await?;
    }
}

async fn insert(to: &mut MySqlConnection, table: &Table, rows: &[Vec<Value>]) -> Result<(), Failure> {
    let (name, columns) = table;
    let group = format!("({})", places("?", columns.len()));
    raw_sql("START TRANSACTION").execute(&mut *to).await?;
    for rows in lists::pieces(rows) {
        let sql = format!("INSERT INTO {name} ({}) VALUES {}", names(table), places(&group, rows.len()));
        let mut insert = statement(sql);
        for (value, (_, holds)) in rows.iter().flat_map(|row| row.iter().zip(*columns)) {
            insert = match value {
                Value::Null if *holds == End => insert.bind(OPEN),
                Value::Null => insert.bind(None::<i64>),
                Value::Integer(number) => insert.bind(*number),
                Value::Text(text) => insert.bind(text.as_str()),
                Value::Blob(bytes) => insert.bind(bytes.as_slice()),
                Value::Real(_) => {
                    return Err(StoreError::Corrupt("a number with a fraction".to_owned()).into());
                }
            };
        }
        insert.execute(&mut *to).await?;
    }
    raw_sql("COMMIT").execute(to).await?;
    Ok(())
}

impl Restoring {
    /// Lets servers open it.
    ///
    /// # Errors
    /// What writing may fail with.
    pub async fn finish(mut self) -> Result<Epoch, StoreError> {
        let epoch = open::epoch(&mut self.0).await?;
        open::mark_restored(&mut self.0).await?;
        let _gone_either_way =
            tokio::time::timeout(Duration::from_secs(1), sqlx::Connection::close(self.0)).await;
        Ok(epoch)
    }
}

fn newest() -> u32 {
    migrate::MARIADB.last().map_or(0, |step| step.number)
}

/// The columns of all tables that are copied, for the test that none is left out.
#[cfg(test)]
pub(super) fn copied() -> Vec<(String, String)> {
    let columns = |(name, columns): &Table| {
        columns.iter().map(|(column, _)| ((*name).to_owned(), (*column).to_owned())).collect::<Vec<_>>()
    };
    TABLES.iter().flat_map(columns).collect()
}
