//! What a client asks to change. The same object travels as a socket frame and as the body of
//! `POST /v1/commands`; both end in one [`crate::frame::Ack`] or [`crate::frame::Nack`].
//!
//! To add one: a variant here, its rule in `zas-core`'s `ledger`, its row in the policy, a golden
//! frame in `spec/frames`, and a line in the access matrix.

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{FileId, MessageId, RoomId, TxnId, UserId};
use crate::message::{MessageLabel, Reaction};

/// What a member may do in a group. Order is rank: a later one may do all an earlier one may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads and writes.
    Member,
    /// Adds and removes members, renames, describes.
    Admin,
    /// Gives and takes roles; exactly one in a group.
    Owner,
}

/// How one person wants one room to look and sound, on all their devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct RoomPrefs {
    /// Colour of one's own bubbles: a name (see [`RoomPrefs::COLORS`]), `#rrggbb`, or what another
    /// client of the room knows; one who does not know it shows the product's own, as for `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub color: Option<String>,
    /// Colour of the others' bubbles, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub other_color: Option<String>,
    /// Background, likewise (see [`RoomPrefs::BACKGROUNDS`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub background: Option<String>,
    /// What one calls the other person of a private room.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub nickname: Option<String>,
    /// No sound from this room.
    pub muted: bool,
    /// No notifications from this room.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", ts(optional, as = "Option<bool>"))]
    pub quiet: bool,
}

impl RoomPrefs {
    /// The bubble colours that our client draws.
    pub const COLORS: [&str; 6] = ["ember", "rose", "violet", "ocean", "forest", "stone"];
    /// The backgrounds that our client draws.
    pub const BACKGROUNDS: [&str; 5] = ["plain", "paper", "dots", "waves", "dusk"];
    /// Characters of a colour or background.
    pub const LOOK_CHARS: usize = 64;
}

/// How one person wants the client to be, on all their devices.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Prefs {
    /// `es`, `en`, or `None` for the browser's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub language: Option<String>,
    /// `light`, `dark`, or `None` for the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub theme: Option<String>,
    /// Whether sounds play.
    pub sounds: bool,
    /// 0–100.
    pub volume: u8,
}

impl Default for Prefs {
    fn default() -> Self {
        Self { language: None, theme: None, sounds: true, volume: 70 }
    }
}

/// A change of one's profile: a field that is absent stays; an empty text clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ProfileChange {
    /// 1–60 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub display_name: Option<String>,
    /// At most 300 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub bio: Option<String>,
    /// A file of one's own, uploaded before by `POST /v1/me/avatar`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub avatar: Option<FileId>,
}

/// A change of how a group shows itself, besides its name: a field that is absent stays; an empty text clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(default)]
pub struct RoomProfileChange {
    /// At most 500 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub description: Option<String>,
    /// A file of one's own, uploaded before by `POST /v1/rooms/avatar`, and of no other room; `null` takes
    /// the picture away.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "schema",
        ts(optional = nullable, as = "Option<FileId>"),
        schema(value_type = Option<FileId>)
    )]
    pub avatar: Option<Option<FileId>>,
}

/// What is there, `null` too.
fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

