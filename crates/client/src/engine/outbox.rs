//! What oneself sends, from the key press until it is stored: `queued → in_flight → acked`, or
//! `failed`. Messages to one room form a lane and keep their order on every path; commands of
//! other kinds share one lane without order.
//!
//! By socket a lane is pipelined, each message naming the unsettled one before it (`after`); by
//! HTTP one is in flight per lane. What a socket does not ack in [`UNACKED_MS`] goes again by POST
//! under the same name. Only a final refusal lets the next one pass.

mod lane;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use zas_protocol::{Ack, Command, Epoch, ErrorCode, Event, Nack, Retry, RoomId, Seq, TxnId};

use super::{Effect, Millis};
use lane::{Item, Lane};

/// A send that the socket has not acked in this long goes again by POST.
pub const UNACKED_MS: Millis = 2_000;
/// Commands of one lane that the socket carries at once.
pub const IN_FLIGHT: usize = 32;
/// Commands that an outbox holds; beyond it, composing is refused.
pub const ENTRIES: usize = 1_000;
/// The longest that a server's `retry_after` is obeyed.
pub const HOLD_MAX_MS: Millis = 300_000;

/// How commands may go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// Not at all.
    Offline,
    /// On the socket, pipelined.
    Socket,
    /// By POST, one in flight per lane.
    Http,
}

/// Where a command is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Progress {
    /// It waits for its turn, its room's queue, or a connection.
    Queued,
    /// It is on its way.
    InFlight,
    /// It is stored; its event has not come yet.
    Acked {
        /// The server's answer.
        ack: Ack,
        /// The history in which it holds; `None` where the room was not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        epoch: Option<Epoch>,
    },
    /// It is finally refused, and waits for its author to retry or discard it.
    Failed {
        /// Why.
        code: ErrorCode,
    },
}

/// A command as the journal keeps it; one record each, written before the command is first sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the order of composing.
    pub order: u64,
    /// What is asked; `after` is filled in at each sending.
    pub command: Command,
    /// Where it is.
    #[serde(flatten)]
    pub progress: Progress,
}

/// The outbox is full: [`ENTRIES`] commands wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many messages are waiting to be sent")]
pub struct OutboxFull;

/// The machine; see the module.
#[derive(Debug, Clone)]
pub struct Outbox {
    lanes: BTreeMap<Option<RoomId>, Lane>,
    path: Path,
    /// The access token was refused: nothing is sent until there is a fresh one.
    needs_token: bool,
    next_order: u64,
}

impl Default for Outbox {
    fn default() -> Self {
        Self::restore(Vec::new())
    }
}

impl Outbox {
    /// The outbox that a journal holds. What was in flight is sent again.
    #[must_use]
    pub fn restore(mut entries: Vec<Entry>) -> Self {
        entries.sort_by_key(|entry| entry.order);
        let next_order = entries.last().map_or(0, |entry| entry.order + 1);
        let mut lanes = BTreeMap::<_, Lane>::new();
        for mut entry in entries {
            if entry.progress == Progress::InFlight {
                entry.progress = Progress::Queued;
            }
            let item = Item { entry, sent_at: 0, tried: true, blocked: false };
            lanes.entry(lane_of(&item.entry.command)).or_default().items.push_back(item);
        }
        Self { lanes, path: Path::Offline, needs_token: false, next_order }
    }

    /// Every entry, in the order of composing.
    #[must_use]
    pub fn entries(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.lanes.values().flat_map(|l| &l.items).map(|i| &i.entry).collect();
        entries.sort_by_key(|entry| entry.order);
        entries
    }

    /// The entries of one room, in the order of composing.
    pub fn of_room(&self, room: RoomId) -> impl Iterator<Item = &Entry> {
        self.lanes.get(&Some(room)).into_iter().flat_map(|lane| &lane.items).map(|item| &item.entry)
    }

