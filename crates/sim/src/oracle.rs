//! What must hold. The oracle keeps a copy of everything that was committed, made from the
//! decisions alone, and judges by it what clients are told.

use std::collections::BTreeMap;

use zas_core::ledger::{Decided, Write};
use zas_protocol::{
    Ack, Command, ErrorCode, Event, EventBody, Reaction, ReactionCount, RoomId, Seq, TxnId, UserId,
};

/// What was found to be wrong; the promise's name comes first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

impl Violation {
    /// Which promise is broken.
    #[must_use]
    pub fn promise(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }
}

/// The result of a step.
pub type Held = Result<(), Violation>;

/// Fails with a message unless the condition holds.
pub(crate) fn hold(condition: bool, what: impl FnOnce() -> String) -> Held {
    if condition { Ok(()) } else { Err(Violation(what())) }
}

/// A command as its author's device composed it.
#[derive(Debug, Clone)]
struct Composed {
    device: usize,
    /// For messages: where to.
    room: Option<RoomId>,
    /// Every place acked to anybody in the room before it was composed.
    floor: Seq,
    acked: bool,
    refused: bool,
}

/// The first place of a member's stay, and the last if it is over.
pub type Stay = (Seq, Option<Seq>);

/// What a message is by the events of its log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Became {
    /// Its text, if edited.
    pub text: Option<String>,
    /// Whether it is deleted.
    pub deleted: bool,
    /// How often it has each reaction.
    pub counts: Vec<ReactionCount>,
    /// One's own.
    pub mine: Option<Reaction>,
}

/// The oracle.
#[derive(Debug, Clone, Default)]
pub struct Oracle {
    logs: BTreeMap<RoomId, Vec<Event>>,
    stays: BTreeMap<(RoomId, UserId), Vec<Stay>>,
    stored: BTreeMap<(UserId, TxnId), (RoomId, Seq)>,
    composed: BTreeMap<(UserId, TxnId), Composed>,
    /// Messages of one device to one room, as composed.
    order: BTreeMap<(usize, RoomId), Vec<(UserId, TxnId)>>,
    acked: BTreeMap<RoomId, Seq>,
}

impl Oracle {
    /// An account was made, with its own log.
    pub fn account(&mut self, user: UserId) {
        self.logs.insert(RoomId::own_log(user), Vec::new());
        self.stays.insert((RoomId::own_log(user), user), vec![(1, None)]);
    }

    /// The store holds again what it held then, as another history. Of what was composed only what
    /// `waits` is still to come: an ack of the former history promises nothing in this one.
    pub fn restored(&mut self, former: Self, waits: impl Fn(&(UserId, TxnId)) -> bool) {
        (self.logs, self.stays, self.stored) = (former.logs, former.stays, former.stored);
        self.acked.clear();
        self.composed.retain(|key, composed| {
            composed.floor = 0;
            waits(key)
        });
        self.order.values_mut().for_each(|order| order.retain(&waits));
    }

    /// What a device held of these commands is gone, through no fault of the chat's.
    pub fn forgive(&mut self, user: UserId, txn_id: &TxnId) {
        let key = (user, txn_id.clone());
        self.composed.remove(&key);
        self.order.values_mut().for_each(|order| order.retain(|other| *other != key));
    }

    /// Someone composed a command, and was shown it as being sent.
    pub fn composed(&mut self, device: usize, user: UserId, command: &Command) {
        let room = match command {
            Command::Send { room, .. } => Some(*room),
            _ => None,
        };
        let key = (user, command.txn_id().clone());
        if self.composed.contains_key(&key) {
            return;
        }
        let floor = room.and_then(|room| self.acked.get(&room)).copied().unwrap_or(0);
        self.composed.insert(key.clone(), Composed { device, room, floor, acked: false, refused: false });
        if let Some(room) = room {
            self.order.entry((device, room)).or_default().push(key);
        }
    }

