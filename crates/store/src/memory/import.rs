//! What moves into the model from another system. What each does is said at [`crate::Store`].

use std::collections::BTreeMap;

use zas_core::ledger::Write;
use zas_protocol::{Event, FileId, MessageId, Micros, RoomId, RoomKind, Seq};

use super::model::Model;
use crate::error::StoreError;
use crate::fold::fold;
use crate::rows::{AccountKept, Imported, OldAccount};

/// What is kept of what moved in.
#[derive(Clone, Default)]
pub(super) struct MovedIn {
    times: BTreeMap<(RoomId, Seq), Micros>,
    origins: BTreeMap<FileId, String>,
}

impl Model {
    pub(super) fn import_accounts(&mut self, all: Vec<OldAccount>) -> Result<Vec<AccountKept>, StoreError> {
        all.into_iter().map(|old| self.import_account(old)).collect()
    }

    fn import_account(&mut self, old: OldAccount) -> Result<AccountKept, StoreError> {
        if let Some(here) = self.accounts.get(&old.id) {
            if !old.may_change(&here.row) {
                return Ok(AccountKept::Left);
            }
            self.put_old(&old);
            return Ok(AccountKept::Changed);
        }
        let free = old.usernames.iter().find(|(username, _)| !self.is_username(username)).cloned();
        let (username, skeleton) = free.ok_or_else(|| StoreError::Other("no name is free".to_owned()))?;
        let kept = (!self.is_skeleton(&skeleton)).then(|| skeleton.clone());
        let user = old.to_user(username.clone(), skeleton, !self.is_email(&old.email));
        self.put_user(user, kept);
        self.put_old(&old);
        Ok(AccountKept::Made(username))
    }

    fn put_old(&mut self, old: &OldAccount) {
        let Some(account) = self.accounts.get_mut(&old.id) else { return };
        account.row.user.display_name.clone_from(&old.display_name);
        account.search_name = fold(&old.display_name);
        account.row.user.bio.clone_from(&old.bio);
        account.row.password_hash = old.password_hash.clone();
        account.row.active = old.active;
        account.last_seen = account.last_seen.max(old.last_seen);
    }

    pub(super) fn import(&mut self, what: Imported) -> Result<(), StoreError> {
        let is_here = |write: &Write| match write {
            Write::CreateRoom { room, .. } => self.rooms.contains_key(room),
            Write::Append { event, .. } => {
                let head = self.rooms.get(&event.room).map_or(0, |room| room.head());
                event.seq <= head || event.body.message().is_some_and(|id| self.messages.contains_key(&id))
            }
            _ => false,
        };
        let files = what.files.iter().any(|(file, _)| self.files.contains_key(&file.id));
        if files || what.writes.iter().any(is_here) {
            return Err(StoreError::Other("constraint failed".to_owned()));
        }
        for write in &what.writes {
            self.apply(write);
        }
        for (file, address) in what.files {
            self.moved_in.origins.insert(file.id, address);
            self.put_file(file)?;
        }
        self.moved_in.times.extend(what.times.into_iter().map(|(room, seq, at)| ((room, seq), at)));
        self.put_positions(&what.positions)
    }

    pub(super) fn places(&self, messages: &[MessageId]) -> Vec<(MessageId, RoomId, Seq)> {
        let place = |message| self.messages.get(message).map(|&(room, seq)| (*message, room, seq));
        messages.iter().filter_map(place).collect()
    }

    pub(super) fn said_at(&self, room: RoomId, from: Seq, to: Seq) -> Vec<(Seq, Micros)> {
        self.moved_in.times.range((room, from)..=(room, to)).map(|(&(_, seq), &at)| (seq, at)).collect()
    }

    pub(super) fn commanded(&self, prefix: &str) -> Vec<RoomId> {
        let is_one =
            |event: &Event| event.txn_id.as_ref().is_some_and(|name| !name.as_str().starts_with(prefix));
        let rooms = self.rooms.iter().filter(|(_, room)| room.kind != RoomKind::OwnLog);
        rooms.filter(|(_, room)| room.log.iter().any(|(event, _)| is_one(event))).map(|(&id, _)| id).collect()
    }

    pub(super) fn file_origin(&self, file: FileId) -> Option<String> {
        self.moved_in.origins.get(&file).cloned()
    }
}
