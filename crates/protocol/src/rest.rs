//! Bodies of the requests that are neither commands nor the feed.

use serde::{Deserialize, Serialize};

use crate::command::{Prefs, Role, RoomPrefs};
use crate::event::{Event, RoomKind};
use crate::frame::{Position, Presence, Signal};
use crate::ids::{DeviceId, Epoch, FileId, Micros, RoomId, Seq, UserId};
use crate::message::{Attachment, MessageState, Reaction};

/// A person, as anyone signed in sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Lower-case, unique.
    pub username: String,
    /// What they are called.
    pub display_name: String,
    /// About themselves; may be empty.
    pub bio: String,
    /// Their picture (`GET /v1/files/{id}`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub avatar: Option<FileId>,
    /// Rises by one with each change of the profile.
    pub profile_rev: u32,
}

/// Oneself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Me {
    /// As others see one.
    pub user: User,
    /// For oneself alone.
    pub email: String,
    /// Whether one administers the server.
    pub admin: bool,
    /// Settings for all devices.
    pub prefs: Prefs,
}

/// `POST /v1/auth/register`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Register {
    /// 3–30 of `[A-Za-z0-9_]`, stored lower-case.
    pub username: String,
    /// Unique, stored lower-case.
    pub email: String,
    /// Defaults to the username.
    #[serde(default)]
    pub display_name: String,
    /// 8–256 characters.
    pub password: String,
    /// What this device is called in the list of devices.
    #[serde(default)]
    pub device_name: String,
}

/// `POST /v1/auth/login`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Login {
    /// Username or email.
    pub login: String,
    /// The password.
    pub password: String,
    /// What this device is called in the list of devices.
    #[serde(default)]
    pub device_name: String,
}

/// `POST /v1/auth/refresh`. The web client sends none: its cookie holds the token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct RefreshRequest {
    /// The refresh token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub refresh: Option<String>,
}

/// `POST /v1/auth/password`: every other device is signed out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct ChangePassword {
    /// The one in force.
    pub current: String,
    /// The next one, 8–256 characters.
    pub new: String,
}

/// What a sign-in gives. The access token lives an hour; the refresh token a week, and once used
/// it is dead (for 60 s it gives the same successor again).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Tokens {
    /// Names the user on every request (`Authorization: Bearer`).
    pub access: String,
    /// When it expires, in microseconds.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub expires_at: Micros,
    /// Absent when it went into the cookie (`X-Zas-Cookie: 1` asked for that).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub refresh: Option<String>,
    /// The device.
    pub device: DeviceId,
    /// Whose they are.
    pub me: Me,
}

/// A device that is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Device {
    /// Which.
    pub id: DeviceId,
    /// What it is called; may be empty.
    pub name: String,
    /// When it signed in, in microseconds.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub created_at: Micros,
    /// When it last refreshed its tokens, in microseconds.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub last_used_at: Micros,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// `GET /v1/me/devices`: one's devices that are signed in, last used first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Devices {
    /// All of them.
    pub devices: Vec<Device>,
}

/// A member of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// What they may do.
    pub role: Role,
}

/// A room as one member sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Room {
    /// Which.
    pub id: RoomId,
    /// What it is.
    pub kind: RoomKind,
    /// A group's name; a private room is called by its other member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub name: Option<String>,
    /// What a group says of itself; absent where that is nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[cfg_attr(feature = "schema", ts(optional, as = "Option<String>"))]
    pub description: String,
    /// A group's picture (`GET /v1/files/{id}`), for those who are in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub avatar: Option<FileId>,
    /// Which history `head` belongs to.
    pub epoch: Epoch,
    /// The last place of its log.
    pub head: Seq,
    /// The first place that this member may see.
    pub from: Seq,
    /// When something last happened, in microseconds.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub last_at: Micros,
    /// Who is in it; oneself first, then by joining. Everyone, but in a list of rooms: there it is
    /// oneself alone of a large group ([`crate::limits::SMALL_GROUP`]), so that the list has a limit.
    pub members: Vec<Member>,
    /// How many more are in it than `members` names.
    #[serde(default, skip_serializing_if = "none_more")]
    #[cfg_attr(feature = "schema", ts(optional, as = "Option<u32>"))]
    pub more_members: u32,
    /// The last message that this member may see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub last: Option<Event>,
    /// What that message is now, where it has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub last_state: Option<MessageState>,
    /// Others' messages above one's read position, counted up to 1,000.
    pub unread: u32,
    /// Members' positions; in a large group one's own alone.
    pub positions: Vec<Position>,
    /// One's own settings for it.
    pub prefs: RoomPrefs,
}

impl Room {
    /// How many are in it.
    #[must_use]
    pub fn member_count(&self) -> usize {
        self.members.len() + self.more_members as usize
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn none_more(more_members: &u32) -> bool {
    *more_members == 0
}

/// `GET /v1/state`: all that a client needs to draw its first screen and open its feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct State {
    /// Oneself.
    pub me: Me,
    /// One's own log: where to go on from.
    pub own_log: LogHead,
    /// One's rooms, newest activity first.
    pub rooms: Vec<Room>,
    /// Everyone that the rooms name.
    pub users: Vec<User>,
    /// Who of them is there.
    pub presence: Vec<Presence>,
    /// What a client needs to know of the server.
    pub server: ServerInfo,
}

/// Where a log stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct LogHead {
    /// The room.
    pub room: RoomId,
    /// Its history.
    pub epoch: Epoch,
    /// Its last place.
    pub head: Seq,
}

