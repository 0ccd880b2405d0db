//! What happened: one entry of a room's log. Stored once, sent the same on every transport.
//!
//! To add one: a variant of [`EventBody`], the rule that appends it in `zas-core`'s `ledger`, a
//! golden frame in `spec/frames`, and its line in the SDK's timeline.

use serde::{Deserialize, Serialize};

use crate::command::{Prefs, ProfileChange, Role, RoomPrefs, RoomProfileChange};
use crate::ids::{MessageId, Micros, RoomId, Seq, TxnId, UserId};
use crate::message::{Attachment, MessageLabel, Reaction, ReplyTo};

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
        /// Plain text; empty where the attachment says it all.
        text: String,
        /// What it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        reply_to: Option<ReplyTo>,
        /// The file that it carries.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        attachment: Option<Box<Attachment>>,
        /// What it is besides its text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        label: Option<MessageLabel>,
        /// Deleted: its text and file are gone, here and everywhere.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "schema", ts(optional, as = "Option<bool>"))]
        erased: bool,
    },
    /// A message has another text.
    MessageEdited {
        /// Which.
        message: MessageId,
        /// Its place in this log.
        of: Seq,
        /// The new text.
        text: String,
        /// The message was deleted since: this text is gone too.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        #[cfg_attr(feature = "schema", ts(optional, as = "Option<bool>"))]
        erased: bool,
    },
    /// A message lost its text, its file and its reactions.
    MessageDeleted {
        /// Which.
        message: MessageId,
        /// Its place in this log.
        of: Seq,
    },
    /// The sender's reaction to a message is another.
    ReactionChanged {
        /// Which.
        message: MessageId,
        /// Its place in this log.
        of: Seq,
        /// What it is now; absent for none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        reaction: Option<Reaction>,
        /// What it was before; absent for none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        was: Option<Reaction>,
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
    /// The group shows itself otherwise.
    RoomProfileChanged {
        /// What changed.
        profile: RoomProfileChange,
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
    /// A message of nothing but text.
    #[must_use]
    pub const fn text(message: MessageId, text: String) -> Self {
        Self::Message { message, text, reply_to: None, attachment: None, label: None, erased: false }
    }

    /// The value of `kind`, as stored.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Message { .. } => "message",
            Self::MessageEdited { .. } => "message_edited",
            Self::MessageDeleted { .. } => "message_deleted",
            Self::ReactionChanged { .. } => "reaction_changed",
            Self::RoomCreated { .. } => "room_created",
            Self::RoomRenamed { .. } => "room_renamed",
            Self::RoomProfileChanged { .. } => "room_profile_changed",
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

    /// What is left once its message is deleted: nothing of what was said.
    #[must_use]
    pub fn erased(&self) -> Self {
        match self {
            Self::Message { message, label, .. } => Self::Message {
                message: *message,
                text: String::new(),
                reply_to: None,
                attachment: None,
                label: *label,
                erased: true,
            },
            Self::MessageEdited { message, of, .. } => {
                Self::MessageEdited { message: *message, of: *of, text: String::new(), erased: true }
            }
            other => other.clone(),
        }
    }

    /// The place of the message that it changes, if it changes one.
    #[must_use]
    pub const fn changes(&self) -> Option<Seq> {
        match self {
            Self::MessageEdited { of, .. }
            | Self::MessageDeleted { of, .. }
            | Self::ReactionChanged { of, .. } => Some(*of),
            _ => None,
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
