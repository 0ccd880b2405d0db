//! The driver of one session: what the server's does, with each wait as an event of its own.

use std::collections::VecDeque;

use bytes::Bytes;
use zas_client::engine::Rung;
use zas_core::hub::{self, Attach, Delivery, SessionKey, Stored};
use zas_core::session::{Effect, Input, Log, Session};
use zas_protocol::{CloseCode, DeviceId, ErrorCode, Micros, RoomId, Signal, UserId};
use zas_store::PageAt;

use super::Node;
use super::commit::Answer;
use crate::bug::Bug;
use crate::mailbox::{Item, Mailbox};
use crate::message::{Await, ReadFailed, ToDevice, ToNode};
use crate::net::{LinkId, Net};
use crate::oracle::Held;

/// One connection.
pub(super) struct Conn {
    link: LinkId,
    rung: Rung,
    session: Session,
    pub(super) mailbox: Mailbox,
    key: Option<SessionKey>,
    todo: VecDeque<Effect>,
    /// It waits for something; all else waits for it.
    awaiting: bool,
    /// Its task has a turn coming.
    driven: bool,
    sent: bool,
    heard_at: Micros,
    stalled_at: Option<Micros>,
    seen: Option<u64>,
    state_lost: bool,
    /// Of a poll: the answer so far, and when to give it.
    collected: Vec<Bytes>,
    until: Micros,
}

impl Conn {
    pub(super) fn new(
        link: LinkId,
        rung: Rung,
        session: Session,
        effects: Vec<Effect>,
        until: Micros,
    ) -> Self {
        Self {
            link,
            rung,
            session,
            mailbox: Mailbox::default(),
            key: None,
            todo: effects.into(),
            awaiting: false,
            driven: false,
            sent: false,
            heard_at: until,
            stalled_at: None,
            seen: None,
            state_lost: false,
            collected: Vec::new(),
            until,
        }
    }

    fn step(&mut self, now: Micros, input: Input<'_>) {
        let mut effects = Vec::new();
        self.session.handle(now, input, &mut effects);
        self.todo.extend(effects);
    }

    fn state(&mut self, now: Micros, frames: Vec<Bytes>) {
        for frame in frames {
            self.step(now, Input::Delivered(Delivery::State(frame)));
        }
    }

    fn put(&mut self, now: Micros, item: Item, forgetful: bool) {
        match item {
            Item::Delivery(delivery) => self.step(now, Input::Delivered(delivery)),
            Item::Dirty(room) => self.step(now, Input::Dirty(room)),
            Item::Outcome(outcome) => self.step(now, Input::Outcome(outcome)),
            Item::Drain(delay_ms) => self.step(now, Input::Drain { delay_ms }),
            Item::Close(code) => self.step(now, Input::Cut(code)),
            Item::StateLost => self.state_lost = !forgetful,
        }
    }
}

/// What the store knows of positions.
fn stored(net: &Net, logs: &[Log]) -> Stored {
    let of =
        |log: &Log| net.model.positions(log.room).into_iter().map(|at| (log.room, at)).collect::<Vec<_>>();
    Stored { positions: logs.iter().flat_map(of).collect(), ..Stored::default() }
}

fn rooms(logs: &[Log]) -> Vec<RoomId> {
    logs.iter().map(|log| log.room).collect()
}

impl Node {
    /// The connection's task gets a turn soon.
    pub(super) fn wake(&mut self, net: &mut Net, link: LinkId) {
        if let Some(conn) = self.conns.get_mut(&link)
            && !conn.driven
        {
            conn.driven = true;
            let delay = net.micros(0, 3_000);
            self.later(net, delay, ToNode::Drive(link));
        }
    }

    pub(super) fn hear(&mut self, net: &mut Net, link: LinkId, text: &str) -> Held {
        let now = self.clock(net);
        if let Some(conn) = self.conns.get_mut(&link) {
            conn.heard_at = net.now;
            conn.step(now, Input::Frame(text));
        }
        self.drive(net, link)
    }

    pub(super) fn drop_conn(&mut self, net: &Net, link: LinkId) {
        if let Some(Conn { key: Some(key), .. }) = self.conns.remove(&link) {
            self.hub.detach(self.clock(net), key);
        }
    }

