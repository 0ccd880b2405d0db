//! The hub: who hears what on this node. It holds which sessions follow which rooms, fans events
//! out, and keeps the state that is no event: positions, typing and presence.
//!
//! Nothing here waits: what a session hears goes through the driver's `deliver`, which puts it
//! into a bounded mailbox or marks the room dirty there. Order is that of the calls, and within
//! one call that of the session keys. Every frame is encoded once and its bytes are shared.
//!
//! A connection opens in this order, so that nothing falls between a read and what is live:
//! 1. [`Hub::attach`]: from here on it hears of rooms that its user joins or leaves, and its own log;
//! 2. the driver reads the user's logs from the store;
//! 3. [`Hub::follow`] and [`Hub::state_since`] without letting go of the hub between them; then the
//!    session is told, logs first.
//!
//! `now` never runs backwards here: the driver gives the time of its start plus what a monotonic
//! clock says since.
//!
//! What a node forgets: a room 60 s after the last session that followed it, a person 60 s after
//! they were said to be away, so that a client who comes back soon hears what changed and no more.
//!
//! | module | what |
//! |---|---|
//! | `state` | revisions, and what a client that returns has missed |
//! | `positions` | how far everyone is |
//! | `typing`, `presence` | who types, who is there |
//!
//! To add a kind of state: a module with how it changes, its part of [`Hub::state_since`], its
//! timer if it ends by itself.

mod positions;
mod presence;
mod state;
mod typing;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use zas_protocol::{DeviceId, Epoch, Event, EventBody, Limits, Micros, Position, RoomId, Seq, UserId};

use crate::session::Log;
use crate::time::Now;
use positions::Positions;
pub use positions::{FAN_OUT_EVERY, PERSIST_EVERY, merge};
pub use presence::{GRACE, POLL_GRACE};
use presence::{Here, Person};
use state::Revisions;
pub use state::Stored;
pub use typing::TYPISTS;
use typing::Typing;

/// How long what nobody follows any more is remembered, in microseconds.
pub const REMEMBER: Micros = 60_000_000;

/// One connection on this node; the driver counts them up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey(pub u64);

/// How a connection reaches us: whether it is there all the time or comes again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rung {
    /// A socket or a stream: it is there until it is closed.
    Lasting,
    /// A long-poll: between two of them its user is there, too.
    Poll,
}

/// A connection that comes.
#[derive(Debug, Clone)]
pub struct Attach<T> {
    /// Its key, never used before.
    pub key: SessionKey,
    /// The driver's way to its mailbox; cheap to clone.
    pub handle: T,
    /// Whose it is.
    pub user: UserId,
    /// From which device.
    pub device: DeviceId,
    /// How.
    pub rung: Rung,
    /// The version of the user's profile.
    pub profile_rev: u32,
}

/// What a session hears from the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// An event, encoded.
    Event {
        /// Where.
        room: RoomId,
        /// Its place.
        seq: Seq,
        /// Its frame.
        bytes: Bytes,
    },
    /// The session's user is in a room from here on.
    Follow {
        /// Which.
        room: RoomId,
        /// Its history.
        epoch: Epoch,
        /// The last event that they do not see.
        after: Seq,
    },
    /// The session's user is no longer in a room; nothing of it follows.
    Unfollow {
        /// Which.
        room: RoomId,
    },
    /// A frame of state: typing, positions or presence.
    State(Bytes),
}

/// What the driver writes to the store: none of it is waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Writes {
    /// Positions that advanced, at most one a second for each member and room.
    pub positions: Vec<(RoomId, Position)>,
    /// When people who left were last there.
    pub last_seen: Vec<(UserId, Micros)>,
}

impl Writes {
    /// Whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.positions.is_empty() && self.last_seen.is_empty()
    }
}

#[derive(Debug)]
struct Session<T> {
    handle: T,
    user: UserId,
    device: DeviceId,
    rung: Rung,
    /// Told to go, since its user has one more than they may.
    replaced: bool,
    rooms: Vec<RoomId>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Its logs are being read; the rooms that its user left meanwhile.
    Opening {
        left: Vec<RoomId>,
    },
    Following,
}

#[derive(Debug)]
struct Subscriber<T> {
    key: SessionKey,
    user: UserId,
    handle: T,
}