    /// How many commands are neither stored nor finally refused.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.lanes.values().flat_map(|lane| &lane.items).filter(|item| item.unsettled()).count()
    }

    /// Takes a command in, journals it, and sends it if its turn has come.
    ///
    /// # Errors
    /// [`OutboxFull`]; nothing is kept then.
    pub fn compose(
        &mut self,
        now: Millis,
        command: Command,
        out: &mut Vec<Effect>,
    ) -> Result<(), OutboxFull> {
        if self.lanes.values().map(|lane| lane.items.len()).sum::<usize>() >= ENTRIES {
            return Err(OutboxFull);
        }
        let entry = Entry { order: self.next_order, command, progress: Progress::Queued };
        self.next_order += 1;
        out.push(Effect::Save(entry.clone()));
        let lane = self.lanes.entry(lane_of(&entry.command)).or_default();
        lane.items.push_back(Item { entry, sent_at: 0, tried: false, blocked: false });
        self.pump(now, out);
        Ok(())
    }

    /// Another path, or the same one anew: what was in flight is sent again.
    pub fn set_path(&mut self, now: Millis, path: Path, out: &mut Vec<Effect>) {
        self.path = path;
        for item in self.lanes.values_mut().flat_map(|lane| &mut lane.items) {
            if item.entry.progress == Progress::InFlight {
                item.queue(false);
            }
        }
        self.pump(now, out);
    }

    /// Whether it waits for a fresh access token.
    #[must_use]
    pub const fn needs_token(&self) -> bool {
        self.needs_token
    }

    /// There is a fresh access token.
    pub fn token_refreshed(&mut self, now: Millis, out: &mut Vec<Effect>) {
        self.needs_token = false;
        self.pump(now, out);
    }

    /// A command is stored, says the server, in the history `epoch` of its room, if that is known.
    /// Valid from any state.
    pub fn ack(&mut self, now: Millis, ack: &Ack, epoch: Option<Epoch>, out: &mut Vec<Effect>) {
        self.stored(ack, epoch, false, out);
        self.pump(now, out);
    }

    /// One's own event came: as good as an ack, and the end of its entry.
    pub fn echo(&mut self, now: Millis, event: &Event, out: &mut Vec<Effect>) {
        let Some(txn_id) = event.txn_id.clone() else { return };
        let (room, seq, at, message) = (event.room, event.seq, event.at, event.body.message());
        self.stored(&Ack { txn_id, room, seq, at, message }, None, true, out);
        self.pump(now, out);
    }

    fn stored(&mut self, ack: &Ack, epoch: Option<Epoch>, echoed: bool, out: &mut Vec<Effect>) {
        let Some((lane, index)) = self.locate(&ack.txn_id) else { return };
        lane.answered(&ack.txn_id);
        lane.attempt = 0;
        let item = &mut lane.items[index];
        if !matches!(item.entry.progress, Progress::Acked { .. }) {
            out.push(Effect::Settled { txn_id: ack.txn_id.clone(), outcome: Ok(ack.clone()) });
        }
        if echoed || !matches!(item.entry.command, Command::Send { .. }) {
            lane.items.remove(index);
            out.push(Effect::Forget(ack.txn_id.clone()));
        } else {
            item.entry.progress = Progress::Acked { ack: ack.clone(), epoch };
            out.push(Effect::Save(item.entry.clone()));
        }
    }

    /// A command is not stored by this attempt.
    pub fn nack(&mut self, now: Millis, jitter: f64, nack: &Nack, out: &mut Vec<Effect>) {
        if let Some((lane, index)) = self.locate(&nack.txn_id) {
            lane.answered(&nack.txn_id);
            let first = !lane.items.iter().take(index).any(Item::unsettled);
            let item = &mut lane.items[index];
            if item.unsettled() {
                match (nack.code, nack.code.retry()) {
                    // A lost session says nothing about the message: it waits for the next one.
                    (ErrorCode::Revoked, _) | (_, Retry::Refreshed) => {
                        item.queue(false);
                        self.needs_token = true;
                    }
                    (code, Retry::Never) => {
                        item.entry.progress = Progress::Failed { code };
                        out.push(Effect::Save(item.entry.clone()));
                        out.push(Effect::Settled { txn_id: nack.txn_id.clone(), outcome: Err(code) });
                    }
                    (_, Retry::InOrder) if !first => item.queue(true),
                    (_, Retry::InOrder | Retry::Later) => {
                        item.queue(false);
                        lane.wait(now, jitter, nack.retry_after_ms);
                    }
                }
            }
        }
        self.pump(now, out);
    }

    /// A POST ended without an answer: its outcome is not known.
    pub fn post_lost(&mut self, now: Millis, jitter: f64, txn_id: &TxnId, out: &mut Vec<Effect>) {
        let path = self.path;
        if let Some((lane, index)) = self.locate(txn_id) {
            lane.answered(txn_id);
            let item = &mut lane.items[index];
            if item.unsettled() && path == Path::Socket {
                item.sent_at = now;
            } else if item.unsettled() {
                item.queue(false);
                lane.wait(now, jitter, None);
            }
        }
        self.pump(now, out);
    }

    /// The room's log is held up to `upto` in the history `epoch`: what was acked there needs no entry
    /// any more. What was acked in another history goes out again, since this one may lack it; the
    /// server answers with the first result if it has one.
    pub fn covered(&mut self, now: Millis, room: RoomId, epoch: Epoch, upto: Seq, out: &mut Vec<Effect>) {
        self.review(room, out, |ack, acked_in| match acked_in {
            _ if acked_in != Some(epoch) => Review::Send,
            _ if ack.seq <= upto => Review::Forget,
            _ => Review::Keep,
        });
        self.pump(now, out);
    }

    /// The room's log is no longer followed: no event will come for what was acked.
    pub fn abandoned(&mut self, room: RoomId, out: &mut Vec<Effect>) {
        self.review(room, out, |_, _| Review::Forget);
        self.tidy();
    }

    /// Looks again at what was acked in a room.
    fn review(
        &mut self,
        room: RoomId,
        out: &mut Vec<Effect>,
        verdict: impl Fn(&Ack, Option<Epoch>) -> Review,
    ) {
        let Some(lane) = self.lanes.get_mut(&Some(room)) else { return };
        lane.items.retain_mut(|item| {
            let Progress::Acked { ack, epoch } = &item.entry.progress else { return true };
            match verdict(ack, *epoch) {
                Review::Keep => true,
                Review::Forget => {
                    out.push(Effect::Forget(ack.txn_id.clone()));
                    false
                }
                Review::Send => {
                    item.queue(false);
                    out.push(Effect::Save(item.entry.clone()));
                    true
                }
            }
        });
    }

    /// Sends a failed command again, under the same name, as the newest of its lane.
    pub fn retry(&mut self, now: Millis, txn_id: &TxnId, out: &mut Vec<Effect>) {
        let order = self.next_order;
        let Some((lane, index)) = self.locate(txn_id) else { return };
        if !matches!(lane.items[index].entry.progress, Progress::Failed { .. }) {
            return;
        }
        if let Some(mut item) = lane.items.remove(index) {
            item.queue(false);
            item.entry.order = order;
            out.push(Effect::Save(item.entry.clone()));
            lane.items.push_back(item);
        }
        self.next_order += 1;
        self.pump(now, out);
    }

    /// Takes a command back that is certainly not stored: failed, or never sent. Returns it.
    pub fn discard(&mut self, now: Millis, txn_id: &TxnId, out: &mut Vec<Effect>) -> Option<Command> {
        let (lane, index) = self.locate(txn_id)?;
        let item = &lane.items[index];
        if !(matches!(item.entry.progress, Progress::Failed { .. }) || (item.unsettled() && !item.tried)) {
            return None;
        }
        let command = lane.items.remove(index)?.entry.command;
        out.push(Effect::Forget(txn_id.clone()));
        self.pump(now, out);
        Some(command)
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Millis, out: &mut Vec<Effect>) {
        self.pump(now, out);
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        if self.needs_token {
            return None;
        }
        self.lanes.values().filter_map(|lane| lane.next_deadline(self.path)).min()
    }

    fn pump(&mut self, now: Millis, out: &mut Vec<Effect>) {
        self.tidy();
        if self.needs_token {
            return;
        }
        for lane in self.lanes.values_mut() {
            if lane.held(now) {
                continue;
            }
            match self.path {
                Path::Offline => {}
                Path::Http => lane.post_first(now, out),
                Path::Socket => {
                    lane.send_all(now, out);
                    if lane.overdue_at().is_some_and(|due| due <= now) {
                        lane.post_first(now, out);
                    }
                }
            }
        }
    }

    fn locate(&mut self, txn_id: &TxnId) -> Option<(&mut Lane, usize)> {
        self.lanes.values_mut().find_map(|lane| {
            let index = lane.items.iter().position(|item| item.named(txn_id))?;
            Some((lane, index))
        })
    }

    fn tidy(&mut self) {
        self.lanes.retain(|_, lane| !lane.items.is_empty());
    }
}

/// What becomes of an entry that was acked.
enum Review {
    Keep,
    Forget,
    Send,
}

fn lane_of(command: &Command) -> Option<RoomId> {
    match command {
        Command::Send { room, .. } => Some(*room),
        _ => None,
    }
}
