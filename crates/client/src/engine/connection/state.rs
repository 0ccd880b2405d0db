//! The states of a connection, and what an app may know of them.

use crate::engine::Millis;

/// A way for the feed to arrive, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// WebSocket.
    Socket,
    /// Server-sent events.
    Stream,
    /// Long-poll.
    Poll,
}

/// Names one connection, or one poll; what a former one says is ignored by it.
pub type ConnId = u64;

/// What an app may know of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Not started, or stopped.
    Idle,
    /// On the way, for the `attempt`-th time in a row.
    Connecting {
        /// Counted from 0.
        attempt: u32,
    },
    /// Connected, hearing what was missed.
    Syncing(Rung),
    /// Connected, and caught up.
    Live(Rung),
    /// Not before then.
    Waiting {
        /// When.
        until: Millis,
    },
    /// The session is over: somebody must sign in.
    NeedsAuth,
    /// The server refuses this client for good (a close code).
    Closed(u16),
}

/// Where it is; each state has only its own data.
#[derive(Debug, Clone)]
pub(super) enum State {
    Idle,
    Connecting {
        attempt: u32,
        since: Millis,
        tries: Vec<(ConnId, Rung)>,
        next: usize,
        next_at: Option<Millis>,
    },
    Up(Up),
    Waiting {
        until: Millis,
        attempt: u32,
    },
    /// A fresh token is on its way; connecting goes on with it.
    Renewing {
        attempt: u32,
    },
    NeedsAuth,
    Closed(u16),
}

/// A connection that carries the feed.
#[derive(Debug, Clone)]
pub(super) struct Up {
    pub(super) conn: ConnId,
    pub(super) rung: Rung,
    pub(super) attempt: u32,
    pub(super) synced: bool,
    pub(super) dead_at: Millis,
    pub(super) ping_at: Option<Millis>,
    pub(super) ping_ms: Millis,
    pub(super) probe: Option<ConnId>,
    pub(super) probe_at: Option<Millis>,
    pub(super) probe_ms: Millis,
    /// When the server, about to stop, lets us come back.
    pub(super) drain_until: Option<Millis>,
}
