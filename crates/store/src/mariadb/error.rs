//! MariaDB's errors as ours. What the server says may quote what somebody wrote, so that only its number is
//! passed on.

use sqlx::mysql::MySqlDatabaseError;

use crate::error::StoreError;

/// Why a statement, or what many of them do, did not succeed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The connection is gone, or nobody knows where it stands.
    Lost(String),
    /// Another transaction was in the way: all of this one may succeed if it is run again. With the
    /// answer for when it has been tried often enough.
    Again(StoreError),
    /// It would fail again.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Lost(why) => Self::Unavailable(why),
            Failure::Again(error) | Failure::Store(error) => error,
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) => match database.try_downcast_ref::<MySqlDatabaseError>() {
                Some(database) => of_number(database.number()),
                None => Self::Store(StoreError::Other("the server refused".to_owned())),
            },
            sqlx::Error::RowNotFound
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::Decode(_) => Self::Store(StoreError::Corrupt(error.to_string())),
            _ => Self::Lost(error.to_string()),
        }
    }
}

/// The errors that have a meaning of their own, by the numbers of MariaDB's list.
fn of_number(number: u16) -> Failure {
    let said = || StoreError::Other(format!("the server's error {number}"));
    match number {
        // A deadlock, a wait for a lock that was too long, a record that changed since it was read.
        1213 | 1205 | 1020 => Failure::Again(StoreError::Busy),
        // A unique index: somebody else was first, or the row is bad.
        1062 | 1586 => Failure::Again(said()),
        // A table, a disk or a file that is full.
        1114 | 1021 | 1026 | 3 => Failure::Store(StoreError::Full),
        // A read-only server, transaction, table or file.
        1290 | 1792 | 1036 | 1015 | 1874 => Failure::Store(StoreError::ReadOnly),
        // Going down, killed, no more connections, no memory, a statement that took too long.
        1053 | 1927 | 1317 | 1040 | 1041 | 1037 | 1038 | 1203 | 1226 | 1969 | 4031 => {
            Failure::Lost(format!("the server's error {number}"))
        }
        // A table or an index that cannot be read.
        1034 | 1035 | 1194 | 1195 | 1712 | 1877 => {
            Failure::Store(StoreError::Corrupt(format!("the server's error {number}")))
        }
        _ => Failure::Store(said()),
    }
}

/// Whether the server said of a COMMIT that it has not taken place: it was in somebody's way, or may not
/// write. Of anything else nobody knows.
pub(super) fn did_not_commit(failure: &Failure) -> bool {
    matches!(failure, Failure::Again(StoreError::Busy) | Failure::Store(StoreError::ReadOnly))
}

/// Why there is no connection, for the prompt: here nothing is quoted but the user's and the
/// database's names.
pub(super) fn of_connecting(error: &sqlx::Error) -> StoreError {
    let number = match error {
        sqlx::Error::Database(database) => {
            database.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
        }
        _ => None,
    };
    match number {
        Some(1044 | 1045 | 1049 | 1130 | 1698) => {
            StoreError::Unavailable(format!("it lets us not in: {error}"))
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_when_run_again_is_told_apart_from_what_may_not() {
        assert_eq!(of_number(1213), Failure::Again(StoreError::Busy));
        assert_eq!(of_number(1205), Failure::Again(StoreError::Busy));
        assert!(matches!(of_number(1062), Failure::Again(StoreError::Other(_))));
        assert_eq!(of_number(1114), Failure::Store(StoreError::Full));
        assert_eq!(of_number(1290), Failure::Store(StoreError::ReadOnly));
        assert!(matches!(of_number(1053), Failure::Lost(_)));
        assert!(matches!(of_number(1644), Failure::Store(StoreError::Other(_))));
    }

    #[test]
    fn of_a_commit_that_failed_little_is_known() {
        assert!(did_not_commit(&of_number(1213)));
        assert!(did_not_commit(&of_number(1290)));
        for unknown in [1053, 1026, 1180, 1062] {
            assert!(!did_not_commit(&of_number(unknown)), "{unknown}");
        }
    }
}