    /// A transaction is durable.
    ///
    /// # Errors
    /// P2, P4 or P5.
    pub fn committed(&mut self, user: UserId, txn_id: &TxnId, decided: &Decided) -> Held {
        if decided.writes.is_empty() {
            return Ok(());
        }
        let key = (user, txn_id.clone());
        let place = (decided.ack.room, decided.ack.seq);
        if let Some(first) = self.stored.insert(key.clone(), place) {
            return Err(Violation(format!("P2: {txn_id} of {user} is stored at {first:?} and at {place:?}")));
        }
        for write in &decided.writes {
            match write {
                Write::CreateRoom { room, .. } => drop(self.logs.insert(*room, Vec::new())),
                Write::Append { event, .. } => self.append(event)?,
                Write::StartMembership { room, user, from, .. } => {
                    self.stays.entry((*room, *user)).or_default().push((*from, None));
                }
                Write::EndMembership { room, user, to, .. } => {
                    if let Some(stay) = self.stays.entry((*room, *user)).or_default().last_mut() {
                        stay.1 = Some(*to);
                    }
                }
                _ => {}
            }
        }
        self.judge_order(&key, place.1)
    }

    fn append(&mut self, event: &Event) -> Held {
        let log = self.logs.entry(event.room).or_default();
        let expected = log.len() as Seq + 1;
        hold(event.seq == expected, || {
            format!("P4: seq {} of {} where {expected} comes next", event.seq, event.room)
        })?;
        let last_at = log.last().map_or(i64::MIN, |last| last.at);
        hold(event.at > last_at, || {
            format!("P4: the time of {} in {} does not rise", event.seq, event.room)
        })?;
        log.push(event.clone());
        Ok(())
    }

    fn judge_order(&self, key: &(UserId, TxnId), seq: Seq) -> Held {
        let Some(Composed { device, room: Some(room), floor, .. }) = self.composed.get(key) else {
            return Ok(());
        };
        hold(seq > *floor, || {
            format!("P4: {} was composed after {floor} was acked, and is stored at {seq}", key.1)
        })?;
        let order = self.order.get(&(*device, *room)).map(Vec::as_slice).unwrap_or_default();
        for before in order.iter().take_while(|before| *before != key) {
            let settled = self.stored.contains_key(before)
                || self.composed.get(before).is_some_and(|c| c.refused || c.acked);
            hold(settled, || {
                format!("P5: {} is stored before {}, which was composed earlier", key.1, before.1)
            })?;
        }
        Ok(())
    }

    /// A client is told that its command is stored.
    ///
    /// # Errors
    /// P1.
    pub fn acked(&mut self, user: UserId, ack: &Ack) -> Held {
        let event = self.event(ack.room, ack.seq);
        let found_again = self.composed.get(&(user, ack.txn_id.clone())).is_some_and(|c| c.room.is_none());
        let names = event.is_some_and(|event| {
            event.sender == Some(user) && event.txn_id.as_ref() == Some(&ack.txn_id) && event.at == ack.at
        });
        // Opening a private room that is there already names that room, and stores nothing.
        hold(names || (found_again && event.is_some()), || {
            format!("P1: {} is acked at {} of {}, where there is {event:?}", ack.txn_id, ack.seq, ack.room)
        })?;
        if let Some(composed) = self.composed.get_mut(&(user, ack.txn_id.clone())) {
            composed.acked = true;
        }
        let acked = self.acked.entry(ack.room).or_default();
        *acked = (*acked).max(ack.seq);
        Ok(())
    }

    /// A node says that a command is finally refused.
    ///
    /// # Errors
    /// P6.
    pub fn refused(&self, user: UserId, txn_id: &TxnId, code: ErrorCode) -> Held {
        let stored = self.stored.get(&(user, txn_id.clone()));
        hold(!code.is_final() || stored.is_none(), || {
            format!("P6: {txn_id} is refused ({}) and stored at {stored:?}", code.name())
        })
    }

    /// A device has heard that its command is finally refused: the next may pass.
    pub fn heard_refusal(&mut self, user: UserId, txn_id: &TxnId) {
        if let Some(composed) = self.composed.get_mut(&(user, txn_id.clone())) {
            composed.refused = true;
        }
    }

    /// A person is shown an event, on whatever path.
    ///
    /// # Errors
    /// P3 or P11.
    pub fn shown(&self, user: UserId, event: &Event) -> Held {
        let stored = self.event(event.room, event.seq);
        let same = stored.is_some_and(|stored| {
            let of = event.body.changes().unwrap_or(event.seq);
            let erased = || Event { body: stored.body.erased(), ..stored.clone() };
            stored == event || (erased() == *event && self.became(event.room, of, user).deleted)
        });
        hold(same, || {
            format!("P3: {} of {} is shown as {event:?} and stored as {stored:?}", event.seq, event.room)
        })?;
        hold(self.sees(event.room, user, event.seq), || {
            format!("P11: {user} is shown {} of {}, which is not theirs to see", event.seq, event.room)
        })
    }

