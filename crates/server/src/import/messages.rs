//! What was said, and what became of it. A message that is new here goes to its log as it is now; one that is
//! here is compared, and what has changed there since happens here too, by the commands of those who did it.

use std::collections::{BTreeMap, HashMap};

use zas_core::ledger::{Submission, Write};
use zas_core::shape;
use zas_protocol::{
    Attachment, Command, ErrorCode, EventBody, FileId, Media, MessageId, MessageLabel, Micros, Position,
    Reaction, ReplyTo, RoomId, Seq, TxnId, UserId,
};
use zas_store::django::{Fault, OldMessage, OldReaction, OldRead, id};
use zas_store::{FileKind, FileRow, Imported};

use super::facts::{self, Fact};
use super::here::{self, Done};
use super::reading::{Piece, Reading};
use super::{Import, ImportError};
use crate::clock;

/// Writes of one transaction, about.
const PENDING: usize = 10_000;
/// Events read at once.
const PIECE: u32 = 1_000;

/// Where a log ends.
pub(super) struct Log {
    pub(super) room: RoomId,
    pub(super) head: Seq,
    pub(super) last_at: Micros,
}

/// Somebody who has read up to there.
pub(super) const fn position(user: UserId, seq: Seq, at: Micros) -> Position {
    Position { user, delivered: seq, read: seq, delivered_at: at, read_at: at }
}

/// Where messages are.
type Places = HashMap<MessageId, (RoomId, Seq)>;

/// A message that may be brought.
struct Said {
    id: MessageId,
    fact: Fact,
    label: Option<MessageLabel>,
    attachment: Option<(Attachment, String)>,
    edited_at: Option<Micros>,
    deleted_at: Option<Micros>,
}

