//! What the model holds, and how a batch changes it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use zas_core::ledger::{
    Context, Facts, Fingerprint, MemberFacts, Needs, Pair, RoomFacts, StoredTxn, Submission, UserFacts, Write,
};
use zas_protocol::{
    Ack, DeviceId, Epoch, Event, EventBody, FileId, MessageId, Micros, Position, Prefs, Reaction, Role,
    RoomId, RoomKind, RoomPrefs, Seq, TxnId, UserId,
};

use super::foreign::Foreign;
use super::import::MovedIn;
use crate::batch;
use crate::error::StoreError;
use crate::fold::fold;
use crate::paging::Stay;
use crate::port::{Outcome, Secrets};
use crate::rows::{DeviceRow, FileRow, UserRow};

/// How a commit fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// With this error; nothing is stored. [`StoreError::Busy`] for one that passes.
    Fail(StoreError),
    /// The connection is lost before the COMMIT: nothing is stored, and nobody knows.
    LostBefore,
    /// The connection is lost after the COMMIT: all is stored, and nobody knows.
    LostAfter,
}

#[derive(Clone)]
pub(super) struct Account {
    pub(super) row: UserRow,
    /// `None` where it was somebody's already.
    pub(super) skeleton: Option<String>,
    pub(super) search_name: String,
    pub(super) prefs: Prefs,
    pub(super) last_seen: Micros,
    pub(super) signed_out_at: Micros,
}

#[derive(Clone)]
pub(super) struct Device {
    pub(super) row: DeviceRow,
    pub(super) previous_jti: Option<String>,
}

/// One stay of a member.
#[derive(Clone, Copy)]
pub(super) struct Membership {
    pub(super) stay: Stay,
    pub(super) role: Role,
    pub(super) joined_at: Micros,
}

#[derive(Clone)]
pub(super) struct RoomState {
    pub(super) kind: RoomKind,
    pub(super) name: Option<String>,
    pub(super) description: String,
    pub(super) avatar: Option<FileId>,
    /// The event of `seq` is at `seq - 1`.
    pub(super) log: Vec<(Event, Option<Fingerprint>)>,
    /// Each person's stays, in order.
    pub(super) members: BTreeMap<UserId, Vec<Membership>>,
    pub(super) positions: BTreeMap<UserId, Position>,
    /// What became of messages, by place.
    pub(super) changes: BTreeMap<Seq, Change>,
}

/// What became of a message since it was sent.
#[derive(Clone, Default)]
pub(super) struct Change {
    pub(super) rev: Seq,
    pub(super) text: Option<String>,
    pub(super) edited_at: Option<Micros>,
    pub(super) deleted_at: Option<Micros>,
    /// The events that edited it.
    pub(super) edits: Vec<Seq>,
    pub(super) reactions: BTreeMap<UserId, (Reaction, Micros)>,
}

impl RoomState {
    pub(super) fn head(&self) -> Seq {
        self.log.len() as Seq
    }

    pub(super) fn last_at(&self) -> Micros {
        self.log.last().map_or(0, |(event, _)| event.at)
    }

    /// The stay of somebody who is in now.
    pub(super) fn current(&self, user: UserId) -> Option<&Membership> {
        self.members.get(&user)?.last().filter(|member| member.stay.to.is_none())
    }

    /// Everyone who is in now.
    pub(super) fn roster(&self) -> impl Iterator<Item = (UserId, &Membership)> {
        self.members.keys().filter_map(|&user| Some((user, self.current(user)?)))
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.roster().count()).unwrap_or(u32::MAX)
    }
}

/// The store as plain maps; nothing of it waits or fails by itself.
pub struct Model {
    secrets: Secrets,
    faults: VecDeque<Fault>,
    refused_text: Option<String>,
    pub(super) epoch: Epoch,
    pub(super) accounts: BTreeMap<UserId, Account>,
    pub(super) devices: BTreeMap<DeviceId, Device>,
    pub(super) rooms: BTreeMap<RoomId, RoomState>,
    pub(super) pairs: BTreeMap<Pair, RoomId>,
    /// The rooms that each person is in now.
    pub(super) joined: BTreeSet<(UserId, RoomId)>,
    pub(super) txns: BTreeMap<(UserId, TxnId), (RoomId, Seq)>,
    pub(super) messages: BTreeMap<MessageId, (RoomId, Seq)>,
    pub(super) room_prefs: BTreeMap<(UserId, RoomId), RoomPrefs>,
    pub(super) files: BTreeMap<FileId, FileRow>,
    /// Files of deleted messages, and pictures that groups do not wear any more.
    pub(super) erased_files: BTreeSet<FileId>,
    pub(super) foreign: Foreign,
    pub(super) moved_in: MovedIn,
}

impl Model {
    /// Which history a new one holds.
    pub const EPOCH: Epoch = 1;

