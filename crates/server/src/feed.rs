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
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
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

    /// Sends a frame, as fast as the client reads.
    fn send(&mut self, frame: Bytes) -> impl Future<Output = Result<(), Gone>> + Send;

    /// All that was missed has been sent.
    fn synced(&mut self) {}

    /// What comes next from the client.
    fn receive(&mut self) -> impl Future<Output = Inbound> + Send;

    /// The last thing said.
    fn close(&mut self, code: CloseCode) -> impl Future<Output = ()> + Send;
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

    /// Drives it to its end.
    pub async fn run(mut self, mut pipe: impl Pipe) {
        // Whoever is gone hears nothing more, and leaving the hub is dropping `self`.
        let _ = self.drive(&mut pipe).await;
    }

    async fn drive<P: Pipe>(&mut self, pipe: &mut P) -> Result<(), Gone> {
        let mut synced = false;
        loop {
            self.carry_out(pipe).await?;
            if self.session.is_closed() {
                return Ok(());
            }
            if !synced && self.session.is_synced() {
                synced = true;
                pipe.synced();
            }
            let wait = self.until_deadline::<P>();
            tokio::select! {
                items = self.mailbox.take() => {
                    for item in items {
                        self.put(item).await;
                    }
                }
                inbound = pipe.receive() => match inbound {
                    Inbound::End => return Ok(()),
                    inbound => self.hear(inbound),
                },
                () = tokio::time::sleep(wait) => self.tick::<P>(),
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

    async fn put(&mut self, item: Item) {
        match item {
            Item::Delivery(delivery) => self.step(Input::Delivered(delivery)),
            Item::Dirty(room) => self.step(Input::Dirty(room)),
            Item::StateLost => self.send_lost_state().await,
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
        while !self.effects.is_empty() {
            let mut sent = false;
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Send(frame) => {
                        sent = true;
                        match tokio::time::timeout(stall, pipe.send(frame)).await {
                            Ok(result) => result?,
                            Err(_) => {
                                pipe.close(CloseCode::SlowConsumer).await;
                                return Err(Gone);
                            }
                        }
                    }
                    Effect::Close(code) => {
                        pipe.close(code).await;
                        return Ok(());
                    }
                    effect => self.serve(effect).await,
                }
            }
            if sent {
                self.step(Input::Drained);
            }
        }
        Ok(())
    }

    async fn serve(&mut self, effect: Effect) {
        match effect {
            Effect::Authenticate(token) => match self.app.auth.authenticate(&token.0, clock::now()).await {
                Ok(identity) => {
                    self.place = None;
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
            Effect::Submit(command) => {
                if let Some(identity) = self.session.identity() {
                    self.app.committer.execute_for(&self.mailbox, identity.user, command);
                }
            }
            Effect::Signal(signal) => self.signal(signal),
            Effect::Read { room, after, limit } => self.read(room, after, limit).await,
            Effect::AskHeads => {
                let heads = self.attached.as_ref().map(Attached::heads).unwrap_or_default();
                self.step(Input::Heads(heads));
            }
            Effect::Send(_) | Effect::Close(_) => {}
        }
    }

    fn signal(&self, signal: Signal) {
        let Some(identity) = self.session.identity() else { return };
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
