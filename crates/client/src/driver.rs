//! The engine on tokio: turns its effects into sockets and requests, and what comes back into its
//! inputs. Holds no chat rule. One task per client; each connection and request in flight is a
//! task that ends with it.

mod feed;
pub(crate) mod http;
mod socket;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet};
use zas_protocol::rest::LogHead;
use zas_protocol::{
    Ack, Advance, ClientFrame, Command, ErrorCode, Event, RoomId, Seq, ServerFrame, Signal, TxnId,
};

use crate::engine::{ConnId, Effect, Engine, Entry, Input, Millis, Rung, Saved, Status};
use http::Http;

/// Frames waiting to be written to one socket; beyond it the socket is given up.
const OUTGOING: usize = 1_024;
/// Inputs waiting for the engine; beyond it connections are read no further.
const INPUTS: usize = 256;
/// Requests of an app waiting for the driver.
pub(crate) const REQUESTS: usize = 256;
/// Happenings an app has not taken; beyond it the feed is read no further.
pub(crate) const HAPPENINGS: usize = 1_024;

/// Where the outbox is kept so that it survives the process. Called in order, before what
/// follows is sent; it should be durable when it returns.
pub trait Journal: Send {
    /// Keeps an entry, in place of the one of the same `txn_id`.
    fn save(&mut self, entry: &Entry);
    /// Drops an entry.
    fn forget(&mut self, txn_id: &TxnId);
}

/// What a client tells its app.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// The next event of a log: each once, in order; one's own and the own log's too.
    Event(Event),
    /// Too much was missed to be sent: `from..=to` of a room can be read as history.
    Jumped {
        /// Which room.
        room: RoomId,
        /// First.
        from: Seq,
        /// Last.
        to: Seq,
    },
    /// The room has another history (the server restored a backup): what was told of it before is void,
    /// and what is told from here on begins with its newest messages, known or not.
    Replaced {
        /// Which room.
        room: RoomId,
    },
    /// Somebody types, came, went, or advanced.
    Heard(ServerFrame),
    /// The connection is another.
    Status(Status),
}

/// What an app asks of its driver.
pub(crate) enum Request {
    Compose(Command, oneshot::Sender<Result<Ack, ErrorCode>>),
    Advance(Advance),
    Say(Signal),
    Wake,
    Saved(oneshot::Sender<Saved>),
    Subscribe(mpsc::Sender<Happening>),
}

pub(crate) struct Driver {
    engine: Engine,
    http: Arc<Http>,
    journal: Option<Box<dyn Journal>>,
    started: Instant,
    inputs: mpsc::Sender<Input>,
    conns: BTreeMap<ConnId, Conn>,
    tasks: JoinSet<()>,
    waiting: BTreeMap<TxnId, oneshot::Sender<Result<Ack, ErrorCode>>>,
    told: Told,
    status: Status,
}

/// What the app is told, and has not taken yet. Before it listens the newest are kept, so that
/// nothing is missed between connecting and listening.
#[derive(Default)]
struct Told {
    listener: Option<mpsc::Sender<Happening>>,
    queue: VecDeque<Happening>,
}

impl Told {
    fn push(&mut self, happening: Happening) {
        self.queue.push_back(happening);
        if self.listener.is_none() && self.queue.len() > HAPPENINGS {
            self.queue.pop_front();
        }
    }

    /// Whether an app that listens is too far behind.
    fn is_full(&self) -> bool {
        self.listener.is_some() && self.queue.len() >= HAPPENINGS
    }

    fn is_heard(&self) -> bool {
        self.listener.is_some() && !self.queue.is_empty()
    }

    /// Hands the oldest over once there is room; an app that stopped listening is forgotten.
    async fn hand_over(&mut self) {
        if let Some(listener) = &self.listener
            && let Ok(place) = listener.reserve().await
        {
            if let Some(happening) = self.queue.pop_front() {
                place.send(happening);
            }
            return;
        }
        *self = Self::default();
    }
}

struct Conn {
    outgoing: Option<mpsc::Sender<ClientFrame>>,
    task: AbortHandle,
}

/// Runs until the app drops its end of `requests`. What is there at `heads` is history: the feed goes on
/// from there, or from what was saved.
pub(crate) async fn run(
    engine: Engine,
    heads: Vec<LogHead>,
    http: Arc<Http>,
    journal: Option<Box<dyn Journal>>,
    mut requests: mpsc::Receiver<Request>,
) {
    let (inputs, mut incoming) = mpsc::channel(INPUTS);
    let mut driver = Driver {
        status: engine.status(),
        engine,
        http,
        journal,
        started: Instant::now(),
        inputs,
        conns: BTreeMap::new(),
        tasks: JoinSet::new(),
        waiting: BTreeMap::new(),
        told: Told::default(),
    };
    driver.input(Input::Heads { heads });
    driver.input(Input::Start);
    loop {
        let wake = driver.wake_at();
        tokio::select! {
            request = requests.recv() => match request {
                Some(request) => driver.request(request),
                None => return,
            },
            Some(input) = incoming.recv(), if !driver.told.is_full() => driver.input(input),
            () = driver.told.hand_over(), if driver.told.is_heard() => {}
            () = tokio::time::sleep_until(wake.into()) => driver.input(Input::Tick),
            Some(_) = driver.tasks.join_next(), if !driver.tasks.is_empty() => {}
        }
    }
}

impl Driver {
    fn now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// When the engine wants its tick; an idle one is looked at once a minute.
    fn wake_at(&self) -> Instant {
        let idle = self.now() + 60_000;
        self.started + Duration::from_millis(self.engine.next_deadline().unwrap_or(idle).min(idle))
    }

