//! One log as this client holds it: a contiguous stretch of it, every `seq` of which is an event
//! or is known to hold nothing for this person. What comes above a gap waits until the gap is
//! read; what comes twice is ignored by `seq`.
//!
//! A timeline is `cold` while nothing is known (the newest page is read first), follows from some
//! place on otherwise, and is `gone` once this person has left the room.

use std::collections::BTreeMap;

use zas_protocol::rest::Page;
use zas_protocol::{Epoch, Event, EventBody, MessageState, RoomId, Seq, UserId};

use super::states::States;
use super::{Effect, Millis, backoff};

/// Events that one timeline keeps in memory; the oldest are dropped first.
pub const EVENTS: usize = 2_000;
/// Events kept above a gap; beyond it the page that fills the gap brings them.
pub const AHEAD: usize = 256;
/// How long a head that is ahead of what came may be just overtaking the events on their way.
pub const HEAD_GRACE_MS: Millis = 1_000;

/// Which page to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetch {
    /// The newest.
    Newest,
    /// What follows this `seq`.
    After(Seq),
    /// What precedes this `seq`.
    Before(Seq),
}

/// Names one read; the answer to a read that is no longer wanted is ignored by it.
pub type FetchId = u64;

/// Why a page did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchError {
    /// No answer, or one that says later.
    Later,
    /// This person is not in the room.
    NotFound,
}

/// The machine; see the module.
#[derive(Debug, Clone)]
pub struct Timeline {
    me: UserId,
    room: RoomId,
    /// `None` while cold.
    epoch: Option<Epoch>,
    /// The history that the server named while nothing of it is held.
    named: Option<Epoch>,
    /// The stretch held is `from..=to`; empty when `from` is `to + 1`.
    from: Seq,
    to: Seq,
    /// The highest place known of, whether or not it came.
    head: Seq,
    events: BTreeMap<Seq, Event>,
    states: States,
    ahead: BTreeMap<Seq, Event>,
    more_before: bool,
    /// The last place one may see, once one has left.
    gone_after: Option<Seq>,
    /// Where one last came in, as far as is known.
    in_since: Seq,
    /// The read that is on its way, for filling a gap or from cold.
    fetching: Option<(FetchId, Fetch)>,
    /// The read of older history that is on its way.
    older: Option<FetchId>,
    /// When to read next, if still behind.
    fetch_at: Option<Millis>,
    attempt: u32,
    next_fetch: FetchId,
}

impl Timeline {
    /// A log of which nothing is known.
    #[must_use]
    pub const fn cold(me: UserId, room: RoomId) -> Self {
        Self {
            me,
            room,
            epoch: None,
            named: None,
            from: 1,
            to: 0,
            head: 0,
            events: BTreeMap::new(),
            states: States::new(),
            ahead: BTreeMap::new(),
            more_before: true,
            gone_after: None,
            in_since: 0,
            fetching: None,
            older: None,
            fetch_at: None,
            attempt: 0,
            next_fetch: 1,
        }
    }

    /// Another history begins: forgets what was held, but not which reads were made.
    fn replace(&mut self, epoch: Epoch, out: &mut Vec<Effect>) {
        let (next_fetch, named) = (self.next_fetch, Some(epoch));
        *self = Self { next_fetch, named, ..Self::cold(self.me, self.room) };
        out.push(Effect::Replaced { room: self.room });
    }

    /// A log that is followed from behind `seq` on.
    #[must_use]
    pub const fn at(me: UserId, room: RoomId, epoch: Epoch, seq: Seq) -> Self {
        let mut timeline = Self::cold(me, room);
        timeline.epoch = Some(epoch);
        (timeline.from, timeline.to, timeline.head) = (seq + 1, seq, seq);
        timeline.more_before = seq > 0;
        timeline
    }

    /// What a resume says of it: its history and last place held.
    #[must_use]
    pub fn position(&self) -> Option<(Epoch, Seq)> {
        self.epoch.filter(|_| self.gone_after.is_none()).map(|epoch| (epoch, self.to))
    }

