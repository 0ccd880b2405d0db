//! The feed: one driver for the session machine, three ways to reach a client. A rung is a
//! [`Pipe`]; what is sent on it, and when it ends, is the session's to say.
//!
//! To add a rung: a `Pipe` in a module of its own, a handler in `routes::feed`, its name in
//! [`crate::metrics::Rung`].

pub mod anonymous;
pub mod mailbox;
mod open;
pub mod poll;
pub mod socket;
pub mod stream;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use tokio::time::error::Elapsed;
use zas_core::hub::{Delivery, Rung};
use zas_core::session::{Effect, Identity, Input, Session, Settings};
use zas_protocol::{CloseCode, ErrorCode, Hello, Micros, RoomId, Seq, Signal};
use zas_store::PageAt;

use crate::app::App;
use crate::clock;
use crate::committer::Outcome;
use crate::nodehub::Attached;
use anonymous::Place;
use mailbox::{Capacity, Item, Mailbox};

/// The client can no longer be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// What comes from a client.
pub enum Inbound {
    /// A text frame.
    Text(String),
    /// Something that says only that the client is there.
    Alive,
    /// It is time for a heartbeat on a rung whose client cannot send.
    Heartbeat,
    /// A frame that may not be, so that the connection has to end.
    Broken(CloseCode),
    /// The client went away, or has what it waited for.
    End,
}

/// One way to reach a client. Every future may be dropped and asked for again.
pub trait Pipe: Send {
    /// Whether the client itself speaks, so that its silence means that it is gone.
    const SPEAKS: bool;

    /// Takes a frame for the client, as fast as the client reads. It may wait for [`Pipe::flush`].
    fn send(&mut self, frame: Bytes) -> impl Future<Output = Result<(), Gone>> + Send;

    /// Lets go what was taken: frames that are ready together leave together.
    fn flush(&mut self) -> impl Future<Output = Result<(), Gone>> + Send {
        std::future::ready(Ok(()))
    }

    /// All that was missed has been sent.
    fn synced(&mut self) {}

    /// Whether it has been sent enough: nothing more is fetched for it.
    fn is_full(&self) -> bool {
        false
    }

    /// What comes next from the client.
    fn receive(&mut self) -> impl Future<Output = Inbound> + Send;

    /// The last thing said.
    fn close(&mut self, code: CloseCode) -> impl Future<Output = ()> + Send;
}

/// Waits for what sends, but not for ever. Most is taken at once, and then no timer is set.
async fn in_time(
    stall: Duration,
    sending: impl Future<Output = Result<(), Gone>>,
) -> Result<Result<(), Gone>, Elapsed> {
    let mut sending = pin!(sending);
    match sending.as_mut().now_or_never() {
        Some(done) => Ok(done),
        None => tokio::time::timeout(stall, sending).await,
    }
}

/// One who takes nothing is told, as far as that goes, and let go.
async fn or_close<P: Pipe>(pipe: &mut P, sent: Result<Result<(), Gone>, Elapsed>) -> Result<(), Gone> {
    match sent {
        Ok(sent) => sent,
        Err(_) => {
            Box::pin(pipe.close(CloseCode::SlowConsumer)).await;
            Err(Gone)
        }
    }
}

/// Whether what was sent before must not wait for this to be done.
const fn takes_time(effect: &Effect) -> bool {
    matches!(effect, Effect::Authenticate(_) | Effect::Open { .. } | Effect::Read { .. })
}

/// A connection being driven.
pub struct Driver {
    app: App,
    rung: Rung,
    session: Session,
    mailbox: Arc<Mailbox>,
    attached: Option<Attached>,
    effects: Vec<Effect>,
    /// The last revision of state that the client is known to have been sent, for when some of it
    /// has to be left out.
    seen: Option<u64>,
    heard: Instant,
    /// Held until it is known who this is.
    place: Option<Place>,
}

impl Driver {
    /// A connection whose first frame says who it is.
    #[must_use]
    pub fn greeting(app: App, place: Option<Place>) -> Self {
        let session = Session::new(clock::steady(), app.session_settings.clone());
        Self { place, ..Self::new(app, Rung::Lasting, session, Vec::new()) }
    }

    /// A connection whose user is known from the request.
    #[must_use]
    pub fn authenticated(app: App, rung: Rung, identity: Identity, hello: Hello) -> Self {
        let mut effects = Vec::new();
        let settings: Arc<Settings> = app.session_settings.clone();
        let session = Session::authenticated(settings, identity, hello, &mut effects);
        Self::new(app, rung, session, effects)
    }