impl Import<'_> {
    /// What is read of a room, from its first piece on; when each message that was brought was said, and its
    /// place.
    pub(super) async fn messages(
        &mut self,
        log: &mut Log,
        done: &Done,
        first: Piece,
        reading: &mut Reading,
    ) -> Result<Vec<(Micros, Seq)>, ImportError> {
        let mut seqs: HashMap<MessageId, Seq> = HashMap::with_capacity(first.messages.len());
        let mut times = Vec::with_capacity(first.messages.len());
        let mut piece = first;
        loop {
            let places = if self.is_first { Places::new() } else { self.places(&piece.messages).await? };
            self.piece(log, &piece, (&places, done), &mut seqs, &mut times).await?;
            self.watch.more(piece.messages.len() as u64);
            if self.pending.writes.len() >= PENDING {
                self.write_on().await?;
            }
            if piece.is_last {
                return Ok(times);
            }
            piece = reading.of(&piece.room).await?;
        }
    }

    /// Where those of these messages are that are here, and those that they answer.
    async fn places(&self, messages: &[OldMessage]) -> Result<Places, ImportError> {
        let mut ids: Vec<MessageId> = messages
            .iter()
            .flat_map(|message| [id(&message.key), id(&message.reply_to)])
            .flatten()
            .map(MessageId)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        let found = self.store.places(&ids).await?;
        Ok(found.into_iter().map(|(message, room, seq)| (message, (room, seq))).collect())
    }

    async fn piece(
        &mut self,
        log: &mut Log,
        piece: &Piece,
        (places, done): (&Places, &Done),
        seqs: &mut HashMap<MessageId, Seq>,
        times: &mut Vec<(Micros, Seq)>,
    ) -> Result<(), ImportError> {
        let mut known: Vec<(Seq, &str, Said)> = Vec::new();
        for old in &piece.messages {
            let said = match self.said(old, piece) {
                Ok(said) => said,
                Err(fault) => {
                    self.report.leave("messages", &old.key, fault);
                    continue;
                }
            };
            let (message, at) = (said.id, said.fact.at);
            let here = places.get(&message);
            if here.is_some_and(|(room, _)| *room != log.room) {
                self.report.leave("messages", &old.key, Fault::Twice);
                continue;
            }
            self.report.messages.count(here.is_some());
            if here.is_some_and(|&(_, seq)| self.kept.get(&log.room).is_some_and(|kept| kept.contains(&seq)))
            {
                self.report.kept += 1;
            } else {
                self.brought(log.room, &said);
            }
            let seq = match here {
                Some(&(_, seq)) => {
                    known.push((seq, &old.key, said));
                    seq
                }
                None => {
                    let reply_to = self.reply_to(old, log.room, seqs, places);
                    append(log, said, reply_to, &mut self.pending);
                    log.head
                }
            };
            seqs.insert(message, seq);
            times.push((at, seq));
        }
        self.report.reads += piece.reads.len() as u64;
        let positions = self.read_up_to(log.room, seqs, &piece.reads);
        self.pending.positions.extend(positions);
        if !known.is_empty() && !self.options.dry_run {
            // Commands go on at the end of the log, so what is new goes first.
            self.flush().await?;
            if self.changes(log.room, &known, done).await? {
                let end = self.store.roster(log.room).await?;
                (log.head, log.last_at) = end.map_or((log.head, log.last_at), |end| (end.head, end.last_at));
            }
        }
        Ok(())
    }

    fn brought(&mut self, room: RoomId, said: &Said) {
        let room = self.rooms.entry(room).or_default();
        room.messages += 1;
        room.digest.add(said.id, &said.fact);
        self.report.reactions += said.fact.reactions.len() as u64;
    }

    fn said(&mut self, old: &OldMessage, piece: &Piece) -> Result<Said, Fault> {
        let id = MessageId(id(&old.key).ok_or(Fault::NoId)?);
        let at = old.created_at.ok_or(Fault::NoDate)?;
        let sender = match old.sender.as_str() {
            "" => None,
            key => Some(self.people.get(key).ok_or(Fault::Orphan)?.id),
        };
        let label = match old.kind.as_deref() {
            Some("emoji") => Some(MessageLabel::Emoji),
            Some("system") => Some(MessageLabel::System),
            Some("story_reply") => Some(MessageLabel::StoryReply),
            _ => None,
        };
        let nothing = Fact {
            sender,
            text: String::new(),
            at,
            has_file: false,
            deleted: true,
            reactions: BTreeMap::new(),
        };
        if old.deleted {
            let deleted_at = Some(old.deleted_at.or(old.updated_at).unwrap_or(at));
            return Ok(Said { id, fact: nothing, label, attachment: None, edited_at: None, deleted_at });
        }
        let attachment = sender.and_then(|_| self.attachment(id, old));
        let content = old.content.as_deref().ok_or(Fault::NoText)?;
        let text = match shape::text(content, self.options.message_chars) {
            Ok(text) => text,
            Err(ErrorCode::TextBlank) if attachment.is_some() => String::new(),
            Err(ErrorCode::TextBlank) => return Err(Fault::Empty),
            Err(ErrorCode::TextTooLong) => return Err(Fault::TooLong),
            Err(_) => return Err(Fault::NoText),
        };
        let reactions = self.reactions(piece.reactions.get(&old.key).map_or(&[], Vec::as_slice));
        let is_edited = old.edited && !text.is_empty();
        let edited_at = is_edited.then(|| old.updated_at.unwrap_or(at));
        let has_file = attachment.is_some();
        let fact = Fact { text, has_file, deleted: false, reactions, ..nothing };
        Ok(Said { id, fact, label, attachment, edited_at, deleted_at: None })
    }

    fn reactions(&mut self, rows: &[OldReaction]) -> BTreeMap<UserId, Reaction> {
        let mut all = BTreeMap::new();
        for row in rows {
            let reaction = row.reaction.as_deref().and_then(Reaction::from_name);
            let person = self.people.get(&row.user).map(|person| person.id);
            let fault = match (person, reaction) {
                (None, _) => Fault::Orphan,
                (_, None) => Fault::Unknown,
                (Some(person), Some(reaction)) => match all.insert(person, reaction) {
                    None => continue,
                    Some(_) => Fault::Twice,
                },
            };
            self.report.leave("message_reactions", &format!("{} to {}", row.user, row.message), fault);
        }
        all
    }

    /// What a message carries; its bytes stay where they are.
    fn attachment(&self, message: MessageId, old: &OldMessage) -> Option<(Attachment, String)> {
        let path = old.file.as_deref()?;
        let address = address(&self.options.media, path)?;
        let named = old.file_name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(path);
        let media_type = media_type(path, old.kind.as_deref());
        let attachment = Attachment {
            file: FileId(message.0),
            name: shape::file_name(named),
            media: Media::of(media_type),
            media_type: media_type.to_owned(),
            bytes: old.file_size.unwrap_or_default(),
            width: 0,
            height: 0,
        };
        Some((attachment, address))
    }

    fn reply_to(
        &mut self,
        old: &OldMessage,
        room: RoomId,
        seqs: &HashMap<MessageId, Seq>,
        places: &Places,
    ) -> Option<ReplyTo> {
        if old.reply_to.is_empty() {
            return None;
        }
        let found = id(&old.reply_to).map(MessageId).and_then(|message| {
            let here = places.get(&message).filter(|(place, _)| *place == room).map(|(_, seq)| *seq);
            let of = seqs.get(&message).copied().or(here)?;
            Some(ReplyTo { message, of })
        });
        self.report.replies_lost += u64::from(found.is_none());
        found
    }

    fn read_up_to(
        &self,
        room: RoomId,
        seqs: &HashMap<MessageId, Seq>,
        reads: &[OldRead],
    ) -> Vec<(RoomId, Position)> {
        let mut positions: BTreeMap<UserId, Position> = BTreeMap::new();
        for read in reads {
            let seq = id(&read.message).and_then(|message| seqs.get(&MessageId(message)));
            let (Some(person), Some(&seq)) = (self.people.get(&read.user), seq) else { continue };
            let new = position(person.id, seq, read.at.unwrap_or_default());
            let held = positions.entry(person.id).or_insert(new);
            if seq > held.read {
                *held = new;
            }
        }
        positions.into_values().map(|position| (room, position)).collect()
    }

    /// What has changed there since these were brought happens here too. Whether anything did.
    async fn changes(
        &mut self,
        room: RoomId,
        known: &[(Seq, &str, Said)],
        done: &Done,
    ) -> Result<bool, ImportError> {
        let (Some(low), Some(high)) =
            (known.iter().map(|known| known.0).min(), known.iter().map(|known| known.0).max())
        else {
            return Ok(false);
        };
        let mut here = BTreeMap::new();
        let mut after = low - 1;
        while after < high {
            let events = self.store.log_after(room, after, PIECE).await?;
            let Some(last) = events.last() else { break };
            after = last.seq;
            let facts = facts::here(&*self.store, room, &events).await?;
            here.extend(facts.into_iter().map(|(message, _, fact)| (message, fact)));
        }
        let mut any = false;
        for (seq, key, said) in known {
            let Some(ours) = here.get(&said.id).filter(|ours| **ours != said.fact) else { continue };
            for (user, command) in differences(room, said, ours, |user| match user {
                None => done.has_text(*seq),
                Some(user) => done.has_reaction(*seq, user),
            }) {
                any = true;
                self.command(user, command, "messages", key).await?;
            }
        }
        Ok(any)
    }

    /// Has somebody do something now. What the rules refuse is left.
    pub(super) async fn command(
        &mut self,
        user: UserId,
        command: impl FnOnce(TxnId) -> Command,
        table: &'static str,
        key: &str,
    ) -> Result<(), ImportError> {
        if self.options.dry_run {
            return Ok(());
        }
        let command = command(here::name());
        // It may go to own logs as well.
        self.own_logs.clear();
        let outcomes = self.store.commit(vec![Submission { user, command }], clock::now()).await?;
        if outcomes.first().is_some_and(Result::is_err) {
            self.report.leave(table, key, Fault::Refused);
        } else {
            self.report.changed += 1;
        }
        Ok(())
    }
}

