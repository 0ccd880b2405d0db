//! A device: the client's engine, what survives its reloads, and what its user is shown.

mod changes;
mod effects;

use std::collections::{BTreeMap, BTreeSet};

use zas_client::engine::{ConnId, Engine, Entry, FetchError, Input, Millis, Rung, Saved, Status, Timeline};
use zas_protocol::rest::LogHead;
use zas_protocol::{
    Advance, ClientFrame, Command, Cursor, DeviceId, ErrorCode, Micros, RoomId, Seq, ServerFrame, Signal,
    TxnId, UserId,
};

use crate::message::{Happening, Request, ToDevice};
use crate::net::{Link, LinkId, Net, REVOKED_WITHIN};
use crate::oracle::{Held, Violation, hold};
use crate::transcript::{self, Transcript};

/// Who types says so again within this time.
const TYPES_AT_MOST: Micros = (zas_protocol::limits::TYPING_TTL_MS as Micros + 3_000) * 1_000;
/// Inputs at one moment that end a run: the engine asks for its tick without end.
const BUSY: u32 = 5_000;

/// A device.
pub struct Device {
    /// Which, in the run.
    pub index: usize,
    /// Whose.
    pub user: UserId,
    /// Its id.
    pub id: DeviceId,
    /// Counts its reloads.
    pub life: u32,
    /// The engine of this run.
    pub engine: Engine,
    /// It has read its first state.
    started: bool,
    token: String,
    journal: BTreeMap<TxnId, Entry>,
    /// How far its user was shown each log.
    shown: BTreeMap<RoomId, Seq>,
    /// What a reload goes on from.
    kept: (Cursor, BTreeMap<RoomId, Seq>),
    conns: BTreeMap<ConnId, LinkId>,
    /// No network until then.
    pub offline_until: Micros,
    /// No sockets until then.
    pub no_sockets_until: Micros,
    /// Dies in the next batch of effects, after so many.
    pub dies_after: Option<usize>,
    /// Whom it was last told to be there, or not.
    pub online: BTreeMap<UserId, bool>,
    /// What it kept was cleared: it does not say again how far it had received.
    pub was_cleared: bool,
    /// What the journal did not take.
    unkept: BTreeSet<TxnId>,
    /// Its journal takes nothing until then.
    pub journal_fails_until: Micros,
    /// Whom it was last told to be typing, by room, and when.
    pub typing: BTreeMap<(RoomId, UserId), Micros>,
    /// What its engine is given, if that is to be kept.
    pub transcript: Option<Transcript>,
    timer: Option<Micros>,
    written: u64,
    busy: (Micros, u32),
}

const RUNGS: [Rung; 3] = [Rung::Socket, Rung::Stream, Rung::Poll];

impl Device {
    /// A device that is signed in.
    #[must_use]
    pub fn new(net: &mut Net, index: usize, user: UserId, id: DeviceId) -> Self {
        let token = net.sign_in(id, user);
        Self {
            index,
            user,
            id,
            life: 0,
            engine: Engine::new(user, RUNGS.to_vec(), Saved::default()),
            started: false,
            token,
            journal: BTreeMap::new(),
            shown: BTreeMap::new(),
            kept: (Cursor::new(), BTreeMap::new()),
            conns: BTreeMap::new(),
            offline_until: 0,
            no_sockets_until: 0,
            dies_after: None,
            online: BTreeMap::new(),
            was_cleared: false,
            unkept: BTreeSet::new(),
            journal_fails_until: 0,
            typing: BTreeMap::new(),
            transcript: None,
            timer: None,
            written: 0,
            busy: (0, 0),
        }
    }

    pub(crate) fn millis(&self, net: &Net) -> Millis {
        // Each device's clock began at another time.
        u64::try_from(net.now / 1_000).unwrap_or(0) + 1_000 * self.index as u64
    }

    fn micros(&self, at: Millis) -> Micros {
        Micros::try_from(at.saturating_sub(1_000 * self.index as u64)).unwrap_or(0).saturating_mul(1_000)
    }

    fn is_offline(&self, net: &Net) -> bool {
        !net.calm && net.now < self.offline_until
    }

