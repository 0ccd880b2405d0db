//! Rooms and who is in them. Everybody who is in one there when it is brought sees it here from its beginning, as
//! there.

use std::collections::{BTreeMap, BTreeSet};

use zas_core::ledger::{Pair, Write, pair};
use zas_core::shape;
use zas_protocol::limits::DESCRIPTION_CHARS;
use zas_protocol::{
    Command, Event, EventBody, FileId, Micros, Role, RoomId, RoomKind, RoomPrefs, RoomProfileChange, Seq,
    UserId,
};
use zas_store::django::{Fault, OldMember, OldRoom, id};
use zas_store::{FileKind, FileRow, Roster};

use super::facts::Digest;
use super::here::Done;
use super::messages::{Log, address, media_type, position};
use super::reading::Reading;
use super::{Import, ImportError};
use crate::clock;

/// Characters of a room's name.
const NAME_CHARS: usize = 60;

/// A room that was brought.
#[derive(Debug, Clone, Default)]
pub(super) struct Brought {
    pub(super) name: String,
    pub(super) messages: u64,
    pub(super) digest: Digest,
}

/// A room as it is to be here.
struct Plan<'a> {
    id: RoomId,
    kind: RoomKind,
    name: Option<String>,
    description: String,
    /// Where its picture is: path and address.
    avatar: Option<(&'a str, String)>,
    pair: Option<Pair>,
    /// By when they came.
    members: Vec<(UserId, Role, &'a OldMember)>,
    made_by: UserId,
    at: Micros,
    /// Nobody may be in it any more.
    closed: bool,
}

impl Import<'_> {
    /// All rooms, and the members of each by its key.
    pub(super) async fn old_rooms(
        &mut self,
    ) -> Result<(Vec<OldRoom>, BTreeMap<String, Vec<OldMember>>), ImportError> {
        let rooms = self.django()?.rooms().await.map_err(ImportError::Old)?;
        let mut members: BTreeMap<String, Vec<OldMember>> = BTreeMap::new();
        let keys: BTreeSet<&str> = rooms.iter().map(|room| room.key.as_str()).collect();
        for member in self.django()?.members().await.map_err(ImportError::Old)? {
            if keys.contains(member.room.as_str()) {
                members.entry(member.room.clone()).or_default().push(member);
            } else {
                self.report.leave("chat_participants", &member.user, Fault::Orphan);
            }
        }
        Ok((rooms, members))
    }

    /// A room, its members, and those of its messages that are read.
    pub(super) async fn room(
        &mut self,
        old: &OldRoom,
        members: &[OldMember],
        reading: &mut Reading,
    ) -> Result<(), ImportError> {
        let planned = self.plan(old, members).await?;
        let mut plan = match planned {
            Ok(plan) => plan,
            Err(fault) => {
                self.report.leave("chat_rooms", &old.key, fault);
                loop {
                    let piece = reading.of(&old.key).await?;
                    self.watch.more(piece.messages.len() as u64);
                    for message in &piece.messages {
                        self.report.leave("messages", &message.key, fault);
                    }
                    if piece.is_last {
                        break;
                    }
                }
                return Ok(());
            }
        };
        let first = reading.of(&old.key).await?;
        let here = if self.is_first { None } else { self.store.roster(plan.id).await? };
        let mut log = match &here {
            Some(roster) => Log { room: plan.id, head: roster.head, last_at: roster.last_at },
            None => {
                let begins =
                    first.messages.iter().filter_map(|message| message.created_at).min().unwrap_or(plan.at);
                // Before all that was said: that it was made, and how it shows itself.
                let at = plan.at.min(begins - 2);
                self.create(&plan, at).await?
            }
        };
        let mut done = Done::default();
        let mut left: Vec<UserId> = Vec::new();
        if let Some(roster) = &here {
            plan.kind = roster.kind;
            let is_in: BTreeSet<UserId> = roster.members.iter().map(|member| member.user).collect();
            let there: BTreeSet<UserId> = plan.members.iter().map(|&(user, ..)| user).collect();
            let comes = plan.kind == RoomKind::Group && !plan.closed && !there.is_subset(&is_in);
            let is_live = self.live.contains(&plan.id);
            if comes || is_live {
                done = Done::read(&*self.store, plan.id).await?;
            }
            if is_live {
                self.kept.insert(plan.id, done.changed());
            }
            if comes {
                self.let_in(&plan, roster, &done, &mut log).await?;
            }
            let known: BTreeSet<UserId> = self.people.values().map(|person| person.id).collect();
            let gone = is_in.difference(&there).filter(|user| known.contains(user) && !plan.closed);
            left.extend(gone.filter(|user| !done.members.contains(user)));
        }
        self.report.rooms.count(here.is_some());
        let name = plan.name.clone().unwrap_or_else(|| {
            let names = plan.members.iter().filter_map(|(.., member)| self.name(&member.user));
            names.collect::<Vec<_>>().join(", ")
        });
        self.rooms.entry(plan.id).or_default().name = name;
        let times = self.messages(&mut log, &done, first, reading).await?;
        if plan.closed {
            let is_in = match &here {
                None => plan.members.iter().map(|&(user, ..)| user).collect(),
                Some(roster) => roster.members.iter().map(|member| member.user).collect(),
            };
            self.close(&plan, &old.key, is_in, &mut log).await?;
        } else if here.is_some() {
            self.refresh(&plan, &done).await?;
        }
        // Who left there, after all that they still saw.
        for user in left {
            self.flush().await?;
            let room = plan.id;
            self.command(user, |txn_id| Command::LeaveRoom { txn_id, room }, "chat_participants", &old.key)
                .await?;
        }
        // How far people have read, where it is a time that says so.
        for &(user, _, member) in &plan.members {
            let Some(at) = member.last_read_at else { continue };
            let read = times.partition_point(|&(said, _)| said <= at);
            if let Some(&(_, seq)) = read.checked_sub(1).and_then(|last| times.get(last)) {
                self.pending.positions.push((plan.id, position(user, seq, at)));
            }
        }
        Ok(())
    }

    fn name(&self, key: &str) -> Option<&str> {
        self.people.get(key).map(|person| person.name.as_str())
    }

    async fn plan<'m>(
        &mut self,
        old: &'m OldRoom,
        all: &'m [OldMember],
    ) -> Result<Result<Plan<'m>, Fault>, ImportError> {
        let Some(id) = id(&old.key).map(RoomId) else { return Ok(Err(Fault::NoId)) };
        let mut members: Vec<(UserId, Role, &OldMember)> = Vec::with_capacity(all.len());
        for member in all {
            let key = format!("{} in {}", member.user, member.room);
            match self.people.get(&member.user) {
                None => self.report.leave("chat_participants", &key, Fault::Orphan),
                Some(person) if members.iter().any(|(user, ..)| *user == person.id) => {
                    self.report.leave("chat_participants", &key, Fault::Twice);
                }
                Some(person) => {
                    let role = match member.role.as_deref() {
                        Some("owner") => Role::Owner,
                        Some("admin") => Role::Admin,
                        _ => Role::Member,
                    };
                    if member.blocked {
                        self.report.leave("chat_participants", &key, Fault::Blocked);
                    }
                    members.push((person.id, role, member));
                }
            }
        }
        let Some(&(eldest, ..)) = members.first() else { return Ok(Err(Fault::Nobody)) };
        let creator = self.people.get(&old.created_by).map(|person| person.id);
        let is_in = |user: &UserId| members.iter().any(|(member, ..)| member == user);
        let made_by = creator.filter(is_in).unwrap_or(eldest);
        // A pair is free for a room that they can open.
        let is_private = old.active && old.kind.as_deref() == Some("private") && members.len() == 2;
        let pair = is_private.then(|| pair(members[0].0, members[1].0));
        let pair = match pair {
            Some(pair) if self.is_free(pair, id).await? => {
                self.pairs.insert(pair, id);
                Some(pair)
            }
            _ => None,
        };
        let kind = if pair.is_some() { RoomKind::Private } else { RoomKind::Group };
        if kind == RoomKind::Private {
            members.iter_mut().for_each(|(_, role, _)| *role = Role::Member);
        } else {
            // A group has one owner.
            let owners = members.iter().filter(|(_, role, _)| *role == Role::Owner);
            let owner = owners.map(|&(user, ..)| user).next().unwrap_or(made_by);
            for (user, role, _) in &mut members {
                *role = match *role {
                    _ if *user == owner => Role::Owner,
                    Role::Owner => Role::Admin,
                    role => role,
                };
            }
        }
        let name = (kind == RoomKind::Group).then(|| {
            let people =
                members.iter().filter_map(|(.., member)| self.name(&member.user)).collect::<Vec<_>>();
            let people: String = people.join(", ").chars().take(NAME_CHARS).collect();
            let stored = old.name.as_deref().map(|name| name.chars().take(NAME_CHARS).collect::<String>());
            stored.and_then(|name| shape::name(&name).ok()).or_else(|| shape::name(&people).ok())
        });
        let name = name.flatten();
        let came = members.iter().filter_map(|(_, _, member)| member.joined_at).min();
        let at = old.created_at.or(came).unwrap_or(1);
        let (mut description, mut avatar) = (String::new(), None);
        if kind == RoomKind::Group {
            description = self.description(old);
            let path = old.avatar.as_deref().unwrap_or_default();
            avatar = address(&self.options.media, path).map(|address| (path, address));
        }
        Ok(Ok(Plan { id, kind, name, description, avatar, pair, members, made_by, at, closed: !old.active }))
    }

    /// What a group says of itself; one that is too long is cut, and listed.
    fn description(&mut self, old: &OldRoom) -> String {
        let said = old.description.as_deref().unwrap_or_default();
        shape::description(said).unwrap_or_else(|_| {
            self.report.leave("chat_rooms.description", &old.key, Fault::TooLong);
            let cut: String = said.trim().chars().take(DESCRIPTION_CHARS).collect();
            shape::description(&cut).unwrap_or_default()
        })
    }

    /// Whether no other room is the private one of these two.
    async fn is_free(&self, pair: Pair, id: RoomId) -> Result<bool, ImportError> {
        if let Some(taken) = self.pairs.get(&pair) {
            return Ok(*taken == id);
        }
        if self.is_first {
            return Ok(true);
        }
        let rooms = self.store.rooms(pair.0).await?;
        let other = rooms.iter().find(|room| {
            room.kind == RoomKind::Private && room.members.iter().any(|member| member.user == pair.1)
        });
        Ok(other.is_none_or(|room| room.id == id))
    }

    async fn create(&mut self, plan: &Plan<'_>, at: Micros) -> Result<Log, ImportError> {
        let (room, kind, name, pair) = (plan.id, plan.kind, plan.name.clone(), plan.pair);
        self.pending.writes.push(Write::CreateRoom { room, kind, name: name.clone(), pair, at });
        let mut members: Vec<UserId> = plan.members.iter().map(|&(user, ..)| user).collect();
        members.sort_by_key(|&user| user != plan.made_by);
        let mut log = Log { room, head: 0, last_at: 0 };
        let body = EventBody::RoomCreated { room_kind: kind, name, members };
        let event = log.next(at, Some(plan.made_by), body);
        self.pending.writes.push(Write::Append { event, fingerprint: None });
        for &(user, role, member) in &plan.members {
            self.join(plan, user, role, 1, member).await?;
        }
        self.show(plan, &mut log, at);
        Ok(log)
    }

    /// How a group shows itself there.
    fn show(&mut self, plan: &Plan<'_>, log: &mut Log, at: Micros) {
        let room = plan.id;
        let file = FileId(room.0);
        let profile = RoomProfileChange {
            description: Some(plan.description.clone()).filter(|text| !text.is_empty()),
            avatar: plan.avatar.as_ref().map(|_| Some(file)),
        };
        if profile == RoomProfileChange::default() {
            return;
        }
        let event =
            log.next(at, Some(plan.made_by), EventBody::RoomProfileChanged { profile: profile.clone() });
        self.bring_picture(plan, (file, plan.made_by), at, Some((room, event.seq)));
        self.pending.writes.push(Write::Append { event, fingerprint: None });
        self.pending.writes.push(Write::SetRoomProfile { room, profile, at });
    }

    /// A group's picture there, if it has one: as which file, and whose.
    fn bring_picture(
        &mut self,
        plan: &Plan<'_>,
        (id, user): (FileId, UserId),
        at: Micros,
        message: Option<(RoomId, Seq)>,
    ) {
        let Some((path, address)) = &plan.avatar else { return };
        let row = FileRow {
            id,
            user,
            kind: FileKind::RoomAvatar,
            name: String::new(),
            media_type: media_type(path, Some("image")).to_owned(),
            bytes: 0,
            width: 0,
            height: 0,
            at,
            message,
        };
        self.pending.files.push((row, address.clone()));
    }

    /// Who came to a group there comes here. They see it from its beginning, as there; who was in it before goes
    /// on where they left it.
    async fn let_in(
        &mut self,
        plan: &Plan<'_>,
        here: &Roster,
        done: &Done,
        log: &mut Log,
    ) -> Result<(), ImportError> {
        let is_in = |user: UserId| here.members.iter().any(|member| member.user == user);
        let new = |&&(user, ..): &&(UserId, Role, &OldMember)| !is_in(user) && !done.members.contains(&user);
        let new: Vec<_> = plan.members.iter().filter(new).collect();
        // A group has one owner, also one that was closed for a while.
        let owner = new.iter().find(|(_, role, _)| *role == Role::Owner).or(new.first());
        let is_owned = here.members.iter().any(|member| member.role == Role::Owner);
        let owner = owner.map(|&&(user, ..)| user).filter(|_| !is_owned);
        for &(user, role, member) in new {
            let role = match role {
                _ if owner == Some(user) => Role::Owner,
                Role::Owner => Role::Admin,
                role => role,
            };
            let event = log.next(member.joined_at.unwrap_or_default(), None, EventBody::MemberAdded { user });
            self.pending.writes.push(Write::Append { event, fingerprint: None });
            let from = done.seen.get(&user).map_or(1, |last| last + 1);
            self.join(plan, user, role, from, member).await?;
        }
        Ok(())
    }

    /// Takes everybody out of a room that was closed, after all that was said in it: nobody finds it any more, and
    /// who is let in again sees what they saw.
    async fn close(
        &mut self,
        plan: &Plan<'_>,
        key: &str,
        is_in: Vec<UserId>,
        log: &mut Log,
    ) -> Result<(), ImportError> {
        if is_in.is_empty() {
            return Ok(());
        }
        if plan.kind != RoomKind::Group || self.live.contains(&plan.id) {
            self.report.leave("chat_rooms", key, Fault::Closed);
            return Ok(());
        }
        let room = plan.id;
        for user in is_in {
            let event = log.next(log.last_at, None, EventBody::MemberRemoved { user });
            let (to, at) = (event.seq, event.at);
            self.pending.writes.push(Write::Append { event, fingerprint: None });
            self.pending.writes.push(Write::EndMembership { room, user, to, at });
            self.tell(user, at, EventBody::Left { left: room, at_seq: to }).await?;
        }
        Ok(())
    }

    /// An event for somebody's own log.
    async fn tell(&mut self, user: UserId, at: Micros, body: EventBody) -> Result<(), ImportError> {
        let room = RoomId::own_log(user);
        let (head, last_at) = match self.own_logs.get(&user) {
            Some(&end) => end,
            None if self.is_first => (0, 0),
            None => self.store.roster(room).await?.map_or((0, 0), |roster| (roster.head, roster.last_at)),
        };
        let mut log = Log { room, head, last_at };
        let event = log.next(at, None, body);
        self.pending.writes.push(Write::Append { event, fingerprint: None });
        self.own_logs.insert(user, (log.head, log.last_at));
        Ok(())
    }

    /// Lets somebody see a room from there on, and their devices know of it.
    async fn join(
        &mut self,
        plan: &Plan<'_>,
        user: UserId,
        role: Role,
        from: Seq,
        member: &OldMember,
    ) -> Result<(), ImportError> {
        let room = plan.id;
        let at = member.joined_at.unwrap_or(plan.at);
        self.pending.writes.push(Write::StartMembership { room, user, role, from, at });
        self.tell(user, at, EventBody::Joined { joined: room, from }).await?;
        let prefs = prefs(member);
        if prefs != RoomPrefs::default() {
            self.pending.writes.push(Write::SetRoomPrefs { user, room, prefs });
        }
        Ok(())
    }

    /// Has a group show itself as it does there, but for what it got here.
    async fn refresh(&mut self, plan: &Plan<'_>, done: &Done) -> Result<(), ImportError> {
        let owner = plan.members.iter().find(|(_, role, _)| *role == Role::Owner);
        let (Some(&(owner, ..)), Some(name)) = (owner, &plan.name) else { return Ok(()) };
        self.flush().await?;
        let here = self.store.room(owner, plan.id).await?;
        let Some(here) = here.filter(|room| room.kind == RoomKind::Group) else { return Ok(()) };
        let mut profile = RoomProfileChange::default();
        if !done.described && here.description != plan.description {
            profile.description = Some(plan.description.clone());
        }
        let address = plan.avatar.as_ref().map(|(_, address)| address);
        if !done.pictured && !self.shows(here.avatar, address).await? {
            let file = FileId::mint(clock::now(), clock::random());
            self.bring_picture(plan, (file, owner), clock::now(), None);
            self.flush().await?;
            profile.avatar = Some(address.map(|_| file));
        }
        if profile != RoomProfileChange::default() {
            let room = plan.id;
            self.command(
                owner,
                |txn_id| Command::SetRoomProfile { txn_id, room, profile },
                "chat_rooms",
                &plan.id.to_string(),
            )
            .await?;
        }
        if !done.named && here.name.as_ref() != Some(name) {
            let (room, name) = (plan.id, name.clone());
            self.command(
                owner,
                |txn_id| Command::RenameRoom { txn_id, room, name },
                "chat_rooms",
                &plan.id.to_string(),
            )
            .await?;
        }
        Ok(())
    }
}

/// What a member has set for a room. A text that is too long for it is left out.
fn prefs(member: &OldMember) -> RoomPrefs {
    let look = |text: &Option<String>| {
        text.clone().filter(|text| !text.trim().is_empty() && text.chars().count() <= RoomPrefs::LOOK_CHARS)
    };
    RoomPrefs {
        color: look(&member.color),
        other_color: look(&member.other_color),
        background: look(&member.background),
        nickname: member.nickname.as_deref().and_then(|name| shape::name(name).ok()),
        muted: !member.sound || member.muted || member.blocked,
        quiet: !member.notifications || member.blocked,
    }
}

impl Log {
    /// The next event of it; its time is later than the one before.
    pub(super) fn next(&mut self, at: Micros, sender: Option<UserId>, body: EventBody) -> Event {
        self.head += 1;
        self.last_at = at.max(self.last_at + 1);
        Event { room: self.room, seq: self.head, at: self.last_at, sender, txn_id: None, body }
    }
}
