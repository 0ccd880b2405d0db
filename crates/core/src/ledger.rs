//! What a command appends to which log. [`decide`] is a pure function from facts to writes; the
//! store loads the [`Facts`] that [`needs`] names, for many commands at once, calls it for each in
//! turn inside one transaction, and carries the [`Write`]s out. Every engine so has the same
//! rules, and the model in memory is an engine like any other.
//!
//! To add a command: its [`needs`], its arm in [`decide`], its rows in the store's conformance
//! suite.

mod decide;

use std::collections::BTreeMap;

use zas_protocol::{
    Ack, Attachment, Command, Epoch, ErrorCode, Event, FileId, MessageId, Micros, Prefs, ProfileChange,
    Reaction, Role, RoomId, RoomKind, RoomPrefs, RoomProfileChange, Seq, TxnId, UserId,
};

use crate::policy;

pub use decide::decide;

/// A command and who gave it. Its shape is checked already (see [`crate::shape`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// Who.
    pub user: UserId,
    /// What.
    pub command: Command,
}

/// A keyed hash of what a command asks, kept beside its event for ever: the same `txn_id` with
/// another hash is a conflict, also after the body was erased.
pub type Fingerprint = [u8; 16];

/// The two people of a private room, the smaller id first.
pub type Pair = (UserId, UserId);

/// The pair of two people in its one order.
#[must_use]
pub fn pair(a: UserId, b: UserId) -> Pair {
    if a < b { (a, b) } else { (b, a) }
}

/// What must be read before some commands can be decided; a thing that several need is in it as often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Stored commands by submitter and name: each command's own, and the one it comes after.
    pub txns: Vec<(UserId, TxnId)>,
    /// Rooms to lock and read; own logs among them.
    pub rooms: Vec<RoomId>,
    /// Memberships of one person in one room.
    pub members: Vec<(RoomId, UserId)>,
    /// Rooms whose whole roster is needed.
    pub rosters: Vec<RoomId>,
    /// Accounts.
    pub users: Vec<UserId>,
    /// People who may come into a room.
    pub joining: Vec<UserId>,
    /// Private rooms by their pair.
    pub pairs: Vec<Pair>,
    /// Files, with who uploaded them.
    pub files: Vec<FileId>,
    /// Messages, as they are now.
    pub messages: Vec<MessageId>,
    /// One person's reaction to a message.
    pub reactions: Vec<(MessageId, UserId)>,
    /// The earlier stays of one person in one room.
    pub stays: Vec<(RoomId, UserId)>,
}

/// What a stored command became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTxn {
    /// Its acknowledgement, the same for every retry.
    pub ack: Ack,
    /// What it asked.
    pub fingerprint: Fingerprint,
}

/// A room as the transaction finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomFacts {
    /// What it is.
    pub kind: RoomKind,
    /// Which history.
    pub epoch: Epoch,
    /// Its last place; 0 when empty.
    pub head: Seq,
    /// The time of its last event; 0 when empty.
    pub last_at: Micros,
    /// How many are in it now.
    pub members: u32,
}

/// Somebody who is in a room now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberFacts {
    /// What they may do.
    pub role: Role,
    /// The first `seq` they see of this stay.
    pub from: Seq,
    /// When they came.
    pub joined_at: Micros,
}

/// An account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserFacts {
    /// Not disabled.
    pub active: bool,
    /// Its profile's version.
    pub profile_rev: u32,
}

/// A message as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageFacts {
    /// Where.
    pub room: RoomId,
    /// Its place.
    pub seq: Seq,
    /// Whose.
    pub sender: Option<UserId>,
    /// The place of the last event that changed it; its own when none did.
    pub rev: Seq,
    /// Nothing but text, and from a person: it may be edited.
    pub plain: bool,
    /// Deleted.
    pub erased: bool,
}

/// An uploaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// Who uploaded it.
    pub user: UserId,
    /// What for.
    pub made_for: FileFor,
    /// A message or a room has it already.
    pub used: bool,
}

/// What an uploaded file is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileFor {
    /// A person's picture.
    Person,
    /// A group's picture.
    Room,
    /// A message, which carries it so.
    Message(Attachment),
}

