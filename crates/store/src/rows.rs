//! What goes into the store and comes out of it, where the wire has no type for it.

use std::fmt;

use zas_core::ledger::{FileFacts, FileFor, Write};
use zas_protocol::rest::{Member, User};
use zas_protocol::{
    Attachment, DeviceId, Epoch, FileId, Media, Micros, Position, Role, RoomId, RoomKind, Seq, UserId,
};

/// For how long a used refresh token still gives the same successor, in milliseconds: two tabs
/// may refresh at once, and an answer may be lost.
pub const REFRESH_GRACE_MS: i64 = 60_000;

/// A password's hash, in PHC form or as Django keeps it. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl PasswordHash {
    /// The one that no password fits, of an account that others answer for.
    #[must_use]
    pub fn none() -> Self {
        Self("!".to_owned())
    }

    /// Whether it is none of ours, which are in PHC form of Argon2.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        !self.0.starts_with("$argon2")
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// An account to be made. Names are checked and folded already (`zas_core::shape`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// Who; their own log carries the same id.
    pub id: UserId,
    /// Lower-case; unique.
    pub username: String,
    /// What the username looks like; unique.
    pub skeleton: String,
    /// Lower-case; unique. Empty for who has none.
    pub email: String,
    /// What they are called.
    pub display_name: String,
    /// Of their password.
    pub password_hash: PasswordHash,
    /// Whether they administer the server.
    pub admin: bool,
    /// When.
    pub at: Micros,
}

/// An account, with what only the server may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// As others see them.
    pub user: User,
    /// Lower-case; empty for who has none.
    pub email: String,
    /// Of their password.
    pub password_hash: PasswordHash,
    /// Not disabled.
    pub active: bool,
    /// Whether they administer the server.
    pub admin: bool,
    /// When the account was made.
    pub created_at: Micros,
}

/// Whom another backend's token names, to be found or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewIdentity {
    /// The issuer's name in the settings.
    pub issuer: String,
    /// What the issuer calls them.
    pub subject: String,
    /// Their account; one that is there already becomes this subject's.
    pub id: UserId,
    /// Usernames in order of preference, each with what it looks like. The first free one is taken, even if
    /// it looks like somebody's; the last must be nobody's.
    pub usernames: Vec<(String, String)>,
    /// Kept if it is nobody's; empty for none.
    pub email: String,
    /// What they are called; empty for their username.
    pub display_name: String,
    /// When.
    pub at: Micros,
}

/// Whether an account's sessions are good for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountState {
    /// Not disabled.
    pub active: bool,
    /// Tokens of others that were issued up to then are refused.
    pub signed_out_at: Micros,
}

/// The account of an issuer's subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Whose.
    pub user: UserId,
    /// Their username.
    pub username: String,
    /// What their sessions are good for.
    pub state: AccountState,
}

/// An account as another system has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldAccount {
    /// Who; their own log carries the same id.
    pub id: UserId,
    /// As of [`NewIdentity`].
    pub usernames: Vec<(String, String)>,
    /// Kept if it is nobody's; empty for none.
    pub email: String,
    /// What they are called.
    pub display_name: String,
    /// What they say of themselves.
    pub bio: String,
    /// Of their password.
    pub password_hash: PasswordHash,
    /// Not disabled.
    pub active: bool,
    /// When they were last there; 0 for never.
    pub last_seen: Micros,
    /// When the account was made.
    pub at: Micros,
}

impl OldAccount {
    /// The account to be made, under the first name that is free; without its email where that is somebody's.
    pub(crate) fn to_user(&self, username: String, skeleton: String, email_is_free: bool) -> NewUser {
        NewUser {
            id: self.id,
            username,
            skeleton,
            email: if email_is_free { self.email.clone() } else { String::new() },
            display_name: self.display_name.clone(),
            password_hash: self.password_hash.clone(),
            admin: false,
            at: self.at,
        }
    }

    /// Whether what is here is still what was brought: nobody has changed the profile, and the password is
    /// none that was set here. And whether there is anything to change.
    pub(crate) fn may_change(&self, here: &UserRow) -> bool {
        let is_untouched = here.user.profile_rev == 0 && !here.admin && here.password_hash.is_foreign();
        is_untouched
            && (here.user.display_name != self.display_name
                || here.user.bio != self.bio
                || here.password_hash != self.password_hash
                || here.active != self.active)
    }
}

/// What became of an account of another system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountKept {
    /// It is new here, under this username.
    Made(String),
    /// It was here, and has changed there since.
    Changed,
    /// It was here, and is the same, or was changed here.
    Left,
}

/// What another system's rooms and messages become.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rooms, members, messages and what has become of them, to be carried out as they are. Each log goes on
    /// at its head.
    pub writes: Vec<Write>,
    /// Files that messages among them carry, each with where its bytes are.
    pub files: Vec<(FileRow, String)>,
    /// When messages were said, where that is not the time of their events.
    pub times: Vec<(RoomId, Seq, Micros)>,
    /// How far people have read.
    pub positions: Vec<(RoomId, Position)>,
}