type Change = Box<dyn FnOnce(TxnId) -> Command + Send>;

/// What people did that makes `ours` what it is there; but what is decided here, of the text by `None` and of
/// somebody's reaction by who it is.
fn differences(
    room: RoomId,
    said: &Said,
    ours: &Fact,
    is_ours: impl Fn(Option<UserId>) -> bool,
) -> Vec<(UserId, Change)> {
    let (message, fact) = (said.id, &said.fact);
    let mut changes: Vec<(UserId, Change)> = Vec::new();
    if let Some(sender) = fact.sender.filter(|_| !is_ours(None)) {
        if fact.deleted && !ours.deleted {
            changes.push((sender, Box::new(move |txn_id| Command::DeleteMessage { txn_id, room, message })));
        } else if fact.text != ours.text && !ours.deleted {
            let text = fact.text.clone();
            changes
                .push((sender, Box::new(move |txn_id| Command::EditMessage { txn_id, room, message, text })));
        }
    }
    if fact.deleted || ours.deleted {
        return changes;
    }
    let people =
        fact.reactions.keys().chain(ours.reactions.keys().filter(|user| !fact.reactions.contains_key(user)));
    for &user in people {
        let reaction = fact.reactions.get(&user).copied();
        if ours.reactions.get(&user).copied() != reaction && !is_ours(Some(user)) {
            changes.push((user, Box::new(move |txn_id| Command::React { txn_id, room, message, reaction })));
        }
    }
    changes
}

