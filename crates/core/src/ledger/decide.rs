//! The rules themselves: facts in, writes out. Those of messages are in [`messages`].

mod messages;

use zas_protocol::limits::{GROUP_MEMBERS, ROOMS_PER_USER};
use zas_protocol::{
    Ack, Command, ErrorCode, EventBody, MessageId, Micros, ProfileChange, Role, RoomId, RoomKind,
    RoomProfileChange, Seq, TxnId, UserId,
};
use zas_protocol::{Event, Prefs, RoomPrefs};

use self::messages::NewMessage;
use super::{
    Context, Decided, Facts, FileFacts, FileFor, Fingerprint, MemberFacts, Refusal, RoomFacts, StoredTxn,
    Submission, Write, pair,
};
use crate::policy::{self, Action, SERVER, Standing};

/// Decides one command. `facts` hold what [`super::needs`] names; after `Ok` they hold what is so
/// once the writes are made, after `Err` they are untouched.
///
/// # Errors
/// The [`Refusal`] to answer with; nothing is to be written.
pub fn decide(
    facts: &mut Facts,
    submission: &Submission,
    context: &mut Context<'_>,
) -> Result<Decided, Refusal> {
    let user = submission.user;
    let txn_id = submission.command.txn_id();
    let fingerprint = fingerprint(context.key, &submission.command);
    if let Some(stored) = facts.txns.get(&(user, txn_id.clone())) {
        return if stored.fingerprint == fingerprint {
            Ok(Decided { ack: stored.ack.clone(), writes: Vec::new() })
        } else {
            Err(Refusal { code: ErrorCode::TxnConflict, first: Some(Box::new(stored.ack.clone())) })
        };
    }
    if !facts.users.get(&user).is_some_and(|facts| facts.active) {
        return Err(ErrorCode::Revoked.into());
    }
    let mut draft =
        Draft { facts, user, txn_id, fingerprint, now: context.now, writes: Vec::new(), ack: None };
    match &submission.command {
        Command::Send { room, after, text, reply_to, attachment, label, .. } => {
            let message = MessageId::mint(context.now, (context.entropy)());
            let new =
                NewMessage { message, text, reply_to: *reply_to, attachment: *attachment, label: *label };
            draft.send(*room, after.as_ref(), &new)
        }
        Command::EditMessage { room, message, text, .. } => draft.edit(*room, *message, text),
        Command::DeleteMessage { room, message, .. } => draft.delete(*room, *message),
        Command::React { room, message, reaction, .. } => draft.react(*room, *message, *reaction),
        Command::OpenPrivate { user: other, .. } => {
            draft.open_private(*other, RoomId::mint(context.now, (context.entropy)()))
        }
        Command::CreateGroup { name, members, profile, .. } => {
            let room = RoomId::mint(context.now, (context.entropy)());
            draft.create_group(name, members, profile.as_ref(), room)
        }
        Command::RenameRoom { room, name, .. } => draft.rename(*room, name),
        Command::SetRoomProfile { room, profile, .. } => draft.set_room_profile(*room, profile),
        Command::AddMember { room, user: other, .. } => draft.add_member(*room, *other),
        Command::RemoveMember { room, user: other, .. } => draft.remove_member(*room, *other),
        Command::SetRole { room, user: other, role, .. } => draft.set_role(*room, *other, *role),
        Command::LeaveRoom { room, .. } => draft.leave(*room),
        Command::SetProfile { profile, .. } => draft.set_profile(profile),
        Command::SetPrefs { prefs, .. } => draft.set_prefs(prefs),
        Command::SetRoomPrefs { room, prefs, .. } => draft.set_room_prefs(*room, prefs),
    }?;
    draft.finish()
}

/// The hash covers what the command does, not how it is sent: `after` may differ between tries.
fn fingerprint(key: &[u8; 32], command: &Command) -> Fingerprint {
    let mut hasher = blake3::Hasher::new_keyed(key);
    if let Command::Send { room, text, reply_to, attachment, label, .. } = command {
        hasher.update(b"send").update(room.as_bytes()).update(text.as_bytes());
        // Behind a byte that no text has. A message of nothing but text has the hash that it always had.
        if (reply_to, attachment, label) != (&None, &None, &None) {
            let rest = serde_json::to_vec(&(reply_to, attachment, label)).expect("ids are always JSON");
            hasher.update(&[0xff]).update(&rest);
        }
    } else {
        let json = serde_json::to_vec(command).expect("a command is always JSON");
        hasher.update(&json);
    }
    let mut out = Fingerprint::default();
    hasher.finalize_xof().fill(&mut out);
    out
}

