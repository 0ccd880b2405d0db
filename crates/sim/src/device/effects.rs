//! The driver of the engine: its effects become messages, and entries of the journal.

use zas_client::engine::{ConnId, Effect, Entry, Fetch, Millis, Progress, Rung};
use zas_protocol::{ClientFrame, Command, Event, EventBody, ServerFrame};
use zas_store::PageAt;

use super::Device;
use crate::bug::Bug;
use crate::message::{Asked, Happening, Request, ToDevice, ToNode};
use crate::net::Net;
use crate::oracle::{Held, hold};
use crate::transcript::What;

impl Device {
    pub(super) fn carry_out(&mut self, net: &mut Net, mut effects: Vec<Effect>) -> Held {
        if net.has(Bug::SavedAfterSending) {
            effects.sort_by_key(|effect| matches!(effect, Effect::Save(_)));
        }
        let dies_after = if effects.is_empty() { None } else { self.dies_after.take() };
        for (n, effect) in effects.into_iter().enumerate() {
            if dies_after.is_some_and(|after| n >= after) {
                return self.reload(net);
            }
            self.perform(net, effect)?;
        }
        self.kept = (self.engine.hello().cursor.unwrap_or_default(), self.shown.clone());
        self.set_timer(net);
        Ok(())
    }

    pub(super) fn set_timer(&mut self, net: &mut Net) {
        let Some(due) = self.engine.next_deadline().map(|due| self.micros(due).max(net.now)) else { return };
        if self.timer.is_none_or(|timer| due < timer) {
            self.timer = Some(due);
            net.after(due - net.now, Happening::Device(self.index, self.life, ToDevice::Tick));
        }
    }

    fn perform(&mut self, net: &mut Net, effect: Effect) -> Held {
        match effect {
            Effect::Open { conn, rung, wait_ms } => self.open(net, conn, rung, wait_ms),
            Effect::Close { conn } => {
                if let Some(link) = self.conns.remove(&conn) {
                    net.up(link, ToNode::Gone(link));
                    net.links.remove(&link);
                }
            }
            Effect::Ping { conn, n } => self.send(net, conn, &ClientFrame::ping(n)),
            Effect::PresentToken { conn } => {
                let frame = ClientFrame::refresh(self.token.clone());
                self.send(net, conn, &frame);
            }
            Effect::RefreshToken => self.ask(net, Request::Refresh),
            Effect::Send(command) => {
                net.oracle.composed(self.index, self.user, &command);
                let command = unchained(net, command);
                self.send(net, self.engine.socket(), &ClientFrame::Command(command));
            }
            Effect::Post(command) => {
                net.oracle.composed(self.index, self.user, &command);
                let command = unchained(net, command);
                self.ask(net, Request::Post(command));
            }
            Effect::Say(signal) => self.say(net, signal),
            Effect::Fetch { room, id, fetch } => {
                let at = match fetch {
                    Fetch::Newest => PageAt::Newest,
                    Fetch::After(seq) => PageAt::After(seq),
                    Fetch::Before(seq) => PageAt::Before(seq),
                };
                self.ask(net, Request::Page(room, id, at));
            }
            Effect::Save(entry) if self.journal_fails(net) => {
                net.seen.note("entries not journaled");
                let txn_id = entry.command.txn_id();
                self.tell(net, &entry);
                if !self.journal.contains_key(txn_id) {
                    self.unkept.insert(txn_id.clone());
                }
            }
            Effect::Forget(_) if self.journal_fails(net) => {}
            Effect::Save(entry) => {
                self.tell(net, &entry);
                let (name, now) = (entry.command.txn_id().clone(), self.millis(net));
                if let (Some(transcript), Command::Send { room, txn_id, text, .. }) =
                    (&mut self.transcript, &entry.command)
                    && !self.journal.contains_key(&name)
                {
                    let (room, txn_id, text) = (*room, txn_id.clone(), text.clone());
                    transcript.note(now, &net.oracle, What::Compose { room, txn_id, text });
                }
                self.journal.insert(name, entry);
            }
            Effect::Forget(txn_id) => drop(self.journal.remove(&txn_id)),
            Effect::Settled { outcome, .. } => {
                if let Ok(ack) = outcome {
                    net.oracle.acked(self.user, &ack)?;
                }
            }
            Effect::Arrived(event) => return self.arrived(net, &event),
            Effect::Jumped { room, to, .. } => {
                net.seen.note("jumps");
                self.shown.insert(room, to);
            }
            Effect::Replaced { room } => {
                self.shown.remove(&room);
                if let Some(transcript) = &mut self.transcript {
                    transcript.forget(room);
                }
            }
            Effect::Heard(ServerFrame::Typing { room, user, on, .. }) => {
                if on {
                    net.seen.note("people heard typing");
                    self.typing.insert((room, user), net.now);
                } else {
                    self.typing.remove(&(room, user));
                }
            }
            Effect::Heard(ServerFrame::Presence { of, .. }) => {
                self.online.extend(of.iter().map(|presence| (presence.user, presence.online)));
            }
            Effect::Heard(_) => {}
        }
        Ok(())
    }

