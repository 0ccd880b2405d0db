//! What was sent, acked and delivered. A sender's messages to a room are numbered; each receiver is
//! owed every number once and in order.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use hdrhistogram::Histogram;

/// Latencies, in microseconds up to two minutes, to three digits.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        Self(Histogram::new_with_bounds(1, 120_000_000, 3).expect("the bounds are in order"))
    }
}

impl Latency {
    /// Notes one.
    pub fn note(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// How many were noted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }

    /// The latency that this share of all was within, in milliseconds.
    #[must_use]
    pub fn within(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1_000.0
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        // Both have the bounds above, so that it fits.
        let _ = self.0.add(&other.0);
    }
}

/// What became of the messages of one run.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// Messages sent.
    pub sent: u64,
    /// Messages acked.
    pub acked: u64,
    /// Messages refused.
    pub refused: u64,
    /// Deliveries to others than the sender.
    pub delivered: u64,
    /// Deliveries that came a second time.
    pub twice: u64,
    /// Deliveries that came after a later one.
    pub out_of_order: u64,
    /// Deliveries owed and not made when the run ended.
    pub lost: u64,
    /// What was refused, by sender and number: nobody is owed it.
    never: HashSet<(usize, u64)>,
    /// What each receiver has heard later ones than: receiver, sender, number.
    holes: Vec<(usize, usize, u64)>,
    last: HashMap<(usize, usize), u64>,
}

impl Audit {
    /// For the next run of the same people: their numbers go on.
    #[must_use]
    pub fn fresh(self) -> Self {
        Self { last: self.last, never: self.never, ..Self::default() }
    }

    /// A receiver hears a sender's `n`-th message, from 1.
    pub fn deliver(&mut self, receiver: usize, sender: usize, n: u64) {
        let last = self.last.entry((receiver, sender)).or_default();
        if n == *last + 1 {
            self.delivered += 1;
            *last = n;
        } else if n <= *last {
            self.twice += 1;
        } else {
            // The missing ones were refused, or are lost, or come later.
            self.holes.extend((*last + 1..n).map(|missing| (receiver, sender, missing)));
            self.delivered += 1;
            *last = n;
        }
    }

    /// A sender's `n`-th message is refused, and will not be sent again.
    pub fn refuse(&mut self, sender: usize, n: u64) {
        self.refused += 1;
        self.never.insert((sender, n));
    }

    /// The run has ended: `owed` deliveries were due.
    pub fn end(&mut self, owed: u64) {
        self.lost = owed.saturating_sub(self.delivered);
        let owed = |&&(_, sender, n): &&(usize, usize, u64)| !self.never.contains(&(sender, n));
        self.out_of_order = self.holes.iter().filter(owed).count() as u64;
    }

    /// Whether every message was acked and delivered once and in order.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.violations() == 0 && self.refused == 0 && self.acked == self.sent
    }

    /// Deliveries that were lost, doubled or out of order.
    #[must_use]
    pub const fn violations(&self) -> u64 {
        self.twice + self.out_of_order + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_violation_is_seen() {
        let mut audit = Audit::default();
        for n in [1, 2, 2, 4] {
            audit.deliver(7, 1, n);
        }
        audit.deliver(8, 1, 1);
        audit.end(5);
        assert_eq!((audit.delivered, audit.twice, audit.out_of_order, audit.lost), (4, 1, 1, 1));
        assert!(!audit.is_clean());
    }

    #[test]
    fn what_was_refused_is_owed_to_nobody_also_in_the_next_run() {
        let mut audit = Audit::default();
        audit.refuse(1, 2);
        audit.refuse(1, 4);
        for n in [1, 3] {
            audit.deliver(7, 1, n);
        }
        audit.end(2);
        assert_eq!((audit.refused, audit.violations()), (2, 0));
        let mut audit = audit.fresh();
        audit.deliver(7, 1, 6);
        audit.end(1);
        assert_eq!((audit.refused, audit.out_of_order), (0, 1), "5 was not refused, 4 was");
    }

    #[test]
    fn a_run_in_which_all_arrives_is_clean() {
        let mut audit = Audit { sent: 2, acked: 2, ..Audit::default() };
        audit.deliver(7, 1, 1);
        audit.deliver(7, 1, 2);
        audit.end(2);
        assert!(audit.is_clean());
    }

    #[test]
    fn a_share_of_latencies_is_within_its_bound() {
        let mut latency = Latency::default();
        for ms in 1..=100 {
            latency.note(Duration::from_millis(ms));
        }
        assert!((latency.within(0.5) - 50.0).abs() < 0.5 && (latency.within(0.99) - 99.0).abs() < 0.5);
    }
}