#[derive(Debug)]
struct Room<T> {
    /// By key.
    subscribers: Vec<Subscriber<T>>,
    /// Who follows it by how many sessions; 0 for who was here and is remembered.
    people: BTreeMap<UserId, u32>,
    /// Its members as far as known, 0 where not.
    members: usize,
    /// The last event seen on this node; 0 for none.
    head: Seq,
    moved_at: Micros,
    positions: Positions,
    typing: Typing,
}

impl<T> Default for Room<T> {
    fn default() -> Self {
        Self {
            subscribers: Vec::new(),
            people: BTreeMap::new(),
            members: 0,
            head: 0,
            moved_at: Micros::MIN,
            positions: Positions::default(),
            typing: Typing::default(),
        }
    }
}

impl<T> Room<T> {
    /// Whether its people hear each other's positions and presence.
    fn is_small(&self) -> bool {
        self.members.max(self.people.len()) <= zas_protocol::limits::SMALL_GROUP
    }
}

/// What happens by itself. A timer whose reason is gone fires into nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    FanOut(RoomId),
    Typing(RoomId),
    Offline(UserId),
    ForgetPerson(UserId),
    ForgetRoom(RoomId),
    Persist,
}

/// The machine. `T` is the driver's mailbox handle.
#[derive(Debug)]
pub struct Hub<T> {
    epoch: Epoch,
    per_user: usize,
    sessions: BTreeMap<SessionKey, Session<T>>,
    /// How many sessions have not followed their rooms yet.
    opening: usize,
    people: BTreeMap<UserId, Person>,
    rooms: BTreeMap<RoomId, Room<T>>,
    revisions: Revisions,
    /// Positions to write at the next [`Timer::Persist`].
    unwritten: BTreeSet<(RoomId, UserId)>,
    timers: BTreeSet<(Micros, Timer)>,
}

impl<T: Clone> Hub<T> {
    /// An empty one. `boot` is the time of its start: its revisions begin there, so that those of
    /// an earlier run are older. `epoch` is the store's.
    #[must_use]
    pub fn new(boot: Micros, epoch: Epoch, limits: &Limits) -> Self {
        Self {
            epoch,
            per_user: limits.connections_per_user.max(1),
            sessions: BTreeMap::new(),
            opening: 0,
            people: BTreeMap::new(),
            rooms: BTreeMap::new(),
            revisions: Revisions::from_boot(boot),
            unwritten: BTreeSet::new(),
            timers: BTreeSet::new(),
        }
    }

    /// A connection comes; it hears of its own log and of rooms that its user joins or leaves.
    /// Where the user then has more than they may, the oldest lasting one is returned: the driver
    /// closes it as replaced, and detaches it.
    #[must_use = "the returned connection has to be closed"]
    pub fn attach(&mut self, now: impl Into<Now>, attach: Attach<T>) -> Option<(SessionKey, T)> {
        let Attach { key, handle, user, device, rung, profile_rev } = attach;
        let stage = Stage::Opening { left: Vec::new() };
        let session = Session { handle, user, device, rung, replaced: false, rooms: Vec::new(), stage };
        debug_assert!(!self.sessions.contains_key(&key), "a session key is used once");
        self.sessions.insert(key, session);
        self.opening += 1;
        self.arrive(now.into().wall, key, user, profile_rev);
        self.subscribe(key, RoomId::own_log(user));
        let keys = self.people.get(&user).map_or(&[][..], |person| &person.sessions);
        let lasting: Vec<SessionKey> = keys
            .iter()
            .copied()
            .filter(|key| self.sessions.get(key).is_some_and(|s| s.rung == Rung::Lasting && !s.replaced))
            .collect();
        if lasting.len() <= self.per_user {
            return None;
        }
        let oldest = *lasting.first()?;
        let session = self.sessions.get_mut(&oldest)?;
        session.replaced = true;
        Some((oldest, session.handle.clone()))
    }

