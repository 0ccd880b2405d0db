//! Who has received and seen what: one's own positions on their way out, gathered for
//! [`SAY_EVERY_MS`], and those of others as last heard. Both only ever advance.

use std::collections::{BTreeMap, BTreeSet};

use zas_protocol::{Advance, Position, RoomId, Seq, Signal, UserId};

use super::{Effect, Millis, Path};

/// Advances are gathered this long before they are said.
pub const SAY_EVERY_MS: Millis = 500;
/// Advances that one signal carries, so that it fits into a frame.
pub const ADVANCES: usize = 100;

/// The machine; see the module.
#[derive(Debug, Clone, Default)]
pub struct Positions {
    /// One's own, as they shall be.
    own: BTreeMap<RoomId, Advance>,
    /// Rooms whose advance is not said yet on this connection.
    unsaid: BTreeSet<RoomId>,
    due: Option<Millis>,
    heard: BTreeMap<RoomId, BTreeMap<UserId, Position>>,
}

impl Positions {
    /// Oneself received, or saw, all up to these places.
    pub fn advance(&mut self, now: Millis, advance: Advance) {
        let own =
            self.own.entry(advance.room).or_insert(Advance { room: advance.room, delivered: 0, read: 0 });
        let before = *own;
        own.read = own.read.max(advance.read);
        own.delivered = own.delivered.max(advance.delivered).max(own.read);
        if *own != before {
            self.unsaid.insert(advance.room);
            self.due.get_or_insert(now + SAY_EVERY_MS);
        }
    }

    /// The server says how far members are.
    pub fn heard(&mut self, room: RoomId, of: &[Position]) {
        let members = self.heard.entry(room).or_default();
        for position in of {
            let held = members.entry(position.user).or_insert(*position);
            if position.delivered > held.delivered {
                (held.delivered, held.delivered_at) = (position.delivered, position.delivered_at);
            }
            if position.read > held.read {
                (held.read, held.read_at) = (position.read, position.read_at);
            }
        }
    }

    /// How far the members of a room are, as last heard.
    pub fn of(&self, room: RoomId) -> impl Iterator<Item = &Position> {
        self.heard.get(&room).into_iter().flat_map(BTreeMap::values)
    }

    /// Another connection: what the former one may have lost is said again.
    pub fn reconnected(&mut self, now: Millis) {
        self.unsaid.extend(self.own.keys());
        if !self.unsaid.is_empty() {
            self.due = Some(now);
        }
    }

    /// The room is left.
    pub fn forget(&mut self, room: RoomId) {
        self.own.remove(&room);
        self.unsaid.remove(&room);
        self.heard.remove(&room);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Millis, path: Path, out: &mut Vec<Effect>) {
        if path != Path::Offline && self.due.is_some_and(|due| due <= now) {
            self.due = None;
            let unsaid = std::mem::take(&mut self.unsaid);
            let advances: Vec<_> = unsaid.iter().filter_map(|room| self.own.get(room)).copied().collect();
            for advances in advances.chunks(ADVANCES) {
                out.push(Effect::Say(Signal::Positions { advances: advances.to_vec() }));
            }
        }
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn next_deadline(&self, path: Path) -> Option<Millis> {
        self.due.filter(|_| path != Path::Offline)
    }

    /// How far oneself is in a room.
    #[must_use]
    pub fn own(&self, room: RoomId) -> (Seq, Seq) {
        self.own.get(&room).map_or((0, 0), |own| (own.delivered, own.read))
    }
}
