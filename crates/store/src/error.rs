//! Why the store did not do what it was asked.

use zas_protocol::ErrorCode;

/// Why an operation failed. Nothing of it is stored, but for [`StoreError::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full.
    #[error("the disk is full")]
    Full,
    /// The database cannot be written.
    #[error("the database is read-only")]
    ReadOnly,
    /// Whether the commit took place is not known; [`crate::Store::txn`] tells, once it answers.
    #[error("whether what was written is on the disk is not known")]
    Unknown,
    /// More is waiting than the queue holds, or a lock was not to be had in time.
    #[error("the database is busy")]
    Busy,
    /// The database does not answer, and may again.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Another process has the database file.
    #[error("another process has the database {0} open; stop it first")]
    InUse(String),
    /// What is stored contradicts itself, or is not ours.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// The engine refused; names no content of anybody.
    #[error("the database refused: {0}")]
    Other(String),
}

impl StoreError {
    /// What to answer a client with.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Full | Self::ReadOnly => ErrorCode::StorageFull,
            Self::Unknown => ErrorCode::Unknown,
            Self::Busy | Self::Unavailable(_) | Self::InUse(_) => ErrorCode::Overloaded,
            Self::Corrupt(_) | Self::Other(_) => ErrorCode::Internal,
        }
    }
}

/// Why an account was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CreateUserError {
    /// The username, or one that looks like it, is in use.
    #[error("the username is taken")]
    UsernameTaken,
    /// The email is in use.
    #[error("the email is taken")]
    EmailTaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CreateUserError {
    /// What to answer a client with.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::UsernameTaken => ErrorCode::UsernameTaken,
            Self::EmailTaken => ErrorCode::EmailTaken,
            Self::Store(error) => error.code(),
        }
    }
}
