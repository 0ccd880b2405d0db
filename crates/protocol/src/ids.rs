//! Identifiers: who, where, and the name a client gives to what it sends.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// An identifier that is not of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid identifier")]
pub struct InvalidId;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
        #[cfg_attr(feature = "schema", ts(type = "string"), schema(value_type = String, format = "uuid"))]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A UUIDv7 (RFC 9562 §5.7) from a time in microseconds and ten random bytes.
            #[must_use]
            pub fn mint(now: Micros, random: [u8; 10]) -> Self {
                Self(uuid_v7(now, random))
            }

            /// The sixteen bytes, as stored.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The id held in sixteen stored bytes.
            ///
            /// # Errors
            /// [`InvalidId`] for any other length.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, InvalidId> {
                Uuid::from_slice(bytes).map(Self).map_err(|_| InvalidId)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId)
            }
        }
    };
}

uuid_id!(
    /// An account.
    UserId
);
uuid_id!(
    /// A room: private, group, or somebody's own log.
    RoomId
);
uuid_id!(
    /// A message, whatever happens to it later; its place is `(room, seq)`.
    MessageId
);
uuid_id!(
    /// One signed-in device: a family of refresh tokens (see [`crate::rest::Tokens`]).
    DeviceId
);
uuid_id!(
    /// A stored file.
    FileId
);

impl RoomId {
    /// The private log of a person: the room of kind `self` carries its owner's id.
    #[must_use]
    pub const fn own_log(user: UserId) -> Self {
        Self(user.0)
    }
}

/// A time in microseconds since 1970 (UTC). Displayed, never a native cursor.
pub type Micros = i64;

/// A place in a room's log: gapless from 1, in commit order, below 2^53.
pub type Seq = u64;

/// Which history a `seq` belongs to; a restored backup starts another.
pub type Epoch = u32;

fn uuid_v7(now: Micros, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.max(0) / 1000).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// The name a client gives to a changing command before it sends it: 1–64 bytes of
/// `[A-Za-z0-9_-]`, compared as bytes, unique for its user for ever.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[cfg_attr(feature = "schema", ts(type = "string"), schema(value_type = String, pattern = "^[A-Za-z0-9_-]{1,64}$"))]
#[serde(transparent)]
pub struct TxnId(Box<str>);

impl TxnId {
    /// The most bytes a name may have.
    pub const MAX: usize = 64;

    /// Checks the form.
    ///
    /// # Errors
    /// [`InvalidId`] when empty, too long, or holding any other byte.
    pub fn new(text: &str) -> Result<Self, InvalidId> {
        let ok = (1..=Self::MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if ok { Ok(Self(text.into())) } else { Err(InvalidId) }
    }

    /// A UUIDv7 in text, as our own clients and the server mint them.
    #[must_use]
    pub fn mint(now: Micros, random: [u8; 10]) -> Self {
        Self(uuid_v7(now, random).to_string().into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TxnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TxnId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

impl<'de> Deserialize<'de> for TxnId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn txn_id_takes_its_alphabet_and_64_bytes_and_nothing_else() {
        assert!(TxnId::new("a").is_ok());
        assert!(TxnId::new(&"Z".repeat(64)).is_ok());
        assert!(TxnId::new("aZ09_-").is_ok());
        for bad in ["", " ", "a b", "ñ", "a\0", &"Z".repeat(65)] {
            assert_eq!(TxnId::new(bad), Err(InvalidId), "{bad:?}");
        }
        assert!(serde_json::from_str::<TxnId>("\"a b\"").is_err());
    }

    #[test]
    fn minted_ids_sort_by_time() {
        let a = MessageId::mint(1_000_000, [255; 10]);
        let b = MessageId::mint(1_001_000, [0; 10]);
        assert!(a < b);
        assert_eq!(a.0.get_version_num(), 7);
    }
}
