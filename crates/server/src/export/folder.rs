//! Rooms in a folder, for people and for programs: a page and a file of JSON Lines for each, the files that
//! messages carry beside them, and a page that leads to all. What a person gets is what they can see.
//!
//! A line is a JSON object with a `type`: `room` first, then `message` as it is now, or `event` for all else that
//! happened, as the protocol has it. Times are those of RFC 3339, to the microsecond.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, BufWriter};
use uuid::Uuid;
use zas_protocol::rest::{Me, Reacted, User};
use zas_protocol::{
    Attachment, Event, EventBody, Language, MessageState, Micros, Role, RoomId, RoomKind, Seq, UserId,
};
use zas_store::{PageAt, Store};

use super::ExportError;
use super::page::{self, Line};
use crate::files::Files;

/// Events and accounts read at a time.
const PIECE: u32 = 500;

/// What to export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A room, from its beginning.
    Room(RoomId),
    /// A person: their account, and what they can see of each room that they are in.
    Person(UserId),
    /// All rooms that anybody is in, from their beginnings, and all accounts.
    All,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Rooms.
    pub rooms: u64,
    /// Messages.
    pub messages: u64,
    /// Files.
    pub files: u64,
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rooms, {} messages, {} files.", self.rooms, self.messages, self.files)
    }
}

/// Writes into a folder that is not there yet.
///
/// # Errors
/// [`ExportError`]; what was written until then stays.
pub async fn run(
    store: &dyn Store,
    files: &Files,
    what: What,
    folder: &Path,
    language: Language,
) -> Result<Written, ExportError> {
    if folder.exists() {
        return Err(ExportError::File(format!("{} is there already", folder.display())));
    }
    let mut export =
        Export { store, files, folder, language, people: BTreeMap::new(), written: Written::default() };
    export.make(&folder.join("rooms")).await?;
    let (rooms, viewer) = match what {
        What::Room(room) => (BTreeSet::from([room]), None),
        What::Person(user) => {
            export.account(user).await?;
            (export.rooms_of(user).await?, Some(user))
        }
        What::All => (export.everybody().await?, None),
    };
    let mut index = Vec::new();
    for room in rooms {
        if let Some(line) = export.room(room, viewer).await? {
            index.push(line);
        }
    }
    if let (What::Room(room), true) = (what, index.is_empty()) {
        return Err(ExportError::File(format!("nobody is in a room {room}")));
    }
    index.sort_by_key(|room| std::cmp::Reverse(room.last));
    let page = page::index(&index, language);
    export.put(&folder.join("index.html"), page.as_bytes()).await?;
    Ok(export.written)
}

struct Export<'a> {
    store: &'a dyn Store,
    files: &'a Files,
    folder: &'a Path,
    language: Language,
    people: BTreeMap<UserId, User>,
    written: Written,
}

/// A time as people and programs read it.
pub(super) fn time(at: Micros) -> String {
    Timestamp::from_microsecond(at).map_or_else(|_| at.to_string(), |stamp| format!("{stamp:.6}"))
}

fn me(me: &Me) -> Value {
    json!({ "type": "account", "user": me.user, "email": me.email, "prefs": me.prefs })
}

