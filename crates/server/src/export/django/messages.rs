//! What was said, changed and read here, stretch by stretch of a room's log.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;
use zas_core::shape;
use zas_protocol::rest::Reacted;
use zas_protocol::{
    Attachment, Event, EventBody, Media, MessageId, MessageLabel, MessageState, Micros, Reaction, RoomId,
    Seq, UserId,
};
use zas_store::django::{FileColumn, NewOldMessage, OldMessage};

use super::{Export, Way};
use crate::export::ExportError;
use crate::import::was_done_here;

/// A stretch of a log, with all that both sides know of it.
pub(super) struct Stretch {
    events: Vec<Event>,
    states: BTreeMap<Seq, MessageState>,
    reacted: BTreeMap<Seq, Vec<Reacted>>,
    said_at: BTreeMap<Seq, Micros>,
    there: BTreeMap<String, OldMessage>,
    reactions_there: BTreeMap<String, BTreeMap<String, String>>,
    reads_there: BTreeSet<(String, String)>,
}

impl Export<'_> {
    pub(super) async fn look(&mut self, room: RoomId, events: Vec<Event>) -> Result<Stretch, ExportError> {
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
    pub(super) async fn stretch(&mut self, way: &mut Way, stretch: &Stretch) -> Result<(), ExportError> {
        let room = way.key.clone();
        let (mut new, mut reads) = (Vec::new(), Vec::new());
        for event in &stretch.events {
            // What came from there is there, and longer perhaps.
            match &event.body {
                EventBody::RoomRenamed { name } if was_done_here(event) => {
                    self.django.rename_room(&room, name).await.map_err(ExportError::Old)?;
                }
                EventBody::RoomCreated { .. } => way.is_ours = was_done_here(event),
                // The one that it was made with has no name of its own.
                EventBody::RoomProfileChanged { profile } if way.is_ours || was_done_here(event) => {
                    if let Some(description) = &profile.description {
                        self.django.describe_room(&room, description).await.map_err(ExportError::Old)?;
                    }
                    way.picture = profile.avatar.or(way.picture);
                }
                _ => {}
            }
            if let EventBody::RoleChanged { user, .. } = &event.body {
                way.roles.insert(*user);
            }
            let EventBody::Message { message, .. } = &event.body else { continue };
            let key = self.key(message.0);
            let state = stretch.states.get(&event.seq);
            match stretch.there.get(&key) {
                None => new.push(self.message(&room, event, state, stretch).await?),
                Some(there) => self.change(&key, event, state, there).await?,
            }
            let said = stretch.said_at.get(&event.seq).copied().unwrap_or(event.at);
            for (&user, &from) in way.is_in.iter().filter(|&(&user, _)| Some(user) != event.sender) {
                let Some(&(seq, at)) = way.read.get(&user) else { continue };
                // What they had read there before it moved in is noted there as the app noted it.
                let read_there = way.read_there.get(&user).is_some_and(|&until| said <= until);
                if event.seq < from || seq < event.seq || read_there {
                    continue;
                }
                way.advanced.insert(user);
                let pair = (key.clone(), self.key(user.0));
                if !stretch.reads_there.contains(&pair) {
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
            Some(attachment) => self.media(attachment).await?,
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
        event: &Event,
        state: Option<&MessageState>,
        there: &OldMessage,
    ) -> Result<(), ExportError> {
        let EventBody::Message { text, attachment, .. } = &event.body else { return Ok(()) };
        let is_deleted = there.deleted || state.is_some_and(|state| state.deleted_at.is_some());
        // Left here by an export that was not told where the app's media folder is.
        if let Some(attachment) = attachment.as_deref().filter(|_| there.file.is_none() && !is_deleted)
            && let Some((column, path)) = self.media(attachment).await?
        {
            self.django.put_file(key, column, &path).await.map_err(ExportError::Old)?;
        }
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

    /// A message's file, where the app looks for it.
    async fn media(&mut self, attachment: &Attachment) -> Result<Option<(FileColumn, String)>, ExportError> {
        let name = crate::export::file_name(attachment);
        let path = self.copy(attachment.file, &name).await?;
        Ok(path.map(|path| match attachment.media {
            Media::Image => (FileColumn::Image, path),
            Media::Video => (FileColumn::Video, path),
            Media::Audio => (FileColumn::Audio, path),
            Media::File => (FileColumn::Address, format!("{}{path}", self.options.media)),
        }))
    }
}
