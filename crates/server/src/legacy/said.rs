//! Messages as the old contract shows them: with who said and who read them, what they answer, and
//! what has become of them.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;
use zas_protocol::rest::Reacted;
use zas_protocol::{
    ErrorCode, Event, EventBody, Media, MessageId, MessageLabel, MessageState, Position, Reaction, RoomId,
    Seq, UserId,
};

use super::answer::{Refused, Viewer};
use super::shapes::{People, time};
use crate::app::App;

/// Characters that a quote shows.
const QUOTED: usize = 100;

/// What messages of one chat are shown with.
pub(super) struct Said {
    people: People,
    positions: Vec<Position>,
    states: HashMap<Seq, MessageState>,
    reacted: Vec<Reacted>,
    /// What they answer, as far as the viewer can see it.
    quotes: HashMap<Seq, Event>,
}

impl Said {
    /// All that these messages need, and the names of those who did something to them.
    pub(super) async fn load(
        app: &App,
        viewer: &Viewer,
        chat: RoomId,
        events: &[Event],
        actors: impl Iterator<Item = UserId>,
    ) -> Result<Self, Refused> {
        let mut room = app.store.room(viewer.user, chat).await?.ok_or(ErrorCode::NotFound)?;
        app.hub.merge_positions(&mut room);
        let mut seqs: Vec<Seq> = events.iter().map(|event| event.seq).collect();
        let quoted: Vec<Seq> = events.iter().filter_map(quoted).collect();
        let quotes = match &quoted[..] {
            [] => Vec::new(),
            _ => app.store.visible(viewer.user, chat, &quoted).await?.unwrap_or_default(),
        };
        seqs.extend(quoted);
        let states = app.store.states(viewer.user, chat, &seqs).await?;
        // A message that has just been sent has none, and that is what is shown most often.
        let with_reactions = states.iter().filter(|state| !state.reactions.is_empty());
        let reacted = match with_reactions.map(|state| state.of).collect::<Vec<Seq>>() {
            seqs if seqs.is_empty() => Vec::new(),
            seqs => app.store.reacted(chat, &seqs).await?,
        };
        let mut ids: Vec<UserId> = room.positions.iter().map(|position| position.user).collect();
        ids.extend(events.iter().chain(&quotes).filter_map(|event| event.sender));
        ids.extend(reacted.iter().map(|reacted| reacted.user));
        ids.extend(actors);
        let people = People::load(app, viewer, ids).await?;
        Ok(Self {
            people,
            positions: room.positions,
            states: states.into_iter().map(|state| (state.of, state)).collect(),
            reacted,
            quotes: quotes.into_iter().map(|event| (event.seq, event)).collect(),
        })
    }

    /// A message; `None` for an event that is none.
    pub(super) fn message(&self, app: &App, event: &Event) -> Option<Value> {
        let EventBody::Message { message, reply_to, attachment, .. } = &event.body else { return None };
        let state = self.states.get(&event.seq);
        let edited_at = state.and_then(|state| state.edited_at);
        let deleted_at = state.and_then(|state| state.deleted_at);
        let readers: Vec<Value> = self
            .positions
            .iter()
            .filter(|position| position.read >= event.seq && Some(position.user) != event.sender)
            .map(|position| {
                json!({
                    "id": id_of(*message, position.user), "user": self.people.short(app, position.user),
                    "read_at": time(position.read_at),
                })
            })
            .collect();
        let reactions: Vec<Value> = self
            .reacted
            .iter()
            .filter(|reacted| reacted.of == event.seq)
            .map(|reacted| {
                json!({
                    "id": id_of(*message, reacted.user), "user": self.people.short(app, reacted.user),
                    "reaction_type": reacted.reaction.name(), "created_at": time(reacted.at),
                })
            })
            .collect();
        let media = attachment.as_ref().map(|attachment| attachment.media);
        let address = attachment.as_ref().map(|attachment| self.people.address(app, attachment.file));
        let of = |wanted: Media| if media == Some(wanted) { json!(address) } else { Value::Null };
        let reply = reply_to.and_then(|reply| self.quotes.get(&reply.of)).map(|event| self.quote(event));
        Some(json!({
            "id": message, "chat_room": event.room,
            "sender": event.sender.map_or(Value::Null, |id| self.people.short(app, id)),
            "content": content(event, state), "message_type": message_type(&event.body),
            "image": of(Media::Image), "video": of(Media::Video), "audio": of(Media::Audio),
            "file_url": address, "file_name": attachment.as_ref().map(|attachment| &attachment.name),
            "file_size": attachment.as_ref().map(|attachment| attachment.bytes),
            "reply_to": reply, "is_reply": reply_to.is_some(),
            "is_edited": edited_at.is_some(), "is_deleted": deleted_at.is_some(),
            "created_at": time(event.at),
            "updated_at": time(deleted_at.or(edited_at).unwrap_or(event.at)),
            "reactions": reactions,
            "user_reaction": state.and_then(|state| state.mine).map(Reaction::name),
            "is_read": !readers.is_empty(), "read_by_count": readers.len(), "read_by": readers,
            "story_id": null, "story_preview": null, "seq": event.seq, "txn_id": event.txn_id,
        }))
    }

