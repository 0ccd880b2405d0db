//! What nobody can fetch goes: files of deleted messages, and uploads that no message came for. Their rows
//! first, their blobs after; a process that is killed between leaves blobs that nobody names.

use std::io;
use std::path::Path;
use std::time::Duration;

use object_store::ObjectStoreExt as _;
use zas_protocol::Micros;
use zas_store::{Store, StoreError};

use super::{Files, hold, place};
use crate::app::App;
use crate::clock;

/// How often.
const EVERY: Duration = Duration::from_secs(5 * 60);
/// How long an upload waits for its message, in microseconds.
pub const UNSENT: Micros = 24 * 3_600 * 1_000_000;
/// Rows that are forgotten in one transaction.
const AT_ONCE: u32 = 100;

/// Sweeps now and every few minutes, until the server drains.
pub async fn run(app: App) {
    let mut every = tokio::time::interval(EVERY);
    let mut draining = app.draining.clone();
    loop {
        tokio::select! {
            _ = every.tick() => {}
            _ = draining.wait_for(|draining| *draining) => return,
        }
        // By the clock that is behind: one that is set a day forward takes no upload from its sender.
        let now = clock::now().min(clock::steady());
        match app.files.sweep(&*app.store, now).await {
            Ok(0) => {}
            Ok(gone) => tracing::debug!(gone, "files that nobody can fetch are removed"),
            Err(error) => tracing::warn!(%error, "files that nobody can fetch could not be removed"),
        }
    }
}

impl Files {
    /// Removes what nobody can fetch; how many files. None while a backup copies them: its turn comes
    /// again.
    ///
    /// # Errors
    /// The store's.
    pub async fn sweep(&self, store: &dyn Store, now: Micros) -> Result<usize, StoreError> {
        let held = hold::change(&self.folder).map_err(|error| StoreError::Other(error.to_string()))?;
        let Some(_held) = held else { return Ok(0) };
        let mut gone = 0;
        loop {
            let forgotten = store.forget_files(now - UNSENT, AT_ONCE).await?;
            for &id in &forgotten {
                match self.blobs.delete(&place(id)).await {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(error) => tracing::warn!(%error, "a file that nobody names could not be removed"),
                }
            }
            gone += forgotten.len();
            if forgotten.len() < AT_ONCE as usize {
                return Ok(gone);
            }
        }
    }
}

/// Removes what uploads had under way (`name#1`, see `object_store`) when their process was killed.
pub(super) fn remove_under_way(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(entry.path())? {
            let path = file?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains('#')) {
                std::fs::remove_file(path)?;
            }
        }
    }
    Ok(())
}
