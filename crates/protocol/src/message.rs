//! A message: what it carries, what people think of it, and what has become of it.
//!
//! To add a reaction: a variant of [`Reaction`], its name and its place in [`Reaction::ALL`], its emoji
//! in the web client.

use serde::{Deserialize, Serialize};

use crate::event::{Event, EventBody};
use crate::ids::{FileId, MessageId, Micros, Seq, UserId};

/// The message that another one answers. What it says now is asked of its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct ReplyTo {
    /// Which.
    pub message: MessageId,
    /// Its place in the same log.
    pub of: Seq,
}

/// What a message is besides its text, where who sent it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MessageLabel {
    /// An emoji by itself, to be drawn large.
    Emoji,
    /// Said by the service, not by a person.
    System,
    /// An answer to something shown elsewhere in the app that embeds the chat.
    StoryReply,
}

/// How a file is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Media {
    /// A picture.
    Image,
    /// A film.
    Video,
    /// Something to listen to.
    Audio,
    /// A name to click.
    File,
}

impl Media {
    /// How what is of a media type is shown. What a browser may not draw by itself is a file.
    #[must_use]
    pub fn of(media_type: &str) -> Self {
        match media_type {
            "image/jpeg" | "image/png" | "image/webp" | "image/gif" => Self::Image,
            "video/mp4" | "video/webm" | "video/quicktime" => Self::Video,
            _ if media_type.starts_with("audio/") => Self::Audio,
            _ => Self::File,
        }
    }
}

/// A file that a message carries; its bytes are at `GET /v1/files/{file}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct Attachment {
    /// Which.
    pub file: FileId,
    /// What its sender's computer called it; shown, never trusted.
    pub name: String,
    /// How it is shown.
    pub media: Media,
    /// As sniffed, never as claimed.
    pub media_type: String,
    /// Its size.
    #[cfg_attr(feature = "schema", ts(type = "number"))]
    pub bytes: u64,
    /// Of an image, in pixels, so that its place is kept before it is there; 0 where not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "schema", ts(optional, as = "Option<u32>"))]
    pub width: u32,
    /// Likewise.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[cfg_attr(feature = "schema", ts(optional, as = "Option<u32>"))]
    pub height: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_zero(value: &u32) -> bool {
    *value == 0
}

/// What a person thinks of a message; one each. The names are those of the old contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// 👍
    Like,
    /// ❤️
    Love,
    /// 😂
    Laugh,
    /// 😮
    Wow,
    /// 😢
    Sad,
    /// 😠
    Angry,
    /// 🔥
    Fire,
    /// ⚽
    Golazo,
    /// 👎
    Dislike,
}

impl Reaction {
    /// All there are, in the order in which they are shown.
    pub const ALL: [Self; 9] = [
        Self::Like,
        Self::Love,
        Self::Laugh,
        Self::Wow,
        Self::Sad,
        Self::Angry,
        Self::Fire,
        Self::Golazo,
        Self::Dislike,
    ];

    /// Its name on the wire and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Like => "like",
            Self::Love => "love",
            Self::Laugh => "laugh",
            Self::Wow => "wow",
            Self::Sad => "sad",
            Self::Angry => "angry",
            Self::Fire => "fire",
            Self::Golazo => "golazo",
            Self::Dislike => "dislike",
        }
    }

    /// The reaction of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reaction| reaction.name() == name)
    }
}

/// How often a message has a reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct ReactionCount {
    /// Which.
    pub reaction: Reaction,
    /// How many people, at least 1.
    pub count: u32,
}

/// What a message is now, where that is not what its event says: comes with the pages that hold
/// the event, whose later changes lie elsewhere in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(ts_rs::TS, utoipa::ToSchema))]
pub struct MessageState {
    /// Which.
    pub message: MessageId,
    /// Its place.
    pub of: Seq,
    /// The place of the last event that changed it. Who holds this state has heard of all changes
    /// up to there, and of none above.
    pub rev: Seq,
    /// Its text, if edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub text: Option<String>,
    /// When it was last edited, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional, type = "number"))]
    pub edited_at: Option<Micros>,
    /// When it was deleted, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional, type = "number"))]
    pub deleted_at: Option<Micros>,
    /// How often each reaction that it has, in the order of [`Reaction::ALL`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", ts(optional, as = "Option<Vec<ReactionCount>>"))]
    pub reactions: Vec<ReactionCount>,
    /// The reader's own reaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", ts(optional))]
    pub mine: Option<Reaction>,
}

