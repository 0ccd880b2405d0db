//! The client without I/O: what to send, when to send it again, what to show. The SDK's engine is
//! the same machine in TypeScript; `spec/scenarios` holds the traces that both must follow.
//!
//! | module | what |
//! |---|---|
//! | [`outbox`] | what oneself sends, until it is stored |
//! | [`timeline`] | each log, as far as it is held |
//! | `states` | what its messages are now |
//! | [`connection`] | which rung carries the feed, and when to try again |
//! | [`positions`] | who has received and seen what |
//! | `io` | what goes in and comes out |
//!
//! A driver feeds [`Engine::handle`] and carries the [`Effect`]s out in order; it holds no chat
//! rule. Time is the driver's monotonic clock in milliseconds; `jitter`, anew for each call, is
//! a random number in `0.0..1.0`.
//!
//! To add to it: an [`Input`], the machine that handles it, the [`Effect`] it asks for, and a
//! scenario.

pub mod connection;
mod io;
pub mod outbox;
pub mod positions;
mod states;
pub mod timeline;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use zas_protocol::rest::{LogHead, Page};
use zas_protocol::{
    Ack, Advance, Command, Cursor, Epoch, Event, EventBody, Hello, MessageState, Micros, RoomId, Seen, Seq,
    ServerFrame, TxnId, UserId,
};

pub use connection::{ConnId, Connection, Rung, Status};
pub use io::{Effect, Input};
pub use outbox::{Entry, Outbox, OutboxFull, Path, Progress};
pub use positions::Positions;
pub use timeline::{Fetch, FetchError, FetchId, Timeline};

/// Milliseconds on the driver's monotonic clock.
pub type Millis = u64;

/// The first delay after a failure is random up to this.
pub const BACKOFF_MIN_MS: Millis = 250;
/// No delay after a failure is longer than this.
pub const BACKOFF_MAX_MS: Millis = 15_000;

/// How long to wait after the `attempt`-th failure in a row (from 0): full jitter, doubling from
/// [`BACKOFF_MIN_MS`] to [`BACKOFF_MAX_MS`].
#[must_use]
pub fn backoff(attempt: u32, jitter: f64) -> Millis {
    let cap = BACKOFF_MIN_MS.saturating_mul(1 << attempt.min(16)).min(BACKOFF_MAX_MS);
    (cap as f64 * jitter) as Millis
}

/// What survives a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// The outbox.
    pub outbox: Vec<Entry>,
    /// How far each log was held.
    pub cursor: Cursor,
}

/// One row of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// Who wrote or caused it.
    pub sender: Option<UserId>,
    /// Its name; with the sender, the row's identity for ever.
    pub txn_id: Option<&'a TxnId>,
    /// The text as it is now, where it is a message; empty for a deleted one.
    pub text: Option<&'a str>,
    /// What else has become of the message, where it has changed.
    pub state: Option<&'a MessageState>,
    /// Whether it is a message that was deleted.
    pub deleted: bool,
    /// Its place, once stored.
    pub seq: Option<Seq>,
    /// Where it is, while its event has not come.
    pub progress: Option<&'a Progress>,
}

/// The machine; see the module.
#[derive(Debug, Clone)]
pub struct Engine {
    me: UserId,
    connection: Connection,
    carrier: (Path, ConnId),
    outbox: Outbox,
    logs: BTreeMap<RoomId, Timeline>,
    positions: Positions,
    /// Whether receiving a message advances one's `delivered`.
    receipts: bool,
    seen: Option<Seen>,
}

impl Engine {
    /// An engine for one signed-in person.
    #[must_use]
    pub fn new(me: UserId, rungs: Vec<Rung>, saved: Saved) -> Self {
        let mut positions = Positions::default();
        for (&room, &(_, delivered)) in saved.cursor.iter().filter(|(room, _)| **room != RoomId::own_log(me))
        {
            // The former run may have ended before it said so.
            positions.advance(0, Advance { room, delivered, read: 0 });
        }
        let logs = saved.cursor.into_iter();
        Self {
            me,
            connection: Connection::new(rungs),
            carrier: (Path::Offline, 0),
            outbox: Outbox::restore(saved.outbox),
            logs: logs.map(|(room, (epoch, seq))| (room, Timeline::at(me, room, epoch, seq))).collect(),
            positions,
            receipts: true,
            seen: None,
        }
    }

    /// Whether receiving a message advances one's `delivered`; so unless said otherwise.
    #[must_use]
    pub fn with_receipts(mut self, receipts: bool) -> Self {
        self.receipts = receipts;
        if !receipts {
            self.positions = Positions::default();
        }
        self
    }