    fn new(app: App, rung: Rung, session: Session, effects: Vec<Effect>) -> Self {
        let limits = &app.config.limits;
        let capacity = Capacity { frames: limits.queue_frames, bytes: limits.queue_bytes };
        let mailbox = Arc::new(Mailbox::new(capacity));
        Self {
            app,
            rung,
            session,
            mailbox,
            attached: None,
            effects,
            seen: None,
            heard: Instant::now(),
            place: None,
        }
    }

    /// Drives it to its end. Both are lent: a future that takes them holds each of them twice.
    ///
    /// # Errors
    /// The client could no longer be reached. It hears nothing more; dropping the driver leaves the hub.
    pub async fn run<P: Pipe>(&mut self, pipe: &mut P) -> Result<(), Gone> {
        let mut synced = false;
        // Set again when it fires or is too late, not whenever something is heard.
        let mut timer = pin!(tokio::time::sleep(self.until_deadline::<P>()));
        loop {
            self.carry_out(pipe).await?;
            if self.session.is_closed() {
                return Ok(());
            }
            if !synced && self.session.is_synced() {
                synced = true;
                pipe.synced();
            }
            let due = tokio::time::Instant::now() + self.until_deadline::<P>();
            if due < timer.deadline() {
                timer.as_mut().reset(due);
            }
            tokio::select! {
                items = self.mailbox.take() => {
                    for item in items {
                        match item {
                            Item::StateLost => Box::pin(self.send_lost_state()).await,
                            item => self.put(item),
                        }
                    }
                }
                inbound = pipe.receive() => match inbound {
                    Inbound::End => return Ok(()),
                    inbound => self.hear(inbound),
                },
                () = &mut timer => {
                    if self.until_deadline::<P>().is_zero() {
                        self.tick::<P>();
                    }
                    timer.as_mut().reset(tokio::time::Instant::now() + self.until_deadline::<P>());
                }
            }
        }
    }

    fn step(&mut self, input: Input<'_>) {
        self.session.handle(clock::steady(), input, &mut self.effects);
    }

    fn hear(&mut self, inbound: Inbound) {
        self.heard = Instant::now();
        match inbound {
            Inbound::Text(text) => self.step(Input::Frame(&text)),
            Inbound::Heartbeat => self.step(Input::Frame(r#"{"type":"ping"}"#)),
            Inbound::Broken(code) => self.step(Input::Cut(code)),
            Inbound::Alive | Inbound::End => {}
        }
    }

    fn put(&mut self, item: Item) {
        match item {
            Item::Delivery(delivery) => self.step(Input::Delivered(delivery)),
            Item::Dirty(room) => self.step(Input::Dirty(room)),
            // Read from the store by the caller.
            Item::StateLost => {}
            Item::Outcome(Outcome::Stored(ack)) => self.step(Input::Outcome(Ok(ack))),
            Item::Outcome(Outcome::Refused(nack)) => self.step(Input::Outcome(Err(nack))),
            Item::Drain(delay_ms) => self.step(Input::Drain { delay_ms }),
            Item::Close(code) => self.step(Input::Cut(code)),
        }
    }

    fn tick<P: Pipe>(&mut self) {
        if P::SPEAKS && self.heard.elapsed() >= self.dead_after() {
            self.step(Input::Cut(CloseCode::Silent));
        } else {
            self.step(Input::Tick);
        }
    }

    fn dead_after(&self) -> Duration {
        Duration::from_millis(self.app.config.limits.dead_ms)
    }

    /// How long nothing is due. A session that wants nothing is looked at again after an hour.
    fn until_deadline<P: Pipe>(&self) -> Duration {
        let machine = self.session.next_deadline().map_or(Duration::from_secs(3600), |at: Micros| {
            Duration::from_micros(u64::try_from(at.saturating_sub(clock::steady())).unwrap_or(0))
        });
        if P::SPEAKS { machine.min(self.dead_after().saturating_sub(self.heard.elapsed())) } else { machine }
    }

    /// Does what the session asks, in order; what it answers to that is done after.
    async fn carry_out<P: Pipe>(&mut self, pipe: &mut P) -> Result<(), Gone> {
        let stall = Duration::from_millis(self.app.config.limits.write_stall_ms);
        // Frames went to the pipe; some of them may be waiting there.
        let (mut sent, mut waiting) = (false, false);
        while !self.effects.is_empty() {
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Send(frame) => {
                        (sent, waiting) = (true, true);
                        let taken = in_time(stall, pipe.send(frame)).await;
                        or_close(pipe, taken).await?;
                    }
                    Effect::Close(code) => {
                        Box::pin(pipe.close(code)).await;
                        return Ok(());
                    }
                    effect if takes_time(&effect) => {
                        if std::mem::take(&mut waiting) {
                            let gone_out = in_time(stall, pipe.flush()).await;
                            or_close(pipe, gone_out).await?;
                        }
                        // On the heap for as long as it takes: an idle connection is not to pay for it.
                        Box::pin(self.serve_waiting(effect)).await;
                    }
                    effect => self.serve(effect),
                }
            }
            if self.effects.is_empty() && std::mem::take(&mut sent) {
                waiting = false;
                let gone_out = in_time(stall, pipe.flush()).await;
                or_close(pipe, gone_out).await?;
                if pipe.is_full() {
                    return Ok(());
                }
                self.step(Input::Drained);
            }
        }
        Ok(())
    }

