//! Opening the file: whose it is, how durable, which schema.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};
use zas_protocol::Epoch;

use super::columns;
use crate::error::StoreError;
use crate::migrate::{self, Migration};

/// The first version without the fault that could damage a WAL (3.7.0–3.51.2).
const OLDEST_SQLITE: i32 = 3_051_003;
/// How long a statement waits for a lock. Within one process nothing holds one for long.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Statements kept prepared for each connection.
const STATEMENTS: usize = 128;
/// Pages in the log (16 MiB) from which on a commit copies them into the file. Four times SQLite's own
/// default: the ends of logs are written by every commit, and are copied that much less often.
pub(crate) const CHECKPOINT_PAGES: i32 = 4_000;
/// Page cache of a connection, in KiB.
const CACHE_KIB: i64 = 8 * 1024;

/// The mark of the one process that has the file: an advisory lock, gone with the process
/// however it ends.
#[derive(Debug)]
pub(super) struct ProcessLock {
    _file: File,
}

impl ProcessLock {
    pub(super) fn take(database: &Path) -> Result<Self, StoreError> {
        let path = beside(database, ".lock");
        let unavailable = |error: std::io::Error| {
            StoreError::Unavailable(format!("{} cannot be opened: {error}", path.display()))
        };
        let file = private(&path, false).map_err(unavailable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(database.display().to_string())),
            Err(TryLockError::Error(error)) => Err(unavailable(error)),
        }
    }
}

/// The file whose name is the database's with something after it.
fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Opens a file of the database's owner alone, made if it is not there; as it is, or emptied.
fn private(path: &Path, emptied: bool) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(emptied).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Refuses a library that can damage a database.
pub(super) fn check_library() -> Result<(), StoreError> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(StoreError::Other(format!(
            "SQLite {} can damage a database; 3.51.3 or later is needed",
            rusqlite::version()
        )));
    }
    Ok(())
}

/// The connection that writes, on the newest schema.
pub(super) fn writer(path: &Path) -> Result<Connection, StoreError> {
    let unavailable = |error| StoreError::Unavailable(format!("{}: {error}", path.display()));
    // SQLite gives the log and the shared memory beside it the mode of the file.
    private(path, false).map_err(unavailable)?;
    write_log_again(path).map_err(unavailable)?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    write_ahead(&connection)?;
    // The default, said aloud: an acknowledged commit survives a loss of power.
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate(&mut connection, migrate::SQLITE)?;
    Ok(connection)
}

/// Switches the file to a write-ahead log. SQLite names the new mode before it has committed to it, so
/// the statement is run to its end; and it goes on with another journal, whose commits a loss of
/// power may undo, where it cannot switch.
fn write_ahead(connection: &Connection) -> Result<(), StoreError> {
    let mut pragma = connection.prepare("PRAGMA journal_mode = WAL")?;
    let modes = pragma.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    if modes != ["wal"] {
        let why = format!("its journal is {}, and only a write-ahead log is safe", modes.concat());
        return Err(StoreError::Unavailable(why));
    }
    Ok(())
}

/// Makes sure of the log that a program before us left, in a file of its own that takes its place. After
/// a sync that failed the kernel may show what is not on the disk and never will be, and say nothing
/// when it is asked to sync once more. Nobody is told of it, and nothing is appended to it, before. Where
/// there is no room the log stays as it is, since a full disk is to be read all the same.
fn write_log_again(database: &Path) -> std::io::Result<()> {
    let (log, copy) = (beside(database, "-wal"), beside(database, "-wal.copy"));
    let mut from = match File::open(&log) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    if let Err(error) = copy_and_sync(&mut from, &copy) {
        std::fs::remove_file(&copy)?;
        if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            tracing::warn!(%error, "the log is not written again");
            return Ok(());
        }
        return Err(error);
    }
    std::fs::rename(&copy, &log)?;
    // A folder is no file everywhere.
    #[cfg(unix)]
    File::open(database.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
        .sync_all()?;
    Ok(())
}

fn copy_and_sync(from: &mut File, to: &Path) -> std::io::Result<()> {
    let mut to = private(to, true)?;
    std::io::copy(from, &mut to)?;
    to.set_permissions(from.metadata()?.permissions())?;
    to.sync_all()
}

/// A connection that cannot write.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = connect(path, OpenFlags::empty())?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path, more: OpenFlags) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    Ok(connection)
}

/// Brings the schema up to date, each step in a transaction with its own record: a step that was
/// cut off has not happened.
pub(super) fn migrate(connection: &mut Connection, all: &[Migration]) -> Result<(), StoreError> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migrations (
           number INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL
         ) STRICT",
    )?;
    let applied = connection
        .prepare("SELECT number, checksum FROM migrations ORDER BY number")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<Vec<(u32, String)>>>()?;
    for step in migrate::pending(all, &applied)? {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step.sql)?;
        transaction.execute(
            "INSERT INTO migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
            params![step.number, step.name, step.checksum()],
        )?;
        transaction.commit()?;
    }
    Ok(())
}