    /// What survives a restart.
    #[must_use]
    pub fn saved(&self) -> Saved {
        Saved { outbox: self.outbox.entries().into_iter().cloned().collect(), cursor: self.cursor() }
    }

    /// Who is signed in.
    #[must_use]
    pub const fn me(&self) -> UserId {
        self.me
    }

    /// The connection, as an app shows it.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.connection.status()
    }

    /// The connection that [`Effect::Send`] and [`Effect::Say`] go on; 0 unless a socket is up.
    #[must_use]
    pub const fn socket(&self) -> ConnId {
        match self.carrier {
            (Path::Socket, conn) => conn,
            _ => 0,
        }
    }

    /// Whether frames of this connection count.
    #[must_use]
    pub fn hears(&self, conn: ConnId) -> bool {
        self.connection.hears(conn)
    }

    /// What is waiting to be sent.
    #[must_use]
    pub const fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// A log, if anything is known of it.
    #[must_use]
    pub fn timeline(&self, room: RoomId) -> Option<&Timeline> {
        self.logs.get(&room)
    }

    /// All logs known of.
    pub fn logs(&self) -> impl Iterator<Item = (RoomId, &Timeline)> {
        self.logs.iter().map(|(&room, timeline)| (room, timeline))
    }

    /// Positions, one's own and others'.
    #[must_use]
    pub const fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The first frame for a connection opened now, without its token.
    #[must_use]
    pub fn hello(&self) -> Hello {
        Hello { token: None, cursor: Some(self.cursor()), seen: self.seen.clone() }
    }

    fn cursor(&self) -> Cursor {
        self.logs.iter().filter_map(|(&room, log)| Some((room, log.position()?))).collect()
    }

    /// A conversation: what is stored by `seq`, then what waits, in the order composed.
    #[must_use]
    pub fn rows(&self, room: RoomId) -> Vec<Row<'_>> {
        let mut rows = Vec::new();
        let mut stored = BTreeSet::new();
        let log = self.logs.get(&room);
        for event in log.into_iter().flat_map(Timeline::events) {
            let txn_id = event.txn_id.as_ref();
            stored.extend(txn_id.filter(|_| event.sender == Some(self.me)));
            if event.body.changes().is_some() {
                continue;
            }
            let state = log.and_then(|log| log.state(event.seq));
            let text = match &event.body {
                EventBody::Message { text, .. } => Some(text.as_str()),
                _ => None,
            };
            let edited = state.and_then(|state| state.text.as_deref());
            rows.push(Row {
                sender: event.sender,
                txn_id,
                text: edited.or(text),
                state,
                deleted: matches!(event.body, EventBody::Message { erased: true, .. }),
                seq: Some(event.seq),
                progress: None,
            });
        }
        let mut own: Vec<_> = self.outbox.of_room(room).collect();
        own.retain(|entry| !stored.contains(entry.command.txn_id()) && !entry.command.changes_a_message());
        own.sort_by_key(|entry| match &entry.progress {
            Progress::Acked { ack, .. } => (ack.seq, 0),
            _ => (Seq::MAX, entry.order),
        });
        rows.extend(own.into_iter().map(|entry| Row {
            sender: Some(self.me),
            txn_id: Some(entry.command.txn_id()),
            text: match &entry.command {
                Command::Send { text, .. } => Some(text),
                _ => None,
            },
            state: None,
            deleted: false,
            seq: match &entry.progress {
                Progress::Acked { ack, .. } => Some(ack.seq),
                _ => None,
            },
            progress: Some(&entry.progress),
        }));
        rows
    }

    /// Takes a command to send; `after` of a message is filled in at each sending.
    ///
    /// # Errors
    /// [`OutboxFull`]; nothing is kept then.
    pub fn compose(&mut self, now: Millis, command: Command) -> Result<Vec<Effect>, OutboxFull> {
        let mut out = Vec::new();
        self.outbox.compose(now, command, &mut out)?;
        Ok(out)
    }

    /// Takes a command back that is certainly not stored, and returns it.
    pub fn discard(&mut self, now: Millis, txn_id: &TxnId) -> (Option<Command>, Vec<Effect>) {
        let mut out = Vec::new();
        let command = self.outbox.discard(now, txn_id, &mut out);
        (command, out)
    }

    /// Handles one input; what it asks for is carried out in order.
    #[must_use]
    pub fn handle(&mut self, now: Millis, jitter: f64, input: Input) -> Vec<Effect> {
        let out = &mut Vec::new();
        match input {
            Input::Start => self.connection.start(now, out),
            Input::Stop => self.connection.stop(out),
            Input::Wake => self.connection.wake(now, out),
            Input::Frame { conn, frame } if self.connection.hears(conn) => {
                self.connection.heard(now, conn);
                self.frame(now, jitter, conn, frame, out);
            }
            Input::Frame { .. } => {}
            Input::Heard { conn } => self.connection.heard(now, conn),
            Input::Closed { conn, code } => self.connection.closed(now, jitter, conn, code, out),
            Input::PollAnswered { conn } => self.connection.answered(now, conn, out),
            Input::Posted { answer: Ok(ack) } => self.acked(now, &ack, out),
            Input::Posted { answer: Err(nack) } => self.outbox.nack(now, jitter, &nack, out),
            Input::PostLost { txn_id } => self.outbox.post_lost(now, jitter, &txn_id, out),
            Input::Fetched { room, id, page } => self.fetched(now, jitter, room, id, page, out),
            Input::Heads { heads } => {
                let me = self.me;
                if !self.logs.contains_key(&RoomId::own_log(me)) {
                    // One's own log would say which rooms were left meanwhile: it begins only now.
                    for (&room, log) in &mut self.logs {
                        if !heads.iter().any(|head| head.room == room) {
                            log.not_there();
                            self.outbox.abandoned(room, out);
                        }
                    }
                }
                for LogHead { room, epoch, head } in heads {
                    let log = self.logs.entry(room).or_insert_with(|| Timeline::at(me, room, epoch, head));
                    log.head(now, head);
                    // A log of another history is renewed by the feed.
                    if let Some((_, upto)) = log.position().filter(|&(held, _)| held == epoch) {
                        self.outbox.covered(now, room, epoch, upto, out);
                    }
                }
            }
            Input::TokenRefreshed => {
                self.connection.token_refreshed(now, jitter, out);
                self.outbox.token_refreshed(now, out);
            }
            Input::TokenRefused { code } => self.connection.token_refused(now, jitter, code, out),
            Input::Retry { txn_id } => self.outbox.retry(now, &txn_id, out),
            Input::LoadOlder { room } => {
                if let Some(log) = self.logs.get_mut(&room) {
                    log.load_older(out);
                }
            }
            Input::Advance(advance) => self.positions.advance(now, advance),
            Input::Tick => self.tick(now, jitter, out),
        }
        self.settle(now, out);
        std::mem::take(out)
    }

    /// When it wants [`Input::Tick`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let path = self.carrier.0;
        let logs = self.logs.values().filter_map(Timeline::next_deadline).filter(|_| path != Path::Offline);
        logs.chain(self.connection.next_deadline())
            .chain(self.outbox.next_deadline())
            .chain(self.positions.next_deadline(path))
            .min()
    }

    fn tick(&mut self, now: Millis, jitter: f64, out: &mut Vec<Effect>) {
        self.connection.tick(now, jitter, out);
        self.outbox.tick(now, out);
        self.positions.tick(now, self.carrier.0, out);
        if self.carrier.0 != Path::Offline {
            for log in self.logs.values_mut() {
                log.tick(now, out);
            }
        }
    }

    fn frame(&mut self, now: Millis, jitter: f64, conn: ConnId, frame: ServerFrame, out: &mut Vec<Effect>) {
        match frame {
            ServerFrame::Welcome { node, now: server, ping_ms, expires_at, .. } => {
                if self.seen.as_ref().is_none_or(|seen| seen.node != node) {
                    self.seen = Some(Seen { node, rev: 0 });
                }
                let life: Micros = expires_at.saturating_sub(server);
                self.connection.welcome(now, conn, ping_ms, life, out);
            }
            ServerFrame::Synced {} => {
                self.connection.synced(conn);
                self.leave_what_was_not_named(out);
            }
            ServerFrame::Event(event) => self.log(event.room).event(now, event, out),
            ServerFrame::Skip { room, from, to } => self.log(room).skip(now, from, to, out),
            ServerFrame::Resync { room, epoch, head } => self.resync(now, room, epoch, head, out),
            ServerFrame::Ack(ack) => self.acked(now, &ack, out),
            ServerFrame::Nack(nack) => self.outbox.nack(now, jitter, &nack, out),
            ServerFrame::Typing { rev, .. }
            | ServerFrame::Presence { rev, .. }
            | ServerFrame::Positions { rev, .. } => {
                if let Some(seen) = &mut self.seen {
                    seen.rev = seen.rev.max(rev);
                }
                if let ServerFrame::Positions { room, of, .. } = &frame {
                    self.positions.heard(*room, of);
                }
                out.push(Effect::Heard(frame));
            }
            ServerFrame::Heads { heads } => {
                for (room, head) in heads {
                    self.log(room).head(now, head);
                }
            }
            ServerFrame::Drain { delay_ms } => self.connection.drain(now, conn, delay_ms),
            ServerFrame::Pong { .. } | ServerFrame::Error { .. } => {}
        }
    }

    fn log(&mut self, room: RoomId) -> &mut Timeline {
        self.logs.entry(room).or_insert_with(|| Timeline::cold(self.me, room))
    }

    fn acked(&mut self, now: Millis, ack: &Ack, out: &mut Vec<Effect>) {
        let log = self.logs.get(&ack.room);
        self.outbox.ack(now, ack, log.and_then(Timeline::epoch), out);
        if log.is_some_and(Timeline::is_gone) {
            self.outbox.abandoned(ack.room, out);
        } else if let Some((epoch, upto)) = log.and_then(Timeline::position) {
            self.outbox.covered(now, ack.room, epoch, upto, out);
        }
    }

    fn resync(&mut self, now: Millis, room: RoomId, epoch: Epoch, head: Seq, out: &mut Vec<Effect>) {
        if self.log(room).resync(now, epoch, head, out) {
            self.replaced(now, room, epoch, out);
        }
    }

    /// What was said of the places of the old history means nothing in the new one. A server holds one
    /// history: where one's own log has another, so has every log.
    fn replaced(&mut self, now: Millis, room: RoomId, epoch: Epoch, out: &mut Vec<Effect>) {
        self.positions.forget(room);
        self.outbox.covered(now, room, epoch, 0, out);
        if room == RoomId::own_log(self.me) {
            let others: Vec<_> = self.logs.keys().copied().filter(|&other| other != room).collect();
            for other in others {
                if self.log(other).renounce(epoch, out) {
                    self.positions.forget(other);
                    self.outbox.covered(now, other, epoch, 0, out);
                }
            }
        }
    }

    /// All that was missed has come: a log of the former history that was not named again is not there, or
    /// not one's own, in this one.
    fn leave_what_was_not_named(&mut self, out: &mut Vec<Effect>) {
        for (&room, log) in &mut self.logs {
            if log.is_renounced() {
                log.not_there();
                self.outbox.abandoned(room, out);
            }
        }
    }

    fn fetched(
        &mut self,
        now: Millis,
        jitter: f64,
        room: RoomId,
        id: FetchId,
        page: Result<Page, FetchError>,
        out: &mut Vec<Effect>,
    ) {
        match page {
            Ok(page) => {
                if self.log(room).page(now, jitter, id, &page, out) {
                    self.replaced(now, room, page.epoch, out);
                }
            }
            Err(error) => self.log(room).fetch_failed(now, jitter, id, error),
        }
    }

    /// Carries what one machine did over to the others.
    fn settle(&mut self, now: Millis, out: &mut Vec<Effect>) {
        let mut next = 0;
        while next < out.len() {
            if let Effect::Arrived(event) = &out[next] {
                let event = event.clone();
                self.arrived(now, &event, out);
            }
            next += 1;
        }
        if self.outbox.needs_token() {
            self.connection.need_token(out);
        }
        let carrier = self.connection.carrier();
        if carrier != self.carrier {
            self.carrier = carrier;
            self.outbox.set_path(now, carrier.0, out);
            self.positions.reconnected(now);
        }
    }

    fn arrived(&mut self, now: Millis, event: &Event, out: &mut Vec<Effect>) {
        if event.sender == Some(self.me) {
            self.outbox.echo(now, event, out);
        } else if self.receipts && event.room != RoomId::own_log(self.me) {
            self.positions.advance(now, Advance { room: event.room, delivered: event.seq, read: 0 });
        }
        if let Some(epoch) = self.logs.get(&event.room).and_then(Timeline::epoch) {
            self.outbox.covered(now, event.room, epoch, event.seq, out);
        }
        match event.body {
            EventBody::Joined { joined, from } => self.log(joined).joined(now, from, out),
            EventBody::Left { left, at_seq } => {
                if let Some(log) = self.logs.get_mut(&left) {
                    log.left(at_seq);
                }
            }
            _ => {}
        }
        for room in [event.room, left_room(event).unwrap_or(event.room)] {
            if self.logs.get(&room).is_some_and(Timeline::is_gone) {
                self.outbox.abandoned(room, out);
                self.positions.forget(room);
            }
        }
    }
}

const fn left_room(event: &Event) -> Option<RoomId> {
    match event.body {
        EventBody::Left { left, .. } => Some(left),
        _ => None,
    }
}
