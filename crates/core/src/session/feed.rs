//! Which events have been sent, and fetching what was missed.
//!
//! A log is *behind* while more is known to be in it than was sent. It is then read page by page,
//! one page of one room at a time and as fast as the client reads; meanwhile its live events only
//! say how far it goes.

use std::collections::BTreeMap;

use bytes::Bytes;
use zas_protocol::limits::PAGE_EVENTS;
use zas_protocol::rest::Page;
use zas_protocol::{Cursor, Epoch, Limits, Micros, RoomId, Seq, ServerFrame, UserId};

use super::{Effect, Log, send};
use crate::encode;

/// How long after a read that failed, or found less than is known to be there, the next one is
/// tried, in microseconds.
const READ_AGAIN: Micros = 1_000_000;

/// A log that is followed.
#[derive(Debug, Clone, Copy)]
struct Followed {
    room: RoomId,
    epoch: Epoch,
    /// Something was lost: only the store knows where it ends.
    dirty: bool,
    /// The last place that the client has been told of.
    sent: Seq,
    /// The last place known to exist.
    head: Seq,
}

impl Followed {
    const fn is_behind(&self) -> bool {
        self.dirty || self.head > self.sent
    }
}

/// What was heard of a log before it was known where it stands.
#[derive(Debug, Clone, Copy, Default)]
struct Early {
    dirty: bool,
    head: Seq,
}

/// Where the reading stands.
#[derive(Debug)]
enum Pull {
    /// It is not known yet where the logs stand.
    Shut { early: BTreeMap<RoomId, Early> },
    /// Nothing is behind, or the next read is about to be asked for.
    Ready,
    /// A page was asked for; `stale` when its room was left since.
    Reading { room: RoomId, stale: bool },
    /// The last page is on its way to the client.
    Full,
    /// The store could not; once more at this time.
    Paused { until: Micros },
}

/// What of which log has been sent.
#[derive(Debug)]
pub(super) struct Feed {
    /// By room.
    logs: Vec<Followed>,
    own_log: Option<RoomId>,
    pull: Pull,
    /// Where in `logs` the search for the next page begins, so that each room has its turn.
    turn: usize,
    /// What was behind when the connection opened, and how far it has to go to be synced.
    missed: Vec<(RoomId, Seq)>,
    synced: bool,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            logs: Vec::new(),
            own_log: None,
            pull: Pull::Shut { early: BTreeMap::new() },
            turn: 0,
            missed: Vec::new(),
            synced: false,
        }
    }
}

impl Feed {
    pub(super) const fn is_open(&self) -> bool {
        !matches!(self.pull, Pull::Shut { .. })
    }

    pub(super) const fn is_synced(&self) -> bool {
        self.synced
    }

    /// The earlier of `deadline` and the next try to read.
    pub(super) fn earliest(&self, deadline: Micros) -> Micros {
        match self.pull {
            Pull::Paused { until } => deadline.min(until),
            _ => deadline,
        }
    }

    /// The last known place of a room that is followed and not one's own log.
    pub(super) fn shared_head(&self, room: RoomId) -> Option<Seq> {
        let log = self.logs.get(self.find(room).ok()?)?;
        (self.own_log != Some(room)).then_some(log.head)
    }

    /// The heads are known: what the client has of each log is right, too old, or from another
    /// history. Own log first, then in the given order.
    pub(super) fn open(
        &mut self,
        user: UserId,
        logs: &[Log],
        cursor: &Cursor,
        limits: &Limits,
        effects: &mut Vec<Effect>,
    ) {
        let Pull::Shut { early } = std::mem::replace(&mut self.pull, Pull::Ready) else { return };
        let early = |room: RoomId| early.get(&room).copied().unwrap_or_default();
        for log in &mut self.logs {
            let Early { dirty, head } = early(log.room);
            (log.dirty, log.head) = (dirty, log.head.max(head));
        }
        let own_log = RoomId::own_log(user);
        self.own_log = Some(own_log);
        let mut budget = limits.resume_events;
        let (own, shared): (Vec<&Log>, Vec<&Log>) = logs.iter().partition(|log| log.room == own_log);
        self.logs.reserve_exact(logs.len());
        for &&Log { room, epoch, head, from, .. } in own.iter().chain(&shared) {
            let Early { dirty, head: heard } = early(room);
            let head = head.max(heard);
            let resumed = cursor
                .get(&room)
                .filter(|&&(theirs, seq)| theirs == epoch && seq <= head)
                .map(|&(_, seq)| (seq, head.saturating_sub(seq.max(from.saturating_sub(1)))))
                .filter(|&(_, missed)| missed <= limits.resume_room_events.min(budget));
            let sent = match resumed {
                Some((seq, missed)) => {
                    budget -= missed;
                    seq
                }
                None => {
                    send(&ServerFrame::Resync { room, epoch, head }, effects);
                    head
                }
            };
            self.put(Followed { room, epoch, dirty, sent, head });
        }
        self.missed =
            self.logs.iter().filter(|log| log.is_behind()).map(|log| (log.room, log.head)).collect();
        self.sync(effects);
        self.read_next(effects);
    }

