//! The record of a disk, and which of its I/O fails.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use crate::power::Op;
use crate::vfs;

/// What SQLite asks of a disk, as far as it can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Io {
    /// Opening or making a file.
    Open,
    /// Reading.
    Read,
    /// Writing.
    Write,
    /// Cutting a file off, or making it longer.
    Truncate,
    /// Syncing a file.
    Sync,
    /// Deleting a file.
    Delete,
    /// Locking the database file.
    Lock,
    /// Mapping the index of the write-ahead log; it grows with the log.
    ShmMap,
    /// Any lock in that index, but for the next.
    ShmLock,
    /// The lock in that index which the one writer holds.
    WriteLock,
}

/// How an I/O fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Nothing is done, and SQLite is told this result code.
    Code(c_int),
    /// Half of a write is done, and SQLite is told this result code.
    Half(c_int),
}

impl How {
    /// A sync that fails as the disk does not take what was written.
    pub const FAILED_SYNC: Self = Self::Code(ffi::SQLITE_IOERR_FSYNC);
}

/// Which calls of its kind a fault hits, counted from 0 since it was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// This one alone.
    At(u64),
    /// This one and all that follow, until [`Disk::heal`].
    From(u64),
}

/// An I/O that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Which kind.
    pub io: Io,
    /// Which of that kind.
    pub when: When,
    /// In what way.
    pub how: How,
}

#[derive(Default)]
struct State {
    /// Which file each name leads to, as a running system sees it, with the platform's number of it.
    names: BTreeMap<String, (u64, u64)>,
    ops: Vec<Op>,
    fault: Option<Fault>,
    hits: u64,
    calls: BTreeMap<Io, u64>,
}

/// The disk of one folder. Nothing that SQLite does there is really synced, so that a rig is fast: what
/// a power cut would leave is worked out from the record.
///
/// The folder is flat. Of what other code than SQLite does in it, only this is seen, when SQLite opens the
/// file: an empty file that is new, and a file with content that is new or in another one's place. The
/// latter is taken as synced, with its folder: to do that is that code's duty.
pub struct Disk {
    folder: PathBuf,
    recording: bool,
    state: Mutex<State>,
}

impl Disk {
    /// Stands below every database of the folder that is opened from now on, and records.
    ///
    /// # Errors
    /// When the folder is not there.
    pub fn under(folder: &Path) -> std::io::Result<Watch> {
        Self::start(folder, true)
    }

    /// The same, without a record.
    ///
    /// # Errors
    /// When the folder is not there.
    pub fn unrecorded(folder: &Path) -> std::io::Result<Watch> {
        Self::start(folder, false)
    }

    fn start(folder: &Path, recording: bool) -> std::io::Result<Watch> {
        // SQLite resolves links before it opens a file.
        let disk = Arc::new(Self { folder: folder.canonicalize()?, recording, state: Mutex::default() });
        vfs::add(disk.clone());
        Ok(Watch(disk))
    }

    /// Says how much is acknowledged by now.
    pub fn mark(&self, acknowledged: u64) {
        self.note(Op::Mark(acknowledged));
    }

    /// What happened until now.
    pub fn record(&self) -> Vec<Op> {
        self.lock().ops.clone()
    }

    /// Makes an I/O fail from now on, instead of what failed before. Counting begins anew.
    pub fn fail(&self, fault: Fault) {
        let mut state = self.lock();
        state.fault = Some(fault);
        state.hits = 0;
        state.calls.clear();
    }

    /// Lets nothing fail any more.
    pub fn heal(&self) {
        self.lock().fault = None;
    }

    /// How many I/Os failed by the last fault.
    pub fn hits(&self) -> u64 {
        self.lock().hits
    }

    /// How many I/Os of a kind there were since the last fault was set, or since the beginning.
    pub fn calls(&self, io: Io) -> u64 {
        self.lock().calls.get(&io).copied().unwrap_or(0)
    }

    /// The name of a file in the folder, if it is in there.
    pub(crate) fn name_of(&self, path: &Path) -> Option<String> {
        Some(path.strip_prefix(&self.folder).ok()?.to_str()?.to_owned())
    }

    /// Counts an I/O, and says whether it is to fail.
    pub(crate) fn ask(&self, io: Io) -> Option<How> {
        let mut state = self.lock();
        let calls = state.calls.entry(io).or_default();
        let number = *calls;
        *calls += 1;
        let fault = state.fault.filter(|fault| fault.io == io)?;
        let hit = match fault.when {
            When::At(at) => number == at,
            When::From(from) => number >= from,
        };
        if hit {
            state.hits += 1;
        }
        hit.then_some(fault.how)
    }

    /// The file that a name leads to. One that SQLite has just made is there already, and empty.
    pub(crate) fn file(&self, name: &str) -> u64 {
        let path = self.folder.join(name);
        let number = std::fs::metadata(&path).map_or(0, |metadata| metadata.ino());
        let mut state = self.lock();
        if let Some(&(file, known)) = state.names.get(name)
            && known == number
        {
            return file;
        }
        let file = state.ops.len() as u64;
        state.names.insert(name.to_owned(), (file, number));
        if self.recording {
            let create = Op::Create { name: name.to_owned(), file };
            let data = std::fs::read(&path).unwrap_or_default();
            if data.is_empty() {
                state.ops.push(create);
            } else {
                let write = Op::Write { file, offset: 0, data: data.into() };
                state.ops.extend([write, Op::Sync { file }, create, Op::SyncFolder]);
            }
        }
        file
    }

    pub(crate) fn deleted(&self, name: &str) {
        self.lock().names.remove(name);
        self.note(Op::Delete { name: name.to_owned() });
    }

    pub(crate) fn note(&self, op: Op) {
        if self.recording {
            self.lock().ops.push(op);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds a [`Disk`] below its folder; databases opened after it is dropped are none of its business.
pub struct Watch(Arc<Disk>);

impl std::ops::Deref for Watch {
    type Target = Disk;

    fn deref(&self) -> &Disk {
        &self.0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        vfs::remove(&self.0);
    }
}
