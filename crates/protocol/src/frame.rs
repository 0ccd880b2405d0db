//! Frames of the feed: flat JSON objects with a `type`, the same on WebSocket (subprotocol
//! `zas.v1.json`), SSE (one a `data:` line) and long-poll (an array of them).
//!
//! A client says [`Hello`], hears [`ServerFrame::Welcome`], then for each room what it missed
//! (`event`, `skip`) or `resync`, then `synced`, then what happens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::error::ErrorCode;
use crate::event::Event;
use crate::ids::{DeviceId, Epoch, MessageId, Micros, RoomId, Seq, TxnId, UserId};
use crate::limits::{JSON_DEPTH, depth};

/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "zas.v1.json";
/// The version of the wire; its fingerprint is pinned beside it in `spec/fingerprint.txt`.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a client has: for each room it follows, `[epoch, seq]` of the last event it holds.
///
/// A room that the client is in and does not name is answered by `resync`.
pub type Cursor = BTreeMap<RoomId, (Epoch, Seq)>;

/// The last presence, typing and positions a client has heard. Revisions of another node, or of
/// this one before it restarted, mean nothing to it: then all of it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Seen {
    /// Whose revisions these are (`welcome.node`).
    pub node: String,
    /// The highest `rev` heard.
    pub rev: u64,
}

/// The first frame of a connection: who, and what it already has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Hello {
    /// An access token. Over HTTP it travels in the `Authorization` header and is absent here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub token: Option<String>,
    /// What the client has. On a socket it may be left out where it would make the frame larger
    /// than a first frame may be; a [`Resume`] follows then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional, type = "Record<string, [number, number]>"), schema(value_type = Object))]
    pub cursor: Option<Cursor>,
    /// The state it has heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub seen: Option<Seen>,
}

/// The second frame after a [`Hello`] without a cursor; may be as large as any frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Resume {
    /// What the client has.
    #[cfg_attr(feature = "schema", ts(type = "Record<string, [number, number]>"), schema(value_type = Object))]
    pub cursor: Cursor,
}

/// How far a member of a room is: everything up to `delivered` arrived, up to `read` was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Position {
    /// Whose.
    pub user: UserId,
    /// The last event that reached a device of theirs.
    pub delivered: Seq,
    /// The last event they saw.
    pub read: Seq,
    /// When `delivered` last advanced, in microseconds.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub delivered_at: Micros,
    /// When `read` last advanced, in microseconds.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub read_at: Micros,
}

/// How far oneself is in a room; each only ever advances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Advance {
    /// Which room.
    pub room: RoomId,
    /// The last event that reached this device.
    #[serde(default)]
    pub delivered: Seq,
    /// The last event that was seen; implies `delivered`.
    #[serde(default)]
    pub read: Seq,
}

/// What a client says in passing: never stored as an event, never acked, dropped under load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Signal {
    /// One is typing, or stopped. Said at most every 3 s; ends by itself after 6 s.
    Typing {
        /// Where.
        room: RoomId,
        /// Whether.
        on: bool,
    },
    /// One's positions advanced.
    Positions {
        /// How far, for each room that changed.
        advances: Vec<Advance>,
    },
}

/// A frame that a client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ClientFrame {
    /// The first one.
    Hello(Tagged<Hello>),
    /// The cursor that was too large for the first one.
    Resume(Tagged<Resume>),
    /// A fresh access token in band, before the old one expires.
    Refresh(Tagged<Refresh>),
    /// "Are you there"; answered by `pong`.
    Ping(Tagged<Ping>),
    /// A change.
    Command(Command),
    /// In passing.
    Signal(Signal),
}

/// A frame's own `type` beside its fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tagged<T> {
    /// The value of `type`.
    #[serde(rename = "type")]
    pub tag: &'static str,
    /// The rest.
    #[serde(flatten)]
    pub body: T,
}

/// A fresh access token for a connection that lives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Refresh {
    /// The token.
    pub token: String,
}

/// "Are you there."
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Ping {
    /// Comes back in the `pong`.
    #[serde(default)]
    pub n: u64,
}

/// Why a client's frame could not be read. `txn_id` is there when the frame named one, so that
/// its sender can be told which command it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unreadable frame: {reason}")]
pub struct UnreadableFrame {
    /// For a log or a developer; names fields, never their contents.
    pub reason: &'static str,
    /// The command it was meant to be.
    pub txn_id: Option<TxnId>,
}

impl ClientFrame {
    /// A first frame.
    #[must_use]
    pub const fn hello(body: Hello) -> Self {
        Self::Hello(Tagged { tag: "hello", body })
    }

    /// The cursor, after a first frame without one.
    #[must_use]
    pub const fn resume(cursor: Cursor) -> Self {
        Self::Resume(Tagged { tag: "resume", body: Resume { cursor } })
    }

    /// A ping.
    #[must_use]
    pub const fn ping(n: u64) -> Self {
        Self::Ping(Tagged { tag: "ping", body: Ping { n } })
    }

    /// A fresh token.
    #[must_use]
    pub const fn refresh(token: String) -> Self {
        Self::Refresh(Tagged { tag: "refresh", body: Refresh { token } })
    }

