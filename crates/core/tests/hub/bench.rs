//! A hub with sessions that are named by their number, and what each of them hears.

use std::collections::BTreeMap;

use uuid::Uuid;
use zas_core::encode;
use zas_core::hub::{Attach, Delivery, Hub, Rung, SessionKey, Stored, Writes};
use zas_core::session::Log;
use zas_core::time::Now;
use zas_protocol::limits::TYPING_TTL_MS;
use zas_protocol::{DeviceId, Event, EventBody, Limits, MessageId, Micros, RoomId, Seq, ServerFrame, UserId};

pub(crate) const BOOT: Micros = 1_000_000_000;
pub(crate) const EPOCH: u32 = 3;
pub(crate) const TTL: Micros = TYPING_TTL_MS as Micros * 1_000;

pub(crate) fn user(n: u128) -> UserId {
    UserId(Uuid::from_u128(n))
}

pub(crate) fn room(n: u128) -> RoomId {
    RoomId(Uuid::from_u128(1_000 + n))
}

pub(crate) fn device(n: u128) -> DeviceId {
    DeviceId(Uuid::from_u128(n))
}

pub(crate) fn log(room: RoomId, head: Seq, members: u32) -> Log {
    Log { room, epoch: EPOCH, head, from: 1, members }
}

/// What a session heard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    Event(RoomId, Seq),
    Follow(RoomId, Seq),
    Unfollow(RoomId),
    State(ServerFrame),
}

pub(crate) struct Bench {
    pub(crate) hub: Hub<u64>,
    pub(crate) now: Micros,
    /// How far the wall clock is ahead of `now`.
    pub(crate) ahead: Micros,
    pub(crate) heard: BTreeMap<u64, Vec<Heard>>,
    pub(crate) writes: Vec<Writes>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let limits = Limits { connections_per_user: 3, ..Limits::default() };
        Self {
            hub: Hub::new(BOOT, EPOCH, &limits),
            now: BOOT,
            ahead: 0,
            heard: BTreeMap::new(),
            writes: Vec::new(),
        }
    }

    pub(crate) fn clocks(&self) -> Now {
        Now { steady: self.now, wall: self.now + self.ahead }
    }

    /// Does something to the hub and notes who hears what of it.
    pub(crate) fn with(&mut self, step: impl FnOnce(&mut Hub<u64>, Micros, &mut dyn FnMut(&u64, &Delivery))) {
        let heard = &mut self.heard;
        step(&mut self.hub, self.now, &mut |&session, delivery| {
            heard.entry(session).or_default().push(match delivery {
                Delivery::Event { room, seq, .. } => Heard::Event(*room, *seq),
                Delivery::Follow { room, epoch, after } => {
                    assert_eq!(*epoch, EPOCH);
                    Heard::Follow(*room, *after)
                }
                Delivery::Unfollow { room } => Heard::Unfollow(*room),
                Delivery::State(bytes) => Heard::State(serde_json::from_slice(bytes).unwrap()),
            });
        });
    }

    pub(crate) fn attach(&mut self, session: u64, who: u128, rung: Rung) -> Option<u64> {
        let (key, user, device) = (SessionKey(session), user(who), device(who * 10 + u128::from(session)));
        let attach = Attach { key, handle: session, user, device, rung, profile_rev: 1 };
        self.hub.attach(self.clocks(), attach).map(|(_, handle)| handle)
    }

    pub(crate) fn follow(&mut self, session: u64, mut logs: Vec<Log>) -> Vec<Log> {
        self.with(|hub, _, mut deliver| hub.follow(SessionKey(session), &mut logs, &mut deliver));
        logs
    }

    /// A session of a user, which follows these rooms of two.
    pub(crate) fn connect(&mut self, session: u64, who: u128, rooms: &[RoomId]) {
        assert_eq!(self.attach(session, who, Rung::Lasting), None);
        self.follow(session, rooms.iter().map(|&room| log(room, 0, 2)).collect());
        self.heard.clear();
    }

    pub(crate) fn commit(&mut self, room: RoomId, seq: Seq, sender: u128, body: EventBody) {
        let event = Event { room, seq, at: self.now, sender: Some(user(sender)), txn_id: None, body };
        let bytes = encode::event(&event);
        self.with(|hub, now, mut deliver| hub.committed(now, &event, bytes, &mut deliver));
    }

    pub(crate) fn message(&mut self, room: RoomId, seq: Seq, sender: u128) {
        let message = MessageId(Uuid::from_u128(seq.into()));
        self.commit(room, seq, sender, EventBody::text(message, "hola".to_owned()));
    }

    pub(crate) fn typing(&mut self, who: u128, room: RoomId, on: bool) {
        self.with(|hub, now, mut deliver| hub.typing(now, user(who), room, on, &mut deliver));
    }

    pub(crate) fn advance(&mut self, who: u128, room: RoomId, delivered: Seq, read: Seq) {
        let now = self.clocks();
        self.with(|hub, _, mut deliver| {
            hub.advance(now, user(who), room, delivered, read, &mut deliver);
        });
    }

    pub(crate) fn detach(&mut self, session: u64) {
        self.hub.detach(self.clocks(), SessionKey(session));
    }

    /// Lets time pass, with every timer on its time.
    pub(crate) fn pass(&mut self, by: Micros) {
        let end = self.now + by;
        while let Some(due) = self.hub.next_deadline().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            let mut writes = Writes::default();
            self.with(|hub, now, mut deliver| writes = hub.tick(now, &mut deliver));
            self.writes.extend((!writes.is_empty()).then_some(writes));
        }
        self.now = end;
    }

    pub(crate) fn hears(&mut self, session: u64) -> Vec<Heard> {
        self.heard.remove(&session).unwrap_or_default()
    }

    pub(crate) fn states(&mut self, session: u64) -> Vec<ServerFrame> {
        let state = |heard| match heard {
            Heard::State(frame) => Some(frame),
            _ => None,
        };
        self.hears(session).into_iter().filter_map(state).collect()
    }

    /// The positions of the frames a session heard: (whose number, delivered, read).
    pub(crate) fn positions(&mut self, session: u64) -> Vec<Vec<(u128, Seq, Seq)>> {
        let of = |frame| match frame {
            ServerFrame::Positions { of, .. } => of,
            other => panic!("{other:?} is no positions frame"),
        };
        let all = self.states(session).into_iter().map(of);
        all.map(|of| of.iter().map(|p| (p.user.0.as_u128(), p.delivered, p.read)).collect()).collect()
    }

    pub(crate) fn since(&self, who: u128, rooms: &[RoomId], seen: Option<u64>) -> Vec<ServerFrame> {
        let frames = self.hub.state_since(user(who), rooms, seen, &Stored::default());
        frames.iter().map(|bytes| serde_json::from_slice(bytes).unwrap()).collect()
    }
}

pub(crate) fn presence_of(frames: &[ServerFrame]) -> Vec<(u128, bool)> {
    let of = |frame: &ServerFrame| match frame {
        ServerFrame::Presence { of, .. } => of.clone(),
        _ => Vec::new(),
    };
    frames.iter().flat_map(of).map(|p| (p.user.0.as_u128(), p.online)).collect()
}