    /// Time has passed for a connection.
    pub(super) fn tick_conn(&mut self, net: &mut Net, link: LinkId) {
        let now = self.clock(net);
        let (dead, stall) = (micros(self.limits.dead_ms), micros(self.limits.write_stall_ms));
        let Some(conn) = self.conns.get_mut(&link) else { return };
        let stalled = conn.stalled_at.is_some_and(|at| net.now - at >= stall);
        if stalled {
            // The transport gives up: what was not written is not written.
            net.cut(link, true);
            self.drop_conn(net, link);
        } else if conn.rung == Rung::Socket && net.now - conn.heard_at >= dead {
            conn.step(now, Input::Cut(CloseCode::Silent));
            self.wake(net, link);
        } else if conn.rung == Rung::Stream && net.now - conn.heard_at >= micros(self.limits.ping_ms) {
            // A stream's client cannot ping: the server does it in its place.
            conn.heard_at = net.now;
            conn.step(now, Input::Frame(r#"{"type":"ping"}"#));
            self.wake(net, link);
        } else if conn.session.next_deadline().is_some_and(|at| at <= now) {
            conn.step(now, Input::Tick);
            self.wake(net, link);
        } else if conn.rung == Rung::Poll && conn.until <= net.now {
            self.wake(net, link);
        }
    }

    /// The task's turn: what the session asked for is done, then what the mailbox holds is taken.
    pub(super) fn drive(&mut self, net: &mut Net, link: LinkId) -> Held {
        if let Some(conn) = self.conns.get_mut(&link) {
            conn.driven = false;
        }
        loop {
            let now = self.clock(net);
            let Some(conn) = self.conns.get_mut(&link) else { return Ok(()) };
            if conn.awaiting {
                return Ok(());
            }
            if let Some(effect) = conn.todo.pop_front() {
                if matches!(effect, Effect::Send(_)) && !self.may_write(net, link) {
                    if let Some(conn) = self.conns.get_mut(&link) {
                        conn.todo.push_front(effect);
                    }
                    return Ok(());
                }
                self.perform(net, link, effect)?;
            } else if std::mem::take(&mut conn.sent) {
                conn.step(now, Input::Drained);
            } else {
                let items = conn.mailbox.take();
                if items.is_empty() {
                    self.answer_poll(net, link);
                    return Ok(());
                }
                let forgetful = net.has(Bug::StateForgotten);
                items.into_iter().for_each(|item| conn.put(now, item, forgetful));
                if std::mem::take(&mut conn.state_lost) {
                    self.send_lost_state(net, link);
                }
            }
        }
    }

    /// Whether the client reads; if not, another turn comes when it does.
    fn may_write(&mut self, net: &mut Net, link: LinkId) -> bool {
        let device = net.links.get(&link).map(|link| link.device);
        let until = device.and_then(|device| net.slow.get(&device)).copied().filter(|_| !net.calm);
        let Some(conn) = self.conns.get_mut(&link) else { return false };
        match until.filter(|&until| until > net.now) {
            Some(until) => {
                conn.stalled_at.get_or_insert(net.now);
                conn.driven = true;
                self.later(net, until - net.now, ToNode::Drive(link));
                false
            }
            None => {
                conn.stalled_at = None;
                true
            }
        }
    }

    fn perform(&mut self, net: &mut Net, link: LinkId, effect: Effect) -> Held {
        let now = self.clock(net);
        let Some(conn) = self.conns.get_mut(&link) else { return Ok(()) };
        match effect {
            Effect::Send(bytes) if conn.rung == Rung::Poll => {
                conn.sent = true;
                conn.collected.push(bytes);
            }
            Effect::Send(bytes) => {
                conn.sent = true;
                net.down(link, |conn| ToDevice::Frame(conn, bytes));
            }
            Effect::Close(code) => {
                net.down(link, |conn| ToDevice::Closed(conn, Some(code.code())));
                net.links.remove(&link);
                self.drop_conn(net, link);
            }
            Effect::Authenticate(token) => self.wait_for(net, link, Await::Token(token.0)),
            Effect::Open { user, device, seen } => {
                if !net.has(Bug::SubscribedLate) {
                    self.attach(net, link, user, device);
                }
                self.wait_for(net, link, Await::ReadHeads { user, device, seen });
            }
            Effect::Submit(command) => {
                if let Some(identity) = conn.session.identity() {
                    return self.submit(net, identity.user, command, Answer::Conn(link));
                }
            }
            Effect::Signal(Signal::Positions { advances }) => {
                if let Some(identity) = conn.session.identity() {
                    for advance in advances {
                        self.with_hub(net, |hub, now, mut deliver| {
                            let zas_protocol::Advance { room, delivered, read } = advance;
                            hub.advance(now, identity.user, room, delivered, read, &mut deliver);
                        });
                    }
                }
            }
            Effect::Signal(Signal::Typing { room, on }) => {
                if let Some(identity) = conn.session.identity() {
                    self.with_hub(net, |hub, now, mut deliver| {
                        hub.typing(now, identity.user, room, on, &mut deliver);
                    });
                }
            }
            Effect::Read { room, after, limit } => {
                if let Some(identity) = conn.session.identity() {
                    let page = net.page(identity.user, room, PageAt::After(after), limit);
                    self.wait_for(net, link, Await::Page(room, page));
                }
            }
            Effect::AskHeads => {
                let heads = conn.key.map(|key| self.hub.heads(now, key)).unwrap_or_default();
                conn.step(now, Input::Heads(heads));
            }
        }
        Ok(())
    }

    fn wait_for(&mut self, net: &mut Net, link: LinkId, what: Await) {
        if let Some(conn) = self.conns.get_mut(&link) {
            conn.awaiting = true;
            let delay = net.delay();
            self.later(net, delay, ToNode::Ready(link, what));
        }
    }

    fn attach(&mut self, net: &mut Net, link: LinkId, user: UserId, device: DeviceId) {
        let key = SessionKey(self.next_key);
        self.next_key += 1;
        let now = self.clock(net);
        let Some(conn) = self.conns.get_mut(&link) else { return };
        conn.key = Some(key);
        let rung = if conn.rung == Rung::Poll { hub::Rung::Poll } else { hub::Rung::Lasting };
        let attach = Attach { key, handle: link, user, device, rung, profile_rev: 0 };
        if let Some((_, replaced)) = self.hub.attach(now, attach) {
            self.post(net, replaced, Item::Close(CloseCode::Replaced));
        }
    }

    /// What a connection waited for is there.
    pub(super) fn ready(&mut self, net: &mut Net, link: LinkId, what: Await) -> Held {
        let now = self.clock(net);
        let Some(conn) = self.conns.get_mut(&link) else { return Ok(()) };
        conn.awaiting = false;
        match what {
            Await::Token(token) => match net.identify(&token, false) {
                Ok(mut identity) => {
                    identity.expires_at += now;
                    conn.step(now, Input::Authenticated(identity));
                }
                Err(code) => conn.step(now, Input::Refused(code)),
            },
            Await::ReadHeads { user, device, seen } => {
                // Asked behind the attaching: who was signed out before it is not cut off by it.
                if net.revoked_at(device).is_some() && !net.has(Bug::NotCutOff) {
                    conn.step(now, Input::Refused(ErrorCode::Revoked));
                } else {
                    conn.seen = seen;
                    let logs = net.heads(user);
                    self.wait_for(net, link, Await::Opened { user, device, seen, logs });
                    return Ok(());
                }
            }
            Await::Opened { user, device, seen, logs } => {
                if net.has(Bug::SubscribedLate) {
                    self.attach(net, link, user, device);
                }
                self.opened(net, link, user, seen, logs);
            }
            Await::Page(_, Ok(Some(page))) => conn.step(now, Input::Page(page)),
            Await::Page(room, Ok(None)) => conn.step(now, Input::NotThere(room)),
            Await::Page(room, Err(ReadFailed)) => conn.step(now, Input::ReadFailed(room)),
        }
        self.drive(net, link)
    }

    fn opened(&mut self, net: &mut Net, link: LinkId, user: UserId, seen: Option<u64>, mut logs: Vec<Log>) {
        let Some(key) = self.conns.get(&link).and_then(|conn| conn.key) else { return };
        for log in &logs {
            self.relay.follow(log.room, log.head);
        }
        let stored = stored(net, &logs);
        let state = self.with_hub(net, |hub, _, mut deliver| {
            hub.follow(key, &mut logs, &mut deliver);
            hub.state_since(user, &rooms(&logs), seen, &stored)
        });
        let now = self.clock(net);
        if let Some(conn) = self.conns.get_mut(&link) {
            conn.step(now, Input::Opened(logs));
            if !net.has(Bug::StateNotResumed) {
                conn.state(now, state);
            }
        }
    }

    /// The mailbox had no room for state: what the client has not heard is said again, whole.
    fn send_lost_state(&mut self, net: &mut Net, link: LinkId) {
        let now = self.clock(net);
        let Some(conn) = self.conns.get_mut(&link) else { return };
        let Some(identity) = conn.session.identity() else { return };
        let logs = net.heads(identity.user);
        let seen = conn.seen.or(Some(0));
        let state = self.hub.state_since(identity.user, &rooms(&logs), seen, &stored(net, &logs));
        conn.state(now, state);
    }

    /// A poll is answered once all that was missed is in the answer, and there is news or its
    /// time is over.
    fn answer_poll(&mut self, net: &mut Net, link: LinkId) {
        let Some(conn) = self.conns.get_mut(&link) else { return };
        if conn.rung != Rung::Poll || !conn.session.is_synced() {
            return;
        }
        // Welcome and synced are no news.
        if conn.collected.len() > 2 || conn.until <= net.now {
            let frames = std::mem::take(&mut conn.collected);
            net.down(conn.link, |conn| ToDevice::Polled(conn, frames));
            net.links.remove(&link);
            self.drop_conn(net, link);
        }
    }
}

fn micros(ms: u64) -> Micros {
    Micros::try_from(ms * 1_000).unwrap_or(Micros::MAX)
}