    /// The room's history, as far as is known.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch.or(self.named)
    }

    /// The events held, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.values()
    }

    /// What the message at that place is now, where it has changed since.
    #[must_use]
    pub fn state(&self, of: Seq) -> Option<&MessageState> {
        self.states.get(of)
    }

    /// The stretch held, `(from, to)`.
    #[must_use]
    pub const fn held(&self) -> (Seq, Seq) {
        (self.from, self.to)
    }

    /// Whether there is anything older that is not held.
    #[must_use]
    pub const fn more_before(&self) -> bool {
        self.more_before
    }

    /// Whether this person has left the room.
    #[must_use]
    pub const fn is_gone(&self) -> bool {
        self.gone_after.is_some()
    }

    /// An event came.
    pub fn event(&mut self, now: Millis, event: Event, out: &mut Vec<Effect>) {
        if event.seq <= self.to {
            return;
        }
        self.note_entry(&event);
        if self.gone_after.is_some_and(|last| event.seq > last) {
            return;
        }
        self.head = self.head.max(event.seq);
        if self.epoch.is_some() && event.seq == self.to + 1 {
            self.append(event, Some(&mut *out));
            self.drain(out);
        } else if self.ahead.len() < AHEAD {
            self.ahead.insert(event.seq, event);
        }
        self.catch_up(now, out);
    }

    /// `from..=to` holds nothing for this person.
    pub fn skip(&mut self, now: Millis, from: Seq, to: Seq, out: &mut Vec<Effect>) {
        if self.epoch.is_some() && from <= self.to + 1 {
            self.advance(to);
            self.drain(out);
        }
        self.head = self.head.max(to);
        self.catch_up(now, out);
    }

    /// Too much was missed, or the history is another. Returns whether it is another.
    pub fn resync(&mut self, now: Millis, epoch: Epoch, head: Seq, out: &mut Vec<Effect>) -> bool {
        let replaced = self.epoch().is_some_and(|held| held != epoch);
        if replaced {
            self.replace(epoch, out);
        }
        self.named = Some(epoch);
        if self.epoch.is_none() {
            // Nobody said of which history these are; the newest page brings what this one has.
            self.ahead.clear();
        }
        self.gone_after = None;
        self.head = self.head.max(head);
        self.fetching = None;
        if self.epoch.is_none() || self.to < head {
            self.fetch(Fetch::Newest, out);
        } else {
            self.catch_up(now, out);
        }
        replaced
    }

    /// The log's last place, from a heartbeat or a list of rooms.
    pub fn head(&mut self, now: Millis, head: Seq) {
        if head > self.to && self.gone_after.is_none() {
            self.head = self.head.max(head);
            if self.fetching.is_none() {
                self.fetch_at.get_or_insert(now + HEAD_GRACE_MS);
            }
        }
    }

    /// This person has left; `at_seq` is the last place they may see.
    pub fn left(&mut self, at_seq: Seq) {
        if at_seq >= self.in_since {
            self.gone_after = Some(at_seq);
            (self.fetching, self.fetch_at) = (None, None);
        }
    }

    /// The server has another history than the one held, of which nothing is known yet of this log.
    /// Returns whether anything of another was.
    pub fn renounce(&mut self, epoch: Epoch, out: &mut Vec<Effect>) -> bool {
        let another = self.epoch() != Some(epoch);
        if another {
            self.replace(epoch, out);
        }
        another
    }

    /// Whether a history of it was given up, and nothing was heard of it since.
    #[must_use]
    pub const fn is_renounced(&self) -> bool {
        let unread = self.fetching.is_none() && self.fetch_at.is_none();
        self.epoch.is_none() && self.named.is_some() && unread && self.gone_after.is_none()
    }

    /// This person is not in the room, says the server.
    pub const fn not_there(&mut self) {
        self.gone_after = Some(self.to);
        (self.fetching, self.fetch_at) = (None, None);
    }

    /// This person is in, from `from` on.
    pub fn joined(&mut self, now: Millis, from: Seq, out: &mut Vec<Effect>) {
        self.entered(from);
        if self.gone_after.is_none() {
            self.head = self.head.max(from);
            self.catch_up(now, out);
        }
    }

    fn entered(&mut self, from: Seq) {
        self.in_since = self.in_since.max(from);
        self.gone_after = self.gone_after.filter(|&last| last >= from);
    }

    fn note_entry(&mut self, event: &Event) {
        let enters = match &event.body {
            EventBody::MemberAdded { user } => *user == self.me,
            EventBody::RoomCreated { members, .. } => members.contains(&self.me),
            _ => false,
        };
        if enters {
            self.entered(event.seq);
        }
    }

    /// A page came. Returns whether it belongs to another history than what was held.
    pub fn page(
        &mut self,
        now: Millis,
        jitter: f64,
        id: FetchId,
        page: &Page,
        out: &mut Vec<Effect>,
    ) -> bool {
        if self.older == Some(id) {
            self.older = None;
            self.prepend(page);
            self.states.page(self.me, &page.states, &mut self.events);
            return false;
        }
        let Some((_, fetch)) = self.fetching.filter(|&(wanted, _)| wanted == id) else { return false };
        (self.fetching, self.fetch_at) = (None, None);
        let before = self.position();
        let replaced = self.epoch().is_some_and(|held| held != page.epoch);
        if replaced {
            self.replace(page.epoch, out);
        }
        self.head = self.head.max(page.head);
        let cold = self.epoch.is_none();
        let touches = !cold && page.from <= self.to + 1;
        if touches {
            self.prepend(page);
        } else if fetch == Fetch::Newest {
            self.start_from(page, out);
        }
        if touches || fetch == Fetch::Newest {
            page.events.iter().for_each(|event| self.note_entry(event));
            for event in &page.events {
                if event.seq > self.to {
                    // What was there before one came in is history: it is held, and does not arrive.
                    let history = cold && event.seq < self.in_since;
                    self.append(event.clone(), (!history).then_some(&mut *out));
                }
            }
            self.states.page(self.me, &page.states, &mut self.events);
            self.advance(page.to);
            self.drain(out);
        }
        if self.position() == before {
            // A page that brings nothing is not asked for again at once.
            self.fetch_later(now, jitter);
        } else {
            self.attempt = 0;
        }
        self.catch_up(now, out);
        replaced
    }

    /// A page did not come.
    pub fn fetch_failed(&mut self, now: Millis, jitter: f64, id: FetchId, error: FetchError) {
        if self.older == Some(id) {
            self.older = None;
        }
        if self.fetching.is_none_or(|(wanted, _)| wanted != id) {
            return;
        }
        self.fetching = None;
        if error == FetchError::NotFound && self.in_since <= self.to {
            self.left(self.to);
        } else {
            self.fetch_later(now, jitter);
        }
    }

    fn fetch_later(&mut self, now: Millis, jitter: f64) {
        self.fetch_at = Some(now + backoff(self.attempt, jitter));
        self.attempt = self.attempt.saturating_add(1);
    }

    /// Reads older history, unless it is being read or there is none.
    pub fn load_older(&mut self, out: &mut Vec<Effect>) {
        if self.epoch.is_some() && self.more_before && self.older.is_none() {
            self.older = Some(self.ask(Fetch::Before(self.from), out));
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Millis, out: &mut Vec<Effect>) {
        if self.fetch_at.is_some_and(|at| at <= now) {
            self.fetch_at = None;
            self.catch_up(now, out);
        }
    }

    /// When it wants to be woken.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Millis> {
        self.fetch_at
    }

    fn append(&mut self, event: Event, arrives: Option<&mut Vec<Effect>>) {
        self.to = event.seq;
        self.note_entry(&event);
        if matches!(&event.body, EventBody::MemberRemoved { user } if *user == self.me) {
            self.left(event.seq);
        }
        if let Some(out) = arrives {
            out.push(Effect::Arrived(event.clone()));
        }
        let changes = event.body.changes().map(|_| event.clone());
        self.events.insert(event.seq, event);
        if let Some(change) = changes {
            self.states.appended(self.me, &change, &mut self.events);
        }
        while self.events.len() > EVENTS
            && let Some((seq, _)) = self.events.pop_first()
        {
            self.states.forget(seq);
            (self.from, self.more_before) = (seq + 1, true);
        }
    }

    fn advance(&mut self, to: Seq) {
        self.to = self.to.max(to);
        self.head = self.head.max(self.to);
    }

    fn drain(&mut self, out: &mut Vec<Effect>) {
        while let Some((seq, event)) = self.ahead.pop_first() {
            if seq == self.to + 1 {
                self.append(event, Some(&mut *out));
            } else if seq > self.to {
                self.ahead.insert(seq, event);
                return;
            }
        }
    }

    /// Starts anew from a page that does not touch what was held.
    fn start_from(&mut self, page: &Page, out: &mut Vec<Effect>) {
        if self.epoch.is_some() {
            out.push(Effect::Jumped { room: self.room, from: self.to + 1, to: page.from - 1 });
        }
        self.epoch = Some(page.epoch);
        self.events.clear();
        self.states.clear();
        (self.from, self.to) = (page.from, page.from - 1);
        self.more_before = page.more_before;
    }

    fn prepend(&mut self, page: &Page) {
        if self.epoch == Some(page.epoch) && page.to + 1 >= self.from {
            for event in page.events.iter().filter(|event| event.seq < self.from) {
                self.events.insert(event.seq, event.clone());
            }
            if page.from < self.from {
                (self.from, self.more_before) = (page.from, page.more_before);
            }
        }
    }

    fn catch_up(&mut self, now: Millis, out: &mut Vec<Effect>) {
        let behind = self.epoch.is_none() || self.to < self.head;
        if !behind || self.gone_after.is_some() {
            self.fetch_at = None;
        } else if self.fetching.is_none() && self.fetch_at.is_none_or(|at| at <= now) {
            let fetch = if self.epoch.is_none() { Fetch::Newest } else { Fetch::After(self.to) };
            self.fetch(fetch, out);
        }
    }

    fn fetch(&mut self, fetch: Fetch, out: &mut Vec<Effect>) {
        self.fetch_at = None;
        self.fetching = Some((self.ask(fetch, out), fetch));
    }

    fn ask(&mut self, fetch: Fetch, out: &mut Vec<Effect>) -> FetchId {
        let id = self.next_fetch;
        self.next_fetch += 1;
        out.push(Effect::Fetch { room: self.room, id, fetch });
        id
    }
}
