//! Which rung of the ladder carries the feed, and when to try again: `idle → connecting →
//! up (syncing, then live) → waiting`, or for good `needs_auth` or `closed`.
//!
//! Rungs are tried from the top; one that has not said welcome in [`RUNG_MS`] gets the next one
//! beside it, and the first to say it wins. While a lower rung is up, the top one is tried again
//! from time to time. To add a rung: a variant of [`Rung`] and its driver.

mod state;

use zas_protocol::close::{OnClose, on_close};
use zas_protocol::{CloseCode, ErrorCode, Micros};

use super::{Effect, Millis, Path, backoff};
pub use state::{ConnId, Rung, Status};
use state::{State, Up};

/// A rung without its first frame for this long gets the next one started beside it.
pub const RUNG_MS: Millis = 1_500;
/// An attempt without any welcome for this long is given up.
pub const CONNECT_MS: Millis = 10_000;
/// Heard nothing for this long: the connection is dead.
pub const DEAD_MS: Millis = 35_000;
/// After waking up, a ping has this long to be answered.
pub const WAKE_MS: Millis = 2_000;
/// How long a poll is held; where one is cut, the next shorter is used.
pub const HOLDS_MS: [Millis; 3] = [25_000, 10_000, 2_000];
/// How soon the top rung is tried again while a lower one is up, doubling to [`PROBE_MAX_MS`].
pub const PROBE_MS: Millis = 30_000;
/// The longest time between two tries of the top rung.
pub const PROBE_MAX_MS: Millis = 300_000;
/// A token is refreshed this long before it expires (or at half of its life, if that is later).
pub const REFRESH_AHEAD_MS: Millis = 60_000;

/// The machine; see the module.
#[derive(Debug, Clone)]
pub struct Connection {
    rungs: Vec<Rung>,
    state: State,
    next_conn: ConnId,
    hold: usize,
    refreshing: bool,
    refresh_at: Option<Millis>,
    pings: u64,
}

impl Connection {
    /// An idle one that uses `rungs` (not empty; the best first).
    #[must_use]
    pub const fn new(rungs: Vec<Rung>) -> Self {
        Self {
            rungs,
            state: State::Idle,
            next_conn: 1,
            hold: 0,
            refreshing: false,
            refresh_at: None,
            pings: 0,
        }
    }

    /// What an app may know.
    #[must_use]
    pub const fn status(&self) -> Status {
        match &self.state {
            State::Idle => Status::Idle,
            State::Connecting { attempt, .. } | State::Renewing { attempt } => {
                Status::Connecting { attempt: *attempt }
            }
            State::Up(Up { synced: false, rung, .. }) => Status::Syncing(*rung),
            State::Up(Up { rung, .. }) => Status::Live(*rung),
            State::Waiting { until, .. } => Status::Waiting { until: *until },
            State::NeedsAuth => Status::NeedsAuth,
            State::Closed(code) => Status::Closed(*code),
        }
    }

    /// How commands may go, and on which connection; polls are one to commands.
    #[must_use]
    pub const fn carrier(&self) -> (Path, ConnId) {
        match &self.state {
            State::Up(Up { rung: Rung::Poll, .. }) => (Path::Http, 0),
            State::Up(Up { rung: Rung::Stream, conn, .. }) => (Path::Http, *conn),
            State::Up(Up { rung: Rung::Socket, conn, .. }) => (Path::Socket, *conn),
            _ => (Path::Offline, 0),
        }
    }

    /// Whether frames of this connection count.
    #[must_use]
    pub fn hears(&self, conn: ConnId) -> bool {
        match &self.state {
            State::Up(up) => up.conn == conn || up.probe == Some(conn),
            State::Connecting { tries, .. } => tries.iter().any(|&(id, _)| id == conn),
            _ => false,
        }
    }

    /// Connects, unless it is at it or there already.
    pub fn start(&mut self, now: Millis, out: &mut Vec<Effect>) {
        if matches!(self.state, State::Idle | State::NeedsAuth | State::Closed(_)) {
            self.connect(now, 0, out);
        }
    }

    /// Disconnects for good.
    pub fn stop(&mut self, out: &mut Vec<Effect>) {
        self.end(State::Idle, out);
    }

    /// The network or the page is back: tries at once, or makes sure of what there is.
    pub fn wake(&mut self, now: Millis, out: &mut Vec<Effect>) {
        match &mut self.state {
            State::Waiting { attempt, .. } => {
                let attempt = *attempt;
                self.connect(now, attempt, out);
            }
            State::Up(up) if up.rung == Rung::Socket => {
                self.pings += 1;
                up.dead_at = up.dead_at.min(now + WAKE_MS);
                out.push(Effect::Ping { conn: up.conn, n: self.pings });
            }
            State::Up(up) => up.probe_at = Some(now),
            _ => {}
        }
    }

