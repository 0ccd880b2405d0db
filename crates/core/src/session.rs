//! One connection, on any rung. The driver gives it frames, what the store and the hub say, and
//! the time; it answers with frames to send and things to do, and holds every rule of the feed.
//!
//! | state | until |
//! |---|---|
//! | greeting | the first frame, within `auth_timeout_ms` |
//! | authenticating | the driver knows whom the token names |
//! | resuming | the cursor is there, where the first frame was too small for it |
//! | opening | the hub is told and the heads are read |
//! | live | something ends it |
//! | draining | the delay that the client was told is over |
//! | closed | for ever |
//!
//! Over HTTP the driver knows the user before it reads the body; such a session begins at opening
//! ([`Session::authenticated`]).
//!
//! What is left to the driver: the size of frames, silence and slow readers ([`Input::Cut`]), and
//! whether a user may have one more command ([`Effect::Submit`]): that budget is shared by all of
//! a user's connections and by plain requests, so it is not a session's to keep.
//!
//! | module | what |
//! |---|---|
//! | `feed` | which events have been sent, and fetching what was missed |
//! | `frames` | what a client's frame leads to |
//!
//! To add an input or effect: its variant here, its arm in [`Session::handle`], the driver's arm.

mod feed;
mod frames;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use zas_protocol::rest::Page;
use zas_protocol::{
    Ack, CloseCode, Command, Cursor, DeviceId, Epoch, ErrorCode, Hello, Limits, Micros, Nack, RoomId, Seq,
    ServerFrame, Signal, UserId,
};

use crate::encode;
use crate::hub::Delivery;
use feed::Feed;
use frames::Peer;

pub use frames::HEADS;

/// Unreadable frames in a row that are forgiven.
pub const UNREADABLE_IN_A_ROW: u8 = 10;

/// What all sessions of a node share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The bounds.
    pub limits: Limits,
    /// The node's name: whose state revisions these are.
    pub node: String,
}

/// Whom a token names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub user: UserId,
    /// The device the token belongs to.
    pub device: DeviceId,
    /// When the token expires, by the clock that is given as `now`.
    pub expires_at: Micros,
}

/// Where a log stands, as the store says when a connection opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Log {
    /// The room.
    pub room: RoomId,
    /// Its history.
    pub epoch: Epoch,
    /// Its last place; 0 when empty.
    pub head: Seq,
    /// The first place that the user may see.
    pub from: Seq,
    /// How many are in it; 0 where not known.
    pub members: u32,
}

/// An access token. It shows in no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What the driver says.
#[derive(Debug)]
pub enum Input<'a> {
    /// A text frame, no longer than `FRAME_BYTES`.
    Frame(&'a str),
    /// The token of [`Effect::Authenticate`] is good.
    Authenticated(Identity),
    /// It is not, or nobody can say now; or [`Effect::Open`] failed.
    Refused(ErrorCode),
    /// The session hears from the hub; where the user's logs stand, own log and all, heads raised
    /// by [`crate::hub::Hub::follow`].
    Opened(Vec<Log>),
    /// The hub says.
    Delivered(Delivery),
    /// Something of a room was lost on the way from the hub.
    Dirty(RoomId),
    /// Answers [`Effect::Read`].
    Page(Page),
    /// Answers [`Effect::Read`]: the user is not in the room.
    NotThere(RoomId),
    /// Answers [`Effect::Read`]: the store could not, this time.
    ReadFailed(RoomId),
    /// Answers [`Effect::Submit`].
    Outcome(Result<Ack, Nack>),
    /// Answers [`Effect::AskHeads`].
    Heads(BTreeMap<RoomId, Seq>),
    /// What was sent is on its way: there is room for a page. Said after each page that was
    /// sent, at once or when the client has read enough.
    Drained,
    /// Time passed.
    Tick,
    /// The node stops; this client is to come back after a while.
    Drain {
        /// How long, in milliseconds.
        delay_ms: u64,
    },
    /// The connection ends: revoked, replaced, silent, too slow, a frame too large.
    Cut(CloseCode),
}

/// What the driver does, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Send a frame.
    Send(Bytes),
    /// Say whom the token names: [`Input::Authenticated`] or [`Input::Refused`].
    Authenticate(Token),
    /// Attach to the hub, read the heads, follow: [`Input::Opened`], then the state since `seen`
    /// as [`Delivery::State`]s; or [`Input::Refused`].
    Open {
        /// Whose.
        user: UserId,
        /// Which device.
        device: DeviceId,
        /// The last revision of this node's state that the client has heard; 0 when it has heard
        /// only another node's, `None` when nothing yet.
        seen: Option<u64>,
    },
    /// Commit a command of right shape, if the user's budget allows: [`Input::Outcome`].
    Submit(Command),
    /// Tell the hub; the rooms are followed, and what is said is within bounds.
    Signal(Signal),
    /// Read a page: [`Input::Page`], [`Input::NotThere`] or [`Input::ReadFailed`]. One at a time.
    Read {
        /// Of which room.
        room: RoomId,
        /// Events above this place.
        after: Seq,
        /// At most so many.
        limit: u32,
    },
    /// Ask the hub for heads: [`Input::Heads`].
    AskHeads,
    /// Close, when what was sent before is out. Nothing follows.
    Close(CloseCode),
}