    /// A room that the user joined: what is after `after` is theirs to see.
    pub(super) fn follow(&mut self, room: RoomId, epoch: Epoch, after: Seq) {
        let known = self.find(room).is_ok_and(|at| self.logs[at].epoch == epoch);
        if !known {
            self.put(Followed { room, epoch, dirty: false, sent: after, head: after });
        }
    }

    /// A room that the user is not in any more: nothing of it follows.
    pub(super) fn unfollow(&mut self, left: RoomId, effects: &mut Vec<Effect>) {
        if let Ok(at) = self.find(left) {
            self.logs.remove(at);
        }
        if let Pull::Reading { room, stale } = &mut self.pull
            && *room == left
        {
            *stale = true;
        }
        self.sync(effects);
    }

    /// A room that was to be read is not the user's to read.
    pub(super) fn not_there(&mut self, room: RoomId, effects: &mut Vec<Effect>) {
        if self.take_answer(room, effects) {
            self.unfollow(room, effects);
            self.read_next(effects);
        }
    }

    /// Something happened: sent if it is the next, else it only says how far the log goes.
    pub(super) fn event(&mut self, room: RoomId, seq: Seq, bytes: Bytes, effects: &mut Vec<Effect>) {
        if let Pull::Shut { early } = &mut self.pull {
            let early = early.entry(room).or_default();
            early.head = early.head.max(seq);
            return;
        }
        let Ok(at) = self.find(room) else { return };
        let reading = self.is_reading(room);
        let log = &mut self.logs[at];
        if seq == log.sent + 1 && !log.is_behind() && !reading {
            (log.sent, log.head) = (seq, seq);
            effects.push(Effect::Send(bytes));
        } else if seq > log.head {
            log.head = seq;
            self.read_next(effects);
        }
    }

    /// Something of a room was lost.
    pub(super) fn dirty(&mut self, room: RoomId, effects: &mut Vec<Effect>) {
        if let Pull::Shut { early } = &mut self.pull {
            early.entry(room).or_default().dirty = true;
        } else if let Ok(at) = self.find(room) {
            self.logs[at].dirty = true;
            self.read_next(effects);
        }
    }

    /// Heads that the hub knows. What is missing here is fetched; the client is told how far it
    /// has been told, which is no more than what it can have.
    pub(super) fn heads(&mut self, heads: &BTreeMap<RoomId, Seq>, effects: &mut Vec<Effect>) {
        let mut sent = BTreeMap::new();
        for (&room, &head) in heads {
            let Ok(at) = self.find(room) else { continue };
            let log = &mut self.logs[at];
            log.head = log.head.max(head);
            if !log.is_behind() {
                sent.insert(room, log.sent);
            }
        }
        if !sent.is_empty() {
            send(&ServerFrame::Heads { heads: sent }, effects);
        }
        self.read_next(effects);
    }

    /// A page that was asked for: its events and skips, as far as they are new.
    pub(super) fn page(&mut self, now: Micros, page: Page, effects: &mut Vec<Effect>) {
        if !self.take_answer(page.room, effects) {
            return;
        }
        let Ok(at) = self.find(page.room) else { return };
        let before = effects.len();
        let log = &mut self.logs[at];
        let covers = page.from <= page.to;
        if page.epoch != log.epoch || (covers && page.from > log.sent + 1) {
            // Another history, or one that begins later: nothing joins on to what was sent.
            let Page { room, epoch, head, .. } = page;
            *log = Followed { room, epoch, dirty: false, sent: head, head };
            send(&ServerFrame::Resync { room, epoch, head }, effects);
        } else {
            log.head = log.head.max(page.head);
            log.sent = send_page(log.sent, &page, effects);
        }
        let stuck = effects.len() == before && log.is_behind();
        self.pull = match (stuck, effects.len() > before) {
            (true, _) => Pull::Paused { until: now + READ_AGAIN },
            (false, true) => Pull::Full,
            (false, false) => Pull::Ready,
        };
        self.sync(effects);
        self.read_next(effects);
    }