    /// A connection said welcome: the first to do so carries the feed from here on.
    pub fn welcome(
        &mut self,
        now: Millis,
        conn: ConnId,
        ping_ms: Millis,
        token_life: Micros,
        out: &mut Vec<Effect>,
    ) {
        let life = u64::try_from(token_life / 1000).unwrap_or(0);
        self.refresh_at = Some(now + (life / 2).max(life.saturating_sub(REFRESH_AHEAD_MS)));
        let (rung, attempt) = match &mut self.state {
            State::Connecting { tries, attempt, .. } => {
                let Some(&(_, rung)) = tries.iter().find(|&&(id, _)| id == conn) else { return };
                tries.retain(|&(id, _)| id != conn);
                (rung, *attempt)
            }
            State::Up(up) if up.probe == Some(conn) => {
                up.probe = None;
                (self.rungs[0], up.attempt)
            }
            _ => return,
        };
        self.close_all(out);
        let lower = self.rungs.first() != Some(&rung);
        self.state = State::Up(Up {
            conn,
            rung,
            attempt,
            synced: false,
            dead_at: now + DEAD_MS,
            ping_at: (rung == Rung::Socket).then_some(now + ping_ms),
            ping_ms,
            probe: None,
            probe_at: lower.then_some(now + PROBE_MS),
            probe_ms: PROBE_MS,
            drain_until: None,
        });
    }

    /// A byte came.
    pub fn heard(&mut self, now: Millis, conn: ConnId) {
        if let State::Up(up) = &mut self.state
            && up.conn == conn
        {
            up.dead_at = now + DEAD_MS;
        }
    }

    /// All that was missed has come.
    pub fn synced(&mut self, conn: ConnId) {
        if let State::Up(up) = &mut self.state
            && up.conn == conn
        {
            (up.synced, up.attempt) = (true, 0);
        }
    }

    /// The server is about to stop.
    pub fn drain(&mut self, now: Millis, conn: ConnId, delay_ms: Millis) {
        if let State::Up(up) = &mut self.state
            && up.conn == conn
        {
            up.drain_until = Some(now + delay_ms.min(DEAD_MS));
        }
    }

    /// A connection ended: by the server with a close code, or by the network without one. A poll
    /// that was answered ends with [`Connection::answered`] instead.
    pub fn closed(
        &mut self,
        now: Millis,
        jitter: f64,
        conn: ConnId,
        code: Option<u16>,
        out: &mut Vec<Effect>,
    ) {
        match &mut self.state {
            State::Connecting { tries, attempt, next, .. } => {
                if !tries.iter().any(|&(id, _)| id == conn) {
                    return;
                }
                tries.retain(|&(id, _)| id != conn);
                let (attempt, more, left) = (*attempt, *next < self.rungs.len(), !tries.is_empty());
                match code.map_or(OnClose::Reconnect, on_close) {
                    OnClose::Reconnect if more => self.next_rung(now, out),
                    OnClose::Reconnect if left => {}
                    _ => self.ended(now, jitter, attempt, code, None, out),
                }
            }
            State::Up(up) if up.probe == Some(conn) => {
                up.probe = None;
                up.probe_at = Some(now + up.probe_ms);
            }
            State::Up(up) if up.conn == conn => {
                let (attempt, until, cut) = (up.attempt, up.drain_until, up.synced && code.is_none());
                if cut && up.rung == Rung::Poll && self.hold + 1 < HOLDS_MS.len() {
                    self.hold += 1;
                    up.synced = false;
                    self.poll_again(now, out);
                } else {
                    self.ended(now, jitter, attempt, code, until, out);
                }
            }
            _ => {}
        }
    }

    /// A poll was answered: the next one goes out with the cursor as it is now.
    pub fn answered(&mut self, now: Millis, conn: ConnId, out: &mut Vec<Effect>) {
        if matches!(&self.state, State::Up(up) if up.conn == conn && up.rung == Rung::Poll) {
            self.poll_again(now, out);
        }
    }

    fn poll_again(&mut self, now: Millis, out: &mut Vec<Effect>) {
        let conn = self.next_conn;
        if let State::Up(up) = &mut self.state {
            self.next_conn += 1;
            (up.conn, up.dead_at) = (conn, now + DEAD_MS);
            out.push(Effect::Open { conn, rung: Rung::Poll, wait_ms: HOLDS_MS[self.hold] });
        }
    }

    fn ended(
        &mut self,
        now: Millis,
        jitter: f64,
        attempt: u32,
        code: Option<u16>,
        until: Option<Millis>,
        out: &mut Vec<Effect>,
    ) {
        self.close_all(out);
        const ENDED_SESSION: [u16; 2] = [CloseCode::Unauthenticated.code(), CloseCode::Revoked.code()];
        match code.map_or(OnClose::Reconnect, on_close) {
            OnClose::Reconnect => {
                let until = until.unwrap_or_else(|| now + backoff(attempt, jitter));
                self.state = State::Waiting { until, attempt: attempt.saturating_add(1) };
            }
            OnClose::Stop if code.is_none_or(|code| !ENDED_SESSION.contains(&code)) => {
                self.end(State::Closed(code.unwrap_or_default()), out);
            }
            OnClose::RefreshThenReconnect | OnClose::Stop => {
                self.state = State::Renewing { attempt: attempt.saturating_add(1) };
                self.need_token(out);
            }
        }
    }