#[derive(Debug)]
enum State {
    Greeting {
        until: Micros,
    },
    Authenticating {
        until: Micros,
        cursor: Option<Cursor>,
        seen: Option<u64>,
    },
    /// The user is known; the cursor comes in a frame of its own.
    Resuming {
        until: Micros,
        identity: Identity,
        seen: Option<u64>,
    },
    Opening {
        peer: Peer,
        feed: Feed,
        cursor: Cursor,
    },
    Live {
        peer: Peer,
        feed: Feed,
    },
    Draining {
        peer: Peer,
        feed: Feed,
        until: Micros,
    },
    Closed,
}

/// The machine.
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    state: State,
}

impl Session {
    /// A connection whose first frame says who it is.
    #[must_use]
    pub fn new(now: Micros, settings: Arc<Settings>) -> Self {
        let until = now + millis(settings.limits.auth_timeout_ms);
        Self { settings, state: State::Greeting { until } }
    }

    /// A connection whose user is known already.
    #[must_use]
    pub fn authenticated(
        settings: Arc<Settings>,
        identity: Identity,
        hello: Hello,
        effects: &mut Vec<Effect>,
    ) -> Self {
        let seen = seen(&hello, &settings);
        let state = open(identity, hello.cursor.unwrap_or_default(), seen, effects);
        Self { settings, state }
    }

    /// Whose connection it is, once that is known.
    #[must_use]
    pub const fn identity(&self) -> Option<Identity> {
        match &self.state {
            State::Opening { peer, .. } | State::Live { peer, .. } | State::Draining { peer, .. } => {
                Some(peer.identity)
            }
            State::Resuming { identity, .. } => Some(*identity),
            State::Greeting { .. } | State::Authenticating { .. } | State::Closed => None,
        }
    }

    /// Whether all that was missed has been sent.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        match &self.state {
            State::Live { feed, .. } | State::Draining { feed, .. } => feed.is_synced(),
            _ => false,
        }
    }

    /// Whether it has ended.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// When [`Input::Tick`] is due.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Micros> {
        match &self.state {
            State::Greeting { until }
            | State::Authenticating { until, .. }
            | State::Resuming { until, .. } => Some(*until),
            State::Opening { peer, .. } => Some(peer.identity.expires_at),
            State::Live { peer, feed } => Some(feed.earliest(peer.identity.expires_at)),
            State::Draining { peer, feed, until } => {
                Some(feed.earliest(peer.identity.expires_at.min(*until)))
            }
            State::Closed => None,
        }
    }

    /// Takes a step. An answer that nobody waits for is ignored.
    pub fn handle(&mut self, now: Micros, input: Input<'_>, effects: &mut Vec<Effect>) {
        let next = match (&mut self.state, input) {
            (State::Closed, _) => None,
            (_, Input::Cut(code)) => Some(Err(code)),
            (State::Greeting { .. }, Input::Frame(text)) => {
                Some(frames::greet(now, text, &self.settings, effects))
            }
            (State::Authenticating { .. }, Input::Frame(_)) => Some(Err(CloseCode::ProtocolViolation)),
            (State::Authenticating { cursor, seen, until }, Input::Authenticated(identity)) => {
                Some(Ok(match cursor.take() {
                    Some(cursor) => open(identity, cursor, *seen, effects),
                    None => State::Resuming { until: *until, identity, seen: *seen },
                }))
            }
            (State::Resuming { identity, seen, .. }, Input::Frame(text)) => {
                Some(frames::resume(text).map(|cursor| open(*identity, cursor, *seen, effects)))
            }
            (State::Authenticating { .. } | State::Opening { .. }, Input::Refused(code)) => {
                Some(Err(refused(code, effects)))
            }
            (
                State::Greeting { until }
                | State::Authenticating { until, .. }
                | State::Resuming { until, .. },
                Input::Tick,
            ) => (now >= *until).then_some(Err(CloseCode::ProtocolViolation)),
            (
                State::Greeting { .. } | State::Authenticating { .. } | State::Resuming { .. },
                Input::Drain { .. },
            ) => Some(Err(CloseCode::Drain)),
            (State::Greeting { .. } | State::Authenticating { .. } | State::Resuming { .. }, _) => None,
            (State::Opening { peer, feed, cursor }, Input::Opened(logs)) => {
                let (peer, mut feed) = (std::mem::take(peer), std::mem::take(feed));
                send(&welcome(now, &self.settings, peer.identity), effects);
                feed.open(peer.identity.user, &logs, cursor, &self.settings.limits, effects);
                Some(Ok(State::Live { peer, feed }))
            }
            (State::Draining { until, .. }, Input::Tick) if now >= *until => Some(Err(CloseCode::Drain)),
            (State::Live { peer, feed }, Input::Drain { delay_ms }) => {
                send(&ServerFrame::Drain { delay_ms }, effects);
                let (peer, feed) = (std::mem::take(peer), std::mem::take(feed));
                Some(Ok(State::Draining { peer, feed, until: now + millis(delay_ms) }))
            }
            (State::Opening { .. }, Input::Drain { .. }) => Some(Err(CloseCode::Drain)),
            (State::Opening { peer, feed, .. } | State::Live { peer, feed }, input) => {
                step(now, peer, feed, false, input, &self.settings, effects).err().map(Err)
            }
            (State::Draining { peer, feed, .. }, input) => {
                step(now, peer, feed, true, input, &self.settings, effects).err().map(Err)
            }
        };
        match next {
            None => {}
            Some(Ok(state)) => self.state = state,
            Some(Err(code)) => {
                effects.push(Effect::Close(code));
                self.state = State::Closed;
            }
        }
    }
}