    fn input(&mut self, input: Input) {
        let now = self.now();
        let effects = self.engine.handle(now, jitter(), input);
        self.carry_out(effects);
    }

    fn request(&mut self, request: Request) {
        match request {
            Request::Compose(command, reply) => {
                let txn_id = command.txn_id().clone();
                let now = self.now();
                match self.engine.compose(now, command) {
                    Ok(effects) => {
                        self.waiting.insert(txn_id, reply);
                        self.carry_out(effects);
                    }
                    Err(_) => drop(reply.send(Err(ErrorCode::Overloaded))),
                }
            }
            Request::Advance(advance) => self.input(Input::Advance(advance)),
            Request::Say(signal) => self.carry_out(vec![Effect::Say(signal)]),
            Request::Wake => self.input(Input::Wake),
            Request::Saved(reply) => drop(reply.send(self.engine.saved())),
            Request::Subscribe(listener) => {
                if self.told.queue.is_empty() {
                    self.told.push(Happening::Status(self.status));
                }
                self.told.listener = Some(listener);
            }
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Open { conn, rung, wait_ms } => self.open(conn, rung, wait_ms),
                Effect::Close { conn } => self.close(conn),
                Effect::Ping { conn, n } => self.frame(conn, ClientFrame::ping(n)),
                Effect::PresentToken { conn } => self.frame(conn, ClientFrame::refresh(self.http.access())),
                Effect::Send(command) => self.frame(self.engine.socket(), ClientFrame::Command(command)),
                Effect::RefreshToken => self.ask(|http| async move {
                    match http.refresh().await {
                        Ok(()) => Input::TokenRefreshed,
                        Err(error) => Input::TokenRefused { code: error.code() },
                    }
                }),
                Effect::Post(command) => self.ask(|http| async move {
                    match http.command(&command).await {
                        Some(answer) => Input::Posted { answer },
                        None => Input::PostLost { txn_id: command.txn_id().clone() },
                    }
                }),
                Effect::Fetch { room, id, fetch } => self.ask(move |http| async move {
                    Input::Fetched { room, id, page: http.page(room, fetch).await }
                }),
                Effect::Say(signal) => self.say(signal),
                Effect::Save(entry) => self.journal.iter_mut().for_each(|journal| journal.save(&entry)),
                Effect::Forget(txn_id) => self.journal.iter_mut().for_each(|journal| journal.forget(&txn_id)),
                Effect::Settled { txn_id, outcome } => {
                    if let Some(reply) = self.waiting.remove(&txn_id) {
                        let _ = reply.send(outcome);
                    }
                }
                Effect::Arrived(event) => self.told.push(Happening::Event(event)),
                Effect::Jumped { room, from, to } => self.told.push(Happening::Jumped { room, from, to }),
                Effect::Replaced { room } => self.told.push(Happening::Replaced { room }),
                Effect::Heard(frame) => self.told.push(Happening::Heard(frame)),
            }
        }
        let status = self.engine.status();
        if status != self.status {
            self.status = status;
            self.told.push(Happening::Status(status));
        }
    }

    fn open(&mut self, conn: ConnId, rung: Rung, wait_ms: Millis) {
        let (http, hello, inputs) = (self.http.clone(), self.engine.hello(), self.inputs.clone());
        let (outgoing, frames) = mpsc::channel(OUTGOING);
        let task = match rung {
            Rung::Socket => {
                self.tasks.spawn(async move { socket::run(&http, conn, hello, frames, inputs).await })
            }
            Rung::Stream => self.tasks.spawn(async move { feed::stream(&http, conn, hello, inputs).await }),
            Rung::Poll => {
                self.tasks.spawn(async move { feed::poll(&http, conn, hello, wait_ms, inputs).await })
            }
        };
        // What has ended by itself needs no closing; a poll's successor is its end.
        self.conns.retain(|_, conn| !conn.task.is_finished());
        self.conns.insert(conn, Conn { outgoing: (rung == Rung::Socket).then_some(outgoing), task });
    }

    fn close(&mut self, conn: ConnId) {
        if let Some(conn) = self.conns.remove(&conn) {
            conn.task.abort();
        }
    }

    fn frame(&mut self, conn: ConnId, frame: ClientFrame) {
        let sender = self.conns.get(&conn).and_then(|conn| conn.outgoing.as_ref());
        if sender.is_some_and(|sender| sender.try_send(frame).is_err()) {
            self.close(conn);
            self.input(Input::Closed { conn, code: None });
        }
    }

    fn say(&mut self, signal: Signal) {
        match self.engine.socket() {
            0 => {
                let http = self.http.clone();
                self.tasks.spawn(async move {
                    // Positions are said again on the next connection; typing is gone by then.
                    let _ = http.say(vec![signal]).await;
                });
            }
            socket => self.frame(socket, ClientFrame::Signal(signal)),
        }
    }

    fn ask<F: Future<Output = Input> + Send + 'static>(&mut self, request: impl FnOnce(Arc<Http>) -> F) {
        let answer = request(self.http.clone());
        let inputs = self.inputs.clone();
        self.tasks.spawn(async move {
            let input = answer.await;
            let _ = inputs.send(input).await;
        });
    }
}

/// A random number in `0.0..1.0`; without a source of randomness, the middle.
fn jitter() -> f64 {
    getrandom::u32().map_or(0.5, |n| f64::from(n) / (f64::from(u32::MAX) + 1.0))
}
