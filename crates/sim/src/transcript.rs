//! What one device's engine was given in a run, and where it ended: for another engine to be given
//! the same. The SDK's plays them (`web/sdk/test/engine/transcripts.test.ts`).
//!
//! Of the two engines' connections only what reaches the rest is kept: how commands may go, and the
//! frames that count. Reads are not kept: each engine asks in its own way and time, and is answered
//! from the logs as far as they went by then. The format is in `spec/transcripts/README.md`.
//!
//! To add to it: a variant of [`What`], where [`crate::device`] notes it, and its arm in the player.

use std::collections::BTreeMap;

use serde::Serialize;
use zas_client::engine::{Engine, Input, Millis, Progress, Rung, Status};
use zas_protocol::rest::LogHead;
use zas_protocol::{
    Ack, Command, Cursor, Epoch, Event, EventBody, Nack, RoomId, Seq, ServerFrame, TxnId, UserId,
};

use crate::oracle::Oracle;

/// One thing that an engine is given.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum What {
    /// The logs go so far by now: what reads are answered by from here on.
    Heads {
        /// The last place of each log that changed.
        heads: BTreeMap<RoomId, Seq>,
    },
    /// The first state.
    State {
        /// Where one's logs stand in it.
        logs: Vec<LogHead>,
    },
    /// How commands may go from here on: `socket`, `http` or `none`.
    Link {
        /// Which.
        link: &'static str,
        /// From where on the server replays, or later: what another engine lacks of what lies before,
        /// it would have been sent, too.
        cursor: Cursor,
    },
    /// A frame of the connection that is up.
    Frame {
        /// The frame.
        frame: ServerFrame,
    },
    /// A POST is answered.
    Posted {
        /// It is stored …
        #[serde(skip_serializing_if = "Option::is_none")]
        ack: Option<Ack>,
        /// … or it is not.
        #[serde(skip_serializing_if = "Option::is_none")]
        nack: Option<Nack>,
    },
    /// A POST ends without an answer.
    PostLost {
        /// Of which command.
        txn_id: TxnId,
    },
    /// A fresh access token is there.
    Token,
    /// Its user writes a message.
    Compose {
        /// Where to.
        room: RoomId,
        /// Its name.
        txn_id: TxnId,
        /// Its text.
        text: String,
    },
    /// The page is loaded anew, with what was kept.
    Reload {
        /// All that was kept is gone.
        cleared: bool,
    },
}

/// Something given, and when.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// On the device's clock, in milliseconds.
    pub at: Millis,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// A log as its reader may see it, whole.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Log {
    /// Its history.
    pub epoch: Epoch,
    /// The first place of each stay, and the last if it is over.
    pub stays: Vec<(Seq, Option<Seq>)>,
    /// What they see.
    pub events: Vec<Event>,
}

/// A room as the engine holds it in the end.
#[derive(Debug, Clone, Serialize)]
pub struct Held {
    /// The first place held.
    pub from: Seq,
    /// The messages held, each with its row's key.
    pub messages: Vec<(Seq, String)>,
    /// The last message of others that arrived here.
    pub arrived: Seq,
    /// How far its user is said to have received, on any device.
    pub delivered: Seq,
}

/// Where an engine ends.
#[derive(Debug, Clone, Default, Serialize)]
pub struct End {
    /// The rooms it is in.
    pub rooms: BTreeMap<RoomId, Held>,
    /// What the next connection would begin with.
    pub cursor: Cursor,
    /// Messages that are finally refused, in the order composed, by room.
    pub failed: BTreeMap<RoomId, Vec<TxnId>>,
    /// The names that the journal holds.
    pub journal: Vec<TxnId>,
}

/// The record of one device.
#[derive(Debug, Clone, Serialize)]
pub struct Transcript {
    /// Of the run.
    pub seed: u64,
    /// Who is signed in.
    pub me: UserId,
    /// What was given.
    pub steps: Vec<Step>,
    /// All logs that they were ever in.
    pub logs: BTreeMap<RoomId, Log>,
    /// Where it ended.
    pub end: End,
    #[serde(skip)]
    heads: BTreeMap<RoomId, Seq>,
    #[serde(skip)]
    link: &'static str,
    #[serde(skip)]
    arrived: BTreeMap<RoomId, Seq>,
}

impl Transcript {
    /// An empty one.
    #[must_use]
    pub fn new(seed: u64, me: UserId) -> Self {
        let (steps, logs, end) = (Vec::new(), BTreeMap::new(), End::default());
        let (heads, arrived) = (BTreeMap::new(), BTreeMap::new());
        Self { seed, me, steps, logs, end, heads, link: "none", arrived }
    }