    /// Tells the oracle what an entry says: whoever reads the journal knows of it, even if the process
    /// dies now.
    fn tell(&self, net: &mut Net, entry: &Entry) {
        match entry.progress {
            Progress::Queued => net.oracle.composed(self.index, self.user, &entry.command),
            Progress::Failed { .. } => net.oracle.heard_refusal(self.user, entry.command.txn_id()),
            Progress::InFlight | Progress::Acked { .. } => {}
        }
    }

    fn journal_fails(&self, net: &Net) -> bool {
        !net.calm && net.now < self.journal_fails_until
    }

    /// Each event once, in order, and nothing between left out that the user may see.
    fn arrived(&mut self, net: &mut Net, event: &Event) -> Held {
        if let Some(transcript) = &mut self.transcript {
            transcript.arrived(event);
            if let EventBody::Left { left, .. } = event.body {
                transcript.forget(left);
            }
        }
        net.oracle.shown(self.user, event)?;
        self.ends_typing(event);
        let (room, seq) = (event.room, event.seq);
        if let Some(last) = self.shown.insert(room, seq) {
            hold(seq > last, || format!("P7: device {} is shown {seq} of {room} after {last}", self.index))?;
            let missed = (last + 1..seq).find(|&seq| net.oracle.sees(room, self.user, seq));
            hold(missed.is_none(), || {
                format!("P7: device {} is shown {seq} of {room} without {missed:?}", self.index)
            })?;
        }
        Ok(())
    }

    /// Who wrote, or is not there any more, does not type.
    fn ends_typing(&mut self, event: &Event) {
        let gone = match &event.body {
            EventBody::MemberRemoved { user } => Some(*user),
            _ => event.sender,
        };
        let left = match event.body {
            EventBody::Left { left, .. } => Some(left),
            _ => None,
        };
        self.typing
            .retain(|&(room, user), _| Some(room) != left && !(room == event.room && Some(user) == gone));
    }

    fn open(&mut self, net: &mut Net, conn: ConnId, rung: Rung, wait_ms: Millis) {
        let blocked = rung == Rung::Socket && !net.calm && net.now < self.no_sockets_until;
        let link = if blocked || self.is_offline(net) {
            None
        } else {
            let (who, hello, token) = ((self.index, self.life), self.engine.hello(), self.token.clone());
            net.connect(who, conn, rung, hello, token, wait_ms)
        };
        net.seen.note(match rung {
            Rung::Socket => "sockets",
            Rung::Stream => "streams",
            Rung::Poll => "polls",
        });
        match link {
            Some(link) => drop(self.conns.insert(conn, link)),
            None => {
                let wait = net.micros(50_000, 9_000_000);
                let closed = ToDevice::Closed(conn, None);
                net.after(wait, Happening::Device(self.index, self.life, closed));
            }
        }
    }

    pub(super) fn send(&self, net: &mut Net, conn: ConnId, frame: &ClientFrame) {
        if let (Some(&link), Ok(text)) = (self.conns.get(&conn), serde_json::to_string(frame))
            && !self.is_offline(net)
        {
            net.up(link, ToNode::Text(link, text));
        }
    }

    pub(super) fn ask(&self, net: &mut Net, request: Request) {
        let asked = Asked { device: self.index, life: self.life, token: self.token.clone(), request };
        if self.is_offline(net) { net.answer_lost(&asked) } else { net.ask(asked) }
    }
}

fn unchained(net: &Net, mut command: Command) -> Command {
    if net.has(Bug::OrderNotSaid)
        && let Command::Send { after, .. } = &mut command
    {
        *after = None;
    }
    command
}
