//! Nothing goes from the folder of blobs while a backup copies it: its database was copied before, and
//! names what was there then. Who is about to remove asks for the folder alone, who copies shares it;
//! both ask the kernel (`flock`), since a backup is another process, and let go by closing it.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Waits until nothing is being removed from a folder, and holds it so; `None` when there is none.
///
/// # Errors
/// What the file system says.
pub fn keep(folder: &Path) -> io::Result<Option<File>> {
    match File::open(folder) {
        Ok(held) => lock(&held, FlockOperation::LockShared).map(|()| Some(held)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The leave to remove from a folder; `None` while somebody copies it.
///
/// # Errors
/// What the file system says.
pub fn change(folder: &Path) -> io::Result<Option<File>> {
    let held = File::open(folder)?;
    match lock(&held, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(held)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn lock(folder: &File, operation: FlockOperation) -> io::Result<()> {
    match flock(folder, operation) {
        // Some file systems of other machines know no locks; a folder there has one server all the same.
        Ok(()) | Err(Errno::NOTSUP | Errno::NOLCK | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_copied_is_not_changed_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (keep(folder.path()).unwrap(), keep(folder.path()).unwrap());
        assert!(one.is_some() && other.is_some(), "two may copy");
        assert!(change(folder.path()).unwrap().is_none());
        drop((one, other));
        assert!(change(folder.path()).unwrap().is_some());
        assert!(keep(&folder.path().join("nowhere")).unwrap().is_none());
    }
}