    /// Reads a frame. Size is the caller's to check.
    ///
    /// # Errors
    /// [`UnreadableFrame`] when it is no JSON object, nests deeper than [`JSON_DEPTH`], its `type` is
    /// unknown, or a field is off.
    pub fn decode(text: &str) -> Result<Self, UnreadableFrame> {
        #[derive(Deserialize)]
        struct Head<'a> {
            #[serde(borrow, rename = "type")]
            tag: std::borrow::Cow<'a, str>,
            #[serde(default, borrow)]
            txn_id: Option<std::borrow::Cow<'a, str>>,
        }
        if depth(text.as_bytes()) > JSON_DEPTH {
            return Err(UnreadableFrame { reason: "nests too deep", txn_id: None });
        }
        // An array would do for the parser: its items as the fields, in their order.
        if !text.trim_start().starts_with('{') {
            return Err(UnreadableFrame { reason: "not a JSON object", txn_id: None });
        }
        let head: Head<'_> = serde_json::from_str(text)
            .map_err(|_| UnreadableFrame { reason: "not a JSON object with a type", txn_id: None })?;
        let bad = |reason| UnreadableFrame {
            reason,
            txn_id: head.txn_id.as_deref().and_then(|t| TxnId::new(t).ok()),
        };
        match &*head.tag {
            "hello" => serde_json::from_str(text).map(Self::hello).map_err(|_| bad("hello")),
            "resume" => serde_json::from_str::<Resume>(text)
                .map(|r| Self::resume(r.cursor))
                .map_err(|_| bad("resume")),
            "refresh" => serde_json::from_str::<Refresh>(text)
                .map(|r| Self::refresh(r.token))
                .map_err(|_| bad("refresh")),
            "ping" => serde_json::from_str::<Ping>(text).map(|p| Self::ping(p.n)).map_err(|_| bad("ping")),
            "typing" | "positions" => serde_json::from_str(text).map(Self::Signal).map_err(|_| bad("signal")),
            tag if Command::TYPES.contains(&tag) => {
                serde_json::from_str(text).map(Self::Command).map_err(|_| bad("command"))
            }
            _ => Err(bad("unknown type")),
        }
    }
}

/// A command is stored; the same for every retry of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Ack {
    /// The command's name.
    pub txn_id: TxnId,
    /// The log its event is in.
    pub room: RoomId,
    /// The event's place.
    pub seq: Seq,
    /// The event's time.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub at: Micros,
    /// The message it became, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub message: Option<MessageId>,
}

/// A command is not stored by this attempt; `code` says whether to try again (see
/// [`ErrorCode::retry`]).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Nack {
    /// The command's name.
    pub txn_id: TxnId,
    /// Why.
    pub code: ErrorCode,
    /// Not before this long, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub retry_after_ms: Option<u64>,
    /// For [`ErrorCode::TxnConflict`]: what the name already stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub first: Option<Box<Ack>>,
}

/// Whether a person is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Presence {
    /// Who.
    pub user: UserId,
    /// Whether a device of theirs is connected.
    pub online: bool,
    /// When one last was, in microseconds; 0 for never.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub last_seen: Micros,
    /// Their profile's version: a client that holds an older one asks `GET /v1/users/{id}`.
    pub profile_rev: u32,
}

/// A frame that the server sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The hello is accepted.
    Welcome {
        /// Whom the token names.
        user: UserId,
        /// The device the token belongs to.
        device: DeviceId,
        /// Whose revisions `rev` are (see [`Seen`]).
        node: String,
        /// The server's clock, in microseconds.
        #[cfg_attr(feature = "schema", ts(type = "number"))]
        now: Micros,
        /// How often the client pings, in milliseconds.
        ping_ms: u64,
        /// When the token expires, in microseconds.
        #[cfg_attr(feature = "schema", ts(type = "number"))]
        expires_at: Micros,
    },
    /// All that was missed has been sent; from here on it is live.
    Synced {},
    /// Something happened.
    Event(Event),
    /// `from..=to` of a room holds nothing that this person may see.
    Skip {
        /// Which room.
        room: RoomId,
        /// First.
        from: Seq,
        /// Last.
        to: Seq,
    },
    /// Too much was missed, or the history is another: fetch the room anew
    /// (`GET /v1/rooms/{room}`), which ends in the same state.
    Resync {
        /// Which room.
        room: RoomId,
        /// Its history.
        epoch: Epoch,
        /// Its last place; the feed goes on after it.
        head: Seq,
    },
    /// A command is stored.
    Ack(Ack),
    /// A command is not stored by this attempt.
    Nack(Nack),
    /// Somebody types, or stopped.
    Typing {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
        /// Whether.
        on: bool,
        /// Its revision.
        rev: u64,
    },
    /// Members' positions, those that changed.
    Positions {
        /// Where.
        room: RoomId,
        /// How far; in a large group only one's own.
        of: Vec<Position>,
        /// Its revision.
        rev: u64,
    },
    /// People came or went, or changed their profile.
    Presence {
        /// Who.
        of: Vec<Presence>,
        /// Its revision.
        rev: u64,
    },
    /// The last place of each followed room that moved lately: who is behind has lost something
    /// and reconnects with their cursor.
    Heads {
        /// Where each stands.
        #[cfg_attr(feature = "schema", ts(type = "Record<string, number>"), schema(value_type = Object))]
        heads: BTreeMap<RoomId, Seq>,
    },
    /// Answers `ping`.
    Pong {
        /// The ping's.
        n: u64,
    },
    /// The server is about to stop: reconnect after `delay_ms`, which is spread over clients.
    Drain {
        /// How long to wait, in milliseconds.
        delay_ms: u64,
    },
    /// What is wrong with the connection or a frame that named no command.
    Error {
        /// Why.
        code: ErrorCode,
        /// Not before this long, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        retry_after_ms: Option<u64>,
    },
}