impl MessageState {
    /// A message that nothing has happened to; `None` for an event that is none.
    #[must_use]
    pub fn unchanged(event: &Event) -> Option<Self> {
        Some(Self {
            message: event.body.message()?,
            of: event.seq,
            rev: event.seq,
            text: None,
            edited_at: None,
            deleted_at: None,
            reactions: Vec::new(),
            mine: None,
        })
    }

    /// What it is after an event of its log, as `viewer` sees it. One that is in it already, or of
    /// another message, changes nothing, so that events and pages may cross on the way.
    pub fn apply(&mut self, event: &Event, viewer: UserId) {
        if event.body.changes() != Some(self.of) || event.seq <= self.rev {
            return;
        }
        self.rev = event.seq;
        match &event.body {
            EventBody::MessageEdited { text, erased: false, .. } => {
                (self.text, self.edited_at) = (Some(text.clone()), Some(event.at));
            }
            EventBody::MessageDeleted { .. } => {
                (self.text, self.edited_at, self.deleted_at) = (None, None, Some(event.at));
                self.reactions.clear();
                self.mine = None;
            }
            EventBody::ReactionChanged { reaction, was, .. } => {
                if let Some(was) = was {
                    self.count(*was, -1);
                }
                if let Some(reaction) = reaction {
                    self.count(*reaction, 1);
                }
                if event.sender == Some(viewer) {
                    self.mine = *reaction;
                }
            }
            _ => {}
        }
    }

    fn count(&mut self, reaction: Reaction, change: i32) {
        match self.reactions.binary_search_by_key(&reaction, |held| held.reaction) {
            Ok(at) => {
                let count = self.reactions[at].count.saturating_add_signed(change);
                if count == 0 {
                    self.reactions.remove(at);
                } else {
                    self.reactions[at].count = count;
                }
            }
            Err(at) if change > 0 => self.reactions.insert(at, ReactionCount { reaction, count: 1 }),
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::RoomId;

    const ANA: UserId = UserId(Uuid::from_u128(1));
    const LUIS: UserId = UserId(Uuid::from_u128(2));
    const MESSAGE: MessageId = MessageId(Uuid::from_u128(3));

    fn event(seq: Seq, sender: UserId, body: EventBody) -> Event {
        let (room, at) = (RoomId(Uuid::from_u128(4)), 1_000 + seq as Micros);
        Event { room, seq, at, sender: Some(sender), txn_id: None, body }
    }

    fn reaction(seq: Seq, sender: UserId, was: Option<Reaction>, reaction: Option<Reaction>) -> Event {
        event(seq, sender, EventBody::ReactionChanged { message: MESSAGE, of: 1, reaction, was })
    }

    #[test]
    fn a_change_that_is_in_it_already_changes_nothing() {
        let sent = event(1, ANA, EventBody::text(MESSAGE, "a".to_owned()));
        let edit = |seq, text: &str| {
            let (of, text) = (1, text.to_owned());
            event(seq, ANA, EventBody::MessageEdited { message: MESSAGE, of, text, erased: false })
        };
        let mut state = MessageState::unchanged(&sent).unwrap();
        for change in [edit(2, "b"), edit(4, "d"), edit(3, "c"), edit(4, "e")] {
            state.apply(&change, ANA);
        }
        assert_eq!((state.rev, state.text.as_deref(), state.edited_at), (4, Some("d"), Some(1_004)));
    }

    #[test]
    fn counts_follow_each_persons_one_reaction() {
        let sent = event(1, ANA, EventBody::text(MESSAGE, "a".to_owned()));
        let mut state = MessageState::unchanged(&sent).unwrap();
        state.apply(&reaction(2, ANA, None, Some(Reaction::Like)), ANA);
        state.apply(&reaction(3, LUIS, None, Some(Reaction::Like)), ANA);
        assert_eq!(state.reactions, [ReactionCount { reaction: Reaction::Like, count: 2 }]);
        state.apply(&reaction(4, LUIS, Some(Reaction::Like), Some(Reaction::Fire)), ANA);
        let both = [(Reaction::Like, 1), (Reaction::Fire, 1)];
        assert_eq!(state.reactions, both.map(|(reaction, count)| ReactionCount { reaction, count }));
        assert_eq!(state.mine, Some(Reaction::Like));
        state.apply(&reaction(5, ANA, Some(Reaction::Like), None), ANA);
        assert_eq!((state.reactions.len(), state.mine), (1, None));
        state.apply(&event(6, ANA, EventBody::MessageDeleted { message: MESSAGE, of: 1 }), ANA);
        assert_eq!((state.reactions.len(), state.deleted_at), (0, Some(1_006)));
    }
}
