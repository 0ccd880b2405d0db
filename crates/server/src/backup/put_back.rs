//! Restoring a backup, and looking whether one could be.

use std::fs;
use std::path::{Path, PathBuf};

use zas_protocol::Epoch;
use zas_store::mariadb;
use zas_store::sqlite::backup;

use super::{
    BackupError, DATABASE, FOLDERS, Manifest, at, copy, files_below, make_folder, manifest, measure, runtime,
    sync_folder,
};
use crate::clock;
use crate::config::Config;

/// Where a restore puts things together, within the data folder.
const UNDER_WAY: &str = "restore.partial";

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the backup said of itself.
    pub manifest: Manifest,
    /// The history that clients find now.
    pub epoch: Epoch,
    /// Where that which was there before is kept.
    pub aside: Option<PathBuf>,
}

/// Reads a whole backup and compares it with what it says of itself; changes nothing.
///
/// # Errors
/// [`BackupError::NoBackup`], [`BackupError::Newer`], [`BackupError::Damaged`].
pub fn check(backup: &Path) -> Result<Manifest, BackupError> {
    let manifest = manifest(backup)?;
    if manifest.schema > backup::newest_schema() {
        return Err(BackupError::Newer(manifest.version));
    }
    for file in &manifest.files {
        let path = Path::new(&file.path);
        if !path.components().all(|part| matches!(part, std::path::Component::Normal(_))) {
            return Err(BackupError::Damaged(format!("{:?} leads out of it", file.path)));
        }
        match measure(&backup.join(path)) {
            Ok((bytes, hash)) if (bytes, &hash) == (file.bytes, &file.blake3) => {}
            Ok(_) => return Err(BackupError::Damaged(format!("{} is not what it was", file.path))),
            Err(_) => return Err(BackupError::Damaged(format!("{} is missing", file.path))),
        }
    }
    let has = |name: &str| manifest.files.iter().any(|file| file.path == name);
    if !has(DATABASE) || !has("keys/fingerprint.key") {
        return Err(BackupError::Damaged("it lacks its database or its keys".to_owned()));
    }
    let contents = backup::examine(&backup.join(DATABASE))?;
    if (contents.schema, contents.epoch, contents.events)
        != (manifest.schema, manifest.epoch, manifest.events)
    {
        return Err(BackupError::Damaged("its database is another".to_owned()));
    }
    Ok(manifest)
}

/// Puts a backup in the place of what the settings name, as the start of another history. With
/// `replace` a database that is there is moved aside, and kept.
///
/// The database gets its place last: a restore that was cut off has none, and is done again. One on a server is
/// filled instead, and must be empty, so that the one before is kept by itself.
///
/// # Errors
/// As [`check`]; [`BackupError::Occupied`], [`BackupError::InUse`].
pub fn put_back(config: &Config, backup: &Path, replace: bool) -> Result<Restored, BackupError> {
    let manifest = check(backup)?;
    let (data, database) = (&config.data, config.database());
    make_folder(data)?;
    let _claim = backup::claim(&database)?;
    let server = config.database_server();
    if server.is_none() && database.exists() && !replace {
        return Err(BackupError::Occupied(data.clone()));
    }
    let partial = data.join(UNDER_WAY);
    if partial.exists() {
        at(&partial, fs::remove_dir_all(&partial))?;
    }
    for file in &manifest.files {
        let to = partial.join(&file.path);
        if let Some(parent) = to.parent() {
            make_folder(parent)?;
        }
        copy(&backup.join(&file.path), &to)?;
    }
    let now = clock::now();
    // Seconds: a backup restored twice begins two histories.
    let epoch = Epoch::try_from(now / 1_000_000).unwrap_or(Epoch::MAX);
    let epoch = backup::renew_epoch(&partial.join(DATABASE), epoch)?;
    let filled = match server {
        Some(url) => {
            backup::update(&partial.join(DATABASE))?;
            let runtime = runtime()?;
            let filling = runtime.block_on(mariadb::backup::fill(url, &partial.join(DATABASE)))?;
            // The connection lives on the runtime that made it.
            Some((runtime, filling))
        }
        None => None,
    };

    let aside = set_aside(data, filled.is_none().then_some(&*database), now)?;
    for name in FOLDERS {
        let from = partial.join(name);
        make_folder(&from)?;
        sync_folders(&from)?;
        at(&from, fs::rename(&from, data.join(name)))?;
    }
    sync_folder(data)?;
    match filled {
        Some((runtime, filling)) => {
            runtime.block_on(filling.finish()).map_err(BackupError::from)?;
        }
        None => {
            at(&database, fs::rename(partial.join(DATABASE), &database))?;
            if let Some(folder) = database.parent() {
                sync_folder(folder)?;
            }
        }
    }
    at(&partial, fs::remove_dir_all(&partial))?;
    Ok(Restored { manifest, epoch, aside })
}

fn sync_folders(folder: &Path) -> Result<(), BackupError> {
    for file in files_below(folder)? {
        if let Some(parent) = folder.join(file).parent() {
            sync_folder(parent)?;
        }
    }
    sync_folder(folder)
}

/// Moves what is there into a folder of its own; `None` when nothing was. The database goes first: what
/// is without it is no server's.
fn set_aside(data: &Path, database: Option<&Path>, now: i64) -> Result<Option<PathBuf>, BackupError> {
    let aside = data.join(format!("before-restore-{}", now / 1_000_000));
    let beside = |database: &Path, ending: &str| {
        let mut path = database.as_os_str().to_owned();
        path.push(ending);
        PathBuf::from(path)
    };
    let files = database.into_iter().flat_map(|path| ["", "-wal", "-shm"].map(|ending| beside(path, ending)));
    let there = files.chain(FOLDERS.map(|name| data.join(name)));
    let mut moved = false;
    for path in there.filter(|path| path.exists()) {
        if let Some(name) = path.file_name() {
            make_folder(&aside)?;
            at(&path, fs::rename(&path, aside.join(name)))?;
            moved = true;
        }
    }
    Ok(moved.then_some(aside))
}
