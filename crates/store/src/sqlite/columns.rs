//! Our types in columns.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type, ValueRef};
use zas_protocol::rest::User;
use zas_protocol::{
    Event, FileId, MessageId, Position, Reaction, Role, RoomId, RoomKind, Seq, TxnId, UserId,
};

use crate::body;
use crate::error::StoreError;
use crate::names;

/// A `seq` or a count, as SQLite holds integers. Real ones are below 2^53.
pub(super) fn int(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A `seq` or a count that was stored.
pub(super) fn uint(row: &Row<'_>, index: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(index)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(index, value))
}

pub(super) fn kind(row: &Row<'_>, index: usize) -> rusqlite::Result<RoomKind> {
    let name = row.get_ref(index)?.as_str()?;
    names::kind(name).ok_or_else(|| unknown(index, name))
}

pub(super) fn role(row: &Row<'_>, index: usize) -> rusqlite::Result<Role> {
    let name = row.get_ref(index)?.as_str()?;
    names::role(name).ok_or_else(|| unknown(index, name))
}

pub(super) fn reaction(row: &Row<'_>, index: usize) -> rusqlite::Result<Reaction> {
    let name = row.get_ref(index)?.as_str()?;
    Reaction::from_name(name).ok_or_else(|| unknown(index, name))
}

/// A stored name that stands for nothing.
pub(super) fn unknown(index: usize, name: &str) -> rusqlite::Error {
    let error = FromSqlError::Other(format!("{name:?} is unknown").into());
    rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}

/// Settings kept as JSON; none stored means the defaults.
pub(super) fn json<T: serde::de::DeserializeOwned + Default>(
    row: &Row<'_>,
    index: usize,
) -> rusqlite::Result<T> {
    match row.get_ref(index)?.as_str_or_null()? {
        None => Ok(T::default()),
        Some(text) => serde_json::from_str(text)
            .map_err(|error| rusqlite::Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))),
    }
}

/// The columns of [`event`], of the table or alias `e`.
macro_rules! event_columns {
    () => {
        "e.room_id, e.seq, e.at, e.sender, e.txn_id, e.kind, e.message, e.body"
    };
}
pub(super) use event_columns;

/// An event whose columns begin at `first`.
pub(super) fn event(row: &Row<'_>, first: usize) -> Result<Event, StoreError> {
    let message = row.get::<_, Option<_>>(first + 6)?.map(MessageId);
    let kind = row.get_ref(first + 5)?.as_str().map_err(conversion)?;
    let body = row.get_ref(first + 7)?.as_str().map_err(conversion)?;
    Ok(Event {
        room: RoomId(row.get(first)?),
        seq: uint(row, first + 1)?,
        at: row.get(first + 2)?,
        sender: row.get::<_, Option<_>>(first + 3)?.map(UserId),
        txn_id: txn_id(row, first + 4)?,
        body: body::decode(kind, message, body)?,
    })
}

fn txn_id(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<TxnId>> {
    let text = row.get_ref(index)?.as_str_or_null()?;
    text.map(|text| TxnId::new(text).map_err(|_| unknown(index, text))).transpose()
}

fn conversion(error: FromSqlError) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

/// The columns of [`user`], of the table `users`.
macro_rules! user_columns {
    () => {
        "id, username, display_name, bio, avatar, profile_rev"
    };
}
pub(super) use user_columns;

/// A person whose columns come first.
pub(super) fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: UserId(row.get(0)?),
        username: row.get(1)?,
        display_name: row.get(2)?,
        bio: row.get(3)?,
        avatar: row.get::<_, Option<_>>(4)?.map(FileId),
        profile_rev: row.get(5)?,
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
pub(super) fn position(row: &Row<'_>, first: usize) -> rusqlite::Result<Position> {
    Ok(Position {
        user: UserId(row.get(first)?),
        delivered: uint(row, first + 1)?,
        read: uint(row, first + 2)?,
        delivered_at: row.get(first + 3)?,
        read_at: row.get(first + 4)?,
    })
}

/// An upper end that may be open.
pub(super) fn open_end(row: &Row<'_>, index: usize) -> rusqlite::Result<Option<Seq>> {
    match row.get_ref(index)? {
        ValueRef::Null => Ok(None),
        _ => uint(row, index).map(Some),
    }
}

/// A value for a person to read.
pub(super) fn shown(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(value) => value.to_string(),
        ValueRef::Real(value) => value.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}
