//! Messages: sent, edited, deleted, and what people think of them.

use zas_protocol::{
    Ack, Attachment, ErrorCode, EventBody, FileId, MessageId, MessageLabel, Micros, Reaction, ReplyTo,
    RoomId, Seq, TxnId,
};

use super::super::{FileFacts, FileFor, MessageFacts, Refusal, Write};
use super::Draft;
use crate::policy::Action;

/// What a `send` makes.
pub(super) struct NewMessage<'a> {
    pub(super) message: MessageId,
    pub(super) text: &'a str,
    pub(super) reply_to: Option<MessageId>,
    pub(super) attachment: Option<FileId>,
    pub(super) label: Option<MessageLabel>,
}

impl Draft<'_> {
    pub(super) fn send(
        &mut self,
        room: RoomId,
        after: Option<&TxnId>,
        new: &NewMessage<'_>,
    ) -> Result<(), Refusal> {
        if let Some(after) = after
            && !self.facts.txns.contains_key(&(self.user, after.clone()))
        {
            return Err(ErrorCode::RetryInOrder.into());
        }
        self.may(Action::Write, room)?;
        let message = new.message;
        let reply_to = match new.reply_to {
            Some(message) => Some(ReplyTo { message, of: self.seen(room, message)?.seq }),
            None => None,
        };
        let attachment = new.attachment.map(|file| self.unused(file)).transpose()?;
        let body = EventBody::Message {
            message,
            text: new.text.to_owned(),
            reply_to,
            attachment: attachment.map(Box::new),
            label: new.label,
            erased: false,
        };
        let plain = new.attachment.is_none();
        let of = self.append_named(room, body);
        let sender = Some(self.user);
        let facts = MessageFacts { room, seq: of, sender, rev: of, plain, erased: false };
        self.facts.messages.insert(message, facts);
        if let Some(file) = new.attachment {
            self.attach(file, room, of);
        }
        Ok(())
    }

    /// Notes that a file has its place.
    pub(super) fn attach(&mut self, file: FileId, room: RoomId, of: Seq) {
        if let Some(facts) = self.facts.files.get_mut(&file) {
            facts.used = true;
        }
        self.writes.push(Write::Attach { file, room, of });
    }

    /// An attachment of one's own that no message carries yet.
    fn unused(&self, file: FileId) -> Result<Attachment, Refusal> {
        match self.facts.files.get(&file) {
            Some(FileFacts { user, made_for: FileFor::Message(attachment), used: false })
                if *user == self.user =>
            {
                Ok(attachment.clone())
            }
            _ => Err(ErrorCode::NotFound.into()),
        }
    }

    /// A message of a room that one is in, if one can see it.
    fn seen(&self, room: RoomId, message: MessageId) -> Result<MessageFacts, Refusal> {
        let facts = self.facts.messages.get(&message).filter(|facts| facts.room == room);
        let facts = *facts.ok_or(ErrorCode::NotFound)?;
        let me = (room, self.user);
        let now = self.facts.members.get(&me).is_some_and(|member| member.from <= facts.seq);
        let before = self
            .facts
            .stays
            .get(&me)
            .is_some_and(|stays| stays.iter().any(|&(from, to)| (from..=to).contains(&facts.seq)));
        if now || before { Ok(facts) } else { Err(ErrorCode::NotFound.into()) }
    }

    /// Notes that an event changed a message.
    fn changed(&mut self, message: MessageId, rev: Seq) -> Micros {
        let mut at = self.now;
        if let Some(facts) = self.facts.messages.get_mut(&message) {
            facts.rev = rev;
            at = self.facts.rooms.get(&facts.room).map_or(at, |room| room.last_at);
        }
        at
    }

    /// The answer where all is so already: nothing is written, so the name is not used up.
    fn so_already(&mut self, facts: MessageFacts, message: MessageId) {
        let (txn_id, at) = (self.txn_id.clone(), self.now);
        self.ack = Some(Ack { txn_id, room: facts.room, seq: facts.rev, at, message: Some(message) });
    }

    pub(super) fn edit(&mut self, room: RoomId, message: MessageId, text: &str) -> Result<(), Refusal> {
        self.may(Action::Read, room)?;
        let facts = self.seen(room, message)?;
        self.may(Action::EditMessage { own: facts.sender == Some(self.user), plain: facts.plain }, room)?;
        if facts.erased {
            return Err(ErrorCode::NotFound.into());
        }
        let (of, text) = (facts.seq, text.to_owned());
        let body = EventBody::MessageEdited { message, of, text: text.clone(), erased: false };
        let rev = self.append_named(room, body);
        let at = self.changed(message, rev);
        self.writes.push(Write::EditMessage { room, of, rev, text, at });
        Ok(())
    }

    pub(super) fn delete(&mut self, room: RoomId, message: MessageId) -> Result<(), Refusal> {
        self.may(Action::Read, room)?;
        let facts = self.seen(room, message)?;
        self.may(Action::DeleteMessage { own: facts.sender == Some(self.user) }, room)?;
        if facts.erased {
            self.so_already(facts, message);
            return Ok(());
        }
        let of = facts.seq;
        let rev = self.append_named(room, EventBody::MessageDeleted { message, of });
        let at = self.changed(message, rev);
        if let Some(facts) = self.facts.messages.get_mut(&message) {
            facts.erased = true;
        }
        self.facts.reactions.retain(|&(reacted, _), _| reacted != message);
        self.writes.push(Write::EraseMessage { room, of, rev, at });
        Ok(())
    }

    pub(super) fn react(
        &mut self,
        room: RoomId,
        message: MessageId,
        reaction: Option<Reaction>,
    ) -> Result<(), Refusal> {
        self.may(Action::React, room)?;
        let facts = self.seen(room, message)?;
        if facts.erased {
            return Err(ErrorCode::NotFound.into());
        }
        let (user, of) = (self.user, facts.seq);
        let was = self.facts.reactions.get(&(message, user)).copied();
        if was == reaction {
            self.so_already(facts, message);
            return Ok(());
        }
        match reaction {
            Some(reaction) => self.facts.reactions.insert((message, user), reaction),
            None => self.facts.reactions.remove(&(message, user)),
        };
        let rev = self.append_named(room, EventBody::ReactionChanged { message, of, reaction, was });
        let at = self.changed(message, rev);
        self.writes.push(Write::SetReaction { room, of, rev, user, reaction, at });
        Ok(())
    }
}
