//! What happens to the model's messages after they are sent. What each does is said at
//! [`crate::Store`].

use zas_core::ledger::{Facts, Needs, Write};
use zas_protocol::rest::Reacted;
use zas_protocol::{Event, FileId, MessageState, Micros, Reaction, ReactionCount, RoomId, Seq, UserId};

use super::model::{Change, Model, RoomState};
use crate::batch::message_facts;
use crate::paging;
use crate::rows::FileKind;

impl RoomState {
    pub(super) fn state(&self, viewer: UserId, of: Seq) -> Option<MessageState> {
        let change = self.changes.get(&of)?;
        let message = self.log.get(of as usize - 1)?.0.body.message()?;
        let count = |reaction: Reaction| {
            let count = change.reactions.values().filter(|&&(held, _)| held == reaction).count();
            Some(ReactionCount { reaction, count: u32::try_from(count).ok().filter(|&count| count > 0)? })
        };
        Some(MessageState {
            message,
            of,
            rev: change.rev,
            text: change.text.clone(),
            edited_at: change.edited_at,
            deleted_at: change.deleted_at,
            reactions: Reaction::ALL.into_iter().filter_map(count).collect(),
            mine: change.reactions.get(&viewer).map(|&(reaction, _)| reaction),
        })
    }

    fn changed(&mut self, of: Seq, rev: Seq) -> &mut Change {
        let change = self.changes.entry(of).or_default();
        change.rev = rev;
        change
    }

    fn erase_body(&mut self, seq: Seq) {
        if let Some((event, _)) = self.log.get_mut(seq as usize - 1) {
            event.body = event.body.erased();
        }
    }
}

impl Model {
    pub(super) fn message_facts(&self, needs: &Needs, facts: &mut Facts) {
        for message in &needs.messages {
            let Some(&(room, seq)) = self.messages.get(message) else { continue };
            let Some(room) = self.rooms.get(&room) else { continue };
            let rev = room.changes.get(&seq).map(|change| change.rev);
            facts.messages.extend(message_facts(&room.log[seq as usize - 1].0, rev));
        }
        for &(message, user) in &needs.reactions {
            let place = self.messages.get(&message);
            let change = place.and_then(|(room, seq)| self.rooms.get(room)?.changes.get(seq));
            if let Some(&(reaction, _)) = change.and_then(|change| change.reactions.get(&user)) {
                facts.reactions.insert((message, user), reaction);
            }
        }
        for &(room, user) in &needs.stays {
            let stays = self.rooms.get(&room).and_then(|room| room.members.get(&user));
            let over =
                stays.into_iter().flatten().filter_map(|member| Some((member.stay.from, member.stay.to?)));
            facts.stays.insert((room, user), over.collect());
        }
    }

    pub(super) fn change_message(&mut self, write: &Write) {
        match write {
            Write::Attach { file, room, of } => {
                if let Some(row) = self.files.get_mut(file) {
                    row.message = Some((*room, *of));
                }
            }
            Write::EditMessage { room, of, rev, text, at } => {
                let Some(room) = self.rooms.get_mut(room) else { return };
                let change = room.changed(*of, *rev);
                (change.text, change.edited_at) = (Some(text.clone()), Some(*at));
                change.edits.push(*rev);
            }
            Write::EraseMessage { room: id, of, rev, at } => {
                let Some(room) = self.rooms.get_mut(id) else { return };
                let change = room.changed(*of, *rev);
                let edits = std::mem::take(change).edits;
                (change.rev, change.deleted_at) = (*rev, Some(*at));
                edits.into_iter().chain([*of]).for_each(|seq| room.erase_body(seq));
                let carried = |row: &&crate::rows::FileRow| row.message == Some((*id, *of));
                self.erased_files.extend(self.files.values().filter(carried).map(|row| row.id));
            }
            Write::SetReaction { room, of, rev, user, reaction, at } => {
                let Some(room) = self.rooms.get_mut(room) else { return };
                let change = room.changed(*of, *rev);
                match reaction {
                    Some(reaction) => change.reactions.insert(*user, (*reaction, *at)),
                    None => change.reactions.remove(user),
                };
            }
            _ => {}
        }
    }

    pub(super) fn visible(&self, user: UserId, id: RoomId, seqs: &[Seq]) -> Option<Vec<Event>> {
        let room = self.rooms.get(&id).filter(|room| room.current(user).is_some())?;
        let seen = paging::seen(&room.stays(user), seqs);
        Some(seen.iter().filter_map(|&seq| Some(room.log.get(seq as usize - 1)?.0.clone())).collect())
    }

    pub(super) fn states(&self, viewer: UserId, room: RoomId, seqs: &[Seq]) -> Vec<MessageState> {
        let Some(room) = self.rooms.get(&room) else { return Vec::new() };
        ordered(seqs).into_iter().filter_map(|of| room.state(viewer, of)).collect()
    }

    pub(super) fn reacted(&self, room: RoomId, seqs: &[Seq]) -> Vec<Reacted> {
        let Some(room) = self.rooms.get(&room) else { return Vec::new() };
        let mut all = Vec::new();
        for of in ordered(seqs) {
            let Some(change) = room.changes.get(&of) else { continue };
            let mut here: Vec<_> = change
                .reactions
                .iter()
                .map(|(&user, &(reaction, at))| Reacted { of, user, reaction, at })
                .collect();
            here.sort_by_key(|reacted| (reacted.at, reacted.user));
            all.extend(here);
        }
        all
    }

    pub(super) fn file_bytes(&self, user: UserId) -> u64 {
        let live = self.files.values().filter(|row| {
            row.user == user && row.kind == FileKind::Attachment && !self.erased_files.contains(&row.id)
        });
        live.map(|row| row.bytes).sum()
    }

    pub(super) fn forget_files(&mut self, before: Micros, limit: u32) -> Vec<FileId> {
        let dead = self.files.values().filter(|row| {
            let loose = row.message.is_none() && row.at < before;
            row.kind != FileKind::Avatar && (loose || self.erased_files.contains(&row.id))
        });
        let dead: Vec<FileId> = dead.map(|row| row.id).take(limit as usize).collect();
        for id in &dead {
            self.files.remove(id);
            self.erased_files.remove(id);
        }
        dead
    }
}

/// In order and once.
fn ordered(seqs: &[Seq]) -> Vec<Seq> {
    let mut seqs = seqs.to_vec();
    seqs.sort_unstable();
    seqs.dedup();
    seqs
}