    /// What a message is to a person.
    #[must_use]
    pub fn became(&self, room: RoomId, of: Seq, user: UserId) -> Became {
        let (mut became, mut reactions) = (Became::default(), BTreeMap::new());
        for event in
            self.logs.get(&room).into_iter().flatten().filter(|event| event.body.changes() == Some(of))
        {
            match &event.body {
                EventBody::MessageEdited { text, .. } => became.text = Some(text.clone()),
                EventBody::MessageDeleted { .. } => {
                    (became, reactions) = (Became { deleted: true, ..Became::default() }, BTreeMap::new());
                }
                EventBody::ReactionChanged { reaction: Some(reaction), .. } => {
                    reactions.insert(event.sender, *reaction);
                }
                _ => {
                    reactions.remove(&event.sender);
                }
            }
        }
        let count = |reaction| reactions.values().filter(|&&other| other == reaction).count();
        let counts = Reaction::ALL.map(|reaction| ReactionCount { reaction, count: count(reaction) as u32 });
        became.counts = counts.into_iter().filter(|count| count.count > 0).collect();
        became.mine = reactions.get(&Some(user)).copied();
        became
    }

    /// All logs that a person is or was in.
    pub fn rooms_seen_by(&self, user: UserId) -> impl Iterator<Item = RoomId> {
        self.logs.keys().copied().filter(move |&room| !self.stays(room, user).is_empty())
    }

    /// A person's stays in a room, in order.
    #[must_use]
    pub fn stays(&self, room: RoomId, user: UserId) -> &[Stay] {
        self.stays.get(&(room, user)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The event of a place.
    #[must_use]
    pub fn event(&self, room: RoomId, seq: Seq) -> Option<&Event> {
        self.logs.get(&room)?.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    /// Whether a person may see a place.
    #[must_use]
    pub fn sees(&self, room: RoomId, user: UserId, seq: Seq) -> bool {
        self.stays(room, user).iter().any(|&(from, to)| (from..=to.unwrap_or(Seq::MAX)).contains(&seq))
    }

    /// Whether a person is in a room.
    #[must_use]
    pub fn is_in(&self, room: RoomId, user: UserId) -> bool {
        self.stays(room, user).last().is_some_and(|stay| stay.1.is_none())
    }

    /// The last place of a log.
    #[must_use]
    pub fn head(&self, room: RoomId) -> Seq {
        self.logs.get(&room).map_or(0, |log| log.len() as Seq)
    }

    /// The last place of each log.
    #[must_use]
    pub fn heads(&self) -> BTreeMap<RoomId, Seq> {
        self.logs.iter().map(|(&room, log)| (room, log.len() as Seq)).collect()
    }

    /// What follows a place, in order.
    #[must_use]
    pub fn after(&self, room: RoomId, after: Seq) -> Vec<Event> {
        let skip = usize::try_from(after).unwrap_or(usize::MAX);
        self.logs.get(&room).map_or_else(Vec::new, |log| log.iter().skip(skip).cloned().collect())
    }

    /// All logs that a person is in, own log included.
    pub fn rooms_of(&self, user: UserId) -> impl Iterator<Item = RoomId> {
        self.logs.keys().copied().filter(move |&room| self.is_in(room, user))
    }

    /// Whether two people are in a room together.
    #[must_use]
    pub fn share(&self, one: UserId, other: UserId) -> bool {
        self.rooms_of(one).any(|room| self.is_in(room, other))
    }

    /// Whether a command is stored.
    #[must_use]
    pub fn is_stored(&self, user: UserId, txn_id: &TxnId) -> bool {
        self.stored.contains_key(&(user, txn_id.clone()))
    }

    /// Whether every command that somebody composed is stored or finally refused.
    ///
    /// # Errors
    /// P10.
    pub fn nothing_lost(&self) -> Held {
        for ((user, txn_id), composed) in &self.composed {
            let settled =
                composed.refused || composed.acked || self.stored.contains_key(&(*user, txn_id.clone()));
            hold(settled, || {
                format!("P10: {txn_id} of device {} is neither stored nor refused", composed.device)
            })?;
        }
        Ok(())
    }
}
