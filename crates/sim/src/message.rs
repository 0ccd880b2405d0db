//! What travels between devices and nodes, and what else happens at a time.

use bytes::Bytes;
use zas_client::engine::{ConnId, FetchError, FetchId, Millis, Rung};
use zas_core::session::Log;
use zas_protocol::rest::{LogHead, Page};
use zas_protocol::{Ack, Command, DeviceId, ErrorCode, Event, Hello, Nack, RoomId, Signal, TxnId, UserId};
use zas_store::{Outcome, StoreError};

use crate::net::LinkId;
use crate::node::Ticket;

/// What comes to a device.
#[derive(Debug)]
pub enum ToDevice {
    /// Time to start, or to ask for the first state again.
    Boot,
    /// The first state.
    State(Result<Vec<LogHead>, ErrorCode>),
    /// A frame.
    Frame(ConnId, Bytes),
    /// A connection ended.
    Closed(ConnId, Option<u16>),
    /// A poll is answered.
    Polled(ConnId, Vec<Bytes>),
    /// A POST is answered.
    Posted(Result<Ack, Nack>),
    /// A POST is lost.
    PostLost(TxnId),
    /// A page.
    Fetched(RoomId, FetchId, Result<Page, FetchError>),
    /// A token, or none.
    Token(Result<String, Option<ErrorCode>>),
    /// The engine's deadline.
    Tick,
    /// Its user signs in again.
    SignIn,
}

/// What a device asks by plain HTTP.
#[derive(Debug, Clone)]
pub enum Request {
    /// The first state.
    State,
    /// A page.
    Page(RoomId, FetchId, zas_store::PageAt),
    /// A command.
    Post(Command),
    /// A signal.
    Say(Signal),
    /// A fresh token.
    Refresh,
}

impl Request {
    /// What its sender hears when there is no answer.
    pub(crate) fn lost(&self) -> Option<ToDevice> {
        match self {
            Self::State => Some(ToDevice::Boot),
            Self::Page(room, id, _) => Some(ToDevice::Fetched(*room, *id, Err(FetchError::Later))),
            Self::Post(command) => Some(ToDevice::PostLost(command.txn_id().clone())),
            Self::Refresh => Some(ToDevice::Token(Err(None))),
            Self::Say(_) => None,
        }
    }
}

/// A request on its way, with its return address.
#[derive(Debug, Clone)]
pub struct Asked {
    /// By whom.
    pub device: usize,
    /// In which run of theirs.
    pub life: u32,
    /// With which token.
    pub token: String,
    /// What.
    pub request: Request,
}

/// What a connection of a node waits for; everything else of it waits meanwhile.
#[derive(Debug)]
pub enum Await {
    /// Whom a token names.
    Token(String),
    /// The heads are to be read.
    ReadHeads {
        /// Of whom.
        user: UserId,
        /// On which device.
        device: DeviceId,
        /// The state they have heard.
        seen: Option<u64>,
    },
    /// They are read, and followed now.
    Opened {
        /// Of whom.
        user: UserId,
        /// On which device.
        device: DeviceId,
        /// The state they have heard.
        seen: Option<u64>,
        /// The heads.
        logs: Vec<Log>,
    },
    /// A page was read.
    Page(RoomId, Result<Option<Page>, ReadFailed>),
}

/// The store could not read, this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadFailed;

/// What comes to a node.
#[derive(Debug)]
pub enum ToNode {
    /// A connection, with its first frame.
    Open {
        /// Its name.
        link: LinkId,
        /// Which rung.
        rung: Rung,
        /// The first frame.
        hello: Hello,
        /// The token.
        token: String,
        /// For a poll.
        wait_ms: Millis,
    },
    /// A frame of a connection.
    Text(LinkId, String),
    /// A connection is gone.
    Gone(LinkId),
    /// A request.
    Ask(Asked),
    /// A connection's task has its turn.
    Drive(LinkId),
    /// What a connection waited for is there.
    Ready(LinkId, Await),
    /// The store runs a batch.
    Commit(Vec<Ticket>),
    /// The store's answer.
    Committed(Vec<Ticket>, Result<Vec<Outcome>, StoreError>),
    /// A lost batch is looked up.
    Recheck(Vec<Ticket>),
    /// Another node says that this happened.
    Hint(Event),
    /// What is above a gap is read.
    Repair(RoomId),
    /// Timers are looked at.
    Sweep,
    /// It comes up.
    Start,
    /// It has drained, and ends.
    Stop,
}

/// Something that happens at a time.
#[derive(Debug)]
pub enum Happening {
    /// An operation of the plan, by index.
    Step(usize),
    /// To a device, in one run of it.
    Device(usize, u32, ToDevice),
    /// To a node, in one run of it.
    Node(usize, u32, ToNode),
}
