//! `zas backup` and `zas restore`: everything a server is, in one folder that says what it holds.
//!
//! | in the folder | what |
//! |---|---|
//! | `zas.sqlite` | the database, of one moment; a copy in this form where it is on a server |
//! | `keys/` | the server's secrets: without them nobody's session and no `txn_id` is known again |
//! | `files/` | pictures, and what messages carry |
//! | `manifest.json` | what it is, with a hash of every file: [`Manifest`] |
//!
//! The database is copied first and the files after it, of which none goes meanwhile, so that no row is
//! without its file. A folder under way has another name: one that has the name asked for is whole.
//!
//! What is restored is another history: its epoch is new, so that clients that know more than the backup
//! read everything anew instead of joining two histories (P9). To add something to a backup: its folder
//! in [`FOLDERS`], before a format of its own is needed.

mod make;
mod put_back;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zas_protocol::{Epoch, Micros};
use zas_store::StoreError;

pub use self::make::make;
pub use self::put_back::{check, put_back};

/// The database within a backup.
const DATABASE: &str = "zas.sqlite";
const MANIFEST: &str = "manifest.json";
/// Folders of the data folder that go with the database.
const FOLDERS: [&str; 2] = ["keys", "files"];
/// What this program writes and reads.
const FORMAT: u32 = 1;
/// No manifest is longer.
const MANIFEST_BYTES: u64 = 256 * 1024 * 1024;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// How it is laid out.
    pub format: u32,
    /// The program that made it.
    pub version: String,
    /// When it began, in microseconds since 1970. Everything acknowledged before is in it.
    pub began_at: Micros,
    /// The database's newest migration.
    pub schema: u32,
    /// The history that it holds.
    pub epoch: Epoch,
    /// Accounts.
    pub users: u64,
    /// Rooms.
    pub rooms: u64,
    /// Events of all logs.
    pub events: u64,
    /// Every file.
    pub files: Vec<Entry>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Below the backup's folder, with `/`.
    pub path: String,
    /// How long.
    pub bytes: u64,
    /// BLAKE3, in hexadecimal.
    pub blake3: String,
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: u64 = self.files.iter().map(|file| file.bytes).sum();
        write!(
            f,
            "{} people, {} rooms, {} events, {} files, {:.1} MiB",
            self.users,
            self.rooms,
            self.events,
            self.files.len(),
            bytes as f64 / (1024.0 * 1024.0)
        )
    }
}

/// Why there is no backup, or nothing was restored. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("{} has no database; name the data folder with --data", .0.display())]
    NoDatabase(PathBuf),
    /// The backup would overwrite something.
    #[error("{} is there already; name a folder that is not", .0.display())]
    Exists(PathBuf),
    /// The folder is no backup.
    #[error("{} is no backup: it has no readable manifest.json", .0.display())]
    NoBackup(PathBuf),
    /// A newer program made it.
    #[error("the backup is of zas {0}, which is newer than this program; update it first")]
    Newer(String),
    /// A file is not what it was.
    #[error("the backup is damaged: {0}; use another one")]
    Damaged(String),
    /// Restoring would take the place of a database.
    #[error("{} has a database already; --replace moves it aside and keeps it", .0.display())]
    Occupied(PathBuf),
    /// A server is running on the folder.
    #[error("a server has {0} open; stop it first")]
    InUse(String),
    /// The engine failed.
    #[error("{0}")]
    Store(StoreError),
    /// The file system failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::InUse(path) => Self::InUse(path),
            other => Self::Store(other),
        }
    }
}

/// For who waits for a database server at a prompt that has nothing else to do.
fn runtime() -> Result<tokio::runtime::Runtime, BackupError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(|error| StoreError::Unavailable(error.to_string()))?)
}

/// Names the file in what the file system says.
fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, BackupError> {
    result.map_err(|source| BackupError::Io { path: path.to_owned(), source })
}

/// Makes a folder for its owner alone.
fn make_folder(path: &Path) -> Result<(), BackupError> {
    at(path, fs::DirBuilder::new().recursive(true).mode(0o700).create(path))
}

/// Copies a file for its owner alone, onto the disk.
fn copy(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut source = at(from, File::open(from))?;
    let mut target = at(to, File::options().write(true).create_new(true).mode(0o600).open(to))?;
    at(to, io::copy(&mut source, &mut target))?;
    at(to, target.sync_all())
}

/// Brings a folder's names onto the disk.
fn sync_folder(path: &Path) -> Result<(), BackupError> {
    at(path, File::open(path).and_then(|folder| folder.sync_all()))
}

/// Every file below a folder, as paths below it; a folder that is not there has none. What an upload has
/// under way (`name#1`, see `object_store`) is no file yet.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(below) = folders.pop() {
        let path = folder.join(&below);
        let entries = match fs::read_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && below.as_os_str().is_empty() => break,
            entries => at(&path, entries)?,
        };
        for entry in entries {
            let entry = at(&path, entry)?;
            let name = below.join(entry.file_name());
            if at(&path, entry.file_type())?.is_dir() {
                folders.push(name);
            } else if !name.to_string_lossy().contains('#') {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// How long a file is, and its hash.
fn measure(path: &Path) -> Result<(u64, String), BackupError> {
    let mut file = at(path, File::open(path))?;
    let mut hasher = blake3::Hasher::new();
    let bytes = at(path, io::copy(&mut file, &mut hasher))?;
    Ok((bytes, hasher.finalize().to_hex().to_string()))
}

/// Reads a backup's manifest.
fn manifest(backup: &Path) -> Result<Manifest, BackupError> {
    let path = backup.join(MANIFEST);
    let no_backup = || BackupError::NoBackup(backup.to_owned());
    let mut text = String::new();
    let file = File::open(&path).map_err(|_| no_backup())?;
    file.take(MANIFEST_BYTES).read_to_string(&mut text).map_err(|_| no_backup())?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|_| no_backup())?;
    if manifest.format > FORMAT {
        return Err(BackupError::Newer(manifest.version));
    }
    Ok(manifest)
}
