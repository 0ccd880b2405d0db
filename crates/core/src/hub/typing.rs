//! Who types: said again while it lasts, ended by saying so, by writing, or by itself.

use zas_protocol::limits::TYPING_TTL_MS;
use zas_protocol::{Micros, RoomId, ServerFrame, UserId};

use super::{Delivery, Hub, Timer};
use crate::encode;

/// People of one room whose typing is told at once; more are not.
pub const TYPISTS: usize = 32;

const TTL: Micros = TYPING_TTL_MS as Micros * 1_000;

#[derive(Debug, Clone, Copy)]
struct Typist {
    user: UserId,
    /// Whether they type; if not, that they stopped is remembered for those who poll.
    on: bool,
    until: Micros,
    rev: u64,
}

/// Who types in one room.
#[derive(Debug, Default)]
pub(super) struct Typing {
    typists: Vec<Typist>,
}

impl Typing {
    pub(super) fn iter(&self) -> impl Iterator<Item = (UserId, bool, u64)> {
        self.typists.iter().map(|typist| (typist.user, typist.on, typist.rev))
    }

    pub(super) fn forget(&mut self, user: UserId) {
        self.typists.retain(|typist| typist.user != user);
    }
}

impl<T: Clone> Hub<T> {
    /// Somebody types in a room they are in, or stopped. Their own sessions do not hear it; that
    /// they wrote ends it without a word, since the message says so.
    pub fn typing(
        &mut self,
        now: Micros,
        user: UserId,
        room: RoomId,
        on: bool,
        deliver: &mut impl FnMut(&T, &Delivery),
    ) {
        let Some(typing) = self.rooms.get_mut(&room).map(|room| &mut room.typing) else { return };
        let known = typing.typists.iter().position(|typist| typist.user == user);
        let was_on = known.is_some_and(|at| typing.typists[at].on);
        if !(on || was_on) || (known.is_none() && typing.typists.len() >= TYPISTS) {
            return;
        }
        let rev = self.revisions.next();
        let typist = Typist { user, on, until: now + TTL, rev };
        match known {
            Some(at) => typing.typists[at] = typist,
            None => {
                if typing.typists.is_empty() {
                    self.timers.insert((typist.until, Timer::Typing(room)));
                }
                typing.typists.push(typist);
            }
        }
        self.tell_typing(room, typist, deliver);
    }

    pub(super) fn expire_typing(&mut self, now: Micros, id: RoomId, deliver: &mut impl FnMut(&T, &Delivery)) {
        let Some(typing) = self.rooms.get_mut(&id).map(|room| &mut room.typing) else { return };
        let mut ended = Vec::new();
        typing.typists.retain_mut(|typist| {
            if typist.until > now {
                return true;
            }
            if !typist.on {
                return false;
            }
            *typist = Typist { on: false, until: now + TTL, rev: self.revisions.next(), ..*typist };
            ended.push(*typist);
            true
        });
        if let Some(next) = typing.typists.iter().map(|typist| typist.until).min() {
            self.timers.insert((next, Timer::Typing(id)));
        }
        for typist in ended {
            self.tell_typing(id, typist, deliver);
        }
    }

    fn tell_typing(&self, id: RoomId, typist: Typist, deliver: &mut impl FnMut(&T, &Delivery)) {
        let Some(room) = self.rooms.get(&id) else { return };
        let Typist { user, on, rev, .. } = typist;
        let state = Delivery::State(encode::frame(&ServerFrame::Typing { room: id, user, on, rev }));
        for subscriber in room.subscribers.iter().filter(|subscriber| subscriber.user != user) {
            deliver(&subscriber.handle, &state);
        }
    }
}
