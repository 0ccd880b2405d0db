//! The way back: what was said, changed and read since an app moved in, into the tables that it came from. What
//! is there is compared, so that an export may be run again; what only the app has is left as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use uuid::Uuid;
use zas_core::shape;
use zas_protocol::rest::{Member, Reacted};
use zas_protocol::{
    Attachment, Event, EventBody, Media, MessageId, MessageLabel, MessageState, Micros, Reaction, Role,
    RoomId, RoomKind, Seq, UserId,
};
use zas_store::django::{Django, FileColumn, NewOldMessage, NewOldRoom, NewOldUser, OldMessage, id};
use zas_store::{Store, UserRow};

use super::ExportError;
use crate::files::Files;

/// Accounts and events read at a time.
const PIECE: u32 = 500;
/// Where files go below the app's media folder.
const BELOW: &str = "zas";

/// Where to, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// `mysql://user:password@host:port/database` of the app.
    pub to: String,
    /// The app's media folder, for files that were sent since; without it they stay here.
    pub media_dir: Option<PathBuf>,
    /// What paths of files begin with, as in `/media/`.
    pub media: String,
    /// Characters of a message.
    pub message_chars: usize,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// People whom the app did not have.
    pub users: u64,
    /// Rooms that it did not have.
    pub rooms: u64,
    /// Members who came or went.
    pub members: u64,
    /// Messages that it did not have.
    pub messages: u64,
    /// Messages edited or deleted since.
    pub changed: u64,
    /// Reactions given or taken back.
    pub reactions: u64,
    /// Notes that somebody has read something.
    pub reads: u64,
    /// Files copied.
    pub files: u64,
    /// Files that stayed here, since nobody said where to.
    pub files_left: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} messages, {} edited or deleted, {} reactions, {} read.",
            self.messages, self.changed, self.reactions, self.reads
        )?;
        write!(
            f,
            "{} people, {} rooms, {} members who came or went, {} files.",
            self.users, self.rooms, self.members, self.files
        )?;
        if self.files_left > 0 {
            write!(
                f,
                "\n{} files stayed here: say where the app's media folder is, with --media-dir.",
                self.files_left
            )?;
        }
        Ok(())
    }
}

/// Exports all that the app lacks. Nobody may write to `store` meanwhile.
///
/// # Errors
/// [`ExportError`].
pub async fn run(store: &dyn Store, files: &Files, options: Options) -> Result<Report, ExportError> {
    let django = Django::open(&options.to).await.map_err(ExportError::Old)?;
    let mut export = Export {
        store,
        files,
        django,
        options,
        hyphens: false,
        ours: BTreeSet::new(),
        report: Report::default(),
    };
    let rooms = export.people().await?;
    let members = export.members_there().await?;
    for room in rooms {
        export.room(room, &members).await?;
    }
    Ok(export.report)
}

struct Export<'a> {
    store: &'a dyn Store,
    files: &'a Files,
    django: Django,
    options: Options,
    /// How the app writes ids.
    hyphens: bool,
    /// Whom we have, by the keys that the app would give them.
    ours: BTreeSet<String>,
    report: Report,
}

/// Who is in which room there, by the room's key as we would write it.
type Members = BTreeMap<String, BTreeSet<String>>;

/// A stretch of a log, with all that both sides know of it.
struct Stretch {
    events: Vec<Event>,
    states: BTreeMap<Seq, MessageState>,
    reacted: BTreeMap<Seq, Vec<Reacted>>,
    said_at: BTreeMap<Seq, Micros>,
    there: BTreeMap<String, OldMessage>,
    reactions_there: BTreeMap<String, BTreeMap<String, String>>,
    reads_there: BTreeSet<(String, String)>,
}

