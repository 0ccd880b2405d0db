//! SQLite's errors as ours.

use rusqlite::{Error, ErrorCode, ffi};

use crate::error::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DiskFull => Self::Full,
                ErrorCode::ReadOnly => Self::ReadOnly,
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt(error.to_string()),
                // Trying again would not tell: the kernel forgets that it could not write.
                ErrorCode::SystemIoFailure
                    if matches!(
                        failure.extended_code,
                        ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC
                    ) =>
                {
                    Self::Unknown
                }
                ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => Self::Unavailable(error.to_string()),
                _ => Self::Other(error.to_string()),
            },
            Error::FromSqlConversionFailure(..)
            | Error::IntegralValueOutOfRange(..)
            | Error::InvalidColumnType(..)
            | Error::Utf8Error(..) => Self::Corrupt(error.to_string()),
            _ => Self::Other(error.to_string()),
        }
    }
}

/// What a COMMIT that failed means. A constraint stops it before anything is written. Where a write does
/// not succeed (the disk or a quota is full), the record that makes the transaction count is not whole,
/// since that is the last one. After anything else (a sync, no memory for the index of the log)
/// nobody knows what is on the disk.
pub(super) fn of_commit(error: Error) -> StoreError {
    let Some(failure) = error.sqlite_error() else { return StoreError::Unknown };
    match failure.code {
        ErrorCode::DiskFull
        | ErrorCode::ReadOnly
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::ConstraintViolation => error.into(),
        _ if failure.extended_code == ffi::SQLITE_IOERR_WRITE => error.into(),
        _ => StoreError::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn a_full_or_read_only_disk_is_told_apart_from_a_broken_one() {
        assert_eq!(StoreError::from(failure(ffi::SQLITE_FULL)), StoreError::Full);
        assert_eq!(StoreError::from(failure(ffi::SQLITE_READONLY_DBMOVED)), StoreError::ReadOnly);
        assert_eq!(of_commit(failure(ffi::SQLITE_FULL)), StoreError::Full);
        for broken in
            [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOMEM]
        {
            assert_eq!(of_commit(failure(broken)), StoreError::Unknown);
        }
    }

    #[test]
    fn a_commit_that_a_constraint_or_a_write_stopped_has_not_happened() {
        let refused = of_commit(failure(ffi::SQLITE_CONSTRAINT_FOREIGNKEY));
        assert!(matches!(refused, StoreError::Other(_)), "{refused:?}");
        let refused = of_commit(failure(ffi::SQLITE_IOERR_WRITE));
        assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    }

    #[test]
    fn a_sync_that_failed_leaves_unknown_what_it_was_for_wherever_it_happened() {
        assert_eq!(StoreError::from(failure(ffi::SQLITE_IOERR_FSYNC)), StoreError::Unknown);
        let read = StoreError::from(failure(ffi::SQLITE_IOERR_READ));
        assert!(matches!(read, StoreError::Unavailable(_)), "{read:?}");
    }
}