/// What a client needs to know of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct ServerInfo {
    /// The product's version.
    pub version: String,
    /// [`crate::frame::PROTOCOL_VERSION`].
    pub protocol: u32,
    /// Characters of a message.
    pub message_chars: usize,
    /// The server's clock, in microseconds.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub now: Micros,
}

/// `GET /v1/me/connection`: how one's request reached the server, for `zas doctor` to tell whether
/// what stands before it says all that it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Connection {
    /// The address that limits count against: the peer's, or what a trusted proxy says.
    pub address: String,
    /// Whether that address is in `trusted_proxies`, so that it may itself name any other.
    pub address_trusted: bool,
    /// Whether the peer is in `trusted_proxies`.
    pub peer_trusted: bool,
    /// Whether the request names an address itself (`X-Forwarded-For`), believed or not.
    pub forwarded: bool,
    /// Whether a cookie set here would be for https alone.
    pub secure: bool,
    /// The server's clock, in microseconds.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub now: Micros,
}

/// `GET /v1/rooms/{id}`: a room, its newest page of history, and the people they name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct RoomState {
    /// The room.
    pub room: Room,
    /// Its newest page.
    pub page: Page,
    /// Everyone they name.
    pub users: Vec<User>,
    /// Who of them is there.
    pub presence: Vec<Presence>,
}

/// A stretch of a log, oldest first: each `seq` of `from..=to` is an event or in a skip, so that
/// a page without events still moves a client on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Page {
    /// Which room.
    pub room: RoomId,
    /// Its history.
    pub epoch: Epoch,
    /// Its last place when this was read.
    pub head: Seq,
    /// The first `seq` covered; greater than `to` when nothing is.
    pub from: Seq,
    /// The last `seq` covered.
    pub to: Seq,
    /// What of it this person may see.
    pub events: Vec<Event>,
    /// Stretches `[from, to]` that hold nothing for them.
    pub skips: Vec<(Seq, Seq)>,
    /// What those messages of it are now that have changed, by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", ts(optional, as = "Option<Vec<MessageState>>"))]
    pub states: Vec<MessageState>,
    /// Whether there is anything for them below `from`.
    pub more_before: bool,
}

/// `GET /v1/rooms/{id}/events`: which page. At most one of the three; none is the newest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema, utoipa::IntoParams))]
#[serde(default)]
pub struct PageQuery {
    /// Events below this `seq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Seq>,
    /// Events above this `seq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Seq>,
    /// Events on both sides of this `seq`, and it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub around: Option<Seq>,
    /// 1–100; 50 unless said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `GET /v1/users?q=`: people by username or display name, not oneself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Found {
    /// At most 20, the best first.
    pub users: Vec<User>,
}

/// `POST /v1/signals`, for clients without a socket; answered 204.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Signals {
    /// What to say.
    pub signals: Vec<Signal>,
}

/// `POST /v1/feed`: the feed without a socket. `Accept: text/event-stream` makes it a stream of
/// frames; otherwise it is a long-poll answered by [`Polled`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct FeedRequest {
    /// As a socket's first frame, without the token.
    #[serde(flatten)]
    pub hello: crate::frame::Hello,
    /// How long a poll may be held, in milliseconds; 25,000 unless said, 0 answers at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub wait_ms: Option<u64>,
    /// How long to gather more after the first frame, in milliseconds, at most 2,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub gather_ms: Option<u64>,
    /// How long what needs no hurry waits for something that does, in milliseconds, at most
    /// 10,000: typing, positions, presence, and the echo of what this device sent by request while
    /// the poll was held. As `gather_ms` unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub linger_ms: Option<u64>,
    /// What to say on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Signal>,
}

/// A long-poll's answer: the frames, `welcome` first. The client's next cursor is its own, after
/// applying them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Polled {
    /// What happened.
    pub frames: Vec<crate::frame::ServerFrame>,
}

/// `GET /v1/rooms/{room}/messages/{message}`: one message, and who thinks what of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Message {
    /// As it was sent.
    pub event: Event,
    /// What it is now, where it has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub state: Option<MessageState>,
    /// Everyone's reactions, the oldest first; at most as many as a group has members.
    pub reactions: Vec<Reacted>,
    /// Everyone that it names.
    pub users: Vec<User>,
}

/// What somebody thinks of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Reacted {
    /// The place of the message.
    pub of: Seq,
    /// Who.
    pub user: UserId,
    /// What.
    pub reaction: Reaction,
    /// Since when, in microseconds.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub at: Micros,
}

/// The query of `POST /v1/files`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema, utoipa::IntoParams))]
#[serde(default)]
pub struct UploadQuery {
    /// What the file is called. Shown and never trusted: at most 255 bytes are kept of what follows the
    /// last separator of a path; one of which nothing shows is named by its type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `POST /v1/files` (the file as the body): what is stored, to name in a `send`. It is forgotten after a
/// day in which no message carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct UploadedFile {
    /// As a message will carry it. An image has no metadata any more, so that its size is not the one
    /// that was sent.
    pub attachment: Attachment,
}

/// `GET /v1/files/{file}/address`: where who asked fetches a file without showing a token, for an
/// `<img>` or a `<video>`. Whether they may is asked again at each fetch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct FileAddress {
    /// Relative to the server's own, beginning with `/`. The same within the hour.
    pub address: String,
    /// Until when, in microseconds since 1970: an hour at least.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub expires_at: Micros,
}

/// `POST /v1/me/avatar` and `POST /v1/rooms/avatar` (the image as the body): the stored file, to name in
/// `set_profile` or `set_room_profile`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Uploaded {
    /// The file.
    pub file: FileId,
}