/// Who is in a room and where its log ends, for the server itself alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// What the room is.
    pub kind: RoomKind,
    /// Its last place; 0 when empty.
    pub head: Seq,
    /// The time of its last event; 0 when empty.
    pub last_at: Micros,
    /// By id.
    pub members: Vec<Member>,
}

/// A key of the server-side API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyRow {
    /// What the operator calls it; unique.
    pub name: String,
    /// Of the key itself, which nobody keeps.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Micros,
}

/// A signed-in device: one family of refresh tokens, of which one is current.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    /// Which.
    pub id: DeviceId,
    /// Whose.
    pub user: UserId,
    /// What it is called.
    pub name: String,
    /// The id of its current refresh token.
    pub refresh_jti: String,
    /// When that token was issued.
    pub refresh_issued_at: Micros,
    /// When it signed in.
    pub created_at: Micros,
    /// When it last refreshed.
    pub last_used_at: Micros,
}

/// Whether a device's tokens are good for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceState {
    /// Whose it is.
    pub user: UserId,
    /// Their account is not disabled.
    pub active: bool,
}

/// What became of a refresh token that was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotation {
    /// It was current, and is used up; the next one is current.
    Rotated {
        /// Whose.
        user: UserId,
    },
    /// It was used up moments ago: its successor again.
    Replayed {
        /// Whose.
        user: UserId,
        /// The successor's id.
        refresh_jti: String,
        /// When the successor was issued.
        refresh_issued_at: Micros,
    },
    /// It was used up long ago, so somebody holds a copy: the device is signed out.
    Reused {
        /// Whose.
        user: UserId,
    },
    /// There is no such device any more, or its account is disabled.
    Gone,
}

/// Where a log stands that somebody follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoomHead {
    /// Which.
    pub room: RoomId,
    /// Which history.
    pub epoch: Epoch,
    /// Its last place.
    pub head: Seq,
    /// The first place they may see, of all their stays.
    pub from: Seq,
    /// How many are in it.
    pub members: u32,
}

/// Somebody's standing in a room they are in now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Membership {
    /// What the room is.
    pub kind: RoomKind,
    /// Which history.
    pub epoch: Epoch,
    /// The room's last place.
    pub head: Seq,
    /// How many are in it.
    pub members: u32,
    /// What they may do.
    pub role: Role,
    /// The first place of this stay.
    pub from: Seq,
    /// When they came.
    pub joined_at: Micros,
}

/// Which page of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageAt {
    /// The newest.
    Newest,
    /// Below a place.
    Before(Seq),
    /// Above a place.
    After(Seq),
    /// A place, and both sides of it.
    Around(Seq),
}

/// What a file is for, which says who may fetch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A person's picture: for anyone signed in.
    Avatar,
    /// A group's picture: for who is in the group.
    RoomAvatar,
    /// What a message carries: for who can see that message.
    Attachment,
}

impl FileKind {
    /// Its name, as stored.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avatar => "avatar",
            Self::RoomAvatar => "room_avatar",
            Self::Attachment => "attachment",
        }
    }

    /// The kind of a stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Avatar, Self::RoomAvatar, Self::Attachment].into_iter().find(|kind| kind.name() == name)
    }
}

/// A stored file; its bytes are in the object store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// Which.
    pub id: FileId,
    /// Who uploaded it.
    pub user: UserId,
    /// What for.
    pub kind: FileKind,
    /// What its uploader's computer called it; empty for a picture of a person or a group.
    pub name: String,
    /// As sniffed, never as claimed.
    pub media_type: String,
    /// Its size.
    pub bytes: u64,
    /// Pixels across; 0 for what is no image.
    pub width: u32,
    /// Pixels down; 0 for what is no image.
    pub height: u32,
    /// When.
    pub at: Micros,
    /// The message that carries it, or the event since which a group wears it: its room and place.
    pub message: Option<(RoomId, Seq)>,
}

impl FileRow {
    /// How a message carries it, if it is for one.
    #[must_use]
    pub fn attachment(&self) -> Option<Attachment> {
        let media = Media::of(&self.media_type);
        (self.kind == FileKind::Attachment).then(|| Attachment {
            file: self.id,
            name: self.name.clone(),
            media,
            media_type: self.media_type.clone(),
            bytes: self.bytes,
            width: self.width,
            height: self.height,
        })
    }

    /// As the rules see it.
    pub(crate) fn facts(&self) -> FileFacts {
        let made_for = match (self.kind, self.attachment()) {
            (_, Some(attachment)) => FileFor::Message(attachment),
            (FileKind::RoomAvatar, None) => FileFor::Room,
            (_, None) => FileFor::Person,
        };
        FileFacts { user: self.user, made_for, used: self.message.is_some() }
    }
}
