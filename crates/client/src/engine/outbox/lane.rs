//! The queue of one room's messages (or of the commands without order), and how it goes out.

use std::collections::VecDeque;

use zas_protocol::{Command, TxnId};

use super::{Entry, HOLD_MAX_MS, IN_FLIGHT, Path, Progress, UNACKED_MS};
use crate::engine::{Effect, Millis, backoff};

/// One command with what is known of its sending.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) entry: Entry,
    /// When it was last sent, while in flight.
    pub(super) sent_at: Millis,
    /// It was sent before, perhaps in an earlier run: it may be stored.
    pub(super) tried: bool,
    /// The server wants the one before it first.
    pub(super) blocked: bool,
}

impl Item {
    pub(super) const fn unsettled(&self) -> bool {
        matches!(self.entry.progress, Progress::Queued | Progress::InFlight)
    }

    pub(super) fn queue(&mut self, blocked: bool) {
        self.entry.progress = Progress::Queued;
        self.blocked = blocked;
    }

    pub(super) fn named(&self, txn_id: &TxnId) -> bool {
        self.entry.command.txn_id() == txn_id
    }
}

/// The queue of one room's messages (or of the other commands, in the lane `None`).
#[derive(Debug, Clone, Default)]
pub(super) struct Lane {
    pub(super) items: VecDeque<Item>,
    /// Nothing is sent before this time.
    hold: Option<Millis>,
    /// Refusals in a row that ask for patience.
    pub(super) attempt: u32,
    /// The command that a POST carries now.
    posting: Option<TxnId>,
}

impl Lane {
    pub(super) fn answered(&mut self, txn_id: &TxnId) {
        if self.posting.as_ref() == Some(txn_id) {
            self.posting = None;
        }
    }

    pub(super) fn wait(&mut self, now: Millis, jitter: f64, retry_after: Option<Millis>) {
        let delay = retry_after.map_or_else(|| backoff(self.attempt, jitter), |ms| ms.min(HOLD_MAX_MS));
        self.attempt = self.attempt.saturating_add(1);
        self.hold = Some(self.hold.unwrap_or(0).max(now + delay));
    }

    /// The command at `index` with `after` naming the unsettled one before it.
    pub(super) fn chained(&self, index: usize) -> Command {
        let mut command = self.items[index].entry.command.clone();
        if let Command::Send { after, .. } = &mut command {
            let before = self.items.iter().take(index).rev().find(|item| item.unsettled());
            *after = before.map(|item| item.entry.command.txn_id().clone());
        }
        command
    }

    /// Whether sending must wait still; a hold that has passed is dropped.
    pub(super) fn held(&mut self, now: Millis) -> bool {
        self.hold = self.hold.filter(|&until| until > now);
        self.hold.is_some()
    }

    pub(super) fn send_all(&mut self, now: Millis, out: &mut Vec<Effect>) {
        let mut unsettled = 0;
        for index in 0..self.items.len() {
            if !self.items[index].unsettled() {
                continue;
            }
            if self.items[index].entry.progress == Progress::Queued {
                if unsettled >= IN_FLIGHT || (self.items[index].blocked && unsettled > 0) {
                    return;
                }
                let command = self.chained(index);
                self.launch(index, now);
                out.push(Effect::Send(command));
            }
            unsettled += 1;
        }
    }

    pub(super) fn post_first(&mut self, now: Millis, out: &mut Vec<Effect>) {
        if self.posting.is_some() {
            return;
        }
        if let Some(index) = self.items.iter().position(Item::unsettled) {
            let command = self.chained(index);
            self.posting = Some(command.txn_id().clone());
            self.launch(index, now);
            out.push(Effect::Post(command));
        }
    }

    pub(super) fn launch(&mut self, index: usize, now: Millis) {
        let item = &mut self.items[index];
        item.entry.progress = Progress::InFlight;
        (item.sent_at, item.tried, item.blocked) = (now, true, false);
    }

    /// When the oldest command in flight on a socket is due by POST.
    pub(super) fn overdue_at(&self) -> Option<Millis> {
        let first = self.items.iter().find(|item| item.unsettled())?;
        (self.posting.is_none() && first.entry.progress == Progress::InFlight)
            .then_some(first.sent_at + UNACKED_MS)
    }

    pub(super) fn next_deadline(&self, path: Path) -> Option<Millis> {
        if path == Path::Offline || !self.items.iter().any(Item::unsettled) {
            return None;
        }
        self.hold.or_else(|| self.overdue_at().filter(|_| path == Path::Socket))
    }
}
