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

/// What a COMMIT that failed means. A full disk is noticed before the record that makes the
/// transaction count is whole, and a constraint before anything is written. After anything else (a write
/// that broke, no memory for the index of the log) nobody knows what is on the disk.
pub(super) fn of_commit(error: Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::ConstraintViolation,
        ) => error.into(),
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
            [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_CORRUPT, ffi::SQLITE_NOMEM]
        {
            assert_eq!(of_commit(failure(broken)), StoreError::Unknown);
        }
    }

    #[test]
    fn a_constraint_that_stops_a_commit_is_no_fault_of_the_disk() {
        let refused = of_commit(failure(ffi::SQLITE_CONSTRAINT_FOREIGNKEY));
        assert!(matches!(refused, StoreError::Other(_)), "{refused:?}");
    }

    #[test]
    fn a_sync_that_failed_leaves_unknown_what_it_was_for_wherever_it_happened() {
        assert_eq!(StoreError::from(failure(ffi::SQLITE_IOERR_FSYNC)), StoreError::Unknown);
        let read = StoreError::from(failure(ffi::SQLITE_IOERR_READ));
        assert!(matches!(read, StoreError::Unavailable(_)), "{read:?}");
    }
}
