//! SQLite's errors as ours.

use rusqlite::{Error, ErrorCode};

use crate::error::StoreError;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        match &error {
            Error::SqliteFailure(failure, _) => match failure.code {
                ErrorCode::DiskFull => Self::Full,
                ErrorCode::ReadOnly => Self::ReadOnly,
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::Corrupt(error.to_string()),
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
/// transaction count is written. After a failed write or fsync nobody knows what is on the disk,
/// and trying again would not tell (the kernel forgets the error): the outcome is unknown.
pub(super) fn of_commit(error: Error) -> StoreError {
    match StoreError::from(error) {
        known @ (StoreError::Full | StoreError::ReadOnly | StoreError::Busy) => known,
        StoreError::Other(why) => StoreError::Other(why),
        _ => StoreError::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn failure(code: i32) -> Error {
        Error::SqliteFailure(ffi::Error::new(code), None)
    }

    #[test]
    fn a_full_or_read_only_disk_is_told_apart_from_a_broken_one() {
        assert_eq!(StoreError::from(failure(ffi::SQLITE_FULL)), StoreError::Full);
        assert_eq!(StoreError::from(failure(ffi::SQLITE_READONLY_DBMOVED)), StoreError::ReadOnly);
        assert_eq!(of_commit(failure(ffi::SQLITE_FULL)), StoreError::Full);
        for broken in [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_CORRUPT] {
            assert_eq!(of_commit(failure(broken)), StoreError::Unknown);
        }
    }
}
