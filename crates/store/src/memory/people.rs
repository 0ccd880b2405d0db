//! Accounts, devices and files of the model. What each does is said at [`crate::Store`].

use std::ops::Bound;

use zas_core::ledger::Write;
use zas_protocol::limits::SMALL_GROUP;
use zas_protocol::rest::{Me, User};
use zas_protocol::{DeviceId, FileId, Micros, Prefs, Role, RoomId, RoomKind, UserId};

use super::model::{Account, Device, Model};
use crate::error::{CreateUserError, StoreError};
use crate::fold::fold;
use crate::rows::{DeviceRow, DeviceState, FileRow, NewUser, Rotation, UserRow};

impl Model {
    /// Makes an account and its own log.
    ///
    /// # Errors
    /// [`CreateUserError::UsernameTaken`], [`CreateUserError::EmailTaken`].
    pub fn create_user(&mut self, new: NewUser) -> Result<UserRow, CreateUserError> {
        if self.is_username(&new.username) || self.is_skeleton(&new.skeleton) {
            return Err(CreateUserError::UsernameTaken);
        }
        if self.is_email(&new.email) {
            return Err(CreateUserError::EmailTaken);
        }
        let skeleton = new.skeleton.clone();
        Ok(self.put_user(new, Some(skeleton)))
    }

    pub(super) fn is_username(&self, username: &str) -> bool {
        self.accounts.values().any(|account| account.row.user.username == username)
    }

    pub(super) fn is_skeleton(&self, skeleton: &str) -> bool {
        self.accounts.values().any(|account| account.skeleton.as_deref() == Some(skeleton))
    }

    /// Whether it is somebody's. None is nobody's.
    pub(super) fn is_email(&self, email: &str) -> bool {
        !email.is_empty() && self.accounts.values().any(|account| account.row.email == email)
    }

    /// Makes an account whose names are free, and its own log.
    pub(super) fn put_user(&mut self, new: NewUser, skeleton: Option<String>) -> UserRow {
        let NewUser { id, username, skeleton: _, email, display_name, password_hash, admin, at } = new;
        let search_name = fold(&display_name);
        let user = User { id, username, display_name, bio: String::new(), avatar: None, profile_rev: 0 };
        let row = UserRow { user, email, password_hash, active: true, admin, created_at: at };
        let prefs = Prefs::default();
        let account =
            Account { row: row.clone(), skeleton, search_name, prefs, last_seen: 0, signed_out_at: 0 };
        self.accounts.insert(id, account);
        let room = RoomId::own_log(id);
        self.apply(&Write::CreateRoom { room, kind: RoomKind::OwnLog, name: None, pair: None, at });
        self.apply(&Write::StartMembership { room, user: id, role: Role::Owner, from: 1, at });
        row
    }

    pub(super) fn user_by_login(&self, login: &str) -> Option<UserRow> {
        self.accounts
            .values()
            .map(|account| &account.row)
            .find(|row| row.user.username == login || (row.email == login && !login.is_empty()))
            .cloned()
    }

    pub(super) fn user(&self, user: UserId) -> Option<UserRow> {
        self.accounts.get(&user).map(|account| account.row.clone())
    }

    pub(super) fn users(&self, ids: &[UserId]) -> Vec<User> {
        let wanted: std::collections::BTreeSet<_> = ids.iter().collect();
        wanted.iter().filter_map(|id| Some(self.accounts.get(id)?.row.user.clone())).collect()
    }

    pub(super) fn search_users(&self, query: &str, not: UserId, limit: u32) -> Vec<User> {
        let (username, name) = (query.to_lowercase(), fold(query));
        let word = format!(" {name}");
        let rank = |account: &Account| {
            let row = &account.row;
            if row.user.username.starts_with(&username) {
                Some((0, String::new()))
            } else if account.search_name.starts_with(&name) {
                Some((1, account.search_name.clone()))
            } else {
                account.search_name.contains(&word).then(|| (2, account.search_name.clone()))
            }
        };
        let mut found: Vec<_> = self
            .accounts
            .values()
            .filter(|account| account.row.active && account.row.user.id != not)
            .filter_map(|account| Some((rank(account)?, &account.row.user)))
            .collect();
        found.sort_by(|(a, left), (b, right)| (a, &left.username).cmp(&(b, &right.username)));
        found.into_iter().take(limit as usize).map(|(_, user)| user.clone()).collect()
    }

    pub(super) fn me(&self, user: UserId) -> Option<Me> {
        let Account { row, prefs, .. } = self.accounts.get(&user)?;
        Some(Me { user: row.user.clone(), email: row.email.clone(), admin: row.admin, prefs: prefs.clone() })
    }