    /// An empty one.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        Self {
            secrets,
            faults: VecDeque::new(),
            refused_text: None,
            epoch: Self::EPOCH,
            accounts: BTreeMap::new(),
            devices: BTreeMap::new(),
            rooms: BTreeMap::new(),
            pairs: BTreeMap::new(),
            joined: BTreeSet::new(),
            txns: BTreeMap::new(),
            messages: BTreeMap::new(),
            room_prefs: BTreeMap::new(),
            files: BTreeMap::new(),
            erased_files: BTreeSet::new(),
            foreign: Foreign::default(),
            moved_in: MovedIn::default(),
        }
    }

    /// Which history it holds.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Makes a commit to come fail; the faults asked for are met in order, one a commit.
    pub fn fail_next(&mut self, fault: Fault) {
        self.faults.push_back(fault);
    }

    /// Refuses every message of this text as a constraint of an engine would: the batch it is in
    /// fails whole. `None` ends that.
    pub fn refuse_text(&mut self, text: Option<String>) {
        self.refused_text = text;
    }

    /// See [`crate::Store::commit`].
    ///
    /// # Errors
    /// What was asked for by [`Self::fail_next`] and [`Self::refuse_text`], nothing else.
    pub fn commit(&mut self, batch: &[Submission], now: Micros) -> Result<Vec<Outcome>, StoreError> {
        let fault = self.faults.pop_front();
        match &fault {
            Some(Fault::Fail(error)) => return Err(error.clone()),
            Some(Fault::LostBefore) => return Err(StoreError::Unknown),
            Some(Fault::LostAfter) | None => {}
        }
        let mut facts = self.facts(&batch::needs(batch));
        let Secrets { fingerprint_key, entropy } = &mut self.secrets;
        let mut context = Context { now, key: fingerprint_key, entropy: &mut || entropy() };
        let outcomes = batch::decide(&mut facts, batch, &mut context);
        let refused = outcomes.iter().flatten().flat_map(|decided| decided.events()).any(|event| {
            matches!(&event.body, EventBody::Message { text, .. } if Some(text) == self.refused_text.as_ref())
        });
        if refused {
            return Err(StoreError::Other("constraint failed".to_owned()));
        }
        for write in outcomes.iter().flatten().flat_map(|decided| &decided.writes) {
            self.apply(write);
        }
        if fault.is_some() { Err(StoreError::Unknown) } else { Ok(outcomes) }
    }

    /// See [`crate::Store::txn`].
    #[must_use]
    pub fn txn(&self, user: UserId, txn_id: &TxnId) -> Option<Ack> {
        self.stored_txn(user, txn_id).map(|stored| stored.ack)
    }

    fn stored_txn(&self, user: UserId, txn_id: &TxnId) -> Option<StoredTxn> {
        let &(room, seq) = self.txns.get(&(user, txn_id.clone()))?;
        let (event, fingerprint) = self.rooms.get(&room)?.log.get(seq as usize - 1)?;
        let ack = Ack { txn_id: txn_id.clone(), room, seq, at: event.at, message: event.body.message() };
        Some(StoredTxn { ack, fingerprint: fingerprint.unwrap_or_default() })
    }

    fn facts(&self, needs: &Needs) -> Facts {
        let mut facts = Facts::default();
        for (user, txn_id) in &needs.txns {
            if let Some(stored) = self.stored_txn(*user, txn_id) {
                facts.txns.insert((*user, txn_id.clone()), stored);
            }
        }
        for (&id, room) in needs.rooms.iter().filter_map(|id| self.rooms.get_key_value(id)) {
            let found = RoomFacts {
                kind: room.kind,
                epoch: self.epoch,
                head: room.head(),
                last_at: room.last_at(),
                members: room.count(),
            };
            facts.rooms.insert(id, found);
        }
        let member = |member: &Membership| MemberFacts {
            role: member.role,
            from: member.stay.from,
            joined_at: member.joined_at,
        };
        for &(room, user) in &needs.members {
            if let Some(found) = self.rooms.get(&room).and_then(|room| room.current(user)) {
                facts.members.insert((room, user), member(found));
            }
        }
        for (&id, room) in needs.rosters.iter().filter_map(|id| self.rooms.get_key_value(id)) {
            facts.members.extend(room.roster().map(|(user, found)| ((id, user), member(found))));
        }
        for (&id, account) in needs.users.iter().filter_map(|id| self.accounts.get_key_value(id)) {
            let row = &account.row;
            facts.users.insert(id, UserFacts { active: row.active, profile_rev: row.user.profile_rev });
        }
        for &user in &needs.joining {
            let own = RoomId::own_log(user);
            let rooms = self.rooms.iter().filter(|&(&id, room)| id != own && room.current(user).is_some());
            facts.rooms_of.insert(user, u32::try_from(rooms.count()).unwrap_or(u32::MAX));
        }
        facts.pairs.extend(needs.pairs.iter().filter_map(|pair| Some((*pair, *self.pairs.get(pair)?))));
        facts.files.extend(needs.files.iter().filter_map(|&id| Some((id, self.file(id)?.facts()))));
        self.message_facts(needs, &mut facts);
        facts
    }

    pub(super) fn apply(&mut self, write: &Write) {
        match write {
            Write::CreateRoom { room, kind, name, pair, .. } => {
                let state = RoomState {
                    kind: *kind,
                    name: name.clone(),
                    description: String::new(),
                    avatar: None,
                    log: Vec::new(),
                    members: BTreeMap::new(),
                    positions: BTreeMap::new(),
                    changes: BTreeMap::new(),
                };
                self.rooms.insert(*room, state);
                self.pairs.extend(pair.map(|pair| (pair, *room)));
            }
            Write::Append { event, fingerprint } => self.append(event.clone(), *fingerprint),
            Write::Attach { .. }
            | Write::EditMessage { .. }
            | Write::EraseMessage { .. }
            | Write::SetReaction { .. } => self.change_message(write),
            Write::RenameRoom { room, name } => {
                if let Some(room) = self.rooms.get_mut(room) {
                    room.name = Some(name.clone());
                }
            }
            Write::SetRoomProfile { room, profile, .. } => {
                let Some(room) = self.rooms.get_mut(room) else { return };
                if let Some(avatar) = profile.avatar {
                    self.erased_files.extend(std::mem::replace(&mut room.avatar, avatar));
                }
                if let Some(description) = &profile.description {
                    room.description.clone_from(description);
                }
            }
            Write::StartMembership { room, user, role, from, at } => {
                let stay = Stay { from: *from, to: None };
                let member = Membership { stay, role: *role, joined_at: *at };
                self.stays(*room, *user).push(member);
                self.joined.insert((*user, *room));
            }
            Write::EndMembership { room, user, to, .. } => {
                if let Some(member) = self.stays(*room, *user).last_mut() {
                    member.stay.to = Some(*to);
                }
                self.joined.remove(&(*user, *room));
            }
            Write::SetRole { room, user, role } => {
                if let Some(member) = self.stays(*room, *user).last_mut() {
                    member.role = *role;
                }
            }
            Write::SetProfile { user, profile, profile_rev } => {
                let Some(account) = self.accounts.get_mut(user) else { return };
                let person = &mut account.row.user;
                person.profile_rev = *profile_rev;
                person.avatar = profile.avatar.or(person.avatar);
                if let Some(bio) = &profile.bio {
                    person.bio.clone_from(bio);
                }
                if let Some(name) = &profile.display_name {
                    person.display_name.clone_from(name);
                    account.search_name = fold(name);
                }
            }
            Write::SetPrefs { user, prefs } => {
                if let Some(account) = self.accounts.get_mut(user) {
                    account.prefs = prefs.clone();
                }
            }
            Write::SetRoomPrefs { user, room, prefs } => {
                self.room_prefs.insert((*user, *room), prefs.clone());
            }
        }
    }

    pub(super) fn append(&mut self, event: Event, fingerprint: Option<Fingerprint>) {
        let place = (event.room, event.seq);
        if let (Some(user), Some(txn_id)) = (event.sender, &event.txn_id) {
            self.txns.insert((user, txn_id.clone()), place);
        }
        self.messages.extend(event.body.message().map(|message| (message, place)));
        if let Some(room) = self.rooms.get_mut(&event.room) {
            room.log.push((event, fingerprint));
        }
    }

    fn stays(&mut self, room: RoomId, user: UserId) -> &mut Vec<Membership> {
        // Decided on facts of this model, so the room is there.
        self.rooms.get_mut(&room).expect("a room of a write is there").members.entry(user).or_default()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use zas_protocol::Command;

    use super::*;
    use crate::rows::{NewUser, PasswordHash};

    #[test]
    fn a_commit_fails_as_asked_for_and_only_a_lost_answer_leaves_what_it_wrote() {
        let mut model = Model::new(Secrets { fingerprint_key: [0; 32], entropy: Box::new(|| [1; 10]) });
        let user = UserId(Uuid::from_u128(1));
        let new = NewUser {
            id: user,
            username: String::new(),
            skeleton: String::new(),
            email: String::new(),
            display_name: String::new(),
            password_hash: PasswordHash(String::new()),
            admin: false,
            at: 1,
        };
        model.create_user(new).unwrap();
        let faults = [Fault::Fail(StoreError::Busy), Fault::LostBefore, Fault::LostAfter];
        for fault in &faults {
            model.fail_next(fault.clone());
        }
        let batch = |n: usize| {
            let txn_id = TxnId::new(&format!("t{n}")).unwrap();
            vec![Submission { user, command: Command::SetPrefs { txn_id, prefs: Prefs::default() } }]
        };
        for (n, error) in [StoreError::Busy, StoreError::Unknown, StoreError::Unknown].into_iter().enumerate()
        {
            assert_eq!(model.commit(&batch(n), 1), Err(error), "{:?}", faults[n]);
            let stored = model.txn(user, batch(n)[0].command.txn_id()).map(|ack| ack.seq);
            assert_eq!(stored, (faults[n] == Fault::LostAfter).then_some(1));
        }
        let again = model.commit(&batch(2), 1).unwrap().remove(0).unwrap();
        assert_eq!((again.ack.seq, again.writes.len()), (1, 0));
        assert_eq!(model.commit(&batch(3), 1).unwrap().remove(0).unwrap().ack.seq, 2);
    }
}