/// A message at the end of its log, and what became of it.
fn append(log: &mut Log, said: Said, reply_to: Option<ReplyTo>, into: &mut Imported) {
    let Said { id: message, fact, label, attachment, edited_at, deleted_at } = said;
    let (attachment, address) = attachment.unzip();
    let body = EventBody::Message {
        message,
        text: fact.text.clone(),
        reply_to: reply_to.filter(|_| !fact.deleted),
        attachment: attachment.clone().map(Box::new),
        label,
        erased: fact.deleted,
    };
    let event = log.next(fact.at, fact.sender, body);
    let (room, seq, at) = (log.room, event.seq, event.at);
    into.writes.push(Write::Append { event, fingerprint: None });
    if at != fact.at {
        into.times.push((room, seq, fact.at));
    }
    if let (Some(attachment), Some(address), Some(user)) = (attachment, address, fact.sender) {
        let row = FileRow {
            id: attachment.file,
            user,
            kind: FileKind::Attachment,
            name: attachment.name,
            media_type: attachment.media_type,
            // Not of ours, so that nobody's share of the disk counts them.
            bytes: 0,
            width: 0,
            height: 0,
            at,
            message: Some((room, seq)),
        };
        into.files.push((row, address));
    }
    let (of, rev) = (seq, seq);
    if let Some(at) = edited_at {
        into.writes.push(Write::EditMessage { room, of, rev, text: fact.text, at });
    }
    if let Some(at) = deleted_at {
        into.writes.push(Write::EraseMessage { room, of, rev, at });
    }
    for (user, reaction) in fact.reactions {
        into.writes.push(Write::SetReaction { room, of, rev, user, reaction: Some(reaction), at });
    }
}

/// Where a file of the app is: below its media folder, or at an address of its own.
pub(super) fn address(media: &str, path: &str) -> Option<String> {
    let path = path.trim();
    let is_address = ["http://", "https://", "/"].iter().any(|start| path.starts_with(start));
    let address = if is_address { path.to_owned() } else { format!("{media}{path}") };
    // It goes into a header.
    let is_good = !path.is_empty() && !path.starts_with("//") && address.chars().all(|c| !c.is_control());
    is_good.then_some(address)
}

/// What a file is, by the end of its name, or else by what its message says of it.
pub(super) fn media_type(path: &str, kind: Option<&str>) -> &'static str {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let end = path.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default();
    match end.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "mp4" | "m4v" => "video/mp4",
        "webm" if kind == Some("audio") => "audio/webm",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        "mp3" => "audio/mpeg",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "m4a" | "aac" => "audio/mp4",
        "wav" => "audio/wav",
        "pdf" => "application/pdf",
        _ => match kind {
            Some("image") => "image/jpeg",
            Some("video") => "video/mp4",
            Some("audio") => "audio/mpeg",
            _ => "application/octet-stream",
        },
    }
}
