//! What an import brought, what it left and why, and whether both sides agree.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Instant;

use serde::Serialize;
use zas_protocol::RoomId;
use zas_store::AccountKept;
use zas_store::django::{Fault, OldCounts};

use super::facts::Digest;
use super::rooms::Brought;

/// Rows that are listed one by one; those beyond are counted.
const LISTED: usize = 100_000;
/// Renamed people that are listed one by one.
const NAMES: usize = 10_000;

/// How much of a table was brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Rows there.
    pub there: u64,
    /// Brought now.
    pub new: u64,
    /// Here before.
    pub known: u64,
}

impl Tally {
    pub(super) const fn count(&mut self, known: bool) {
        if known {
            self.known += 1;
        } else {
            self.new += 1;
        }
    }

    pub(super) fn brought(&mut self, kept: &AccountKept) {
        self.count(!matches!(kept, AccountKept::Made(_)));
    }
}

/// A row that was left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftRow {
    /// Of which table.
    pub table: &'static str,
    /// Which.
    pub key: String,
    /// Why.
    pub why: String,
}

/// A room, compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoomCompared {
    /// Which.
    pub room: RoomId,
    /// What it is called, or who is in it.
    pub name: String,
    /// Messages there, without those that were left.
    pub there: u64,
    /// Messages here that came from there.
    pub here: u64,
    /// Over each message's id, sender, time, text, deletion and reactions, there.
    pub hash_there: String,
    /// The same, here.
    pub hash_here: String,
}

impl RoomCompared {
    /// Whether both sides hold the same.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.there == self.here && self.hash_there == self.hash_here
    }
}

/// What became of all of it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Accounts.
    pub users: Tally,
    /// Rooms.
    pub rooms: Tally,
    /// Messages.
    pub messages: Tally,
    /// Reactions that messages have.
    pub reactions: u64,
    /// Reactions there.
    pub reactions_there: u64,
    /// Notes that somebody has read something, of which positions were made.
    pub reads: u64,
    /// Answers to messages that are not there.
    pub replies_lost: u64,
    /// Changes there since an earlier import, made here too.
    pub changed: u64,
    /// Messages that are what people made of them here, whatever they are there.
    pub kept: u64,
    /// People whose usernames had to change: as there, as here.
    pub renamed: Vec<(String, String)>,
    /// How many rows were left, by table and reason.
    pub left: BTreeMap<String, u64>,
    /// Each of them.
    pub left_rows: Vec<LeftRow>,
    /// Each room, compared; empty for a dry run.
    pub compared: Vec<RoomCompared>,
    /// Seconds that reading and writing took.
    pub seconds: f64,
    #[serde(skip)]
    began: Began,
}

#[derive(Debug, Clone, Copy)]
struct Began(Instant);

impl Default for Began {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Report {
    pub(super) const fn there(&mut self, there: &OldCounts) {
        self.users.there = there.users;
        self.rooms.there = there.rooms;
        self.messages.there = there.messages;
        self.reactions_there = there.reactions;
    }

    pub(super) fn took(&mut self) {
        self.seconds = self.began.0.elapsed().as_secs_f64();
    }

    pub(super) fn leave(&mut self, table: &'static str, key: &str, fault: Fault) {
        *self.left.entry(format!("{table}: {fault}")).or_default() += 1;
        if self.left_rows.len() < LISTED {
            self.left_rows.push(LeftRow { table, key: key.to_owned(), why: fault.to_string() });
        }
    }

    pub(super) fn named(&mut self, there: &str, here: &str) {
        if there != here && self.renamed.len() < NAMES {
            self.renamed.push((there.to_owned(), here.to_owned()));
        }
    }

    /// Adds what an earlier look brought to what this one found here.
    pub(super) fn goes_on_from(&mut self, earlier: &Self) {
        for (now, then) in [
            (&mut self.users, earlier.users),
            (&mut self.rooms, earlier.rooms),
            (&mut self.messages, earlier.messages),
        ] {
            now.known -= then.new.min(now.known);
            now.new += then.new;
        }
        self.changed += earlier.changed;
        self.renamed.extend_from_slice(&earlier.renamed);
        self.replies_lost += earlier.replies_lost;
    }

    pub(super) fn compared(&mut self, room: RoomId, brought: &Brought, here: u64, digest: Digest) {
        self.compared.push(RoomCompared {
            room,
            name: brought.name.clone(),
            there: brought.messages,
            here,
            hash_there: brought.digest.to_string(),
            hash_here: digest.to_string(),
        });
    }

    /// Rooms in which the two sides differ.
    pub fn differing(&self) -> impl Iterator<Item = &RoomCompared> {
        self.compared.iter().filter(|room| !room.agrees())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<10} {:>10} {:>10} {:>10}", "", "there", "new", "known")?;
        for (name, tally) in [("people", &self.users), ("rooms", &self.rooms), ("messages", &self.messages)] {
            writeln!(f, "{name:<10} {:>10} {:>10} {:>10}", tally.there, tally.new, tally.known)?;
        }
        writeln!(
            f,
            "reactions  {:>10}, of which messages that were brought have {}",
            self.reactions_there, self.reactions
        )?;
        if self.changed > 0 {
            writeln!(f, "{} changes since the import before were made here too.", self.changed)?;
        }
        if self.kept > 0 {
            writeln!(f, "{} messages were said, changed or reacted to here, and stay so.", self.kept)?;
        }
        for (what, count) in &self.left {
            writeln!(f, "Left: {count} of {what}.")?;
        }
        if self.replies_lost > 0 {
            writeln!(
                f,
                "{} answers are to messages that are not there, and are plain messages now.",
                self.replies_lost
            )?;
        }
        if !self.renamed.is_empty() {
            writeln!(f, "{} people have another username here.", self.renamed.len())?;
        }
        if self.compared.is_empty() {
            return write!(f, "Nothing was compared.");
        }
        let differing = self.differing().count();
        writeln!(
            f,
            "{} rooms compared, {} hold the same on both sides.",
            self.compared.len(),
            self.compared.len() - differing
        )?;
        for room in self.differing().take(10) {
            writeln!(
                f,
                "DIFFERS: {} ({}): {} messages there, {} here.",
                room.room, room.name, room.there, room.here
            )?;
        }
        let rate = (self.messages.new as f64 / self.seconds.max(0.001)).round();
        write!(f, "It took {:.1} s: {rate} messages a second.", self.seconds)
    }
}