/// What is so, as far as the commands of one batch need it. [`decide`] keeps it in step with
/// what it wrote, so that the next command of the batch sees the one before.
///
/// A key that is absent is not there in the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Stored commands.
    pub txns: BTreeMap<(UserId, TxnId), StoredTxn>,
    /// Rooms.
    pub rooms: BTreeMap<RoomId, RoomFacts>,
    /// Who is in.
    pub members: BTreeMap<(RoomId, UserId), MemberFacts>,
    /// Accounts.
    pub users: BTreeMap<UserId, UserFacts>,
    /// In how many rooms each who may come into one is, the own log left out.
    pub rooms_of: BTreeMap<UserId, u32>,
    /// Private rooms.
    pub pairs: BTreeMap<Pair, RoomId>,
    /// Files.
    pub files: BTreeMap<FileId, FileFacts>,
    /// Messages.
    pub messages: BTreeMap<MessageId, MessageFacts>,
    /// Who thinks what of a message.
    pub reactions: BTreeMap<(MessageId, UserId), Reaction>,
    /// What a person may see of a room from stays that are over: the first and the last place of each.
    pub stays: BTreeMap<(RoomId, UserId), Vec<(Seq, Seq)>>,
}

/// One thing to write. In order; each finds what those before it wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A new room, empty.
    CreateRoom {
        /// Which.
        room: RoomId,
        /// What it is.
        kind: RoomKind,
        /// A group's name.
        name: Option<String>,
        /// A private room's two people; unique.
        pair: Option<Pair>,
        /// When.
        at: Micros,
    },
    /// An event at the end of a room's log; the room's head and time move with it.
    Append {
        /// The event.
        event: Event,
        /// What the command asked, where the event carries its `txn_id`.
        fingerprint: Option<Fingerprint>,
    },
    /// A message carries a file, or a group wears it.
    Attach {
        /// The file.
        file: FileId,
        /// Where the message is, or which group.
        room: RoomId,
        /// The message's place, or that of the event since which it is the group's.
        of: Seq,
    },
    /// A message has another text.
    EditMessage {
        /// Where.
        room: RoomId,
        /// Its place.
        of: Seq,
        /// The place of the event that says so.
        rev: Seq,
        /// The new text.
        text: String,
        /// When.
        at: Micros,
    },
    /// A message loses its text, in its event and in those that edited it, its file and its reactions.
    EraseMessage {
        /// Where.
        room: RoomId,
        /// Its place.
        of: Seq,
        /// The place of the event that says so.
        rev: Seq,
        /// When.
        at: Micros,
    },
    /// What somebody thinks of a message.
    SetReaction {
        /// Where.
        room: RoomId,
        /// Its place.
        of: Seq,
        /// The place of the event that says so.
        rev: Seq,
        /// Who.
        user: UserId,
        /// What; `None` for nothing any more.
        reaction: Option<Reaction>,
        /// When.
        at: Micros,
    },
    /// A group's name.
    RenameRoom {
        /// Which.
        room: RoomId,
        /// The new one.
        name: String,
    },
    /// How a group shows itself. A picture that is not its any more is for nobody.
    SetRoomProfile {
        /// Which.
        room: RoomId,
        /// What changes.
        profile: RoomProfileChange,
        /// When.
        at: Micros,
    },
    /// Somebody is in from here on.
    StartMembership {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
        /// As what.
        role: Role,
        /// The first `seq` they see.
        from: Seq,
        /// When.
        at: Micros,
    },
    /// Somebody is no longer in.
    EndMembership {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
        /// The last `seq` they see.
        to: Seq,
        /// When.
        at: Micros,
    },
    /// A member's role.
    SetRole {
        /// Where.
        room: RoomId,
        /// Who.
        user: UserId,
        /// The new one.
        role: Role,
    },
    /// A profile, and its next version.
    SetProfile {
        /// Whose.
        user: UserId,
        /// What changes.
        profile: ProfileChange,
        /// The version after it.
        profile_rev: u32,
    },
    /// Settings.
    SetPrefs {
        /// Whose.
        user: UserId,
        /// All of them.
        prefs: Prefs,
    },
    /// Settings of a room.
    SetRoomPrefs {
        /// Whose.
        user: UserId,
        /// Where.
        room: RoomId,
        /// All of them.
        prefs: RoomPrefs,
    },
}

