//! A node, wired as the server wires it: sessions over mailboxes, one hub, one committer, and the
//! relay between nodes.
//!
//! | module | what |
//! |---|---|
//! | `conn` | the driver of one session |
//! | `commit` | the driver of the batcher |
//! | `requests` | what comes by plain HTTP |

mod commit;
mod conn;
mod requests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use zas_client::engine::Rung;
use zas_core::batch::{self, Batcher};
use zas_core::encode;
use zas_core::hub::{Delivery, Hub, Writes, merge};
use zas_core::session::{Session, Settings};
use zas_protocol::{CloseCode, DeviceId, Event, EventBody, Hello, Limits, Micros, Position, RoomId, UserId};

use crate::bug::Bug;
use crate::mailbox::Item;
use crate::message::{Asked, Happening, ToDevice, ToNode};
use crate::net::{LinkId, Net};
use crate::oracle::Held;
use crate::relay::{Relay, Verdict};
pub use commit::Ticket;
use conn::Conn;

/// Some day in 2027, in microseconds.
const EPOCH: Micros = 1_800_000_000_000_000;
/// How often a node looks at its timers.
const SWEEP: Micros = 250_000;
/// How often a node compares its heads with the store.
const HEAD_CHECK: Micros = 2_000_000;

/// A node.
pub struct Node {
    index: usize,
    /// Counts its runs.
    pub life: u32,
    /// Whether it runs.
    pub up: bool,
    draining: bool,
    limits: Limits,
    settings: Arc<Settings>,
    /// Its clock against the true one, from its start on.
    skew: Micros,
    /// How far its wall clock has jumped since.
    pub jumped: Micros,
    hub: Hub<LinkId>,
    batcher: Batcher<Ticket>,
    relay: Relay,
    repairing: BTreeSet<RoomId>,
    conns: BTreeMap<LinkId, Conn>,
    next_key: u64,
    /// POSTs that are not answered yet.
    posts: BTreeMap<u64, Asked>,
    next_post: u64,
    checked_at: Micros,
    /// Hears nothing of the others until then.
    pub deaf_until: Micros,
}

impl Node {
    /// A node that is down.
    #[must_use]
    pub fn new(net: &Net, index: usize) -> Self {
        let limits = Limits {
            commit_batch: net.weather.batch,
            commit_queue: net.weather.batch * 8,
            resume_room_events: net.weather.resume,
            resume_events: net.weather.resume * 4,
            ..Limits::default()
        };
        Self {
            index,
            life: 0,
            up: false,
            draining: false,
            settings: Arc::new(Settings { limits: limits.clone(), node: String::new() }),
            skew: 0,
            jumped: 0,
            hub: Hub::new(EPOCH, net.model.epoch(), &limits),
            batcher: Batcher::new(&limits),
            relay: Relay::default(),
            repairing: BTreeSet::new(),
            conns: BTreeMap::new(),
            next_key: 1,
            posts: BTreeMap::new(),
            next_post: 1,
            checked_at: 0,
            deaf_until: 0,
            limits,
        }
    }

    /// It comes up, with nothing in memory and another clock.
    pub fn start(&mut self, net: &mut Net) {
        self.life += 1;
        self.up = true;
        net.nodes[self.index] = Some(self.life);
        let day = 86_400_000_000;
        self.skew = if self.life == 1 { 0 } else { net.micros(0, 2 * day) - day as Micros };
        let limits = self.limits.clone();
        let node = format!("n{}.{}", self.index, self.life);
        self.settings = Arc::new(Settings { limits: limits.clone(), node });
        self.hub = Hub::new(self.clock(net), net.model.epoch(), &limits);
        self.batcher = Batcher::new(&limits);
        (self.relay, self.repairing) = (Relay::default(), BTreeSet::new());
        (self.draining, self.jumped, self.deaf_until) = (false, 0, 0);
        self.later(net, SWEEP, ToNode::Sweep);
    }

    /// It dies at once: what it held is gone, connections break.
    pub fn crash(&mut self, net: &mut Net) {
        if self.up {
            self.up = false;
            net.seen.note("nodes crashed");
            net.nodes[self.index] = None;
            self.conns.clear();
            std::mem::take(&mut self.posts).values().for_each(|asked| net.answer_lost(asked));
            for link in net.links_where(|link| link.node == self.index) {
                let lossy = net.rng.chance(500);
                net.cut(link, lossy);
            }
        }
    }

    /// It is about to stop: clients are told to come back, writes are refused.
    pub fn drain(&mut self, net: &mut Net) {
        self.draining = true;
        let links: Vec<LinkId> = self.hub.sessions().map(|(_, &link)| link).collect();
        for link in links {
            let delay_ms = net.rng.below(2_000);
            self.post(net, link, Item::Drain(delay_ms));
        }
    }

