//! Making a backup, beside a running server or without one.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use zas_store::mariadb;
use zas_store::sqlite::backup;

use super::{
    BackupError, DATABASE, Entry, FOLDERS, FORMAT, MANIFEST, Manifest, at, copy, files_below, make_folder,
    measure, runtime, sync_folder,
};
use crate::clock;
use crate::config::Config;
use crate::files::hold;

/// Backs up what the settings name into a folder that is not there yet. It has its name once it is
/// whole and on the disk.
///
/// # Errors
/// [`BackupError`]; nothing is left behind then but, where the file system fails, a folder whose name
/// ends in `.partial`.
pub fn make(config: &Config, to: &Path) -> Result<Manifest, BackupError> {
    if config.database_server().is_none() && !config.database().is_file() {
        return Err(BackupError::NoDatabase(config.data.clone()));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let partial = under_way(to);
    if partial.exists() {
        // Of a backup that was killed.
        at(&partial, fs::remove_dir_all(&partial))?;
    }
    make_folder(&partial)?;
    let made = fill(config, &partial);
    if made.is_err() {
        let _ = fs::remove_dir_all(&partial);
    }
    let manifest = made?;
    at(to, fs::rename(&partial, to))?;
    sync_folder(to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    Ok(manifest)
}

fn under_way(to: &Path) -> PathBuf {
    let mut name = to.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

fn fill(config: &Config, folder: &Path) -> Result<Manifest, BackupError> {
    // What the database names is there until it is copied.
    let blobs = config.data.join("files");
    let _kept = at(&blobs, hold::keep(&blobs))?;
    let began_at = clock::now();
    let copied = folder.join(DATABASE);
    // Made here, so that it is for its owner alone from its first byte on.
    at(&copied, File::options().write(true).create_new(true).mode(0o600).open(&copied))?;
    match config.database_server() {
        Some(url) => runtime()?.block_on(mariadb::backup::snapshot(url, &copied))?,
        None => backup::snapshot(&config.database(), &copied)?,
    }
    at(&copied, File::open(&copied).and_then(|file| file.sync_all()))?;
    for name in FOLDERS {
        let from = config.data.join(name);
        make_folder(&folder.join(name))?;
        for file in files_below(&from)? {
            let to = folder.join(name).join(&file);
            if let Some(parent) = to.parent() {
                make_folder(parent)?;
            }
            copy(&from.join(&file), &to)?;
        }
    }
    let contents = backup::examine(&copied)?;
    let mut files = Vec::new();
    for path in files_below(folder)? {
        let (bytes, blake3) = measure(&folder.join(&path))?;
        files.push(Entry { path: path.to_string_lossy().into_owned(), bytes, blake3 });
    }
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        began_at,
        schema: contents.schema,
        epoch: contents.epoch,
        users: contents.users,
        rooms: contents.rooms,
        events: contents.events,
        files,
    };
    let path = folder.join(MANIFEST);
    let text = serde_json::to_string_pretty(&manifest).unwrap_or_default();
    let mut file = at(&path, File::options().write(true).create_new(true).mode(0o600).open(&path))?;
    at(&path, file.write_all(text.as_bytes()))?;
    at(&path, file.sync_all())?;
    for name in FOLDERS {
        sync_folder(&folder.join(name))?;
    }
    sync_folder(folder)?;
    Ok(manifest)
}