    fn quote(&self, event: &Event) -> Value {
        let text = content(event, self.states.get(&event.seq));
        let (id, sender) = (event.body.message(), event.sender);
        json!({
            "id": id, "content": text.chars().take(QUOTED).collect::<String>(),
            "sender": sender.map_or(Value::Null, |id| json!({
                "id": id, "username": self.people.username(id), "display_name": self.people.display_name(id),
            })),
            "message_type": message_type(&event.body),
        })
    }

    /// What a socket is told of an event, which is `message` or changes it.
    pub(super) fn frame(&self, app: &App, event: &Event, message: &Event) -> Option<Value> {
        let shown = |kind: &str| Some(json!({ "type": kind, "message": self.message(app, message)? }));
        let user = event.sender?;
        match &event.body {
            EventBody::Message { .. } => shown("chat_message"),
            EventBody::MessageEdited { .. } => shown("message_edited"),
            EventBody::MessageDeleted { message, .. } => {
                Some(json!({ "type": "message_deleted", "message_id": message, "user_id": user }))
            }
            EventBody::ReactionChanged { message, reaction, was, .. } => Some(json!({
                "type": "message_reaction", "message_id": message, "user_id": user,
                "username": self.people.username(user),
                "reaction_type": reaction.or(*was).map(Reaction::name), "added": reaction.is_some(),
            })),
            _ => None,
        }
    }
}

/// The last message of a chat, in the short form of a list.
pub(super) fn last_message(event: &Event, state: Option<&MessageState>, people: &People) -> Value {
    let sender = event.sender.map_or(
        Value::Null,
        |id| json!({ "username": people.username(id), "display_name": people.display_name(id) }),
    );
    json!({
        "id": event.body.message(), "content": content(event, state),
        "message_type": message_type(&event.body), "sender": sender, "created_at": time(event.at),
    })
}

fn quoted(event: &Event) -> Option<Seq> {
    match &event.body {
        EventBody::Message { reply_to, .. } => reply_to.map(|reply| reply.of),
        _ => None,
    }
}

/// What a message says now.
fn content<'a>(event: &'a Event, state: Option<&'a MessageState>) -> &'a str {
    match (&event.body, state) {
        (_, Some(MessageState { text: Some(text), .. })) => text,
        (EventBody::Message { text, .. }, _) => text,
        _ => "",
    }
}

fn message_type(body: &EventBody) -> &'static str {
    let EventBody::Message { attachment, label, .. } = body else { return "text" };
    match (attachment.as_ref().map(|attachment| attachment.media), label) {
        (Some(Media::Image), _) => "image",
        (Some(Media::Video), _) => "video",
        (Some(Media::Audio), _) => "audio",
        (Some(Media::File), _) => "file",
        (None, Some(MessageLabel::Emoji)) => "emoji",
        (None, Some(MessageLabel::System)) => "system",
        (None, Some(MessageLabel::StoryReply)) => "story_reply",
        (None, None) => "text",
    }
}

/// The old contract gives an id to what somebody thinks of a message, or to their having read it.
fn id_of(message: MessageId, user: UserId) -> Uuid {
    Uuid::from_u128(message.0.as_u128() ^ user.0.as_u128().rotate_left(64))
}
