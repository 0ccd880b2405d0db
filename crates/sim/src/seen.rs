//! What was seen in a run, to know that the runs reach what they are for.

use std::collections::BTreeMap;

/// What a run is for: each must happen in some of them. One more is a line here and a
/// [`Seen::note`] where it happens.
pub const WHAT: [&str; 25] = [
    "commits lost",
    "commits failed",
    "commands asked again",
    "commands refused for good",
    "commands posted",
    "mailboxes overflowed",
    "gaps repaired",
    "users reconnected",
    "resyncs",
    "skips",
    "jumps",
    "sockets",
    "streams",
    "polls",
    "nodes crashed",
    "devices reloaded",
    "devices signed out",
    "backups restored",
    "entries not journaled",
    "journals cleared",
    "people heard typing",
    "rooms read",
    "messages edited",
    "messages deleted",
    "reactions",
];

/// How often each of [`WHAT`] was seen, to know that the runs reach what they should.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<&'static str, usize>);

impl Seen {
    /// It happened.
    pub fn note(&mut self, what: &'static str) {
        debug_assert!(WHAT.contains(&what), "{what} is not in the list");
        *self.0.entry(what).or_default() += 1;
    }

    /// Adds what another run saw.
    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }

    /// How often.
    #[must_use]
    pub fn times(&self, what: &str) -> usize {
        self.0.get(what).copied().unwrap_or(0)
    }
}
