//! What a node has fanned out of each log, so that hints may be lost, repeated and reordered: the
//! next event is delivered, one above a gap has the gap read first. A node's own commits pass the
//! same check, since another node's may lie between.

use std::collections::BTreeMap;

use zas_protocol::{RoomId, Seq};

/// What to do about an event or a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one.
    Deliver,
    /// It was delivered already.
    Known,
    /// What is above this place must be read from the store and delivered in order.
    Read {
        /// The last place delivered.
        after: Seq,
    },
    /// The log was followed from later on than it should have been: whoever it concerns
    /// reconnects, and resumes from their cursor.
    Reconnect,
}

/// Of one log: delivered without a gap from `since` to `upto`.
#[derive(Debug, Clone, Copy)]
struct Delivered {
    since: Seq,
    upto: Seq,
}

/// The machine.
#[derive(Debug, Clone, Default)]
pub struct Relay {
    logs: BTreeMap<RoomId, Delivered>,
}

impl Relay {
    /// A connection follows a log from its head on.
    pub fn follow(&mut self, room: RoomId, head: Seq) {
        self.logs.entry(room).or_insert(Delivered { since: head + 1, upto: head });
    }

    /// An event is durable; if it is to be delivered, that counts as done.
    pub fn event(&mut self, room: RoomId, seq: Seq) -> Verdict {
        let log = self.logs.entry(room).or_insert(Delivered { since: seq, upto: seq - 1 });
        match seq {
            seq if seq <= log.upto => Verdict::Known,
            seq if seq == log.upto + 1 => {
                log.upto = seq;
                Verdict::Deliver
            }
            _ => Verdict::Read { after: log.upto },
        }
    }

    /// Someone here is in a room from `from` on, says their own log.
    pub fn joined(&mut self, room: RoomId, from: Seq) -> Verdict {
        match self.logs.get(&room) {
            None => {
                self.logs.insert(room, Delivered { since: from, upto: from - 1 });
                Verdict::Read { after: from - 1 }
            }
            Some(log) if log.since > from => Verdict::Reconnect,
            Some(log) if log.upto < from => Verdict::Read { after: log.upto },
            Some(_) => Verdict::Known,
        }
    }

    /// The logs followed here, and how far each was delivered.
    pub fn logs(&self) -> impl Iterator<Item = (RoomId, Seq)> {
        self.logs.iter().map(|(&room, log)| (room, log.upto))
    }

    /// For a bug: as if what lies below had been delivered.
    pub fn pretend(&mut self, room: RoomId, seq: Seq) {
        if let Some(log) = self.logs.get_mut(&room) {
            log.upto = log.upto.max(seq);
        }
    }
}