    /// Whether it is signed in and started.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.started && matches!(self.engine.status(), Status::Live(_))
    }

    /// Takes what came to it.
    ///
    /// # Errors
    /// What it shows to be wrong.
    pub fn take(&mut self, net: &mut Net, what: ToDevice) -> Held {
        if self.is_offline(net) && !matches!(what, ToDevice::Tick | ToDevice::SignIn | ToDevice::Boot) {
            return self.lost(net, what);
        }
        match what {
            ToDevice::Boot => self.boot(net),
            ToDevice::State(Ok(heads)) => return self.start(net, heads),
            // An expired token is renewed first; who is signed out waits for their user.
            ToDevice::State(Err(ErrorCode::Unauthenticated)) => self.ask(net, Request::Refresh),
            ToDevice::State(Err(_)) => {}
            ToDevice::Frame(conn, bytes) => return self.frame(net, conn, &bytes),
            ToDevice::Polled(conn, frames) => {
                for bytes in frames {
                    self.frame(net, conn, &bytes)?;
                }
                if let Some(link) = self.conns.remove(&conn) {
                    net.links.remove(&link);
                }
                return self.input(net, Input::PollAnswered { conn });
            }
            ToDevice::Closed(conn, code) => {
                self.conns.remove(&conn);
                return self.input(net, Input::Closed { conn, code });
            }
            ToDevice::Posted(answer) => {
                if let Ok(ack) = &answer {
                    net.oracle.acked(self.user, ack)?;
                }
                return self.input(net, Input::Posted { answer });
            }
            ToDevice::PostLost(txn_id) => return self.input(net, Input::PostLost { txn_id }),
            ToDevice::Fetched(room, id, page) => return self.input(net, Input::Fetched { room, id, page }),
            ToDevice::Token(Ok(token)) => {
                self.token = token;
                if !self.started {
                    self.boot(net);
                }
                return self.input(net, Input::TokenRefreshed);
            }
            ToDevice::Token(Err(None)) if !self.started => {
                net.after(1_000_000, Happening::Device(self.index, self.life, ToDevice::Boot));
            }
            ToDevice::Token(Err(code)) => return self.input(net, Input::TokenRefused { code }),
            ToDevice::Tick => {
                self.timer = None;
                let now = self.millis(net);
                if self.engine.next_deadline().is_some_and(|due| due <= now) {
                    return self.input(net, Input::Tick);
                }
                self.set_timer(net);
            }
            ToDevice::SignIn => {
                self.token = net.sign_in(self.id, self.user);
                return self.reload(net);
            }
        }
        Ok(())
    }

    /// What comes while there is no network is lost; requests time out.
    fn lost(&mut self, net: &mut Net, what: ToDevice) -> Held {
        match what {
            ToDevice::State(_) => {
                net.after(1_000_000, Happening::Device(self.index, self.life, ToDevice::Boot));
                Ok(())
            }
            ToDevice::Frame(..) => Ok(()),
            ToDevice::Polled(conn, _) | ToDevice::Closed(conn, _) => {
                self.conns.remove(&conn);
                self.input(net, Input::Closed { conn, code: None })
            }
            ToDevice::Posted(answer) => {
                let txn_id = answer.map_or_else(|nack| nack.txn_id, |ack| ack.txn_id);
                self.input(net, Input::PostLost { txn_id })
            }
            ToDevice::Fetched(room, id, _) => {
                let page = Err(FetchError::Later);
                self.input(net, Input::Fetched { room, id, page })
            }
            ToDevice::Token(_) if !self.started => {
                net.after(1_000_000, Happening::Device(self.index, self.life, ToDevice::Boot));
                Ok(())
            }
            ToDevice::Token(_) => self.input(net, Input::TokenRefused { code: None }),
            ToDevice::PostLost(txn_id) => self.input(net, Input::PostLost { txn_id }),
            ToDevice::Boot | ToDevice::Tick | ToDevice::SignIn => Ok(()),
        }
    }

    fn boot(&mut self, net: &mut Net) {
        if self.is_offline(net) {
            net.after(1_000_000, Happening::Device(self.index, self.life, ToDevice::Boot));
        } else {
            self.ask(net, Request::State);
        }
    }

    fn start(&mut self, net: &mut Net, heads: Vec<LogHead>) -> Held {
        for head in &heads {
            if self.engine.timeline(head.room).is_none() {
                self.shown.insert(head.room, head.head);
            }
        }
        self.started = true;
        self.input(net, Input::Heads { heads })?;
        self.input(net, Input::Start)
    }

    /// The process ends, and starts anew from what it kept.
    ///
    /// # Errors
    /// What that shows to be wrong.
    pub fn reload(&mut self, net: &mut Net) -> Held {
        net.seen.note("devices reloaded");
        // What the journal did not take is lost with the process.
        for txn_id in std::mem::take(&mut self.unkept) {
            if !self.journal.contains_key(&txn_id) {
                net.oracle.forgive(self.user, &txn_id);
            }
        }
        self.typing.clear();
        self.online.clear();
        for link in std::mem::take(&mut self.conns).into_values() {
            let lossy = net.rng.chance(500);
            net.cut(link, lossy);
        }
        self.life += 1;
        let (cursor, shown) = self.kept.clone();
        self.shown = shown.into_iter().filter(|(room, _)| cursor.contains_key(room)).collect();
        let saved = Saved { outbox: self.journal.values().cloned().collect(), cursor };
        self.engine = Engine::new(self.user, RUNGS.to_vec(), saved);
        (self.started, self.dies_after, self.timer) = (false, None, None);
        let now = self.millis(net);
        if let Some(transcript) = &mut self.transcript {
            transcript.reloaded(now, &net.oracle, self.kept.0.is_empty());
        }
        net.after(1_000, Happening::Device(self.index, self.life, ToDevice::Boot));
        Ok(())
    }

    /// All that was kept is gone, as when a person clears the data of a site.
    ///
    /// # Errors
    /// What that shows to be wrong.
    pub fn clear_storage(&mut self, net: &mut Net) -> Held {
        net.seen.note("journals cleared");
        for entry in self.engine.outbox().entries() {
            net.oracle.forgive(self.user, entry.command.txn_id());
        }
        self.was_cleared = true;
        self.journal.clear();
        (self.kept, self.shown) = Default::default();
        self.reload(net)
    }

    /// Whether a command waits here, or was acked and its event has not come.
    #[must_use]
    pub fn keeps(&self, txn_id: &TxnId) -> bool {
        self.journal.contains_key(txn_id)
            || self.engine.outbox().entries().iter().any(|entry| entry.command.txn_id() == txn_id)
    }

    /// Its user says something in passing.
    pub fn say(&self, net: &mut Net, signal: Signal) {
        match self.engine.socket() {
            0 => self.ask(net, Request::Say(signal)),
            conn => self.send(net, conn, &ClientFrame::Signal(signal)),
        }
    }

    /// Its user sees all that is held of a room.
    ///
    /// # Errors
    /// What that shows to be wrong.
    pub fn read(&mut self, net: &mut Net, room: RoomId) -> Held {
        let Some((_, read)) = self.engine.timeline(room).and_then(Timeline::position) else { return Ok(()) };
        net.seen.note("rooms read");
        self.input(net, Input::Advance(Advance { room, delivered: read, read }))
    }

    /// Its user does something.
    ///
    /// # Errors
    /// What that shows to be wrong.
    pub fn compose(&mut self, net: &mut Net, command: impl FnOnce(TxnId) -> Command) -> Held {
        self.written += 1;
        // Names sort as they were made, as those of real clients do.
        let name = format!("d{}-{:03}-{:05}", self.index, self.life, self.written);
        let txn_id = TxnId::new(&name).map_err(|_| Violation("a name of a command".to_owned()))?;
        let command = command(txn_id);
        let now = self.millis(net);
        let Ok(effects) = self.engine.compose(now, command) else { return Ok(()) };
        self.carry_out(net, effects)
    }

    /// Rooms that its user sees in the list, and some they have left.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomId> {
        let own = RoomId::own_log(self.user);
        self.engine.logs().map(|(room, _)| room).filter(|&room| room != own).collect()
    }

    fn frame(&mut self, net: &mut Net, conn: ConnId, bytes: &[u8]) -> Held {
        let frame: ServerFrame = serde_json::from_slice(bytes)
            .map_err(|error| Violation(format!("a frame cannot be read: {error}")))?;
        net.note_frame(&frame);
        if let ServerFrame::Event(event) = &frame {
            net.oracle.shown(self.user, event)?;
            // A reader that stalled may still be sent what was written before.
            let slow = net.slow.get(&self.index).is_some_and(|until| until + REVOKED_WITHIN > net.now);
            let late = !slow && net.revoked_at(self.id).is_some_and(|at| net.now > at + REVOKED_WITHIN);
            hold(!late, || format!("P12: device {} hears events after it was signed out", self.index))?;
        }
        if let ServerFrame::Ack(ack) = &frame {
            net.oracle.acked(self.user, ack)?;
        }
        self.input(net, Input::Frame { conn, frame })
    }

    fn input(&mut self, net: &mut Net, input: Input) -> Held {
        self.busy = if self.busy.0 == net.now { (net.now, self.busy.1 + 1) } else { (net.now, 0) };
        hold(self.busy.1 < BUSY, || format!("device {} is busy without end", self.index))?;
        let (now, jitter) = (self.millis(net), net.rng.unit());
        let what = transcript::of_input(&self.engine, &input).filter(|_| self.transcript.is_some());
        let effects = self.engine.handle(now, jitter, input);
        if let Some(transcript) = &mut self.transcript {
            transcript.took(now, &net.oracle, what, &self.engine);
        }
        self.carry_out(net, effects)
    }

    /// Whether it has been connected well since some time.
    #[must_use]
    pub fn is_well_since(&self, net: &Net, at: Micros) -> bool {
        let well = |link: &Link| !link.silent && link.opened_at <= at;
        self.is_live() && self.conns.values().any(|link| net.links.get(link).is_some_and(well))
    }

    /// Whether what was there some time ago has arrived.
    ///
    /// # Errors
    /// What has not.
    pub fn has_heard(&self, net: &Net, heads: &BTreeMap<RoomId, Seq>) -> Held {
        for (&room, &head) in heads.iter().filter(|&(&room, _)| net.oracle.is_in(room, self.user)) {
            let log = self.engine.timeline(room);
            // A page whose request was lost is asked for again after a backoff of its own.
            if log.is_some_and(|log| log.position().is_none() || log.next_deadline().is_some()) {
                continue;
            }
            let held = log.map_or(0, |log| log.held().1);
            hold(held >= head, || {
                format!("P8: device {} is connected and holds {held} of {head} of {room}", self.index)
            })?;
        }
        Ok(())
    }

    /// Whether it believes of nobody that they type on and on, or are not there although they are.
    ///
    /// # Errors
    /// Of whom it does.
    pub fn believes_what_is(&self, net: &Net) -> Held {
        for (&(room, user), &since) in &self.typing {
            let told = self.is_well_since(net, since) && net.oracle.is_in(room, user);
            hold(!told || net.now - since < TYPES_AT_MOST, || {
                format!("P7: device {} believes that {user} types in {room} since {since}", self.index)
            })?;
        }
        let away = self.online.iter().find(|&(&user, &online)| !online && net.oracle.share(self.user, user));
        hold(away.is_none(), || format!("P7: device {} believes that {away:?} is away", self.index))
    }

    /// Whether its user sees all there is.
    ///
    /// # Errors
    /// What is missing, or too much.
    pub fn is_complete(&self, net: &Net) -> Held {
        hold(self.is_live(), || format!("device {} is {:?}", self.index, self.engine.status()))?;
        hold(self.engine.outbox().waiting() == 0, || {
            format!("device {} has {} to send", self.index, self.engine.outbox().waiting())
        })?;
        let mut followed = self.engine.logs().filter(|(_, log)| log.position().is_some());
        let foreign = followed.find(|&(room, _)| !net.oracle.is_in(room, self.user));
        hold(foreign.is_none(), || {
            format!("P9: device {} follows {:?}, which is not its", self.index, foreign.map(|(room, _)| room))
        })?;
        for room in net.oracle.rooms_of(self.user) {
            let head = net.head(room);
            let log = self.engine.timeline(room).filter(|log| log.position().is_some());
            let held = log.map(|log| log.held().1);
            hold(held == Some(head), || {
                format!("P8: device {} holds {held:?} of {head} of {room}", self.index)
            })?;
            let (from, to) = log.map_or((1, 0), |log| log.held());
            let expected = (from..=to).filter(|&seq| net.oracle.sees(room, self.user, seq));
            let held: Vec<Seq> =
                log.into_iter().flat_map(|log| log.events()).map(|event| event.seq).collect();
            hold(held == expected.collect::<Vec<_>>(), || {
                format!("P7: device {} holds {held:?} of {from}..={to} of {room}", self.index)
            })?;
            if let Some(log) = log {
                self.shows_what_became(net, room, log)?;
            }
        }
        Ok(())
    }
}