    /// A fresh access token is wanted; one request for all who want it.
    pub fn need_token(&mut self, out: &mut Vec<Effect>) {
        if !self.refreshing {
            self.refreshing = true;
            out.push(Effect::RefreshToken);
        }
    }

    /// There is a fresh access token. A socket hears of it in band.
    pub fn token_refreshed(&mut self, now: Millis, jitter: f64, out: &mut Vec<Effect>) {
        self.refreshing = false;
        self.refresh_at = None;
        match &self.state {
            // A token that is refused as soon as it is made must not be asked for in a loop.
            &State::Renewing { attempt } if attempt > 1 => {
                self.state = State::Waiting { until: now + backoff(attempt, jitter), attempt };
            }
            &State::Renewing { attempt } => self.connect(now, attempt, out),
            State::Up(up) if up.rung == Rung::Socket => out.push(Effect::PresentToken { conn: up.conn }),
            _ => {}
        }
    }

    /// No fresh access token came: the session is over, or (`code` is `None`) nobody answered.
    pub fn token_refused(
        &mut self,
        now: Millis,
        jitter: f64,
        code: Option<ErrorCode>,
        out: &mut Vec<Effect>,
    ) {
        self.refreshing = false;
        let delay = backoff(4, jitter);
        if code.is_some_and(|code| code.status() == 401 || code == ErrorCode::BadCredentials) {
            self.end(State::NeedsAuth, out);
        } else if let State::Renewing { attempt } = self.state {
            self.state = State::Waiting { until: now + delay, attempt: attempt.saturating_add(1) };
        } else {
            self.refresh_at = Some(now + delay);
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Millis, jitter: f64, out: &mut Vec<Effect>) {
        if self.refresh_at.is_some_and(|at| at <= now) {
            self.refresh_at = None;
            self.need_token(out);
        }
        match &mut self.state {
            State::Connecting { since, attempt, .. } if *since + CONNECT_MS <= now => {
                let attempt = *attempt;
                self.ended(now, jitter, attempt, None, None, out);
            }
            State::Connecting { next_at, .. } if next_at.is_some_and(|at| at <= now) => {
                self.next_rung(now, out)
            }
            State::Waiting { until, attempt } if *until <= now => {
                let attempt = *attempt;
                self.connect(now, attempt, out);
            }
            State::Up(up) if up.dead_at <= now => {
                let (attempt, until) = (up.attempt, up.drain_until);
                self.ended(now, jitter, attempt, None, until, out);
            }
            State::Up(up) => {
                if up.ping_at.is_some_and(|at| at <= now) {
                    self.pings += 1;
                    up.ping_at = Some(now + up.ping_ms);
                    out.push(Effect::Ping { conn: up.conn, n: self.pings });
                }
                if up.probe.is_none() && up.probe_at.is_some_and(|at| at <= now) {
                    let conn = self.next_conn;
                    self.next_conn += 1;
                    (up.probe, up.probe_at) = (Some(conn), None);
                    up.probe_ms = (up.probe_ms * 2).min(PROBE_MAX_MS);
                    out.push(Effect::Open { conn, rung: self.rungs[0], wait_ms: 0 });
                }
            }
            _ => {}
        }
    }

    /// When it wants to be woken.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let own = match &self.state {
            State::Connecting { since, next_at, .. } => {
                Some(next_at.map_or(since + CONNECT_MS, |at| at.min(since + CONNECT_MS)))
            }
            State::Waiting { until, .. } => Some(*until),
            State::Up(up) => [Some(up.dead_at), up.ping_at, up.probe_at].into_iter().flatten().min(),
            _ => None,
        };
        own.into_iter().chain(self.refresh_at).min()
    }

    fn connect(&mut self, now: Millis, attempt: u32, out: &mut Vec<Effect>) {
        self.state = State::Connecting { attempt, since: now, tries: Vec::new(), next: 0, next_at: None };
        self.next_rung(now, out);
    }

    fn next_rung(&mut self, now: Millis, out: &mut Vec<Effect>) {
        let State::Connecting { tries, next, next_at, .. } = &mut self.state else { return };
        let Some(&rung) = self.rungs.get(*next) else { return };
        let conn = self.next_conn;
        self.next_conn += 1;
        *next += 1;
        *next_at = (*next < self.rungs.len()).then_some(now + RUNG_MS);
        tries.push((conn, rung));
        out.push(Effect::Open { conn, rung, wait_ms: 0 });
    }

    /// Nothing more happens by itself; a session that is not used needs no fresh token.
    fn end(&mut self, state: State, out: &mut Vec<Effect>) {
        self.close_all(out);
        (self.state, self.refresh_at) = (state, None);
    }

    fn close_all(&mut self, out: &mut Vec<Effect>) {
        let close = |conn| Effect::Close { conn };
        match &self.state {
            State::Connecting { tries, .. } => out.extend(tries.iter().map(|&(conn, _)| close(conn))),
            State::Up(up) => out.extend([Some(up.conn), up.probe].into_iter().flatten().map(close)),
            _ => {}
        }
    }
}