    pub(super) fn change_account(&mut self, user: UserId, change: impl FnOnce(&mut UserRow)) -> bool {
        self.accounts.get_mut(&user).map(|account| change(&mut account.row)).is_some()
    }

    pub(super) fn accounts(&self, after: Option<UserId>, limit: u32) -> Vec<UserRow> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let accounts = self.accounts.range((from, Bound::Unbounded)).take(limit as usize);
        accounts.map(|(_, account)| account.row.clone()).collect()
    }

    pub(super) fn count_users(&self) -> u64 {
        self.accounts.len() as u64
    }

    pub(super) fn peers(&self, user: UserId) -> Vec<UserId> {
        let mut peers: Vec<UserId> = self
            .rooms_of(user)
            .filter(|(_, room)| room.count() as usize <= SMALL_GROUP)
            .flat_map(|(_, room)| room.roster().map(|(member, _)| member))
            .filter(|&member| member != user)
            .collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }

    pub(super) fn put_last_seen(&mut self, seen: &[(UserId, Micros)]) {
        for (user, at) in seen {
            if let Some(account) = self.accounts.get_mut(user) {
                account.last_seen = account.last_seen.max(*at);
            }
        }
    }

    pub(super) fn last_seen(&self, ids: &[UserId]) -> Vec<(UserId, Micros)> {
        ids.iter()
            .filter_map(|id| Some((*id, self.accounts.get(id)?.last_seen)))
            .filter(|&(_, at)| at > 0)
            .collect()
    }

    pub(super) fn create_device(&mut self, row: DeviceRow) -> Result<(), StoreError> {
        if self.devices.contains_key(&row.id) || !self.accounts.contains_key(&row.user) {
            return Err(StoreError::Other("constraint failed".to_owned()));
        }
        self.devices.insert(row.id, Device { row, previous_jti: None });
        Ok(())
    }

    pub(super) fn rotate_refresh(
        &mut self,
        id: DeviceId,
        presented: &str,
        next: &str,
        now: Micros,
        grace_ms: i64,
    ) -> Rotation {
        let accounts = &self.accounts;
        let active = |user| accounts.get(&user).is_some_and(|account| account.row.active);
        let Some(device) = self.devices.get_mut(&id).filter(|device| active(device.row.user)) else {
            return Rotation::Gone;
        };
        let user = device.row.user;
        if presented == device.row.refresh_jti {
            let used = std::mem::replace(&mut device.row.refresh_jti, next.to_owned());
            device.previous_jti = Some(used);
            device.row.refresh_issued_at = now;
            device.row.last_used_at = now;
            return Rotation::Rotated { user };
        }
        let DeviceRow { refresh_jti, refresh_issued_at, .. } = device.row.clone();
        if device.previous_jti.as_deref() == Some(presented) && now - refresh_issued_at < grace_ms * 1_000 {
            return Rotation::Replayed { user, refresh_jti, refresh_issued_at };
        }
        self.devices.remove(&id);
        Rotation::Reused { user }
    }

    pub(super) fn device(&self, device: DeviceId) -> Option<DeviceState> {
        let user = self.devices.get(&device)?.row.user;
        Some(DeviceState { user, active: self.accounts.get(&user)?.row.active })
    }

    pub(super) fn devices(&self, user: UserId) -> Vec<DeviceRow> {
        let rows = self.devices.values().map(|device| &device.row);
        let mut devices: Vec<DeviceRow> = rows.filter(|row| row.user == user).cloned().collect();
        devices.sort_by_key(|device| (-device.last_used_at, device.id));
        devices
    }

    pub(super) fn revoke_device(&mut self, device: DeviceId) -> Option<UserId> {
        self.devices.remove(&device).map(|device| device.row.user)
    }

    pub(super) fn revoke_devices(&mut self, user: UserId, except: Option<DeviceId>) -> Vec<DeviceId> {
        self.devices
            .extract_if(.., |id, device| device.row.user == user && Some(*id) != except)
            .map(|(id, _)| id)
            .collect()
    }

    pub(super) fn put_file(&mut self, file: FileRow) -> Result<(), StoreError> {
        if self.files.contains_key(&file.id) || !self.accounts.contains_key(&file.user) {
            return Err(StoreError::Other("constraint failed".to_owned()));
        }
        self.files.insert(file.id, file);
        Ok(())
    }

    pub(super) fn file(&self, file: FileId) -> Option<FileRow> {
        self.files.get(&file).filter(|_| !self.erased_files.contains(&file)).cloned()
    }
}
