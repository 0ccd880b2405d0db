//! What goes into the engine and comes out of it.

use zas_protocol::rest::{LogHead, Page};
use zas_protocol::{Ack, Advance, Command, ErrorCode, Event, Nack, RoomId, Seq, ServerFrame, Signal, TxnId};

use super::Millis;
use super::connection::{ConnId, Rung};
use super::outbox::Entry;
use super::timeline::{Fetch, FetchError, FetchId};

/// What happens to the engine.
#[derive(Debug, Clone)]
pub enum Input {
    /// Connect, and stay connected.
    Start,
    /// Disconnect.
    Stop,
    /// The network is back, or the process was asleep.
    Wake,
    /// A frame came on a connection.
    Frame {
        /// Which.
        conn: ConnId,
        /// The frame.
        frame: ServerFrame,
    },
    /// Something came on a connection that is no frame (a keep-alive).
    Heard {
        /// Which.
        conn: ConnId,
    },
    /// A connection ended, or could not be made.
    Closed {
        /// Which.
        conn: ConnId,
        /// The close code; an HTTP 401 counts as 4500, no answer as `None`.
        code: Option<u16>,
    },
    /// All frames of a poll's answer have been given.
    PollAnswered {
        /// Which.
        conn: ConnId,
    },
    /// A POST was answered.
    Posted {
        /// By an ack or a nack.
        answer: Result<Ack, Nack>,
    },
    /// A POST ended without an answer.
    PostLost {
        /// Of which command.
        txn_id: TxnId,
    },
    /// A page came, or did not.
    Fetched {
        /// Of which log.
        room: RoomId,
        /// As named by [`Effect::Fetch`].
        id: FetchId,
        /// The page.
        page: Result<Page, FetchError>,
    },
    /// Where logs stand, from `GET /v1/state`: those not known yet are followed from there on.
    Heads {
        /// The logs, one's own among them.
        heads: Vec<LogHead>,
    },
    /// A fresh access token is at hand.
    TokenRefreshed,
    /// None came: refused with a code, or no answer.
    TokenRefused {
        /// The refusal.
        code: Option<ErrorCode>,
    },
    /// Send a failed command again.
    Retry {
        /// Which.
        txn_id: TxnId,
    },
    /// Read older history of a log.
    LoadOlder {
        /// Which.
        room: RoomId,
    },
    /// Oneself received, or saw, all up to these places.
    Advance(Advance),
    /// [`super::Engine::next_deadline`] has come.
    Tick,
}

/// What a driver does for the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Open a rung with [`super::Engine::hello`]. It ends in a `welcome` frame or [`Input::Closed`]
    /// within [`super::connection::CONNECT_MS`].
    Open {
        /// Its name from here on.
        conn: ConnId,
        /// Which rung.
        rung: Rung,
        /// For a poll: how long it may be held.
        wait_ms: Millis,
    },
    /// Close a connection; nothing it says counts any more.
    Close {
        /// Which.
        conn: ConnId,
    },
    /// Send a ping.
    Ping {
        /// On which socket.
        conn: ConnId,
        /// Its number.
        n: u64,
    },
    /// Send the access token at hand in a `refresh` frame.
    PresentToken {
        /// On which socket.
        conn: ConnId,
    },
    /// Get a fresh access token; ends in [`Input::TokenRefreshed`] or [`Input::TokenRefused`].
    RefreshToken,
    /// Send a command on the socket that is up.
    Send(Command),
    /// POST a command; ends in [`Input::Posted`] or [`Input::PostLost`].
    Post(Command),
    /// Say something in passing: on the socket if one is up, else by POST.
    Say(Signal),
    /// Read a page; ends in [`Input::Fetched`].
    Fetch {
        /// Of which log.
        room: RoomId,
        /// Comes back in the answer.
        id: FetchId,
        /// Which page.
        fetch: Fetch,
    },
    /// Keep an entry of the outbox, durably, before the next effect.
    Save(Entry),
    /// Drop an entry of the outbox.
    Forget(TxnId),
    /// A command's fate: stored, or finally refused.
    Settled {
        /// Which.
        txn_id: TxnId,
        /// The ack or the refusal.
        outcome: Result<Ack, ErrorCode>,
    },
    /// The next event of a log, each once and in order.
    Arrived(Event),
    /// A stretch of a log was too much to send; it is history that can be loaded.
    Jumped {
        /// Which log.
        room: RoomId,
        /// The first place passed over.
        from: Seq,
        /// The last.
        to: Seq,
    },
    /// A log has another history: what arrived of it before is void, and what arrives from here on
    /// begins with its newest page.
    Replaced {
        /// Which log.
        room: RoomId,
    },
    /// Typing, presence or positions, as the server said it.
    Heard(ServerFrame),
}