impl Export<'_> {
    fn failed(path: &Path) -> impl Fn(std::io::Error) -> ExportError {
        let path = path.display().to_string();
        move |error| ExportError::File(format!("{path}: {error}"))
    }

    async fn make(&self, folder: &Path) -> Result<(), ExportError> {
        tokio::fs::create_dir_all(folder).await.map_err(Self::failed(folder))
    }

    async fn put(&self, path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
        tokio::fs::write(path, bytes).await.map_err(Self::failed(path))
    }

    async fn account(&self, user: UserId) -> Result<(), ExportError> {
        let Some(account) = self.store.me(user).await? else {
            return Err(ExportError::File("there is no such account".to_owned()));
        };
        self.put(&self.folder.join("people.jsonl"), format!("{}\n", me(&account)).as_bytes()).await
    }

    async fn rooms_of(&self, user: UserId) -> Result<BTreeSet<RoomId>, ExportError> {
        let own_log = RoomId::own_log(user);
        let heads = self.store.heads(user).await?;
        Ok(heads.into_iter().map(|head| head.room).filter(|&room| room != own_log).collect())
    }

    async fn everybody(&self) -> Result<BTreeSet<RoomId>, ExportError> {
        let (mut rooms, mut lines, mut after) = (BTreeSet::new(), String::new(), None);
        loop {
            let piece = self.store.accounts(after, PIECE).await?;
            let Some(last) = piece.last() else { break };
            after = Some(last.user.id);
            for row in &piece {
                rooms.extend(self.rooms_of(row.user.id).await?);
                if let Some(account) = self.store.me(row.user.id).await? {
                    lines.push_str(&format!("{}\n", me(&account)));
                }
            }
        }
        self.put(&self.folder.join("people.jsonl"), lines.as_bytes()).await?;
        Ok(rooms)
    }

    /// A room's two files; `None` where nobody is in it.
    async fn room(
        &mut self,
        room: RoomId,
        viewer: Option<UserId>,
    ) -> Result<Option<page::Room>, ExportError> {
        let Some(roster) = self.store.roster(room).await? else { return Ok(None) };
        let Some(first) = roster.members.first() else { return Ok(None) };
        let shown = self.store.room(viewer.unwrap_or(first.user), room).await?;
        let Some(shown) = shown.filter(|shown| shown.kind != RoomKind::OwnLog) else { return Ok(None) };
        self.know(roster.members.iter().map(|member| member.user)).await?;
        let others = roster.members.iter().filter(|member| Some(member.user) != viewer);
        let named: Vec<&str> = others.map(|member| self.name(Some(member.user))).collect();
        let name = shown.name.clone().unwrap_or_else(|| named.join(", "));
        let members: Vec<Value> = roster
            .members
            .iter()
            .map(|member| json!({ "user": self.people.get(&member.user), "role": role(member.role) }))
            .collect();
        let head = json!({
            "type": "room", "room": room, "kind": shown.kind, "name": shown.name, "members": members,
        });
        let (lines, html) = (
            self.folder.join("rooms").join(format!("{room}.jsonl")),
            self.folder.join("rooms").join(format!("{room}.html")),
        );
        let mut json_lines =
            BufWriter::new(tokio::fs::File::create(&lines).await.map_err(Self::failed(&lines))?);
        let mut page = BufWriter::new(tokio::fs::File::create(&html).await.map_err(Self::failed(&html))?);
        json_lines.write_all(format!("{head}\n").as_bytes()).await.map_err(Self::failed(&lines))?;
        page.write_all(page::begin(&name, self.language).as_bytes()).await.map_err(Self::failed(&html))?;
        let (mut after, mut count) = (0, 0);
        loop {
            let (events, next) = self.piece(room, viewer, after).await?;
            for (event, line) in self.lines(room, &events).await? {
                json_lines.write_all(format!("{event}\n").as_bytes()).await.map_err(Self::failed(&lines))?;
                if let Some(line) = line {
                    count += 1;
                    let said = page::message(&line, viewer, self.language);
                    page.write_all(said.as_bytes()).await.map_err(Self::failed(&html))?;
                }
            }
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
        page.write_all(page::END.as_bytes()).await.map_err(Self::failed(&html))?;
        page.flush().await.map_err(Self::failed(&html))?;
        json_lines.flush().await.map_err(Self::failed(&lines))?;
        self.written.rooms += 1;
        self.written.messages += count;
        Ok(Some(page::Room { id: room, name, messages: count, last: shown.last_at }))
    }

    /// Events above a place, and where to go on.
    async fn piece(
        &self,
        room: RoomId,
        viewer: Option<UserId>,
        after: Seq,
    ) -> Result<(Vec<Event>, Option<Seq>), ExportError> {
        let Some(viewer) = viewer else {
            let events = self.store.log_after(room, after, PIECE).await?;
            let next = events.last().map(|event| event.seq);
            return Ok((events, next));
        };
        let page = self.store.page(viewer, room, PageAt::After(after), PIECE).await?;
        let Some(page) = page else { return Ok((Vec::new(), None)) };
        let next = (page.to > after && page.to < page.head).then_some(page.to);
        Ok((page.events, next))
    }

    /// Each event as a line, and for the page where it is a message.
    async fn lines(
        &mut self,
        room: RoomId,
        events: &[Event],
    ) -> Result<Vec<(Value, Option<Line>)>, ExportError> {
        let messages = events.iter().filter(|event| event.body.message().is_some());
        let seqs: Vec<Seq> = messages.map(|event| event.seq).collect();
        // Whose reactions are whose is asked for each.
        let states = self.store.states(UserId(Uuid::nil()), room, &seqs).await?;
        let states: BTreeMap<Seq, MessageState> = states.into_iter().map(|state| (state.of, state)).collect();
        let mut reacted: BTreeMap<Seq, Vec<Reacted>> = BTreeMap::new();
        for one in self.store.reacted(room, &seqs).await? {
            reacted.entry(one.of).or_default().push(one);
        }
        let said_at: BTreeMap<Seq, Micros> = match (seqs.first(), seqs.last()) {
            (Some(&low), Some(&high)) => self.store.said_at(room, low, high).await?.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        let people = events.iter().filter_map(|event| event.sender);
        self.know(people.chain(reacted.values().flatten().map(|one| one.user))).await?;
        let mut lines = Vec::with_capacity(events.len());
        for event in events {
            let EventBody::Message { message, text, reply_to, attachment, label, .. } = &event.body else {
                let mut line = serde_json::to_value(event).unwrap_or_default();
                line["type"] = json!("event");
                line["at"] = json!(time(event.at));
                lines.push((line, None));
                continue;
            };
            let state = states.get(&event.seq);
            let deleted_at = state.and_then(|state| state.deleted_at);
            let edited_at = state.and_then(|state| state.edited_at);
            let text = state.and_then(|state| state.text.clone()).unwrap_or_else(|| text.clone());
            let at = said_at.get(&event.seq).copied().unwrap_or(event.at);
            let file = match attachment.as_deref().filter(|_| deleted_at.is_none()) {
                Some(attachment) => Some((attachment.clone(), self.copy(attachment).await?)),
                None => None,
            };
            let reactions = reacted.remove(&event.seq).unwrap_or_default();
            let carried = file.as_ref().map(|(attachment, place)| {
                json!({
                    "name": attachment.name, "media_type": attachment.media_type,
                    "bytes": attachment.bytes, "at": place,
                })
            });
            let given: Vec<Value> = reactions
                .iter()
                .map(|one| {
                    json!({
                        "user": one.user, "name": self.name(Some(one.user)), "reaction": one.reaction,
                        "at": time(one.at),
                    })
                })
                .collect();
            lines.push((
                json!({
                    "type": "message", "message": message, "seq": event.seq, "at": time(at),
                    "sender": event.sender, "name": self.name(event.sender), "text": text, "label": label,
                    "reply_to": reply_to.map(|reply| reply.message), "edited_at": edited_at.map(time),
                    "deleted_at": deleted_at.map(time), "attachment": carried, "reactions": given,
                }),
                Some(Line {
                    id: *message,
                    sender: event.sender,
                    name: self.name(event.sender).to_owned(),
                    text,
                    at,
                    edited: edited_at.is_some(),
                    deleted: deleted_at.is_some(),
                    reply_to: reply_to.map(|reply| reply.message),
                    file,
                    reactions: reactions.into_iter().map(|one| one.reaction).collect(),
                }),
            ));
        }
        Ok(lines)
    }

    /// Where a message's file is, seen from its room's page; copied there, unless another system keeps it.
    async fn copy(&mut self, attachment: &Attachment) -> Result<String, ExportError> {
        if let Some(origin) = self.store.file_origin(attachment.file).await? {
            return Ok(origin);
        }
        let folder = self.folder.join("files");
        self.make(&folder).await?;
        let name = super::file_name(attachment);
        let path: PathBuf = folder.join(&name);
        super::copy(self.files, attachment.file, &path).await?;
        self.written.files += 1;
        Ok(format!("../files/{name}"))
    }

    /// Learns what people are called.
    async fn know(&mut self, ids: impl Iterator<Item = UserId>) -> Result<(), ExportError> {
        let unknown: BTreeSet<UserId> = ids.filter(|id| !self.people.contains_key(id)).collect();
        let unknown: Vec<UserId> = unknown.into_iter().collect();
        for user in self.store.users(&unknown).await? {
            self.people.insert(user.id, user);
        }
        Ok(())
    }

    fn name(&self, user: Option<UserId>) -> &str {
        user.and_then(|user| self.people.get(&user)).map_or("Zas", |user| user.display_name.as_str())
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Admin => "admin",
        Role::Member => "member",
    }
}