/// A command that may stand: what to write, and what to answer once it is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The answer.
    pub ack: Ack,
    /// What to write; nothing for a duplicate, or where all is so already.
    pub writes: Vec<Write>,
}

impl Decided {
    /// The events it appends, in order: what to fan out after the commit.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.writes.iter().filter_map(|write| match write {
            Write::Append { event, .. } => Some(event),
            _ => None,
        })
    }
}

/// A command that may not stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("refused: {}", code.name())]
pub struct Refusal {
    /// Why.
    pub code: ErrorCode,
    /// For a conflict: what the name already stands for.
    pub first: Option<Box<Ack>>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, first: None }
    }
}

/// What [`decide`] may not know by itself.
pub struct Context<'a> {
    /// The server's clock, in microseconds. Orders nothing: an event's time is at least one
    /// more than the room's last.
    pub now: Micros,
    /// The key of [`Fingerprint`]s.
    pub key: &'a [u8; 32],
    /// Ten random bytes for a new id.
    pub entropy: &'a mut dyn FnMut() -> [u8; 10],
}

/// Adds what must be read before `submission` can be decided.
pub fn needs(submission: &Submission, needs: &mut Needs) {
    let user = submission.user;
    needs.txns.push((user, submission.command.txn_id().clone()));
    needs.users.push(user);
    let in_room = |needs: &mut Needs, room: RoomId, others: &[UserId]| {
        needs.rooms.push(room);
        needs.members.push((room, user));
        for &other in others {
            needs.members.push((room, other));
            needs.users.push(other);
            needs.rooms.push(RoomId::own_log(other));
        }
    };
    match &submission.command {
        Command::Send { room, after, reply_to, attachment, .. } => {
            in_room(needs, *room, &[]);
            needs.txns.extend(after.clone().map(|after| (user, after)));
            needs.files.extend(attachment);
            if let Some(message) = reply_to {
                needs.messages.push(*message);
                needs.stays.push((*room, user));
            }
        }
        Command::EditMessage { room, message, .. } | Command::DeleteMessage { room, message, .. } => {
            in_room(needs, *room, &[]);
            needs.messages.push(*message);
            needs.stays.push((*room, user));
        }
        Command::React { room, message, .. } => {
            in_room(needs, *room, &[]);
            needs.messages.push(*message);
            needs.reactions.push((*message, user));
            needs.stays.push((*room, user));
        }
        Command::OpenPrivate { user: other, .. } => {
            needs.users.push(*other);
            needs.joining.extend([user, *other]);
            needs.pairs.push(pair(user, *other));
            needs.rooms.extend([RoomId::own_log(user), RoomId::own_log(*other)]);
        }
        Command::CreateGroup { members, profile, .. } => {
            needs.files.extend(profile.as_ref().and_then(|profile| profile.avatar.flatten()));
            needs.users.extend(members);
            needs.joining.push(user);
            needs.joining.extend(members);
            needs.rooms.push(RoomId::own_log(user));
            needs.rooms.extend(members.iter().copied().map(RoomId::own_log));
        }
        Command::RenameRoom { room, .. } => in_room(needs, *room, &[]),
        Command::SetRoomProfile { room, profile, .. } => {
            in_room(needs, *room, &[]);
            needs.files.extend(profile.avatar.flatten());
        }
        Command::AddMember { room, user: other, .. } => {
            in_room(needs, *room, &[*other]);
            needs.joining.push(*other);
        }
        Command::RemoveMember { room, user: other, .. } | Command::SetRole { room, user: other, .. } => {
            in_room(needs, *room, &[*other]);
            if user == policy::SERVER {
                needs.rosters.push(*room);
            }
        }
        Command::LeaveRoom { room, .. } => {
            in_room(needs, *room, &[]);
            needs.rooms.push(RoomId::own_log(user));
            needs.rosters.push(*room);
        }
        Command::SetProfile { profile, .. } => {
            needs.rooms.push(RoomId::own_log(user));
            needs.files.extend(profile.avatar);
        }
        Command::SetPrefs { .. } => needs.rooms.push(RoomId::own_log(user)),
        Command::SetRoomPrefs { room, .. } => {
            in_room(needs, *room, &[]);
            needs.rooms.push(RoomId::own_log(user));
        }
    }
}