    /// The store could not read.
    pub(super) fn read_failed(&mut self, now: Micros, room: RoomId) {
        if !self.is_reading(room) {
            return;
        }
        self.pull = Pull::Paused { until: now + READ_AGAIN };
        if let Ok(at) = self.find(room) {
            self.logs[at].dirty = true;
        }
    }

    /// There is room for another page.
    pub(super) fn drained(&mut self, effects: &mut Vec<Effect>) {
        if matches!(self.pull, Pull::Full) {
            self.pull = Pull::Ready;
            self.read_next(effects);
        }
    }

    pub(super) fn tick(&mut self, now: Micros, effects: &mut Vec<Effect>) {
        if let Pull::Paused { until } = self.pull
            && now >= until
        {
            self.pull = Pull::Ready;
            self.read_next(effects);
        }
    }

    /// Whether an answer is to the read that is out, and still wanted.
    fn take_answer(&mut self, of: RoomId, effects: &mut Vec<Effect>) -> bool {
        match self.pull {
            Pull::Reading { room, stale } if room == of => {
                self.pull = Pull::Ready;
                if stale {
                    self.read_next(effects);
                }
                !stale
            }
            _ => false,
        }
    }

    fn is_reading(&self, of: RoomId) -> bool {
        matches!(self.pull, Pull::Reading { room, .. } if room == of)
    }

    fn find(&self, room: RoomId) -> Result<usize, usize> {
        self.logs.binary_search_by_key(&room, |log| log.room)
    }

    fn put(&mut self, log: Followed) {
        match self.find(log.room) {
            Ok(at) => self.logs[at] = log,
            Err(at) => self.logs.insert(at, log),
        }
    }

    /// Asks for the next page, if one is wanted and there is room for it.
    fn read_next(&mut self, effects: &mut Vec<Effect>) {
        if !matches!(self.pull, Pull::Ready) {
            return;
        }
        let n = self.logs.len();
        let Some(at) = (0..n).map(|i| (self.turn + i) % n).find(|&at| self.logs[at].is_behind()) else {
            return;
        };
        self.turn = at + 1;
        let log = &mut self.logs[at];
        // What is lost from here on makes it dirty again; what was lost before is in the page.
        log.dirty = false;
        self.pull = Pull::Reading { room: log.room, stale: false };
        effects.push(Effect::Read { room: log.room, after: log.sent, limit: PAGE_EVENTS });
    }

    /// Says `synced` once all that was missed at the opening is sent.
    fn sync(&mut self, effects: &mut Vec<Effect>) {
        if self.synced || !self.is_open() {
            return;
        }
        let logs = &self.logs;
        self.missed.retain(|&(room, upto)| {
            logs.binary_search_by_key(&room, |log| log.room).is_ok_and(|at| logs[at].sent < upto)
        });
        if self.missed.is_empty() {
            self.missed = Vec::new();
            self.synced = true;
            send(&ServerFrame::Synced {}, effects);
        }
    }
}

/// Sends what of a page is after `sent`, in the order of its places; how far it came.
fn send_page(sent: Seq, page: &Page, effects: &mut Vec<Effect>) -> Seq {
    let mut skips = page.skips.iter().filter(|&&(_, to)| to > sent).peekable();
    let mut skips_before = |seq: Seq, effects: &mut Vec<Effect>| {
        while let Some(&&(from, to)) = skips.peek()
            && from < seq
        {
            skips.next();
            send(&ServerFrame::Skip { room: page.room, from: from.max(sent + 1), to }, effects);
        }
    };
    for event in page.events.iter().filter(|event| event.seq > sent) {
        skips_before(event.seq, effects);
        effects.push(Effect::Send(encode::event(event)));
    }
    skips_before(Seq::MAX, effects);
    sent.max(page.to)
}
