//! The file system that SQLite calls: SQLite's own for the platform, with a look at each call on a
//! file below a [`Disk`]. It is made the default one, so that code which opens a database needs to know
//! nothing of it; files elsewhere are handed on as they are.
//!
//! The contract of each function is SQLite's (<https://sqlite.org/c3ref/vfs.html>,
//! <https://sqlite.org/c3ref/io_methods.html>).

#![allow(unsafe_code, reason = "SQLite takes a file system as a table of C functions")]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use crate::disk::{Disk, How, Io};
use crate::power::Op;

static DISKS: Mutex<Vec<Arc<Disk>>> = Mutex::new(Vec::new());

fn disks() -> MutexGuard<'static, Vec<Arc<Disk>>> {
    DISKS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn add(disk: Arc<Disk>) {
    platform();
    disks().push(disk);
}

pub(crate) fn remove(disk: &Arc<Disk>) {
    disks().retain(|other| !Arc::ptr_eq(other, disk));
}

/// The platform's file system, which ours stands before.
struct Platform(*mut sqlite3_vfs);

// SAFETY: SQLite calls a file system from any thread; it is never changed nor unregistered.
unsafe impl Send for Platform {}
// SAFETY: as above.
unsafe impl Sync for Platform {}

/// Puts ours before the platform's, once.
fn platform() -> &'static Platform {
    static PLATFORM: OnceLock<Platform> = OnceLock::new();
    PLATFORM.get_or_init(|| {
        // SAFETY: a null name asks for the default, which is there for as long as the process is. The
        // copy lives for ever. Its functions that are not replaced take no notice of which table they
        // are called through.
        unsafe {
            ffi::sqlite3_initialize();
            let platform = ffi::sqlite3_vfs_find(ptr::null());
            let mut ours = Box::new(*platform);
            ours.zName = c"zas-crash".as_ptr();
            ours.pNext = ptr::null_mut();
            ours.szOsFile += SHIM;
            ours.xOpen = Some(open);
            ours.xDelete = Some(delete);
            ffi::sqlite3_vfs_register(Box::leak(ours), 1);
            Platform(platform)
        }
    })
}

/// An open file as SQLite holds it; the platform's own follows it in the same memory.
#[repr(C)]
struct Shim {
    base: sqlite3_file,
    file: *mut File,
}

// Two pointers.
#[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
const SHIM: c_int = size_of::<Shim>() as c_int;

struct File {
    disk: Arc<Disk>,
    id: u64,
    /// Its first sync also syncs the folder.
    sync_folder: bool,
}

/// What ours knows of an open file, and the platform's.
unsafe fn parts<'a>(shim: *mut sqlite3_file) -> (&'a mut File, *mut sqlite3_file) {
    // SAFETY: only files that `open` made with a `File` have our functions, and SQLite calls no two of
    // them on one file at once.
    unsafe {
        let shim = shim.cast::<Shim>();
        (&mut *(*shim).file, shim.add(1).cast())
    }
}

/// Calls the platform's function of a file.
macro_rules! inner {
    ($inner:expr, $method:ident $(, $argument:expr)*) => {{
        let inner = $inner;
        ((*(*inner).pMethods).$method.unwrap_unchecked())(inner $(, $argument)*)
    }};
}

/// Ends the function where the I/O is to fail; half of it is as good as none for most.
macro_rules! ask {
    ($disk:expr, $io:expr) => {
        if let Some(How::Code(code) | How::Half(code)) = $disk.ask($io) {
            return code;
        }
    };
}

unsafe fn path<'a>(name: *const c_char) -> &'a Path {
    // SAFETY: SQLite's names are C strings.
    Path::new(OsStr::from_bytes(unsafe { CStr::from_ptr(name) }.to_bytes()))
}

fn find(path: &Path) -> Option<(Arc<Disk>, String)> {
    disks().iter().find_map(|disk| Some((disk.clone(), disk.name_of(path)?)))
}

unsafe extern "C" fn open(
    _ours: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite gives `szOsFile` bytes at `file`, enough for `Shim` and the platform's file.
    unsafe {
        let vfs = platform().0;
        let platform_open = (*vfs).xOpen.unwrap_unchecked();
        let Some((disk, short)) = (!name.is_null()).then(|| find(path(name))).flatten() else {
            return platform_open(vfs, name, file, flags, out_flags);
        };
        // Null says that there is nothing to close.
        (*file).pMethods = ptr::null();
        ask!(disk, Io::Open);
        let shim = file.cast::<Shim>();
        let result = platform_open(vfs, name, shim.add(1).cast(), flags, out_flags);
        if result == ffi::SQLITE_OK {
            // As `unixOpen` and `unixSync` do it (os_unix.c, `UNIXFILE_DIRSYNC`).
            let journal = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL;
            let sync_folder = flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & journal != 0;
            let id = disk.file(&short);
            (*shim).file = Box::into_raw(Box::new(File { disk, id, sync_folder }));
            (*shim).base.pMethods = &raw const METHODS;
        }
        result
    }
}

unsafe extern "C" fn delete(_ours: *mut sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        let vfs = platform().0;
        let platform_delete = (*vfs).xDelete.unwrap_unchecked();
        let Some((disk, short)) = find(path(name)) else {
            return platform_delete(vfs, name, sync_folder);
        };
        ask!(disk, Io::Delete);
        let result = platform_delete(vfs, name, 0);
        if result == ffi::SQLITE_OK {
            disk.deleted(&short);
            if sync_folder != 0 {
                disk.note(Op::SyncFolder);
            }
        }
        result
    }
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    // 2: with shared memory, without mapping of the file itself, which would write past us.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

