//! What is durable. One port, [`Store`], and behind it an engine: SQLite ([`SqliteStore`]), MariaDB
//! ([`MariaStore`]), or the model in memory ([`MemoryStore`]) that tests and the simulation use. SQL
//! exists in this crate alone.
//!
//! | module | what |
//! |---|---|
//! | [`port`] | what an engine does |
//! | [`rows`] | what goes in and comes out |
//! | [`error`] | why it did not work |
//! | [`sqlite`] | the engine in one file |
//! | [`mariadb`] | the engine on a server of its own |
//! | [`memory`] | the model |
//! | [`django`] | the database of an app that moves in |
//! | [`bare`] | the commit alone, for benches to divide by |
//! | `batch` | a batch's needs, merged, and its decisions |
//! | `paging` | which stretch of a log a page covers |
//! | `body` | how an event's body is stored |
//! | `names` | what rooms and roles are called in a column |
//! | `fold` | how names are compared in a search |
//! | `migrate` | the schema's versions |
//!
//! An engine loads the facts that `zas_core::ledger::needs` names, lets `zas_core::ledger::decide`
//! decide, and carries the writes out; it holds no chat rule. To add one: a module beside
//! [`sqlite`] that implements [`Store`], its migrations in `migrations/`, and its line in
//! `tests/conformance/main.rs`, whose suite says what every engine must do.

pub mod bare;
mod batch;
mod body;
pub mod django;
pub mod error;
mod fold;
pub mod mariadb;
pub mod memory;
mod migrate;
mod names;
mod paging;
pub mod port;
pub mod rows;
pub mod sqlite;

pub use error::{CreateUserError, StoreError};
pub use mariadb::MariaStore;
pub use memory::{Backup, Fault, MemoryStore, Model};
pub use port::{Entropy, Outcome, Secrets, Store};
pub use rows::{
    AccountKept, AccountState, ApiKeyRow, DeviceRow, DeviceState, FileKind, FileRow, Identified, Imported,
    Membership, NewIdentity, NewUser, OldAccount, PageAt, PasswordHash, REFRESH_GRACE_MS, RoomHead, Roster,
    Rotation, UserRow,
};
pub use sqlite::{Options, SqliteStore};