    /// A connection follows its user's rooms. `logs` are what the store said after
    /// [`Hub::attach`]; what happened since is put right in them: heads are raised to what was
    /// fanned out, and rooms that were left are gone. People who share a room hear that the user
    /// is there.
    pub fn follow(&mut self, key: SessionKey, logs: &mut Vec<Log>, deliver: &mut impl FnMut(&T, &Delivery)) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let user = session.user;
        if let Stage::Opening { left } = std::mem::replace(&mut session.stage, Stage::Following) {
            self.opening -= 1;
            logs.retain(|log| !left.contains(&log.room));
        }
        for log in logs.iter_mut() {
            self.subscribe(key, log.room);
            if let Some(room) = self.rooms.get_mut(&log.room) {
                log.head = log.head.max(room.head);
                room.members = room.members.max(log.members as usize);
            }
        }
        if let Some(session) = self.sessions.get_mut(&key) {
            session.rooms.shrink_to_fit();
        }
        self.announce_arrival(user, deliver);
    }

    /// A connection is gone. Once the last of a user is, and none came in time, they are away.
    pub fn detach(&mut self, now: impl Into<Now>, key: SessionKey) {
        let now = now.into();
        let Some(session) = self.sessions.remove(&key) else { return };
        if matches!(session.stage, Stage::Opening { .. }) {
            self.opening -= 1;
        }
        for &room in &session.rooms {
            self.remove_subscriber(now.steady, room, key);
        }
        self.depart(now, key, session);
    }

    /// Something happened: `event` is durable, `bytes` is its frame. Events of a room come in the
    /// order of their `seq`; one that was there already changes nothing.
    pub fn committed(
        &mut self,
        now: Micros,
        event: &Event,
        bytes: Bytes,
        deliver: &mut impl FnMut(&T, &Delivery),
    ) {
        let &Event { room: id, seq, .. } = event;
        if self.rooms.get(&id).is_some_and(|room| seq <= room.head) {
            return;
        }
        let (joined, members) = match &event.body {
            EventBody::RoomCreated { members, .. } => (&members[..], members.len()),
            EventBody::MemberAdded { user } => (std::slice::from_ref(user), 0),
            _ => (&[][..], 0),
        };
        for user in joined {
            self.follow_joined(*user, id, seq - 1, deliver);
        }
        if !self.rooms.contains_key(&id) {
            // Nobody follows it. One who is about to must not miss what is between their reading
            // of its head and their following it.
            if self.opening == 0 {
                return;
            }
            self.forget_room_later(now, id);
        }
        let room = self.rooms.entry(id).or_default();
        room.head = seq;
        room.moved_at = now;
        room.members = room.members.max(members);
        let delivery = Delivery::Event { room: id, seq, bytes };
        for subscriber in &room.subscribers {
            deliver(&subscriber.handle, &delivery);
        }
        match &event.body {
            EventBody::Message { .. } => {
                if let Some(sender) = event.sender {
                    room.typing.forget(sender);
                }
            }
            EventBody::RoomCreated { .. } => self.introduce(joined, id, deliver),
            EventBody::MemberAdded { .. } => {
                room.members += usize::from(room.members > 0);
                self.introduce(joined, id, deliver);
            }
            EventBody::MemberRemoved { user } => {
                room.members = room.members.saturating_sub(1);
                self.unfollow_left(now, *user, id, deliver);
            }
            _ => {}
        }
    }

    /// The last place of each room that a session follows and that moved within a minute.
    #[must_use]
    pub fn heads(&self, now: Micros, key: SessionKey) -> BTreeMap<RoomId, Seq> {
        let rooms = self.sessions.get(&key).map_or(&[][..], |session| &session.rooms);
        rooms
            .iter()
            .filter_map(|id| self.rooms.get(id).map(|room| (*id, room)))
            .filter(|(_, room)| room.moved_at >= now - REMEMBER)
            .map(|(id, room)| (id, room.head))
            .collect()
    }

    /// All connections, the oldest first.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionKey, &T)> {
        self.sessions.iter().map(|(&key, session)| (key, &session.handle))
    }

    /// A user's connections, the oldest first.
    pub fn sessions_of(&self, user: UserId) -> impl Iterator<Item = (SessionKey, &T)> {
        let keys = self.people.get(&user).map_or(&[][..], |person| &person.sessions);
        keys.iter().filter_map(|&key| Some((key, &self.sessions.get(&key)?.handle)))
    }

    /// The connections of one device, the oldest first.
    pub fn sessions_of_device(
        &self,
        user: UserId,
        device: DeviceId,
    ) -> impl Iterator<Item = (SessionKey, &T)> {
        self.sessions_of(user)
            .filter(move |(key, _)| self.sessions.get(key).is_some_and(|session| session.device == device))
    }

    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Whether there is no connection.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    /// When [`Hub::tick`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Micros> {
        self.timers.first().map(|&(at, _)| at)
    }

    /// Time passed: what is due goes out, and what is to be written is returned.
    #[must_use = "what is returned has to be written"]
    pub fn tick(&mut self, now: Micros, deliver: &mut impl FnMut(&T, &Delivery)) -> Writes {
        let mut writes = Writes::default();
        while let Some(&(at, timer)) = self.timers.first() {
            if at > now {
                break;
            }
            self.timers.pop_first();
            match timer {
                Timer::FanOut(room) => self.fan_out_positions(now, room, deliver),
                Timer::Typing(room) => self.expire_typing(now, room, deliver),
                Timer::Offline(user) => self.go_offline(now, user, &mut writes, deliver),
                Timer::ForgetPerson(user) => self.forget_person(now, user),
                Timer::ForgetRoom(room) => self.forget_room(now, room),
                Timer::Persist => writes.positions.append(&mut self.take_unwritten()),
            }
        }
        writes
    }

    /// The node stops: all that is not written yet. Everyone who is here was last seen now.
    #[must_use = "what is returned has to be written"]
    pub fn shut_down(&mut self, now: impl Into<Now>) -> Writes {
        let now = now.into().wall;
        let positions = self.take_unwritten();
        let last_seen = self
            .people
            .iter()
            .filter_map(|(&user, person)| match person.here {
                Here::Online { .. } => Some((user, now)),
                Here::Leaving { .. } => Some((user, person.last_seen)),
                Here::Gone { .. } => None,
            })
            .collect();
        Writes { positions, last_seen }
    }

    fn subscribe(&mut self, key: SessionKey, id: RoomId) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        let room = self.rooms.entry(id).or_default();
        let Err(place) = room.subscribers.binary_search_by_key(&key, |subscriber| subscriber.key) else {
            return;
        };
        let (user, handle) = (session.user, session.handle.clone());
        room.subscribers.insert(place, Subscriber { key, user, handle });
        *room.people.entry(user).or_default() += 1;
        session.rooms.push(id);
    }

    /// Takes a session from a room's subscribers; its user is remembered there.
    fn remove_subscriber(&mut self, now: Micros, id: RoomId, key: SessionKey) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let Ok(place) = room.subscribers.binary_search_by_key(&key, |subscriber| subscriber.key) else {
            return;
        };
        let subscriber = room.subscribers.remove(place);
        if let Some(count) = room.people.get_mut(&subscriber.user) {
            *count = count.saturating_sub(1);
        }
        if room.subscribers.is_empty() {
            room.subscribers = Vec::new();
            self.forget_room_later(now, id);
        }
    }

    fn follow_joined(
        &mut self,
        user: UserId,
        room: RoomId,
        after: Seq,
        deliver: &mut impl FnMut(&T, &Delivery),
    ) {
        let delivery = Delivery::Follow { room, epoch: self.epoch, after };
        let keys = self.people.get(&user).map(|person| person.sessions.clone()).unwrap_or_default();
        for key in keys {
            self.subscribe(key, room);
            let Some(session) = self.sessions.get_mut(&key) else { continue };
            if let Stage::Opening { left } = &mut session.stage {
                left.retain(|&id| id != room);
            }
            deliver(&session.handle, &delivery);
        }
    }

    fn unfollow_left(
        &mut self,
        now: Micros,
        user: UserId,
        room: RoomId,
        deliver: &mut impl FnMut(&T, &Delivery),
    ) {
        let keys = self.people.get(&user).map(|person| person.sessions.clone()).unwrap_or_default();
        for key in keys {
            self.remove_subscriber(now, room, key);
            let Some(session) = self.sessions.get_mut(&key) else { continue };
            session.rooms.retain(|&id| id != room);
            if let Stage::Opening { left } = &mut session.stage {
                left.push(room);
            }
            deliver(&session.handle, &Delivery::Unfollow { room });
        }
        if let Some(room) = self.rooms.get_mut(&room) {
            room.people.remove(&user);
            room.positions.forget(user);
            room.typing.forget(user);
        }
        self.unwritten.remove(&(room, user));
    }

    fn forget_room_later(&mut self, now: Micros, id: RoomId) {
        self.timers.insert((now + REMEMBER, Timer::ForgetRoom(id)));
    }

    fn forget_room(&mut self, now: Micros, id: RoomId) {
        let Some(room) = self.rooms.get(&id) else { return };
        if !room.subscribers.is_empty() {
            return;
        }
        let unwritten = self.unwritten.range((id, UserId(uuid::Uuid::nil()))..).next();
        let in_use = !room.people.is_empty() || unwritten.is_some_and(|&(room, _)| room == id);
        if in_use {
            return self.forget_room_later(now, id);
        }
        self.revisions.forget(room.positions.latest_rev());
        self.rooms.remove(&id);
    }
}
