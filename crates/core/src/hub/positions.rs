//! How far everyone is: max-merged in memory, written once a second, fanned out four times a
//! second and room.

use std::collections::BTreeMap;

use zas_protocol::{Micros, Position, RoomId, Seq, ServerFrame, UserId};

use super::{Delivery, Hub, Timer};
use crate::encode;
use crate::time::Now;

/// How often one member's position in one room is written at most, in microseconds.
pub const PERSIST_EVERY: Micros = 1_000_000;
/// How often one room's positions go out at most, in microseconds.
pub const FAN_OUT_EVERY: Micros = 250_000;

/// The positions of one room.
#[derive(Debug, Default)]
pub(super) struct Positions {
    /// With the revision it went out with; `None` while it has not.
    of: BTreeMap<UserId, (Position, Option<u64>)>,
    /// Before this nothing goes out; what changes is gathered.
    open_at: Micros,
    gathering: bool,
}

impl Positions {
    pub(super) fn iter(&self) -> impl Iterator<Item = (Position, Option<u64>)> {
        self.of.values().copied()
    }

    pub(super) fn forget(&mut self, user: UserId) {
        self.of.remove(&user);
    }

    /// The highest revision that a position of this room went out with; 0 for none.
    pub(super) fn latest_rev(&self) -> u64 {
        self.of.values().filter_map(|&(_, rev)| rev).max().unwrap_or(0)
    }

    /// Whether one is further than known.
    fn advance(&mut self, at: Micros, user: UserId, delivered: Seq, read: Seq) -> bool {
        let empty = Position { user, delivered: 0, read: 0, delivered_at: 0, read_at: 0 };
        let (position, rev) = self.of.entry(user).or_insert((empty, None));
        let delivered = delivered.max(read);
        let changed = delivered > position.delivered || read > position.read;
        if delivered > position.delivered {
            (position.delivered, position.delivered_at) = (delivered, at);
        }
        if read > position.read {
            (position.read, position.read_at) = (read, at);
        }
        if changed {
            *rev = None;
        }
        changed
    }
}

/// The further of two positions of one person, in each respect.
#[must_use]
pub const fn merge(a: Position, b: Position) -> Position {
    let (delivered, delivered_at) = further((a.delivered, a.delivered_at), (b.delivered, b.delivered_at));
    let (read, read_at) = further((a.read, a.read_at), (b.read, b.read_at));
    Position { user: a.user, delivered, read, delivered_at, read_at }
}

/// At the same place the earlier time is when it was reached.
const fn further(a: (Seq, Micros), b: (Seq, Micros)) -> (Seq, Micros) {
    if a.0 > b.0 || (a.0 == b.0 && a.1 <= b.1) { a } else { b }
}

impl<T: Clone> Hub<T> {
    /// Somebody advanced in a room they are in; `read` implies `delivered`. Both are places that
    /// exist: the caller clamps them to the room's head.
    pub fn advance(
        &mut self,
        now: impl Into<Now>,
        user: UserId,
        room: RoomId,
        delivered: Seq,
        read: Seq,
        deliver: &mut impl FnMut(&T, &Delivery),
    ) {
        if delivered.max(read) == 0 {
            return;
        }
        let Now { steady: now, wall } = now.into();
        if !self.rooms.contains_key(&room) {
            self.forget_room_later(now, room);
        }
        let positions = &mut self.rooms.entry(room).or_default().positions;
        if !positions.advance(wall, user, delivered, read) {
            return;
        }
        if self.unwritten.is_empty() {
            self.timers.insert((now + PERSIST_EVERY, Timer::Persist));
        }
        self.unwritten.insert((room, user));
        if now >= positions.open_at {
            self.fan_out_positions(now, room, deliver);
        } else if !positions.gathering {
            positions.gathering = true;
            self.timers.insert((positions.open_at, Timer::FanOut(room)));
        }
    }

    /// What is known here of a room's positions: what the store does not have yet, and more. The
    /// caller merges it into what it read, by maximum.
    #[must_use]
    pub fn positions(&self, room: RoomId) -> Vec<Position> {
        self.rooms.get(&room).map_or_else(Vec::new, |room| room.positions.iter().map(|(p, _)| p).collect())
    }

    /// Sends what changed: to all who follow a small room, in a large one to oneself.
    pub(super) fn fan_out_positions(
        &mut self,
        now: Micros,
        id: RoomId,
        deliver: &mut impl FnMut(&T, &Delivery),
    ) {
        let Some(room) = self.rooms.get_mut(&id) else { return };
        let small = room.is_small();
        room.positions.open_at = now + FAN_OUT_EVERY;
        room.positions.gathering = false;
        let mut changed = Vec::new();
        for (position, rev) in room.positions.of.values_mut().filter(|(_, rev)| rev.is_none()) {
            *rev = Some(self.revisions.next());
            changed.push(*position);
        }
        let rev = self.revisions.current();
        let frame =
            |of: Vec<Position>| Delivery::State(encode::frame(&ServerFrame::Positions { room: id, of, rev }));
        if small {
            if !changed.is_empty() {
                let state = frame(changed);
                room.subscribers.iter().for_each(|subscriber| deliver(&subscriber.handle, &state));
            }
            return;
        }
        for position in changed {
            let state = frame(vec![position]);
            for own in room.subscribers.iter().filter(|subscriber| subscriber.user == position.user) {
                deliver(&own.handle, &state);
            }
        }
    }

    pub(super) fn take_unwritten(&mut self) -> Vec<(RoomId, Position)> {
        std::mem::take(&mut self.unwritten)
            .into_iter()
            .filter_map(|(room, user)| Some((room, self.rooms.get(&room)?.positions.of.get(&user)?.0)))
            .collect()
    }
}
