//! Copies of the file: taken while a server writes to it, looked at, and made the start of another
//! history.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use zas_protocol::Epoch;

use super::open::{self, ProcessLock};
use crate::error::StoreError;
use crate::migrate;

/// What a database file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents {
    /// The number of its newest migration.
    pub schema: u32,
    /// Which history it is.
    pub epoch: Epoch,
    /// Accounts.
    pub users: u64,
    /// Rooms, own logs left out.
    pub rooms: u64,
    /// Events of all logs.
    pub events: u64,
}

/// A database file that no server may open while this lives.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "held for what dropping it does")] ProcessLock);

/// Claims a database file, whether it exists or not.
///
/// # Errors
/// [`StoreError::InUse`] while a server has it.
pub fn claim(database: &Path) -> Result<Claim, StoreError> {
    ProcessLock::take(database).map(Claim)
}

/// The newest migration that this program knows.
#[must_use]
pub fn newest_schema() -> u32 {
    migrate::SQLITE.last().map_or(0, |step| step.number)
}

/// Writes what the database holds at this moment into a file of its own, which is empty or not
/// there yet. All that was acknowledged before is in it. A server may have the database open: it goes on
/// writing.
///
/// # Errors
/// [`StoreError::Full`] where there is no room for the copy; what reading may fail with.
pub fn snapshot(database: &Path, to: &Path) -> Result<(), StoreError> {
    open::check_library()?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)?;
    connection.busy_timeout(open::BUSY_TIMEOUT)?;
    let Some(to) = to.to_str() else {
        return Err(StoreError::Other(format!("{} is no name that SQLite can take", to.display())));
    };
    connection.execute("VACUUM INTO ?1", [to])?;
    Ok(())
}

/// Makes a file, which is empty or not there yet, a database of the newest schema with nothing in it, for who
/// fills it from elsewhere. It is on the disk once its maker has synced it.
pub(crate) fn empty(database: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(database)?;
    // Whole tables come one by one, and a person's picture before the picture.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection.pragma_update(None, "journal_mode", "MEMORY")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    open::migrate(&mut connection, migrate::SQLITE)?;
    Ok(connection)
}

/// Brings a file that nobody writes to up to date.
///
/// # Errors
/// What opening a file may fail with.
pub fn update(database: &Path) -> Result<(), StoreError> {
    let mut connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    open::migrate(&mut connection, migrate::SQLITE)
}

/// Looks at a file that nobody writes to, and changes nothing: whether it is whole, and what it holds.
///
/// # Errors
/// [`StoreError::Corrupt`] for a damaged file, or one that is not ours.
pub fn examine(database: &Path) -> Result<Contents, StoreError> {
    let connection = immutable(database)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt(verdict));
    }
    let count = |sql: &str| -> Result<u64, StoreError> {
        let count: i64 = connection.query_row(sql, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    };
    Ok(Contents {
        schema: connection.query_row("SELECT max(number) FROM migrations", [], |row| row.get(0))?,
        epoch: open::epoch(&connection)?,
        users: count("SELECT count(*) FROM users")?,
        rooms: count("SELECT count(*) FROM rooms WHERE kind <> 'self'")?,
        events: count("SELECT count(*) FROM events")?,
    })
}

/// Makes the file the start of another history: clients notice, and merge it with nothing. The new
/// epoch is at least `at_least`, which is to be larger than any epoch given out before.
///
/// # Errors
/// What writing may fail with.
pub fn renew_epoch(database: &Path, at_least: Epoch) -> Result<Epoch, StoreError> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute("UPDATE meta SET value = max(value + 1, ?1) WHERE name = 'epoch'", [at_least])?;
    open::epoch(&connection)
}

/// A connection that takes no lock and makes no file beside the database.
fn immutable(database: &Path) -> Result<Connection, StoreError> {
    let path = database.to_string_lossy();
    // RFC 3986 §2.1: what would end the path of the URI.
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(format!("file:{path}?immutable=1"), flags)?)
}
