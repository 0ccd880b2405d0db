//! What the model knows of other systems: their people, their keys, and what they were told. What each
//! does is said at [`crate::Store`].

use std::collections::BTreeMap;

use zas_protocol::rest::Member;
use zas_protocol::{Event, Micros, RoomId, RoomKind, Seq, UserId};

use super::model::Model;
use crate::error::{CreateUserError, StoreError};
use crate::rows::{AccountState, ApiKeyRow, Identified, NewIdentity, NewUser, PasswordHash, Roster};

#[derive(Clone, Default)]
pub(super) struct Foreign {
    identities: BTreeMap<(String, String), UserId>,
    api_keys: BTreeMap<String, ApiKeyRow>,
    webhooks: BTreeMap<String, BTreeMap<RoomId, Seq>>,
}

impl Model {
    pub(super) fn identity(&self, issuer: &str, subject: &str) -> Option<Identified> {
        let user = *self.foreign.identities.get(&(issuer.to_owned(), subject.to_owned()))?;
        let account = self.accounts.get(&user)?;
        let username = account.row.user.username.clone();
        Some(Identified { user, username, state: self.account_state(user)? })
    }

    pub(super) fn create_identity(&mut self, new: NewIdentity) -> Result<Identified, CreateUserError> {
        if let Some(found) = self.identity(&new.issuer, &new.subject) {
            return Ok(found);
        }
        let NewIdentity { issuer, subject, id, usernames, email, display_name, at } = new;
        if !self.accounts.contains_key(&id) {
            let free = usernames.into_iter().find(|(username, _)| !self.is_username(username));
            let (username, skeleton) = free.ok_or(CreateUserError::UsernameTaken)?;
            let kept = (!self.is_skeleton(&skeleton)).then(|| skeleton.clone());
            let user = NewUser {
                id,
                display_name: if display_name.is_empty() { username.clone() } else { display_name },
                email: if self.is_email(&email) { String::new() } else { email },
                password_hash: PasswordHash::none(),
                admin: false,
                at,
                username,
                skeleton,
            };
            self.put_user(user, kept);
        }
        self.foreign.identities.insert((issuer.clone(), subject.clone()), id);
        let made = self.identity(&issuer, &subject);
        made.ok_or_else(|| StoreError::Corrupt("an identity is not there".to_owned()).into())
    }

    pub(super) fn account_state(&self, user: UserId) -> Option<AccountState> {
        let account = self.accounts.get(&user)?;
        Some(AccountState { active: account.row.active, signed_out_at: account.signed_out_at })
    }

    pub(super) fn set_signed_out(&mut self, user: UserId, at: Micros) -> bool {
        let Some(account) = self.accounts.get_mut(&user) else { return false };
        account.signed_out_at = account.signed_out_at.max(at);
        true
    }

    pub(super) fn put_api_key(&mut self, key: ApiKeyRow) -> bool {
        if self.foreign.api_keys.contains_key(&key.name) {
            return false;
        }
        self.foreign.api_keys.insert(key.name.clone(), key);
        true
    }

    pub(super) fn api_keys(&self) -> Vec<ApiKeyRow> {
        self.foreign.api_keys.values().cloned().collect()
    }

    pub(super) fn remove_api_key(&mut self, name: &str) -> bool {
        self.foreign.api_keys.remove(name).is_some()
    }

    pub(super) fn begin_webhook(&mut self, webhook: &str) {
        if !self.foreign.webhooks.contains_key(webhook) {
            let ends = self.shared_logs().collect();
            self.foreign.webhooks.insert(webhook.to_owned(), ends);
        }
    }

    pub(super) fn webhook_due(&self, webhook: &str, limit: u32) -> Vec<(RoomId, Seq)> {
        self.shared_logs()
            .map(|(room, head)| (room, head, self.webhook_place(webhook, room)))
            .filter(|&(_, head, told)| head > told)
            .map(|(room, _, told)| (room, told))
            .take(limit as usize)
            .collect()
    }

    pub(super) fn webhook_place(&self, webhook: &str, room: RoomId) -> Seq {
        self.foreign.webhooks.get(webhook).and_then(|places| places.get(&room)).copied().unwrap_or(0)
    }

    pub(super) fn advance_webhook(
        &mut self,
        webhook: &str,
        places: &[(RoomId, Seq)],
    ) -> Result<(), StoreError> {
        let known = self.foreign.webhooks.get_mut(webhook);
        let known = known.ok_or_else(|| StoreError::Other("constraint failed".to_owned()))?;
        for &(room, seq) in places {
            let place = known.entry(room).or_default();
            *place = seq.max(*place);
        }
        Ok(())
    }

    pub(super) fn log_after(&self, room: RoomId, after: Seq, limit: u32) -> Vec<Event> {
        let log = self.rooms.get(&room).map(|room| room.log.as_slice()).unwrap_or_default();
        let above = log.iter().map(|(event, _)| event).filter(|event| event.seq > after);
        above.take(limit as usize).cloned().collect()
    }

    pub(super) fn roster(&self, room: RoomId) -> Option<Roster> {
        let room = self.rooms.get(&room)?;
        let members = room.roster().map(|(user, member)| Member { user, role: member.role });
        let last_at = room.log.last().map_or(0, |(event, _)| event.at);
        Some(Roster { kind: room.kind, head: room.head(), last_at, members: members.collect() })
    }

    fn shared_logs(&self) -> impl Iterator<Item = (RoomId, Seq)> {
        let shared = self.rooms.iter().filter(|(_, room)| room.kind != RoomKind::OwnLog);
        shared.map(|(&id, room)| (id, room.head())).filter(|&(_, head)| head > 0)
    }
}
