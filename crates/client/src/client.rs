//! A client for bots and tools: sign in, send, listen.
//!
//! ```no_run
//! use zas_client::{Client, Error, EventBody, Happening};
//!
//! # async fn example() -> Result<(), Error> {
//! let client = Client::sign_in("http://127.0.0.1:8080", "echo", "a long password").await?;
//! let mut happenings = client.happenings().await?;
//! while let Some(happening) = happenings.recv().await {
//!     let Happening::Event(event) = happening else { continue };
//!     let EventBody::Message { text, .. } = &event.body else { continue };
//!     if event.sender != Some(client.me()) {
//!         client.send(event.room, &format!("You said: {text}")).await?.await?;
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use zas_protocol::rest::{Login, Page, Room, RoomState, State, Tokens, User};
use zas_protocol::{Ack, Advance, Command, ErrorCode, Language, Micros, RoomId, Seq, Signal, TxnId, UserId};

use crate::driver::http::{Error, Http};
use crate::driver::{self, HAPPENINGS, Happening, Journal, REQUESTS, Request};
use crate::engine::{Engine, Rung, Saved};

/// How a client is to be.
pub struct Options {
    /// The rungs it may use, the best first; not empty.
    pub rungs: Vec<Rung>,
    /// Whether receiving a message advances one's `delivered`.
    pub receipts: bool,
    /// What a former run left.
    pub saved: Saved,
    /// Where the outbox is kept; in memory alone if nowhere.
    pub journal: Option<Box<dyn Journal>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            rungs: vec![Rung::Socket, Rung::Stream, Rung::Poll],
            receipts: true,
            saved: Saved::default(),
            journal: None,
        }
    }
}

/// A signed-in client. It connects by itself and stays connected until dropped or closed; a
/// clone is the same client.
#[derive(Clone)]
pub struct Client {
    me: UserId,
    http: Arc<Http>,
    first: Arc<State>,
    requests: mpsc::Sender<Request>,
    driver: Arc<JoinHandle<()>>,
}

impl Client {
    /// Signs in with a username or email, and connects.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`ErrorCode::BadCredentials`]; [`Error::Network`].
    pub async fn sign_in(url: &str, login: &str, password: &str) -> Result<Self, Error> {
        Self::sign_in_with(url, login, password, Options::default()).await
    }

    /// As [`Client::sign_in`], with options.
    ///
    /// # Errors
    /// As there.
    pub async fn sign_in_with(
        url: &str,
        login: &str,
        password: &str,
        options: Options,
    ) -> Result<Self, Error> {
        let http = Http::new(url)?;
        let form = Login {
            login: login.to_owned(),
            password: password.to_owned(),
            device_name: concat!("zas-client ", env!("CARGO_PKG_VERSION")).to_owned(),
        };
        http.sign_in(&form).await?;
        Self::connect(http, options).await
    }

    /// Connects with tokens that another sign-in gave.
    ///
    /// # Errors
    /// [`Error::Refused`] when they are no longer valid; [`Error::Network`].
    pub async fn with_tokens(url: &str, tokens: &Tokens, options: Options) -> Result<Self, Error> {
        let http = Http::new(url)?;
        http.keep(&tokens.access, tokens.refresh.as_deref());
        Self::connect(http, options).await
    }

    /// Connects with an access token alone; when it expires the client needs another one.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not valid; [`Error::Network`].
    pub async fn with_access_token(url: &str, access: &str, options: Options) -> Result<Self, Error> {
        let http = Http::new(url)?;
        http.keep(access, None);
        Self::connect(http, options).await
    }

    async fn connect(http: Http, options: Options) -> Result<Self, Error> {
        let state = http.state().await?;
        let me = state.me.user.id;
        let engine = Engine::new(me, options.rungs, options.saved).with_receipts(options.receipts);
        let heads = state.rooms.iter().map(|room| zas_protocol::rest::LogHead {
            room: room.id,
            epoch: room.epoch,
            head: room.head,
        });
        let heads = heads.chain([state.own_log]).collect();
        let http = Arc::new(http);
        let (requests, incoming) = mpsc::channel(REQUESTS);
        let driver = tokio::spawn(driver::run(engine, heads, http.clone(), options.journal, incoming));
        Ok(Self { me, http, first: Arc::new(state), requests, driver: Arc::new(driver) })
    }

    /// Who is signed in.
    #[must_use]
    pub const fn me(&self) -> UserId {
        self.me
    }

    /// What was so when the client connected: rooms, people.
    #[must_use]
    pub fn first_state(&self) -> &State {
        &self.first
    }