impl Export<'_> {
    fn key(&self, id: Uuid) -> String {
        if self.hyphens { id.hyphenated().to_string() } else { id.simple().to_string() }
    }

    /// Adds people; all rooms that anybody is in.
    async fn people(&mut self) -> Result<BTreeSet<RoomId>, ExportError> {
        self.django.begin().await.map_err(ExportError::Old)?;
        let there = self.django.users().await.map_err(ExportError::Old)?;
        self.hyphens = there.iter().any(|user| user.key.contains('-'));
        let there: BTreeSet<Uuid> = there.iter().filter_map(|user| id(&user.key)).collect();
        let (mut rooms, mut after) = (BTreeSet::new(), None);
        loop {
            let piece = self.store.accounts(after, PIECE).await?;
            let Some(last) = piece.last() else { return Ok(rooms) };
            after = Some(last.user.id);
            let new: Vec<NewOldUser> = piece
                .iter()
                .filter(|row| !there.contains(&row.user.id.0))
                .map(|row| self.user(row))
                .collect();
            if !new.is_empty() {
                self.django.begin_writing().await.map_err(ExportError::Old)?;
                self.django.add_users(&new).await.map_err(ExportError::Old)?;
                self.django.commit().await.map_err(ExportError::Old)?;
                self.report.users += new.len() as u64;
            }
            for row in &piece {
                self.ours.insert(self.key(row.user.id.0));
                let own_log = RoomId::own_log(row.user.id);
                let heads = self.store.heads(row.user.id).await?;
                rooms.extend(heads.into_iter().map(|head| head.room).filter(|&room| room != own_log));
            }
        }
    }

    fn user(&self, row: &UserRow) -> NewOldUser {
        // Django keeps Argon2's hashes in the same form, after the name of the one who reads it.
        let password = &row.password_hash.0;
        let password =
            if row.password_hash.is_foreign() { password.clone() } else { format!("argon2{password}") };
        NewOldUser {
            key: self.key(row.user.id.0),
            username: row.user.username.clone(),
            email: row.email.clone(),
            display_name: row.user.display_name.clone(),
            password,
            bio: row.user.bio.clone(),
            active: row.active,
            at: row.created_at,
        }
    }

    async fn members_there(&mut self) -> Result<Members, ExportError> {
        self.django.begin().await.map_err(ExportError::Old)?;
        let mut members = Members::new();
        for room in self.django.rooms().await.map_err(ExportError::Old)? {
            members.entry(self.same(&room.key)).or_default();
        }
        for member in self.django.members().await.map_err(ExportError::Old)? {
            let (room, user) = (self.same(&member.room), self.same(&member.user));
            members.entry(room).or_default().insert(user);
        }
        Ok(members)
    }

    /// A key as we write it.
    fn same(&self, key: &str) -> String {
        id(key).map_or_else(|| key.to_owned(), |id| self.key(id))
    }

    async fn room(&mut self, room: RoomId, there: &Members) -> Result<(), ExportError> {
        let Some(roster) = self.store.roster(room).await? else { return Ok(()) };
        let Some(first) = roster.members.first() else { return Ok(()) };
        let Some(shown) = self.store.room(first.user, room).await? else { return Ok(()) };
        let key = self.key(room.0);
        self.django.begin_writing().await.map_err(ExportError::Old)?;
        let known = there.get(&key);
        if known.is_none() {
            let new = NewOldRoom {
                key: key.clone(),
                name: shown.name.clone().unwrap_or_default(),
                description: shown.description.clone(),
                kind: if roster.kind == RoomKind::Private { "private" } else { "group" },
                created_by: owner(&roster.members).map(|user| self.key(user.0)),
                at: self.began(room).await?.unwrap_or(roster.last_at),
            };
            self.django.add_room(&new).await.map_err(ExportError::Old)?;
            self.report.rooms += 1;
        }
        self.members(&key, &roster.members, known, roster.last_at).await?;
        let read: BTreeMap<UserId, (Seq, Micros)> =
            self.store.positions(room).await?.iter().map(|at| (at.user, (at.read, at.read_at))).collect();
        for (user, (_, at)) in read.iter().filter(|(_, (read, _))| *read > 0) {
            self.django.put_last_read(&key, &self.key(user.0), *at).await.map_err(ExportError::Old)?;
        }
        self.django.commit().await.map_err(ExportError::Old)?;
        let is_in: Vec<UserId> = roster.members.iter().map(|member| member.user).collect();
        let mut after = 0;
        loop {
            let events = self.store.log_after(room, after, PIECE).await?;
            let Some(last) = events.last() else { return Ok(()) };
            after = last.seq;
            let stretch = self.look(room, events).await?;
            self.stretch(&key, &stretch, &is_in, &read).await?;
        }
    }

    async fn began(&self, room: RoomId) -> Result<Option<Micros>, ExportError> {
        Ok(self.store.log_after(room, 0, 1).await?.first().map(|event| event.at))
    }

    async fn members(
        &mut self,
        room: &str,
        here: &[Member],
        known: Option<&BTreeSet<String>>,
        at: Micros,
    ) -> Result<(), ExportError> {
        let nobody = BTreeSet::new();
        let there = known.unwrap_or(&nobody);
        let mut is_in = BTreeSet::new();
        for member in here {
            let user = self.key(member.user.0);
            if !there.contains(&user) {
                let role = match member.role {
                    Role::Owner => "owner",
                    Role::Admin => "admin",
                    Role::Member => "member",
                };
                self.django.add_member(room, &user, role, at).await.map_err(ExportError::Old)?;
                self.report.members += 1;
            }
            is_in.insert(user);
        }
        for gone in there.difference(&is_in) {
            // Whom we never had we have not removed.
            if self.ours.contains(gone) {
                self.django.remove_member(room, gone).await.map_err(ExportError::Old)?;
                self.report.members += 1;
            }
        }
        Ok(())
    }

    async fn look(&mut self, room: RoomId, events: Vec<Event>) -> Result<Stretch, ExportError> {
        let messages: Vec<&Event> = events.iter().filter(|event| event.body.message().is_some()).collect();
        let seqs: Vec<Seq> = messages.iter().map(|event| event.seq).collect();
        let keys: Vec<String> =
            messages.iter().filter_map(|event| event.body.message()).map(|id| self.key(id.0)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let (low, high) = (seqs.first().copied().unwrap_or(1), seqs.last().copied().unwrap_or(0));
        // Whose reactions are whose is asked for each.
        let states = self.store.states(UserId(Uuid::nil()), room, &seqs).await?;
        let mut reacted: BTreeMap<Seq, Vec<Reacted>> = BTreeMap::new();
        for one in self.store.reacted(room, &seqs).await? {
            reacted.entry(one.of).or_default().push(one);
        }
        self.django.begin_writing().await.map_err(ExportError::Old)?;
        let there = self.django.messages(&keys).await.map_err(ExportError::Old)?;
        let mut reactions_there: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for one in self.django.reactions(&keys).await.map_err(ExportError::Old)? {
            let (message, user) = (self.same(&one.message), self.same(&one.user));
            reactions_there.entry(message).or_default().insert(user, one.reaction.unwrap_or_default());
        }
        let reads = self.django.reads(&keys).await.map_err(ExportError::Old)?;
        Ok(Stretch {
            states: states.into_iter().map(|state| (state.of, state)).collect(),
            said_at: self.store.said_at(room, low, high).await?.into_iter().collect(),
            there: there.into_iter().map(|message| (self.same(&message.key), message)).collect(),
            reads_there: reads.iter().map(|read| (self.same(&read.message), self.same(&read.user))).collect(),
            reactions_there,
            reacted,
            events,
        })
    }

    /// Writes what the app lacks of a stretch, in the transaction in which it was looked at.
    async fn stretch(
        &mut self,
        room: &str,
        stretch: &Stretch,
        is_in: &[UserId],
        read: &BTreeMap<UserId, (Seq, Micros)>,
    ) -> Result<(), ExportError> {
        let (mut new, mut reads) = (Vec::new(), Vec::new());
        for event in &stretch.events {
            if let EventBody::RoomRenamed { name } = &event.body {
                self.django.rename_room(room, name).await.map_err(ExportError::Old)?;
            }
            // What came from there is there, and longer perhaps; it was named by no command.
            if let EventBody::RoomProfileChanged { profile } = &event.body
                && let Some(description) = profile.description.as_deref().filter(|_| event.txn_id.is_some())
            {
                self.django.describe_room(room, description).await.map_err(ExportError::Old)?;
            }
            let EventBody::Message { message, text, .. } = &event.body else { continue };
            let key = self.key(message.0);
            let state = stretch.states.get(&event.seq);
            match stretch.there.get(&key) {
                None => new.push(self.message(room, event, state, stretch).await?),
                Some(there) => self.change(&key, text, state, there).await?,
            }
            for &user in is_in.iter().filter(|&&user| Some(user) != event.sender) {
                let Some(&(seq, at)) = read.get(&user) else { continue };
                let pair = (key.clone(), self.key(user.0));
                if seq >= event.seq && !stretch.reads_there.contains(&pair) {
                    reads.push((pair.0, pair.1, at.max(event.at)));
                }
            }
        }
        self.report.messages += new.len() as u64;
        self.report.reads += reads.len() as u64;
        self.django.add_messages(&new).await.map_err(ExportError::Old)?;
        self.django.add_reads(&reads).await.map_err(ExportError::Old)?;
        for event in &stretch.events {
            // What is deleted has lost its reactions here; there nobody sees them.
            let deleted = stretch.states.get(&event.seq).is_some_and(|state| state.deleted_at.is_some());
            if let Some(message) = event.body.message().filter(|_| !deleted) {
                self.reactions(message, event, stretch).await?;
            }
        }
        self.django.commit().await.map_err(ExportError::Old)
    }

    async fn message(
        &mut self,
        room: &str,
        event: &Event,
        state: Option<&MessageState>,
        stretch: &Stretch,
    ) -> Result<NewOldMessage, ExportError> {
        let EventBody::Message { message, text, reply_to, attachment, label, .. } = &event.body else {
            return Err(ExportError::File("a message is none".to_owned()));
        };
        let edited = state.and_then(|state| state.text.clone());
        let deleted_at = state.and_then(|state| state.deleted_at);
        let media = attachment.as_deref().filter(|_| deleted_at.is_none());
        let kind = match (label, media.map(|attachment| attachment.media)) {
            (Some(MessageLabel::Emoji), _) => "emoji",
            (Some(MessageLabel::System), _) => "system",
            (Some(MessageLabel::StoryReply), _) => "story_reply",
            (None, Some(Media::Image)) => "image",
            (None, Some(Media::Video)) => "video",
            (None, Some(Media::Audio)) => "audio",
            (None, Some(Media::File)) => "file",
            (None, None) => "text",
        };
        let file = match media {
            Some(attachment) => self.copy(attachment).await?,
            None => None,
        };
        Ok(NewOldMessage {
            key: self.key(message.0),
            room: room.to_owned(),
            sender: event.sender.map(|user| self.key(user.0)),
            content: edited.unwrap_or_else(|| text.clone()),
            kind,
            file,
            file_name: media.map(|attachment| attachment.name.clone()),
            file_size: media.map(|attachment| attachment.bytes),
            reply_to: reply_to.map(|reply| self.key(reply.message.0)),
            edited_at: state.and_then(|state| state.edited_at),
            deleted_at,
            at: stretch.said_at.get(&event.seq).copied().unwrap_or(event.at),
        })
    }

    async fn change(
        &mut self,
        key: &str,
        text: &str,
        state: Option<&MessageState>,
        there: &OldMessage,
    ) -> Result<(), ExportError> {
        let Some(state) = state else { return Ok(()) };
        if let Some(at) = state.deleted_at {
            if !there.deleted {
                self.django.delete_message(key, at).await.map_err(ExportError::Old)?;
                self.report.changed += 1;
            }
            return Ok(());
        }
        let edited = state.text.as_deref().zip(state.edited_at).filter(|_| !there.deleted);
        let Some((edited, at)) = edited else { return Ok(()) };
        // Ours is what theirs became when it was brought.
        let held = there.content.as_deref().unwrap_or(text);
        let same = shape::text(held, self.options.message_chars).is_ok_and(|held| held == edited);
        if !same {
            self.django.edit_message(key, edited, at).await.map_err(ExportError::Old)?;
            self.report.changed += 1;
        }
        Ok(())
    }

    async fn reactions(
        &mut self,
        message: MessageId,
        event: &Event,
        stretch: &Stretch,
    ) -> Result<(), ExportError> {
        let key = self.key(message.0);
        let none = BTreeMap::new();
        let there = stretch.reactions_there.get(&key).unwrap_or(&none);
        let here: BTreeMap<String, (Reaction, Micros)> = stretch
            .reacted
            .get(&event.seq)
            .into_iter()
            .flatten()
            .map(|one| (self.key(one.user.0), (one.reaction, one.at)))
            .collect();
        for (user, (reaction, at)) in &here {
            if there.get(user).map(String::as_str) != Some(reaction.name()) {
                let put = self.django.put_reaction(&key, user, Some(reaction.name()), *at);
                put.await.map_err(ExportError::Old)?;
                self.report.reactions += 1;
            }
        }
        for (user, name) in there {
            // What was never here was not taken back here.
            let was_here = Reaction::from_name(name).is_some() && self.ours.contains(user);
            if was_here && !here.contains_key(user) {
                self.django.put_reaction(&key, user, None, event.at).await.map_err(ExportError::Old)?;
                self.report.reactions += 1;
            }
        }
        Ok(())
    }

    /// A file that was sent here, copied below the app's media folder.
    async fn copy(&mut self, attachment: &Attachment) -> Result<Option<(FileColumn, String)>, ExportError> {
        let Some(folder) = &self.options.media_dir else {
            self.report.files_left += 1;
            return Ok(None);
        };
        let name = format!("{BELOW}/{}", super::file_name(attachment));
        let made = tokio::fs::create_dir_all(folder.join(BELOW)).await;
        made.map_err(|error| ExportError::File(format!("{}: {error}", folder.display())))?;
        if !super::copy(self.files, attachment, &folder.join(&name)).await? {
            self.report.files_left += 1;
            return Ok(None);
        }
        self.report.files += 1;
        Ok(Some(match attachment.media {
            Media::Image => (FileColumn::Image, name),
            Media::Video => (FileColumn::Video, name),
            Media::Audio => (FileColumn::Audio, name),
            Media::File => (FileColumn::Address, format!("{}{name}", self.options.media)),
        }))
    }
}

fn owner(members: &[Member]) -> Option<UserId> {
    let owner = members.iter().find(|member| member.role == Role::Owner).or(members.first());
    owner.map(|member| member.user)
}