    /// A device is signed out: its connections end.
    pub fn revoke(&mut self, net: &mut Net, user: UserId, device: DeviceId) {
        if self.up && !net.has(Bug::NotCutOff) {
            let links: Vec<LinkId> =
                self.hub.sessions_of_device(user, device).map(|(_, &link)| link).collect();
            for link in links {
                self.post(net, link, Item::Close(CloseCode::Revoked));
            }
        }
    }

    /// The positions of a room as a person who asks is told them, for comparing them with what clients say.
    #[must_use]
    pub fn positions(&self, net: &Net, room: RoomId) -> BTreeMap<UserId, Position> {
        let mut known = BTreeMap::new();
        for position in net.model.positions(room).into_iter().chain(self.hub.positions(room)) {
            let further = known.get(&position.user).map_or(position, |&stored| merge(stored, position));
            known.insert(position.user, further);
        }
        known
    }

    /// The monotonic clock, as the machines are given it.
    fn clock(&self, net: &Net) -> Micros {
        EPOCH + net.now + self.skew
    }

    /// The wall clock, as it is written into events.
    fn wall_clock(&self, net: &Net) -> Micros {
        self.clock(net) + self.jumped
    }

    fn later(&self, net: &mut Net, delay: Micros, what: ToNode) {
        net.after(delay, Happening::Node(self.index, self.life, what));
    }

    /// Takes what came to it.
    ///
    /// # Errors
    /// What it shows to be wrong.
    pub fn take(&mut self, net: &mut Net, what: ToNode) -> Held {
        match what {
            ToNode::Open { link, rung, hello, token, wait_ms } => {
                self.open(net, link, rung, hello, token, wait_ms);
            }
            ToNode::Text(link, text) => return self.hear(net, link, &text),
            ToNode::Gone(link) => self.drop_conn(net, link),
            ToNode::Ask(asked) => return self.serve(net, &asked),
            ToNode::Drive(link) => return self.drive(net, link),
            ToNode::Ready(link, what) => return self.ready(net, link, what),
            ToNode::Commit(batch) => return self.commit(net, batch),
            ToNode::Committed(batch, result) => return self.committed(net, batch, result),
            ToNode::Recheck(batch) => return self.recheck(net, batch),
            ToNode::Hint(event) => self.hint(net, &event),
            ToNode::Repair(room) => self.repair(net, room),
            ToNode::Sweep => return self.sweep(net),
            ToNode::Stop => {
                let writes = self.hub.shut_down(self.clock(net));
                let _ = net.model.put_positions(&writes.positions);
                self.crash(net);
            }
            ToNode::Start => {}
        }
        Ok(())
    }

    fn sweep(&mut self, net: &mut Net) -> Held {
        self.later(net, SWEEP, ToNode::Sweep);
        let now = self.clock(net);
        if self.hub.next_deadline().is_some_and(|at| at <= now) {
            let mut writes = Writes::default();
            self.with_hub(net, |hub, now, mut deliver| writes = hub.tick(now, &mut deliver));
            // A write that fails is said again by clients.
            let _ = net.model.put_positions(&writes.positions);
        }
        if self.batcher.next_deadline().is_some_and(|at| at <= now) {
            self.batch(net, batch::Input::Tick)?;
        }
        if net.now - self.checked_at >= HEAD_CHECK && !net.has(Bug::NoHeadCheck) {
            self.checked_at = net.now;
            let behind: Vec<_> = self.relay.logs().filter(|&(room, upto)| net.head(room) > upto).collect();
            for (room, _) in behind {
                self.repair_later(net, room);
            }
        }
        for link in self.conns.keys().copied().collect::<Vec<_>>() {
            self.tick_conn(net, link);
        }
        Ok(())
    }

    /// An event of this node's own commit.
    fn publish(&mut self, net: &mut Net, event: &Event) {
        self.relay(net, event);
        for node in 0..net.nodes.len() {
            let Some(life) = net.nodes[node].filter(|_| node != self.index) else { continue };
            if net.bad_luck(net.weather.hint_lost) {
                continue;
            }
            for _ in 0..1 + u64::from(net.bad_luck(net.weather.hint_twice)) {
                let delay = net.delay();
                net.after(delay, Happening::Node(node, life, ToNode::Hint(event.clone())));
            }
        }
    }

    fn hint(&mut self, net: &mut Net, event: &Event) {
        if net.calm || net.now >= self.deaf_until {
            self.relay(net, event);
        }
    }