    /// Sends a text. It is in the outbox when this returns; what this returns resolves when it is
    /// stored or finally refused, and need not be awaited.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn send(&self, room: RoomId, text: &str) -> Result<Sent, Error> {
        let command = Command::text(mint(), room, None, text.to_owned());
        self.command(command).await
    }

    /// Gives any command; it must carry a `txn_id` of its own (see [`mint`]).
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn command(&self, command: Command) -> Result<Sent, Error> {
        let (reply, outcome) = oneshot::channel();
        self.ask(Request::Compose(command, reply)).await?;
        Ok(Sent { outcome })
    }

    /// The private room with a person; made if there is none.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`ErrorCode::NotFound`] when there is no such person.
    pub async fn open_private(&self, user: UserId) -> Result<RoomId, Error> {
        Ok(self.command(Command::OpenPrivate { txn_id: mint(), user }).await?.await?.room)
    }

    /// A new group of one's own.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub async fn create_group(&self, name: &str, members: Vec<UserId>) -> Result<RoomId, Error> {
        let command = Command::CreateGroup { txn_id: mint(), name: name.to_owned(), members, profile: None };
        Ok(self.command(command).await?.await?.room)
    }

    /// The person of a username (a leading `@` is dropped).
    ///
    /// # Errors
    /// [`Error::Refused`] with [`ErrorCode::NotFound`] when there is none.
    pub async fn user_named(&self, username: &str) -> Result<User, Error> {
        let username = username.trim_start_matches('@').to_lowercase();
        let found = self.http.search(&username).await?.users;
        found.into_iter().find(|user| user.username == username).ok_or_else(|| refused(ErrorCode::NotFound))
    }

    /// A person.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`ErrorCode::NotFound`] when there is none.
    pub async fn user(&self, user: UserId) -> Result<User, Error> {
        self.http.user(user).await
    }

    /// One's rooms, newest activity first.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Network`].
    pub async fn rooms(&self) -> Result<Vec<Room>, Error> {
        Ok(self.http.state().await?.rooms)
    }

    /// A room with its newest page of history.
    ///
    /// # Errors
    /// [`Error::Refused`] with [`ErrorCode::NotFound`] when one is not in it.
    pub async fn room(&self, room: RoomId) -> Result<RoomState, Error> {
        self.http.room(room).await
    }

    /// A page of a room's history, below `before` or the newest.
    ///
    /// # Errors
    /// As [`Client::room`].
    pub async fn history(&self, room: RoomId, before: Option<Seq>) -> Result<Page, Error> {
        self.http.history(room, before).await
    }

    /// What happens, from connecting on (of what nobody took, the newest 1,024). A second call
    /// takes the place of the first. An app that does not take what comes makes the client read
    /// no further, not lose anything.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn happenings(&self) -> Result<mpsc::Receiver<Happening>, Error> {
        let (sender, receiver) = mpsc::channel(HAPPENINGS);
        self.ask(Request::Subscribe(sender)).await?;
        Ok(receiver)
    }

    /// Oneself saw everything up to `seq`.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn read_up_to(&self, room: RoomId, seq: Seq) -> Result<(), Error> {
        self.ask(Request::Advance(Advance { room, delivered: seq, read: seq })).await
    }

    /// Oneself types, or stopped.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn typing(&self, room: RoomId, on: bool) -> Result<(), Error> {
        self.ask(Request::Say(Signal::Typing { room, on })).await
    }

    /// The network is back: tries at once instead of waiting.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn wake(&self) -> Result<(), Error> {
        self.ask(Request::Wake).await
    }

    /// What to give to [`Options::saved`] of the next run.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub async fn saved(&self) -> Result<Saved, Error> {
        let (reply, saved) = oneshot::channel();
        self.ask(Request::Saved(reply)).await?;
        saved.await.map_err(|_| Error::Closed("it was closed"))
    }

    /// Disconnects, for all clones, and gives back what the next run goes on from.
    ///
    /// # Errors
    /// [`Error::Closed`] when it was closed before.
    pub async fn close(self) -> Result<Saved, Error> {
        let saved = self.saved().await;
        self.driver.abort();
        saved
    }

    async fn ask(&self, request: Request) -> Result<(), Error> {
        self.requests.send(request).await.map_err(|_| Error::Closed("it was closed"))
    }
}

/// The outcome of a command, when it comes.
#[must_use = "resolves to whether the command is stored"]
pub struct Sent {
    outcome: oneshot::Receiver<Result<Ack, ErrorCode>>,
}

impl Future for Sent {
    type Output = Result<Ack, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.outcome).poll(context).map(|outcome| match outcome {
            Ok(outcome) => outcome.map_err(refused),
            Err(_) => Err(Error::Closed("it was closed before the answer came")),
        })
    }
}

/// A fresh name for a command.
///
/// # Panics
/// If the system gives no random bytes: without them a name might not be unique.
#[must_use]
pub fn mint() -> TxnId {
    let mut random = [0; 10];
    getrandom::fill(&mut random).expect("the system gives random bytes");
    TxnId::mint(wall_clock(), random)
}

fn wall_clock() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX)
}

fn refused(code: ErrorCode) -> Error {
    let message = code.sentence(Language::En).to_owned();
    Error::Refused { code, message, retry_after_ms: None, first: None }
}
