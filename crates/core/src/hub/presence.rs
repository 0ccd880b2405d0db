//! Who is there: from the first session on, until some time after the last.

use std::collections::BTreeSet;

use zas_protocol::{Micros, Presence, RoomId, ServerFrame, UserId};

use super::{Delivery, Hub, REMEMBER, Rung, Session, SessionKey, Timer, Writes};
use crate::encode;
use crate::time::Now;

/// How long after its last lasting connection a user is still there, in microseconds: a reload,
/// a change of network.
pub const GRACE: Micros = 10_000_000;
/// The same after a long-poll: the longest hold and the way back.
pub const POLL_GRACE: Micros = 35_000_000;

/// Somebody with a session here, or who had one lately.
#[derive(Debug)]
pub(super) struct Person {
    /// The oldest first.
    pub(super) sessions: Vec<SessionKey>,
    pub(super) here: Here,
    pub(super) last_seen: Micros,
    profile_rev: u32,
    /// When this last changed for others.
    pub(super) rev: u64,
}

#[derive(Debug)]
pub(super) enum Here {
    Online {
        /// Whether others know; they are told once it is known who they are.
        announced: bool,
    },
    /// No session is left, others do not know yet.
    Leaving { until: Micros, rooms: Vec<RoomId> },
    /// Remembered for those who come back.
    Gone { until: Micros, rooms: Vec<RoomId> },
}

impl Person {
    pub(super) const fn presence(&self, user: UserId) -> Presence {
        let online = !matches!(self.here, Here::Gone { .. });
        Presence { user, online, last_seen: self.last_seen, profile_rev: self.profile_rev }
    }
}

impl<T: Clone> Hub<T> {
    /// Whether somebody is here, and since when not; `None` for who was not here lately.
    #[must_use]
    pub fn presence(&self, user: UserId) -> Option<Presence> {
        self.people.get(&user).map(|person| person.presence(user))
    }

    /// Somebody's profile has a new version.
    pub fn profile_changed(
        &mut self,
        user: UserId,
        profile_rev: u32,
        deliver: &mut impl FnMut(&T, &Delivery),
    ) {
        let Some(person) = self.people.get_mut(&user) else { return };
        if profile_rev > person.profile_rev {
            person.profile_rev = profile_rev;
            self.tell_presence(user, deliver);
        }
    }

    pub(super) fn arrive(&mut self, at: Micros, key: SessionKey, user: UserId, profile_rev: u32) {
        let person = self.people.entry(user).or_insert_with(|| Person {
            sessions: Vec::new(),
            here: Here::Online { announced: false },
            last_seen: at,
            profile_rev,
            rev: 0,
        });
        person.sessions.push(key);
        person.last_seen = at;
        person.profile_rev = person.profile_rev.max(profile_rev);
        match &person.here {
            Here::Online { .. } => {}
            Here::Leaving { .. } => person.here = Here::Online { announced: true },
            Here::Gone { .. } => person.here = Here::Online { announced: false },
        }
    }

    pub(super) fn announce_arrival(&mut self, user: UserId, deliver: &mut impl FnMut(&T, &Delivery)) {
        if let Some(person) = self.people.get_mut(&user)
            && let Here::Online { announced: announced @ false } = &mut person.here
        {
            *announced = true;
            self.tell_presence(user, deliver);
        }
    }

    pub(super) fn depart(&mut self, now: Now, key: SessionKey, session: Session<T>) {
        let user = session.user;
        let Some(person) = self.people.get_mut(&user) else { return };
        person.sessions.retain(|&other| other != key);
        person.last_seen = now.wall;
        if !person.sessions.is_empty() {
            return;
        }
        let grace = if session.rung == Rung::Poll { POLL_GRACE } else { GRACE };
        let until = now.steady + grace;
        person.here = match std::mem::replace(&mut person.here, Here::Online { announced: false }) {
            // Nobody heard that they came, so nobody need hear that they went.
            Here::Online { announced: false } => Here::Gone { until: now.steady, rooms: session.rooms },
            _ => Here::Leaving { until, rooms: session.rooms },
        };
        let timer = match person.here {
            Here::Gone { .. } => (now.steady, Timer::ForgetPerson(user)),
            _ => (until, Timer::Offline(user)),
        };
        self.timers.insert(timer);
    }

    pub(super) fn go_offline(
        &mut self,
        now: Micros,
        user: UserId,
        writes: &mut Writes,
        deliver: &mut impl FnMut(&T, &Delivery),
    ) {
        let Some(person) = self.people.get_mut(&user) else { return };
        let Here::Leaving { until, rooms } = &mut person.here else { return };
        if *until > now {
            return;
        }
        let rooms = std::mem::take(rooms);
        writes.last_seen.push((user, person.last_seen));
        person.here = Here::Gone { until: now + REMEMBER, rooms };
        self.timers.insert((now + REMEMBER, Timer::ForgetPerson(user)));
        self.tell_presence(user, deliver);
    }

    pub(super) fn forget_person(&mut self, now: Micros, user: UserId) {
        let Some(person) = self.people.get(&user) else { return };
        let Here::Gone { until, rooms } = &person.here else { return };
        if *until > now {
            return;
        }
        for room in rooms {
            if let Some(room) = self.rooms.get_mut(room)
                && room.people.get(&user) == Some(&0)
            {
                room.people.remove(&user);
            }
        }
        self.revisions.forget(person.rev);
        self.people.remove(&user);
    }

    /// Tells the people of a small room which of those who have just come are here.
    pub(super) fn introduce(
        &mut self,
        joined: &[UserId],
        id: RoomId,
        deliver: &mut impl FnMut(&T, &Delivery),
    ) {
        let Some(room) = self.rooms.get(&id).filter(|room| room.is_small()) else { return };
        let rev = self.revisions.next();
        let mut of = Vec::new();
        for &user in joined {
            if let Some(person) = self.people.get_mut(&user) {
                person.rev = rev;
                of.push(person.presence(user));
            }
        }
        if of.is_empty() {
            return;
        }
        let state = Delivery::State(encode::frame(&ServerFrame::Presence { of, rev }));
        room.subscribers.iter().for_each(|subscriber| deliver(&subscriber.handle, &state));
    }

    /// Tells everyone who shares a small room with somebody, each session once.
    fn tell_presence(&mut self, user: UserId, deliver: &mut impl FnMut(&T, &Delivery)) {
        let Some(person) = self.people.get_mut(&user) else { return };
        person.rev = self.revisions.next();
        let frame = ServerFrame::Presence { of: vec![person.presence(user)], rev: person.rev };
        let rooms = match &person.here {
            // Every session of a user follows the same rooms, but for the one that is opening.
            Here::Online { .. } => person
                .sessions
                .iter()
                .filter_map(|key| self.sessions.get(key))
                .map(|session| &session.rooms)
                .max_by_key(|rooms| rooms.len()),
            Here::Leaving { rooms, .. } | Here::Gone { rooms, .. } => Some(rooms),
        };
        let near: BTreeSet<UserId> = rooms
            .into_iter()
            .flatten()
            .filter_map(|id| self.rooms.get(id))
            .filter(|room| room.is_small() && room.people.contains_key(&user))
            .flat_map(|room| room.people.keys().copied())
            .filter(|&other| other != user)
            .collect();
        let state = Delivery::State(encode::frame(&frame));
        for other in near {
            for (_, handle) in self.sessions_of(other) {
                deliver(handle, &state);
            }
        }
    }
}