    /// Something is given at a time.
    pub fn note(&mut self, at: Millis, oracle: &Oracle, what: What) {
        let known = oracle.rooms_seen_by(self.me).map(|room| (room, oracle.head(room)));
        let heads: BTreeMap<_, _> = known.filter(|(room, head)| self.heads.get(room) != Some(head)).collect();
        if !heads.is_empty() {
            self.heads.extend(&heads);
            self.steps.push(Step { at, what: What::Heads { heads } });
        }
        self.steps.push(Step { at, what });
    }

    /// The engine has taken an input; what of it concerns any engine is noted.
    pub fn took(&mut self, at: Millis, oracle: &Oracle, what: Option<What>, engine: &Engine) {
        let link = match engine.status() {
            Status::Syncing(Rung::Socket) | Status::Live(Rung::Socket) => "socket",
            Status::Syncing(_) | Status::Live(_) => "http",
            _ => "none",
        };
        if link != self.link {
            self.link = link;
            let cursor = engine.hello().cursor.unwrap_or_default();
            self.note(at, oracle, What::Link { link, cursor });
        }
        if let Some(what) = what {
            self.note(at, oracle, what);
        }
    }

    /// The user is shown an event.
    pub fn arrived(&mut self, event: &Event) {
        if event.sender != Some(self.me) && matches!(event.body, EventBody::Message { .. }) {
            self.arrived.insert(event.room, event.seq);
        }
    }

    /// What was said of a room's places means nothing any more: it was left, or has another history.
    pub fn forget(&mut self, room: RoomId) {
        self.arrived.remove(&room);
    }

    /// The process starts anew.
    pub fn reloaded(&mut self, at: Millis, oracle: &Oracle, cleared: bool) {
        self.link = "none";
        if cleared {
            self.arrived.clear();
        }
        self.note(at, oracle, What::Reload { cleared });
    }

    /// The run is over.
    pub fn finish(&mut self, oracle: &Oracle, engine: &Engine) {
        for room in oracle.rooms_seen_by(self.me) {
            let events = oracle.after(room, 0);
            let events = events.into_iter().filter(|event| oracle.sees(room, self.me, event.seq)).collect();
            self.logs.insert(
                room,
                Log { epoch: zas_store::Model::EPOCH, stays: oracle.stays(room, self.me).to_vec(), events },
            );
        }
        self.end.cursor = engine.hello().cursor.unwrap_or_default();
        for entry in engine.outbox().entries() {
            if let (Command::Send { room, .. }, Progress::Failed { .. }) = (&entry.command, &entry.progress) {
                self.end.failed.entry(*room).or_default().push(entry.command.txn_id().clone());
            }
            if matches!(entry.command, Command::Send { .. }) {
                self.end.journal.push(entry.command.txn_id().clone());
            }
        }
        for (room, log) in
            engine.logs().filter(|(room, log)| *room != RoomId::own_log(self.me) && !log.is_gone())
        {
            let messages =
                log.events().filter_map(|event| match (&event.body, event.sender, &event.txn_id) {
                    (EventBody::Message { .. }, Some(sender), Some(txn)) => {
                        Some((event.seq, format!("{sender}/{txn}")))
                    }
                    _ => None,
                });
            let heard = engine.positions().of(room).find(|position| position.user == self.me);
            let delivered =
                engine.positions().own(room).0.max(heard.map_or(0, |position| position.delivered));
            let from = log.held().0;
            let arrived = self.arrived.get(&room).copied().unwrap_or(0);
            self.end.rooms.insert(room, Held { from, messages: messages.collect(), arrived, delivered });
        }
    }
}

/// What of an input concerns any engine.
#[must_use]
pub fn of_input(engine: &Engine, input: &Input) -> Option<What> {
    match input {
        Input::Frame { conn, frame } if engine.hears(*conn) => Some(What::Frame { frame: frame.clone() }),
        Input::Posted { answer: Ok(ack) } => Some(What::Posted { ack: Some(ack.clone()), nack: None }),
        Input::Posted { answer: Err(nack) } => Some(What::Posted { ack: None, nack: Some(nack.clone()) }),
        Input::PostLost { txn_id } => Some(What::PostLost { txn_id: txn_id.clone() }),
        Input::Heads { heads } => Some(What::State { logs: heads.clone() }),
        Input::TokenRefreshed => Some(What::Token),
        _ => None,
    }
}
