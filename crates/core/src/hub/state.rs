//! Revisions of state, and what a client that returns has missed.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use zas_protocol::{Micros, Position, Presence, RoomId, ServerFrame, UserId};

use super::Hub;
use crate::encode;

/// The revisions of one node: each change that is sent has the next number.
#[derive(Debug)]
pub(super) struct Revisions {
    /// What changed at or before this may be forgotten.
    base: u64,
    current: u64,
}

impl Revisions {
    /// Microseconds since 1970 rise faster than any node changes its state, so a later start
    /// begins above all that an earlier one gave, and below 2^53 for some centuries.
    pub(super) fn from_boot(boot: Micros) -> Self {
        let base = u64::try_from(boot).unwrap_or(0);
        Self { base, current: base }
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.current += 1;
        self.current
    }

    pub(super) const fn current(&self) -> u64 {
        self.current
    }

    /// A change of this revision is no longer remembered.
    pub(super) fn forget(&mut self, rev: u64) {
        self.base = self.base.max(rev);
    }

    const fn remembers(&self, seen: u64) -> bool {
        self.base <= seen && seen <= self.current
    }
}

/// What the store knows of state, for a client whose [`Seen`](zas_protocol::Seen) this node does not remember.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// Positions in the client's rooms.
    pub positions: Vec<(RoomId, Position)>,
    /// The people who share its small rooms, as if none were online.
    pub presence: Vec<Presence>,
}

impl<T: Clone> Hub<T> {
    /// Whether all that changed after `seen` is remembered here. If not, [`Hub::state_since`]
    /// wants what is [`Stored`]; a client that has heard nothing yet has just read it by itself.
    #[must_use]
    pub const fn remembers(&self, seen: u64) -> bool {
        self.revisions.remembers(seen)
    }

    /// The state that a client who follows `rooms` has not heard, as frames in their order: what
    /// changed after `seen`, or everything where that is not remembered, with `stored` below it.
    ///
    /// Only the last frame carries the revision that all of them make: a client that hears some
    /// and is cut asks for them again.
    #[must_use]
    pub fn state_since(
        &self,
        user: UserId,
        rooms: &[RoomId],
        seen: Option<u64>,
        stored: &Stored,
    ) -> Vec<Bytes> {
        let since = seen.filter(|&seen| self.revisions.remembers(seen));
        let missed = |rev: Option<u64>| match (rev, since) {
            (Some(rev), Some(since)) => rev > since,
            _ => true,
        };
        let mut positions: BTreeMap<(RoomId, UserId), Position> = BTreeMap::new();
        let mut presence: BTreeMap<UserId, Presence> = BTreeMap::new();
        let mut frames = Vec::new();
        if since.is_none() {
            positions.extend(stored.positions.iter().map(|&(room, at)| ((room, at.user), at)));
            presence.extend(stored.presence.iter().map(|&person| (person.user, person)));
        }
        let mut near = BTreeSet::new();
        for &id in rooms {
            let Some(room) = self.rooms.get(&id) else { continue };
            let small = room.is_small();
            for (position, rev) in room.positions.iter() {
                if (small || position.user == user) && missed(rev) {
                    let known = positions.entry((id, position.user)).or_insert(position);
                    *known = super::positions::merge(*known, position);
                }
            }
            for (typist, on, rev) in room.typing.iter() {
                if typist != user && missed(Some(rev)) && (on || since.is_some()) {
                    frames.push(ServerFrame::Typing { room: id, user: typist, on, rev: 0 });
                }
            }
            if small {
                near.extend(room.people.keys().copied().filter(|&other| other != user));
            }
        }
        for other in near {
            if let Some(person) = self.people.get(&other)
                && missed(Some(person.rev))
            {
                presence.insert(other, person.presence(other));
            }
        }
        let mut by_room: BTreeMap<RoomId, Vec<Position>> = BTreeMap::new();
        for ((room, _), position) in positions {
            by_room.entry(room).or_default().push(position);
        }
        frames.extend(by_room.into_iter().map(|(room, of)| ServerFrame::Positions { room, of, rev: 0 }));
        if !presence.is_empty() {
            frames.push(ServerFrame::Presence { of: presence.into_values().collect(), rev: 0 });
        }
        if let Some(
            ServerFrame::Typing { rev, .. }
            | ServerFrame::Positions { rev, .. }
            | ServerFrame::Presence { rev, .. },
        ) = frames.last_mut()
        {
            *rev = self.revisions.current;
        }
        frames.iter().map(encode::frame).collect()
    }

    /// As [`Seen`](zas_protocol::Seen) names it: the revision a client of this node is at once it has heard all.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revisions.current
    }
}