/// A step of a connection whose user is known. An error closes it.
fn step(
    now: Micros,
    peer: &mut Peer,
    feed: &mut Feed,
    draining: bool,
    input: Input<'_>,
    settings: &Settings,
    effects: &mut Vec<Effect>,
) -> Result<(), CloseCode> {
    match input {
        Input::Frame(text) => return peer.frame(now, text, feed, draining, settings, effects),
        Input::Authenticated(identity) => return peer.refreshed(identity),
        Input::Refused(code) => return peer.not_refreshed(code, effects),
        Input::Tick if now >= peer.identity.expires_at => return Err(CloseCode::TokenExpired),
        Input::Tick => feed.tick(now, effects),
        Input::Delivered(Delivery::Event { room, seq, bytes }) => feed.event(room, seq, bytes, effects),
        Input::Delivered(Delivery::Follow { room, epoch, after }) => feed.follow(room, epoch, after),
        Input::Delivered(Delivery::Unfollow { room }) => feed.unfollow(room, effects),
        Input::NotThere(room) => feed.not_there(room, effects),
        Input::Delivered(Delivery::State(bytes)) => {
            if feed.is_open() {
                effects.push(Effect::Send(bytes));
            }
        }
        Input::Dirty(room) => feed.dirty(room, effects),
        Input::Page(page) => feed.page(now, page, effects),
        Input::ReadFailed(room) => feed.read_failed(now, room),
        Input::Outcome(Ok(ack)) => send(&ServerFrame::Ack(ack), effects),
        Input::Outcome(Err(nack)) => send(&ServerFrame::Nack(nack), effects),
        Input::Heads(heads) => feed.heads(&heads, effects),
        Input::Drained => feed.drained(effects),
        Input::Opened(_) | Input::Drain { .. } | Input::Cut(_) => {}
    }
    Ok(())
}

fn open(identity: Identity, cursor: Cursor, seen: Option<u64>, effects: &mut Vec<Effect>) -> State {
    effects.push(Effect::Open { user: identity.user, device: identity.device, seen });
    State::Opening { peer: Peer::new(identity), feed: Feed::default(), cursor }
}

/// Another node's revision is as good as 0, which is older than all that is remembered: the
/// client has heard something once, and needs to hear the whole of it now.
fn seen(hello: &Hello, settings: &Settings) -> Option<u64> {
    hello.seen.as_ref().map(|seen| if seen.node == settings.node { seen.rev } else { 0 })
}

fn welcome(now: Micros, settings: &Settings, identity: Identity) -> ServerFrame {
    ServerFrame::Welcome {
        user: identity.user,
        device: identity.device,
        node: settings.node.clone(),
        now,
        ping_ms: settings.limits.ping_ms,
        expires_at: identity.expires_at,
    }
}

/// Says why, and how to close.
fn refused(code: ErrorCode, effects: &mut Vec<Effect>) -> CloseCode {
    send(&ServerFrame::Error { code, retry_after_ms: None }, effects);
    match code {
        ErrorCode::Unauthenticated => CloseCode::Unauthenticated,
        ErrorCode::Revoked => CloseCode::Revoked,
        ErrorCode::Internal => CloseCode::Internal,
        ErrorCode::Draining => CloseCode::Drain,
        _ => CloseCode::Overloaded,
    }
}

fn send(frame: &ServerFrame, effects: &mut Vec<Effect>) {
    effects.push(Effect::Send(encode::frame(frame)));
}

fn millis(ms: u64) -> Micros {
    Micros::try_from(ms.saturating_mul(1_000)).unwrap_or(Micros::MAX / 2)
}