    async fn serve_waiting(&mut self, effect: Effect) {
        match effect {
            Effect::Authenticate(token) => match self.app.auth.authenticate(&token.0, clock::now()).await {
                Ok(mut identity) => {
                    self.place = None;
                    if let Some(before) = self.session.identity() {
                        identity.goes_on_as(before.user, before.device);
                    }
                    self.step(Input::Authenticated(identity.session(clock::both())));
                }
                Err(code) => self.step(Input::Refused(code)),
            },
            Effect::Open { user, device, seen } => {
                self.seen = seen;
                match open::open(&self.app, &self.mailbox, self.rung, user, device, seen).await {
                    Ok(opened) => {
                        self.attached = Some(opened.attached);
                        self.step(Input::Opened(opened.logs));
                        for frame in opened.state {
                            self.step(Input::Delivered(Delivery::State(frame)));
                        }
                    }
                    Err(code) => self.step(Input::Refused(code)),
                }
            }
            Effect::Read { room, after, limit } => self.read(room, after, limit).await,
            effect => self.serve(effect),
        }
    }

    fn serve(&mut self, effect: Effect) {
        match effect {
            Effect::Submit(command) => {
                if let Some(identity) = self.session.identity() {
                    self.app.committer.execute_for(&self.mailbox, identity.user, command);
                }
            }
            Effect::Signal(signal) => self.signal(signal),
            Effect::AskHeads => {
                let heads = self.attached.as_ref().map(Attached::heads).unwrap_or_default();
                self.step(Input::Heads(heads));
            }
            // Done by the caller.
            Effect::Send(_)
            | Effect::Close(_)
            | Effect::Authenticate(_)
            | Effect::Open { .. }
            | Effect::Read { .. } => {}
        }
    }

    fn signal(&self, signal: Signal) {
        let Some(identity) = self.session.identity() else { return };
        // The session's own pace is this connection's; the person's budget is that of all of them.
        if !self.app.gate.signal(identity.user, clock::steady()) {
            return;
        }
        match signal {
            Signal::Typing { room, on } => self.app.hub.typing(identity.user, room, on),
            Signal::Positions { advances } => {
                for advance in advances {
                    self.app.hub.advance(identity.user, advance.room, advance.delivered, advance.read);
                }
            }
        }
    }

    async fn read(&mut self, room: RoomId, after: Seq, limit: u32) {
        let Some(identity) = self.session.identity() else { return };
        match self.app.store.page(identity.user, room, PageAt::After(after), limit).await {
            Ok(Some(page)) => self.step(Input::Page(page)),
            Ok(None) => self.step(Input::NotThere(room)),
            Err(error) => {
                tracing::warn!(%error, "a replay could not be read");
                self.step(Input::ReadFailed(room));
            }
        }
    }

    /// The mailbox had no room for state: what the client has not heard is said again, whole.
    async fn send_lost_state(&mut self) {
        let Some(identity) = self.session.identity() else { return };
        let Some(attached) = &self.attached else { return };
        match open::state(&self.app, identity.user, attached, self.seen.or(Some(0))).await {
            Ok(frames) => {
                for frame in frames {
                    self.step(Input::Delivered(Delivery::State(frame)));
                }
            }
            Err(code) => tracing::warn!(code = ErrorCode::name(code), "lost state could not be read"),
        }
    }
}
