//! Our types in columns.

use sqlx::mysql::MySqlRow;
use sqlx::{Decode, MySql, Row as _};
use uuid::Uuid;
use zas_protocol::rest::User;
use zas_protocol::{
    Event, FileId, MessageId, Position, Reaction, Role, RoomId, RoomKind, Seq, TxnId, UserId,
};

use super::error::Failure;
use crate::body;
use crate::error::StoreError;
use crate::names;

/// Where a stay ends that goes on, as stored and within a statement.
pub(super) const OPEN: i64 = i64::MAX;
macro_rules! open {
    () => {
        "9223372036854775807"
    };
}
pub(super) use open;

/// A `seq` or a count, as a column holds integers. Real ones are below 2^53.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A value as it came. What a column's bytes mean is said here, not by its collation, from which the
/// driver guesses.
pub(super) fn get<'r, T: Decode<'r, MySql>>(row: &'r MySqlRow, index: usize) -> Result<T, Failure> {
    Ok(row.try_get_unchecked(index)?)
}

pub(super) fn uint(row: &MySqlRow, index: usize) -> Result<u64, Failure> {
    u64::try_from(get::<i64>(row, index)?).map_err(|_| unknown("a number below nothing"))
}

pub(super) fn small(row: &MySqlRow, index: usize) -> Result<u32, Failure> {
    u32::try_from(get::<i64>(row, index)?).map_err(|_| unknown("a number out of its range"))
}

pub(super) fn flag(row: &MySqlRow, index: usize) -> Result<bool, Failure> {
    Ok(get::<i64>(row, index)? != 0)
}

pub(super) fn id(row: &MySqlRow, index: usize) -> Result<Uuid, Failure> {
    uuid(get(row, index)?)
}

pub(super) fn maybe_id(row: &MySqlRow, index: usize) -> Result<Option<Uuid>, Failure> {
    get::<Option<&[u8]>>(row, index)?.map(uuid).transpose()
}

fn uuid(bytes: &[u8]) -> Result<Uuid, Failure> {
    Uuid::from_slice(bytes).map_err(|_| unknown("an id that is none"))
}

pub(super) fn text(row: &MySqlRow, index: usize) -> Result<String, Failure> {
    get(row, index)
}

pub(super) fn kind(row: &MySqlRow, index: usize) -> Result<RoomKind, Failure> {
    names::kind(get(row, index)?).ok_or_else(|| unknown("a kind of room that is none"))
}

pub(super) fn role(row: &MySqlRow, index: usize) -> Result<Role, Failure> {
    names::role(get(row, index)?).ok_or_else(|| unknown("a role that is none"))
}

pub(super) fn reaction(row: &MySqlRow, index: usize) -> Result<Reaction, Failure> {
    Reaction::from_name(get(row, index)?).ok_or_else(|| unknown("a reaction that is none"))
}

/// What is stored and stands for nothing.
pub(super) fn unknown(what: &str) -> Failure {
    Failure::Store(StoreError::Corrupt(what.to_owned()))
}

/// Settings kept as JSON; none stored means the defaults.
pub(super) fn json<T: serde::de::DeserializeOwned + Default>(
    row: &MySqlRow,
    index: usize,
) -> Result<T, Failure> {
    match get::<Option<&str>>(row, index)? {
        None => Ok(T::default()),
        Some(text) => serde_json::from_str(text).map_err(|_| unknown("settings that cannot be read")),
    }
}

/// The columns of [`event`], of the table or alias `e`.
macro_rules! event_columns {
    () => {
        "e.room_id, e.seq, e.at, e.sender, e.txn_id, e.kind, e.message, e.body"
    };
}
pub(super) use event_columns;

/// An event whose columns come first.
pub(super) fn event(row: &MySqlRow) -> Result<Event, Failure> {
    let message = maybe_id(row, 6)?.map(MessageId);
    Ok(Event {
        room: RoomId(id(row, 0)?),
        seq: uint(row, 1)?,
        at: get(row, 2)?,
        sender: maybe_id(row, 3)?.map(UserId),
        txn_id: get::<Option<&[u8]>>(row, 4)?.map(txn_id).transpose()?,
        body: body::decode(get(row, 5)?, message, get(row, 7)?)?,
    })
}

/// A command's name.
pub(super) fn txn_id(bytes: &[u8]) -> Result<TxnId, Failure> {
    let text = std::str::from_utf8(bytes).ok();
    text.and_then(|text| TxnId::new(text).ok()).ok_or_else(|| unknown("a name that no command has"))
}

/// The columns of [`user`], of the table `users`.
macro_rules! user_columns {
    () => {
        "id, username, display_name, bio, avatar, profile_rev"
    };
}
pub(super) use user_columns;

/// A person whose columns come first.
pub(super) fn user(row: &MySqlRow) -> Result<User, Failure> {
    Ok(User {
        id: UserId(id(row, 0)?),
        username: text(row, 1)?,
        display_name: text(row, 2)?,
        bio: text(row, 3)?,
        avatar: maybe_id(row, 4)?.map(FileId),
        profile_rev: small(row, 5)?,
    })
}

/// The columns of [`position`], of the table or alias `p`.
macro_rules! position_columns {
    () => {
        "p.user_id, p.delivered_seq, p.read_seq, p.delivered_at, p.read_at"
    };
}
pub(super) use position_columns;

/// A position whose columns begin at `first`.
pub(super) fn position(row: &MySqlRow, first: usize) -> Result<Position, Failure> {
    Ok(Position {
        user: UserId(id(row, first)?),
        delivered: uint(row, first + 1)?,
        read: uint(row, first + 2)?,
        delivered_at: get(row, first + 3)?,
        read_at: get(row, first + 4)?,
    })
}

/// An upper end that may be open.
pub(super) fn open_end(row: &MySqlRow, index: usize) -> Result<Option<Seq>, Failure> {
    match get::<i64>(row, index)? {
        OPEN => Ok(None),
        _ => uint(row, index).map(Some),
    }
}