/// A decision being made: checks first, then writes, so that a refusal leaves no trace.
struct Draft<'a> {
    facts: &'a mut Facts,
    user: UserId,
    txn_id: &'a TxnId,
    fingerprint: Fingerprint,
    now: Micros,
    writes: Vec<Write>,
    ack: Option<Ack>,
}

impl Draft<'_> {
    fn finish(self) -> Result<Decided, Refusal> {
        let ack = self.ack.ok_or(ErrorCode::Internal)?;
        if !self.writes.is_empty() {
            let stored = StoredTxn { ack: ack.clone(), fingerprint: self.fingerprint };
            self.facts.txns.insert((self.user, self.txn_id.clone()), stored);
        }
        Ok(Decided { ack, writes: self.writes })
    }

    fn may(&self, action: Action, room: RoomId) -> Result<(), Refusal> {
        let kind = self.facts.rooms.get(&room).map(|facts| facts.kind);
        let member = self.facts.members.get(&(room, self.user)).map(|member| member.role);
        let role = kind.and_then(|kind| policy::role_of(self.user, kind, member));
        let standing = Standing { active: true, room: kind, role };
        Ok(policy::decide(action, standing)?)
    }

    fn active(&self, user: UserId) -> Result<(), Refusal> {
        match self.facts.users.get(&user) {
            Some(facts) if facts.active => Ok(()),
            _ => Err(ErrorCode::NotFound.into()),
        }
    }

    /// Whether they may come into one more room.
    fn has_room(&self, user: UserId) -> Result<(), Refusal> {
        match self.facts.rooms_of.get(&user) {
            Some(&rooms) if rooms as usize >= ROOMS_PER_USER => Err(ErrorCode::TooManyRooms.into()),
            _ => Ok(()),
        }
    }

    /// Appends the event that the command stands for; its place is the command's answer.
    fn append_named(&mut self, room: RoomId, body: EventBody) -> Seq {
        let message = body.message();
        let (seq, at) = self.push(room, Some(self.txn_id.clone()), body);
        self.ack = Some(Ack { txn_id: self.txn_id.clone(), room, seq, at, message });
        seq
    }

    /// Appends an event that the command causes besides.
    fn append(&mut self, room: RoomId, body: EventBody) -> Seq {
        self.push(room, None, body).0
    }

    fn push(&mut self, room: RoomId, txn_id: Option<TxnId>, body: EventBody) -> (Seq, Micros) {
        let facts = self.facts.rooms.entry(room).or_insert(RoomFacts {
            kind: RoomKind::OwnLog,
            epoch: 0,
            head: 0,
            last_at: 0,
            members: 1,
        });
        facts.head += 1;
        facts.last_at = self.now.max(facts.last_at + 1);
        let (seq, at) = (facts.head, facts.last_at);
        let fingerprint = txn_id.is_some().then_some(self.fingerprint);
        let event = Event { room, seq, at, sender: Some(self.user), txn_id, body };
        self.writes.push(Write::Append { event, fingerprint });
        (seq, at)
    }

    fn start_membership(&mut self, room: RoomId, user: UserId, role: Role, from: Seq) {
        let at = self.now;
        self.facts.members.insert((room, user), MemberFacts { role, from, joined_at: at });
        if let Some(facts) = self.facts.rooms.get_mut(&room) {
            facts.members += 1;
        }
        *self.facts.rooms_of.entry(user).or_default() += 1;
        self.writes.push(Write::StartMembership { room, user, role, from, at });
        self.append(RoomId::own_log(user), EventBody::Joined { joined: room, from });
    }

    fn end_membership(&mut self, room: RoomId, user: UserId, to: Seq) {
        self.facts.members.remove(&(room, user));
        if let Some(facts) = self.facts.rooms.get_mut(&room) {
            facts.members = facts.members.saturating_sub(1);
        }
        if let Some(rooms) = self.facts.rooms_of.get_mut(&user) {
            *rooms = rooms.saturating_sub(1);
        }
        self.writes.push(Write::EndMembership { room, user, to, at: self.now });
        self.append(RoomId::own_log(user), EventBody::Left { left: room, at_seq: to });
    }

    fn put_role(&mut self, room: RoomId, user: UserId, role: Role) {
        if let Some(member) = self.facts.members.get_mut(&(room, user)) {
            member.role = role;
        }
        self.writes.push(Write::SetRole { room, user, role });
    }

    fn create_room(&mut self, room: RoomId, kind: RoomKind, name: Option<&str>, with: Option<UserId>) {
        let pair = with.map(|other| pair(self.user, other));
        if let Some(pair) = pair {
            self.facts.pairs.insert(pair, room);
        }
        self.facts.rooms.insert(room, RoomFacts { kind, epoch: 0, head: 0, last_at: 0, members: 0 });
        let name = name.map(str::to_owned);
        self.writes.push(Write::CreateRoom { room, kind, name, pair, at: self.now });
    }

    fn open_private(&mut self, other: UserId, room: RoomId) -> Result<(), Refusal> {
        if other == self.user {
            return Err(ErrorCode::BadRequest.into());
        }
        self.active(other)?;
        if let Some(&found) = self.facts.pairs.get(&pair(self.user, other)) {
            // Nothing is written, so the name is not used up: asking again finds the same room.
            self.ack =
                Some(Ack { txn_id: self.txn_id.clone(), room: found, seq: 1, at: self.now, message: None });
            return Ok(());
        }
        self.has_room(self.user)?;
        self.has_room(other)?;
        self.create_room(room, RoomKind::Private, None, Some(other));
        let members = vec![self.user, other];
        let body = EventBody::RoomCreated { room_kind: RoomKind::Private, name: None, members };
        let from = self.append_named(room, body);
        self.start_membership(room, self.user, Role::Member, from);
        self.start_membership(room, other, Role::Member, from);
        Ok(())
    }

    fn create_group(
        &mut self,
        name: &str,
        others: &[UserId],
        profile: Option<&RoomProfileChange>,
        room: RoomId,
    ) -> Result<(), Refusal> {
        let mut members = vec![self.user];
        for &other in others {
            self.active(other)?;
            if !members.contains(&other) {
                members.push(other);
            }
        }
        match members.len() {
            1 => return Err(ErrorCode::BadRequest.into()),
            n if n > GROUP_MEMBERS => return Err(ErrorCode::RoomFull.into()),
            _ => {}
        }
        members.iter().try_for_each(|&member| self.has_room(member))?;
        profile.map(|profile| self.wearable(profile)).transpose()?;
        self.create_room(room, RoomKind::Group, Some(name), None);
        let body = EventBody::RoomCreated {
            room_kind: RoomKind::Group,
            name: Some(name.to_owned()),
            members: members.clone(),
        };
        let from = self.append_named(room, body);
        for member in members {
            let role = if member == self.user { Role::Owner } else { Role::Member };
            self.start_membership(room, member, role, from);
        }
        if let Some(profile) = profile {
            let of = self.append(room, EventBody::RoomProfileChanged { profile: profile.clone() });
            self.wear(room, profile, of);
        }
        Ok(())
    }

    fn rename(&mut self, room: RoomId, name: &str) -> Result<(), Refusal> {
        self.may(Action::Rename, room)?;
        self.append_named(room, EventBody::RoomRenamed { name: name.to_owned() });
        self.writes.push(Write::RenameRoom { room, name: name.to_owned() });
        Ok(())
    }

    fn set_room_profile(&mut self, room: RoomId, profile: &RoomProfileChange) -> Result<(), Refusal> {
        self.may(Action::Rename, room)?;
        self.wearable(profile)?;
        let of = self.append_named(room, EventBody::RoomProfileChanged { profile: profile.clone() });
        self.wear(room, profile, of);
        Ok(())
    }

    /// Whether a group may have this picture: one's own, made for a group, and no other group's.
    fn wearable(&self, profile: &RoomProfileChange) -> Result<(), Refusal> {
        match profile.avatar.flatten().map(|avatar| self.facts.files.get(&avatar)) {
            None => Ok(()),
            Some(Some(FileFacts { user, made_for: FileFor::Room, used: false })) if *user == self.user => {
                Ok(())
            }
            Some(_) => Err(ErrorCode::NotFound.into()),
        }
    }

    fn wear(&mut self, room: RoomId, profile: &RoomProfileChange, of: Seq) {
        self.writes.push(Write::SetRoomProfile { room, profile: profile.clone(), at: self.now });
        if let Some(avatar) = profile.avatar.flatten() {
            self.attach(avatar, room, of);
        }
    }

    fn add_member(&mut self, room: RoomId, other: UserId) -> Result<(), Refusal> {
        self.may(Action::AddMember, room)?;
        self.active(other)?;
        if self.facts.members.contains_key(&(room, other)) {
            return Err(ErrorCode::AlreadyMember.into());
        }
        if self.facts.rooms.get(&room).is_some_and(|facts| facts.members as usize >= GROUP_MEMBERS) {
            return Err(ErrorCode::RoomFull.into());
        }
        self.has_room(other)?;
        let from = self.append_named(room, EventBody::MemberAdded { user: other });
        self.start_membership(room, other, Role::Member, from);
        Ok(())
    }

    fn remove_member(&mut self, room: RoomId, other: UserId) -> Result<(), Refusal> {
        let mut target = self.facts.members.get(&(room, other)).map(|member| member.role);
        // The server passes an owner's role on as its owner would, and then takes a member out.
        let passes_on = self.user == SERVER && target == Some(Role::Owner);
        let heir = passes_on.then(|| self.heir(room, other)).flatten();
        if heir.is_some() {
            target = Some(Role::Member);
        }
        // Asked as if for a plain member first, so that only who may remove learns who is in.
        self.may(Action::RemoveMember(target.unwrap_or(Role::Member)), room)?;
        if target.is_none() || other == self.user {
            return Err(ErrorCode::NotFound.into());
        }
        if let Some(heir) = heir {
            self.append(room, EventBody::RoleChanged { user: heir, role: Role::Owner });
            self.put_role(room, heir, Role::Owner);
        }
        let to = self.append_named(room, EventBody::MemberRemoved { user: other });
        self.end_membership(room, other, to);
        Ok(())
    }

    fn set_role(&mut self, room: RoomId, other: UserId, role: Role) -> Result<(), Refusal> {
        self.may(Action::SetRole, room)?;
        if other == self.user || !self.facts.members.contains_key(&(room, other)) {
            return Err(ErrorCode::NotFound.into());
        }
        let owner = if self.user == SERVER { self.owner(room) } else { Some(self.user) };
        if owner == Some(other) {
            // A group has an owner: the server names another, who then is not.
            return Err(ErrorCode::Forbidden.into());
        }
        self.append_named(room, EventBody::RoleChanged { user: other, role });
        self.put_role(room, other, role);
        if let Some(owner) = owner.filter(|_| role == Role::Owner) {
            self.append(room, EventBody::RoleChanged { user: owner, role: Role::Admin });
            self.put_role(room, owner, Role::Admin);
        }
        Ok(())
    }

    fn leave(&mut self, room: RoomId) -> Result<(), Refusal> {
        self.may(Action::Leave, room)?;
        let user = self.user;
        let owner = self.facts.members.get(&(room, user)).is_some_and(|member| member.role == Role::Owner);
        if owner && let Some(heir) = self.heir(room, user) {
            self.append(room, EventBody::RoleChanged { user: heir, role: Role::Owner });
            self.put_role(room, heir, Role::Owner);
        }
        let to = self.append_named(room, EventBody::MemberRemoved { user });
        self.end_membership(room, user, to);
        Ok(())
    }

    /// Those of a room whose roster was asked for.
    fn roster(&self, room: RoomId) -> impl Iterator<Item = (&(RoomId, UserId), &MemberFacts)> {
        self.facts.members.range((room, UserId(uuid::Uuid::nil()))..=(room, UserId(uuid::Uuid::max())))
    }

    fn owner(&self, room: RoomId) -> Option<UserId> {
        self.roster(room).find(|(_, member)| member.role == Role::Owner).map(|(&(_, user), _)| user)
    }

    /// Who owns the group when its owner leaves: the longest-standing admin, else member.
    fn heir(&self, room: RoomId, owner: UserId) -> Option<UserId> {
        self.roster(room)
            .filter(|&(&(_, user), _)| user != owner)
            .min_by_key(|&(&(_, user), member)| (member.role == Role::Member, member.from, user))
            .map(|(&(_, user), _)| user)
    }

    fn set_profile(&mut self, profile: &ProfileChange) -> Result<(), Refusal> {
        if let Some(avatar) = profile.avatar
            && !matches!(self.facts.files.get(&avatar),
                Some(FileFacts { user, made_for: FileFor::Person, .. }) if *user == self.user)
        {
            return Err(ErrorCode::NotFound.into());
        }
        let user = self.user;
        self.append_named(RoomId::own_log(user), EventBody::ProfileChanged { profile: profile.clone() });
        let facts = self.facts.users.get_mut(&user).ok_or(ErrorCode::Revoked)?;
        facts.profile_rev += 1;
        let profile_rev = facts.profile_rev;
        self.writes.push(Write::SetProfile { user, profile: profile.clone(), profile_rev });
        Ok(())
    }

    fn set_prefs(&mut self, prefs: &Prefs) -> Result<(), Refusal> {
        let user = self.user;
        self.append_named(RoomId::own_log(user), EventBody::PrefsChanged { prefs: prefs.clone() });
        self.writes.push(Write::SetPrefs { user, prefs: prefs.clone() });
        Ok(())
    }

    fn set_room_prefs(&mut self, room: RoomId, prefs: &RoomPrefs) -> Result<(), Refusal> {
        self.may(Action::SetOwnView, room)?;
        let user = self.user;
        self.append_named(
            RoomId::own_log(user),
            EventBody::RoomPrefsChanged { about: room, prefs: prefs.clone() },
        );
        self.writes.push(Write::SetRoomPrefs { user, room, prefs: prefs.clone() });
        Ok(())
    }
}