/// Which history the database holds.
pub(super) fn epoch(connection: &Connection) -> Result<Epoch, StoreError> {
    Ok(connection.query_row("SELECT value FROM meta WHERE name = 'epoch'", [], |row| row.get(0))?)
}

/// What decides over durability, as the connections see it.
pub(super) fn report(connection: &Connection) -> Result<Vec<(&'static str, String)>, StoreError> {
    let mut report = vec![("engine", format!("SQLite {}", rusqlite::version()))];
    let schema: u32 = connection.query_row("SELECT max(number) FROM migrations", [], |row| row.get(0))?;
    report.push(("schema", schema.to_string()));
    report.push(("checkpoint_pages", CHECKPOINT_PAGES.to_string()));
    for name in ["journal_mode", "synchronous", "foreign_keys", "mmap_size"] {
        let value = connection.pragma_query_value(None, name, |row| Ok(columns::shown(row.get_ref(0)?)))?;
        report.push((name, value));
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use rusqlite::Batch;
    use rusqlite::fallible_iterator::FallibleIterator;

    use super::*;

    fn schema(connection: &Connection) -> Vec<(String, Option<String>)> {
        connection
            .prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")
            .unwrap()
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap()
    }

    fn fresh() -> Vec<(String, Option<String>)> {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, migrate::SQLITE).unwrap();
        schema(&connection)
    }

    #[test]
    fn a_database_of_any_version_migrates_to_what_a_fresh_one_is() {
        for version in 0..=migrate::SQLITE.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            migrate(&mut connection, &migrate::SQLITE[..version]).unwrap();
            migrate(&mut connection, migrate::SQLITE).unwrap();
            assert_eq!(schema(&connection), fresh(), "from version {version}");
        }
    }

    /// The file as a kill leaves it: copied while the transaction is open.
    #[test]
    fn a_migration_killed_at_any_statement_runs_again() {
        let fresh = fresh();
        for step in migrate::SQLITE {
            for survived in 0.. {
                let folder = tempfile::tempdir().unwrap();
                let (dying, left) = (folder.path().join("dying.db"), folder.path().join("left.db"));
                let mut connection = writer_before(&dying, step.number);
                let transaction = connection.transaction().unwrap();
                let mut statements = Batch::new(&transaction, step.sql);
                let mut ran = 0;
                while ran < survived
                    && let Some(mut statement) = statements.next().unwrap()
                {
                    statement.execute([]).unwrap();
                    ran += 1;
                }
                std::fs::copy(&dying, &left).unwrap();
                let wal = folder.path().join("dying.db-wal");
                if wal.exists() {
                    std::fs::copy(wal, folder.path().join("left.db-wal")).unwrap();
                }
                assert_eq!(
                    schema(&writer(&left).unwrap()),
                    fresh,
                    "after statement {ran} of {}",
                    step.number
                );
                if ran < survived {
                    break;
                }
            }
        }
    }

    /// `/dev/full` takes nothing, for want of room.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_log_that_cannot_be_written_again_for_want_of_room_is_read_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (dying, left) = (folder.path().join("dying.db"), folder.path().join("left.db"));
        let dying_writer = writer(&dying).unwrap();
        dying_writer.execute("UPDATE meta SET value = 7", []).unwrap();
        for suffix in ["", "-wal"] {
            std::fs::copy(beside(&dying, suffix), beside(&left, suffix)).unwrap();
        }
        let copy = beside(&left, "-wal.copy");
        std::os::unix::fs::symlink("/dev/full", &copy).unwrap();
        assert_eq!(epoch(&writer(&left).unwrap()).unwrap(), 7);
        assert!(std::fs::symlink_metadata(copy).is_err(), "nothing is left of it");
    }

    fn writer_before(path: &Path, number: u32) -> Connection {
        let mut connection = connect(path, OpenFlags::SQLITE_OPEN_CREATE).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        migrate(&mut connection, &migrate::SQLITE[..number as usize - 1]).unwrap();
        connection
    }

    #[test]
    fn what_decides_over_durability_is_set_and_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zas.db");
        let report = report(&writer(&path).unwrap()).unwrap();
        for expected in
            [("journal_mode", "wal"), ("synchronous", "2"), ("foreign_keys", "1"), ("mmap_size", "0")]
        {
            let found = report.iter().find(|(name, _)| *name == expected.0).unwrap();
            assert_eq!(found.1, expected.1, "{}", expected.0);
        }
    }

    #[test]
    fn a_reader_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zas.db");
        drop(writer(&path).unwrap());
        let refused = reader(&path).unwrap().execute("UPDATE meta SET value = 9", []);
        assert_eq!(refused.map_err(StoreError::from), Err(StoreError::ReadOnly));
    }
}