/// A changing command. Every one carries the `txn_id` that makes a retry harmless.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Command {
    /// A message.
    Send {
        /// Its name.
        txn_id: TxnId,
        /// Where to.
        room: RoomId,
        /// The sender's message before this one in the room that is not finally refused; while
        /// it is not stored the answer is `retry_in_order`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        after: Option<TxnId>,
        /// 1–4,000 characters, not blank; stored trimmed. With an attachment it may be empty.
        text: String,
        /// The message of this room that it answers, one that its sender can see.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        reply_to: Option<MessageId>,
        /// A file of one's own, uploaded before by `POST /v1/files`, and of no other message.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        attachment: Option<FileId>,
        /// What it is besides its text; nobody sends `system`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        label: Option<MessageLabel>,
    },
    /// Writes another text in place of a text message of one's own.
    EditMessage {
        /// Its name.
        txn_id: TxnId,
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
        /// As of `send`.
        text: String,
    },
    /// Erases a message of one's own; its place stays.
    DeleteMessage {
        /// Its name.
        txn_id: TxnId,
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
    },
    /// Sets one's reaction to a message, or takes it back.
    React {
        /// Its name.
        txn_id: TxnId,
        /// Where.
        room: RoomId,
        /// Which.
        message: MessageId,
        /// What; absent takes it back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        reaction: Option<Reaction>,
    },
    /// Opens the private room with a person, or finds it: two who ask at once get one room.
    OpenPrivate {
        /// Its name.
        txn_id: TxnId,
        /// The other.
        user: UserId,
    },
    /// Makes a group; its maker is the owner.
    CreateGroup {
        /// Its name.
        txn_id: TxnId,
        /// 1–60 characters.
        name: String,
        /// The others, at least one.
        members: Vec<UserId>,
        /// How else it shows itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "schema", ts(optional))]
        profile: Option<RoomProfileChange>,
    },
    /// Renames a group.
    RenameRoom {
        /// Its name.
        txn_id: TxnId,
        /// Which.
        room: RoomId,
        /// 1–60 characters.
        name: String,
    },
    /// Changes how a group shows itself, by who may rename it.
    SetRoomProfile {
        /// Its name.
        txn_id: TxnId,
        /// Which.
        room: RoomId,
        /// What changes.
        profile: RoomProfileChange,
    },
    /// Adds a person to a group.
    AddMember {
        /// Its name.
        txn_id: TxnId,
        /// Which.
        room: RoomId,
        /// Who.
        user: UserId,
    },
    /// Removes a person from a group.
    RemoveMember {
        /// Its name.
        txn_id: TxnId,
        /// Which.
        room: RoomId,
        /// Who.
        user: UserId,
    },
    /// Gives a member a role; giving `owner` passes one's own on.
    SetRole {
        /// Its name.
        txn_id: TxnId,
        /// Which.
        room: RoomId,
        /// Who.
        user: UserId,
        /// What they become.
        role: Role,
    },
    /// Leaves a group; the owner's role passes to an admin, else to the longest-standing member.
    LeaveRoom {
        /// Its name.
        txn_id: TxnId,
        /// Which.
        room: RoomId,
    },
    /// Changes one's own profile.
    SetProfile {
        /// Its name.
        txn_id: TxnId,
        /// What changes.
        profile: ProfileChange,
    },
    /// Changes how the client is for oneself.
    SetPrefs {
        /// Its name.
        txn_id: TxnId,
        /// The whole of it.
        prefs: Prefs,
    },
    /// Changes how one room is for oneself.
    SetRoomPrefs {
        /// Its name.
        txn_id: TxnId,
        /// Which.
        room: RoomId,
        /// The whole of it.
        prefs: RoomPrefs,
    },
}

impl Command {
    /// A message of nothing but text.
    #[must_use]
    pub const fn text(txn_id: TxnId, room: RoomId, after: Option<TxnId>, text: String) -> Self {
        Self::Send { txn_id, room, after, text, reply_to: None, attachment: None, label: None }
    }

    /// Whether it does something to a message that is stored.
    #[must_use]
    pub const fn changes_a_message(&self) -> bool {
        matches!(self, Self::EditMessage { .. } | Self::DeleteMessage { .. } | Self::React { .. })
    }

    /// The values of `type` that are commands.
    pub const TYPES: [&str; 15] = [
        "send",
        "edit_message",
        "delete_message",
        "react",
        "open_private",
        "create_group",
        "rename_room",
        "set_room_profile",
        "add_member",
        "remove_member",
        "set_role",
        "leave_room",
        "set_profile",
        "set_prefs",
        "set_room_prefs",
    ];

    /// The name that its sender gave it.
    #[must_use]
    pub const fn txn_id(&self) -> &TxnId {
        match self {
            Self::Send { txn_id, .. }
            | Self::EditMessage { txn_id, .. }
            | Self::DeleteMessage { txn_id, .. }
            | Self::React { txn_id, .. }
            | Self::OpenPrivate { txn_id, .. }
            | Self::CreateGroup { txn_id, .. }
            | Self::RenameRoom { txn_id, .. }
            | Self::SetRoomProfile { txn_id, .. }
            | Self::AddMember { txn_id, .. }
            | Self::RemoveMember { txn_id, .. }
            | Self::SetRole { txn_id, .. }
            | Self::LeaveRoom { txn_id, .. }
            | Self::SetProfile { txn_id, .. }
            | Self::SetPrefs { txn_id, .. }
            | Self::SetRoomPrefs { txn_id, .. } => txn_id,
        }
    }

    /// The shared room it is about, if it names one.
    #[must_use]
    pub const fn room(&self) -> Option<RoomId> {
        match self {
            Self::Send { room, .. }
            | Self::EditMessage { room, .. }
            | Self::DeleteMessage { room, .. }
            | Self::React { room, .. }
            | Self::RenameRoom { room, .. }
            | Self::SetRoomProfile { room, .. }
            | Self::AddMember { room, .. }
            | Self::RemoveMember { room, .. }
            | Self::SetRole { room, .. }
            | Self::LeaveRoom { room, .. }
            | Self::SetRoomPrefs { room, .. } => Some(*room),
            Self::OpenPrivate { .. }
            | Self::CreateGroup { .. }
            | Self::SetProfile { .. }
            | Self::SetPrefs { .. } => None,
        }
    }
}