    fn relay(&mut self, net: &mut Net, event: &Event) {
        match self.relay.event(event.room, event.seq) {
            Verdict::Deliver => self.fan_out(net, event),
            Verdict::Read { .. } if net.has(Bug::GapIgnored) => {
                self.relay.pretend(event.room, event.seq);
                self.fan_out(net, event);
            }
            Verdict::Read { .. } => self.repair_later(net, event.room),
            Verdict::Known | Verdict::Reconnect => {}
        }
    }

    fn repair_later(&mut self, net: &mut Net, room: RoomId) {
        if self.repairing.insert(room) {
            let delay = net.delay();
            self.later(net, delay, ToNode::Repair(room));
        }
    }

    /// Reads what is above the last place delivered, and delivers it in order.
    fn repair(&mut self, net: &mut Net, room: RoomId) {
        self.repairing.remove(&room);
        let Some((_, after)) = self.relay.logs().find(|&(log, _)| log == room) else { return };
        for event in net.oracle.after(room, after) {
            net.seen.note("gaps repaired");
            self.relay(net, &event);
        }
    }

    fn fan_out(&mut self, net: &mut Net, event: &Event) {
        let bytes = encode::event(event);
        self.with_hub(net, |hub, now, mut deliver| hub.committed(now, event, bytes, &mut deliver));
        if let EventBody::Joined { joined, from } = event.body {
            match self.relay.joined(joined, from) {
                Verdict::Read { .. } => self.repair_later(net, joined),
                Verdict::Reconnect => {
                    net.seen.note("users reconnected");
                    let user = UserId(event.room.0);
                    let links: Vec<LinkId> = self.hub.sessions_of(user).map(|(_, &link)| link).collect();
                    for link in links {
                        self.post(net, link, Item::Close(CloseCode::Internal));
                    }
                }
                Verdict::Known | Verdict::Deliver => {}
            }
        }
    }

    /// Every connection comes back with its cursor.
    fn reconnect_all(&mut self, net: &mut Net) {
        let links: Vec<LinkId> = self.hub.sessions().map(|(_, &link)| link).collect();
        for link in links {
            self.post(net, link, Item::Close(CloseCode::Internal));
        }
    }

    /// Lends the hub; what it delivers goes into mailboxes.
    fn with_hub<R>(
        &mut self,
        net: &mut Net,
        step: impl FnOnce(&mut Hub<LinkId>, Micros, &mut dyn FnMut(&LinkId, &Delivery)) -> R,
    ) -> R {
        let now = self.clock(net);
        let (capacity, forgetful) = (net.weather.mailbox, net.has(Bug::OverflowForgotten));
        let mut filled = Vec::new();
        let (conns, seen) = (&mut self.conns, &mut net.seen);
        let mut deliver = |link: &LinkId, delivery: &Delivery| {
            if let Some(conn) = conns.get_mut(link) {
                if !conn.mailbox.deliver(delivery, capacity, forgetful) {
                    seen.note("mailboxes overflowed");
                }
                filled.push(*link);
            }
        };
        let result = step(&mut self.hub, now, &mut deliver);
        for link in filled {
            self.wake(net, link);
        }
        result
    }

    fn post(&mut self, net: &mut Net, link: LinkId, item: Item) {
        if let Some(conn) = self.conns.get_mut(&link) {
            conn.mailbox.push(item);
            self.wake(net, link);
        }
    }

    fn open(&mut self, net: &mut Net, link: LinkId, rung: Rung, hello: Hello, token: String, wait_ms: u64) {
        let now = self.clock(net);
        let conn = if rung == Rung::Socket {
            let session = Session::new(now, self.settings.clone());
            Conn::new(link, rung, session, Vec::new(), net.now)
        } else {
            match net.identify(&token, false) {
                Ok(mut identity) => {
                    identity.expires_at += now;
                    let mut effects = Vec::new();
                    let settings = self.settings.clone();
                    let session = Session::authenticated(settings, identity, hello.clone(), &mut effects);
                    Conn::new(link, rung, session, effects, net.now + 1_000 * wait_ms as Micros)
                }
                Err(code) => {
                    let code = if code == zas_protocol::ErrorCode::Revoked {
                        CloseCode::Revoked
                    } else {
                        CloseCode::Unauthenticated
                    };
                    net.down(link, |conn| ToDevice::Closed(conn, Some(code.code())));
                    net.links.remove(&link);
                    return;
                }
            }
        };
        self.conns.insert(link, conn);
        if rung == Rung::Socket {
            let hello = Hello { token: Some(token), ..hello };
            let first = zas_protocol::ClientFrame::hello(hello);
            let text = serde_json::to_string(&first).unwrap_or_default();
            self.later(net, 0, ToNode::Text(link, text));
        } else {
            self.wake(net, link);
        }
    }
}