unsafe extern "C" fn close(shim: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite closes a file once.
    unsafe {
        let (file, inner) = parts(shim);
        drop(Box::from_raw(file));
        inner!(inner, xClose)
    }
}

unsafe extern "C" fn read(
    shim: *mut sqlite3_file,
    to: *mut c_void,
    bytes: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        let (file, inner) = parts(shim);
        ask!(file.disk, Io::Read);
        inner!(inner, xRead, to, bytes, offset)
    }
}

unsafe extern "C" fn write(
    shim: *mut sqlite3_file,
    from: *const c_void,
    bytes: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite gives `bytes` bytes at `from`.
    unsafe {
        let (file, inner) = parts(shim);
        let fault = file.disk.ask(Io::Write);
        let bytes = match fault {
            Some(How::Code(code)) => return code,
            Some(How::Half(_)) => bytes / 2,
            None => bytes,
        };
        let result = inner!(inner, xWrite, from, bytes, offset);
        if result == ffi::SQLITE_OK {
            let data = std::slice::from_raw_parts(from.cast::<u8>(), usize::try_from(bytes).unwrap_or(0));
            file.disk.note(Op::Write {
                file: file.id,
                offset: usize::try_from(offset).unwrap_or(0),
                data: data.into(),
            });
        }
        match fault {
            Some(How::Code(code) | How::Half(code)) => code,
            None => result,
        }
    }
}

unsafe extern "C" fn truncate(shim: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: the arguments are SQLite's own.
    unsafe {
        let (file, inner) = parts(shim);
        ask!(file.disk, Io::Truncate);
        let result = inner!(inner, xTruncate, size);
        if result == ffi::SQLITE_OK {
            file.disk.note(Op::Truncate { file: file.id, size: usize::try_from(size).unwrap_or(0) });
        }
        result
    }
}

/// Only the record hears of it.
unsafe extern "C" fn sync(shim: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: the argument is SQLite's own.
    let (file, _) = unsafe { parts(shim) };
    if let Some(How::Code(code) | How::Half(code)) = file.disk.ask(Io::Sync) {
        file.disk.note(Op::SyncFailed { file: file.id });
        return code;
    }
    file.disk.note(Op::Sync { file: file.id });
    if std::mem::take(&mut file.sync_folder) {
        file.disk.note(Op::SyncFolder);
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn size(shim: *mut sqlite3_file, to: *mut sqlite3_int64) -> c_int {
    // SAFETY: the arguments are SQLite's own; so below.
    unsafe { inner!(parts(shim).1, xFileSize, to) }
}

unsafe extern "C" fn lock(shim: *mut sqlite3_file, level: c_int) -> c_int {
    unsafe {
        let (file, inner) = parts(shim);
        ask!(file.disk, Io::Lock);
        inner!(inner, xLock, level)
    }
}

unsafe extern "C" fn unlock(shim: *mut sqlite3_file, level: c_int) -> c_int {
    unsafe { inner!(parts(shim).1, xUnlock, level) }
}

unsafe extern "C" fn check_reserved_lock(shim: *mut sqlite3_file, held: *mut c_int) -> c_int {
    unsafe { inner!(parts(shim).1, xCheckReservedLock, held) }
}

unsafe extern "C" fn control(shim: *mut sqlite3_file, op: c_int, argument: *mut c_void) -> c_int {
    unsafe { inner!(parts(shim).1, xFileControl, op, argument) }
}

unsafe extern "C" fn sector_size(shim: *mut sqlite3_file) -> c_int {
    unsafe { inner!(parts(shim).1, xSectorSize) }
}

unsafe extern "C" fn characteristics(shim: *mut sqlite3_file) -> c_int {
    unsafe { inner!(parts(shim).1, xDeviceCharacteristics) }
}

unsafe extern "C" fn shm_map(
    shim: *mut sqlite3_file,
    region: c_int,
    bytes: c_int,
    extend: c_int,
    to: *mut *mut c_void,
) -> c_int {
    unsafe {
        let (file, inner) = parts(shim);
        ask!(file.disk, Io::ShmMap);
        inner!(inner, xShmMap, region, bytes, extend, to)
    }
}

unsafe extern "C" fn shm_lock(shim: *mut sqlite3_file, offset: c_int, n: c_int, flags: c_int) -> c_int {
    unsafe {
        let (file, inner) = parts(shim);
        if flags & ffi::SQLITE_SHM_LOCK != 0 {
            // The writer's lock is the first of the index (wal.c, `WAL_WRITE_LOCK`).
            let writer = offset == 0 && n == 1 && flags & ffi::SQLITE_SHM_EXCLUSIVE != 0;
            ask!(file.disk, if writer { Io::WriteLock } else { Io::ShmLock });
        }
        inner!(inner, xShmLock, offset, n, flags)
    }
}

unsafe extern "C" fn shm_barrier(shim: *mut sqlite3_file) {
    unsafe { inner!(parts(shim).1, xShmBarrier) }
}

unsafe extern "C" fn shm_unmap(shim: *mut sqlite3_file, delete: c_int) -> c_int {
    unsafe { inner!(parts(shim).1, xShmUnmap, delete) }
}
