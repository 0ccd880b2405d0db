//! What happened: one entry of a room's log. Stored once, sent the same on every transport.
//!
//! To add one: a variant of [`EventBody`], the rule that appends it in `zas-core`'s `ledger`, a
//! golden frame in `spec/frames`, and its line in the SDK's timeline.

use serde::{Deserialize, Serialize};

use crate::command::{Prefs, ProfileChange, Role, RoomPrefs};
use crate::ids::{MessageId, Micros, RoomId, Seq, TxnId, UserId};

/// What a room is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    /// Two people, for ever; one such room for a pair.
    Private,
    /// Named, with roles.
    Group,
    /// A person's own log: what concerns them alone, for all their devices.
    #[serde(rename = "self")]
    OwnLog,
}

/// One entry of a log. Its place `(room, seq)` never means another event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Event {
    /// Whose log.
    pub room: RoomId,
    /// Its place: gapless from 1, in commit order.
    pub seq: Seq,
    /// When, in microseconds since 1970; strictly increasing in a room.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub at: Micros,
    /// Who caused it; absent where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub sender: Option<UserId>,
    /// The sender's name for the command; absent on what a command caused besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub txn_id: Option<TxnId>,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened, by `kind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventBody {
    /// Somebody wrote.
    Message {
        /// The message's own id.
        message: MessageId,
        /// Plain text.
        text: String,
    },
    /// The room began, with these people in it.
    RoomCreated {
        /// Private or group.
        room_kind: RoomKind,
        /// A group's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        name: Option<String>,
        /// Everyone, the maker first.
        members: Vec<UserId>,
    },
    /// The group has another name.
    RoomRenamed {
        /// The new one.
        name: String,
    },
    /// A person came in; they see from this event on.
    MemberAdded {
        /// Who.
        user: UserId,
    },
    /// A person left (`sender` is `user`) or was removed; the last event they see.
    MemberRemoved {
        /// Who.
        user: UserId,
    },
    /// A member's role is another.
    RoleChanged {
        /// Who.
        user: UserId,
        /// What they are now.
        role: Role,
    },
    /// Own log: one is in a room, which one sees from `from` on.
    Joined {
        /// The room.
        joined: RoomId,
        /// The first `seq` one may see there.
        from: Seq,
    },
    /// Own log: one is no longer in a room; `at_seq` is the last `seq` one sees there.
    Left {
        /// The room.
        left: RoomId,
        /// The last `seq` one may see there.
        at_seq: Seq,
    },
    /// Own log: one's profile changed.
    ProfileChanged {
        /// What changed.
        profile: ProfileChange,
    },
    /// Own log: the client's settings.
    PrefsChanged {
        /// All of them.
        prefs: Prefs,
    },
    /// Own log: a room's settings.
    RoomPrefsChanged {
        /// Which room.
        about: RoomId,
        /// All of them.
        prefs: RoomPrefs,
    },
}

impl EventBody {
    /// The value of `kind`, as stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Message { .. } => "message",
            Self::RoomCreated { .. } => "room_created",
            Self::RoomRenamed { .. } => "room_renamed",
            Self::MemberAdded { .. } => "member_added",
            Self::MemberRemoved { .. } => "member_removed",
            Self::RoleChanged { .. } => "role_changed",
            Self::Joined { .. } => "joined",
            Self::Left { .. } => "left",
            Self::ProfileChanged { .. } => "profile_changed",
            Self::PrefsChanged { .. } => "prefs_changed",
            Self::RoomPrefsChanged { .. } => "room_prefs_changed",
        }
    }

    /// The message it is, if it is one.
    #[must_use]
    pub const fn message(&self) -> Option<MessageId> {
        match self {
            Self::Message { message, .. } => Some(*message),
            _ => None,
        }
    }
}
