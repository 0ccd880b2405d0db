//! The model: the same port on plain maps. Tests run on it without a disk, the simulation drives
//! its synchronous core, [`Model`], and makes it fail at will; the conformance suite holds it
//! equal to the engines.

mod backup;
mod changes;
mod foreign;
mod import;
mod model;
mod people;
mod rooms;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use zas_core::ledger::Submission;
use zas_protocol::rest::{Me, Page, Reacted, Room, User};
use zas_protocol::{
    Ack, DeviceId, Epoch, Event, FileId, MessageId, MessageState, Micros, Position, RoomId, Seq, TxnId,
    UserId,
};

pub use self::backup::Backup;
pub use self::model::{Fault, Model};
use crate::error::{CreateUserError, StoreError};
use crate::port::{Outcome, Secrets, Store};
use crate::rows::{
    AccountKept, AccountState, ApiKeyRow, DeviceRow, DeviceState, FileRow, Identified, Imported, Membership,
    NewIdentity, NewUser, OldAccount, PageAt, PasswordHash, RoomHead, Roster, Rotation, UserRow,
};

/// The store in memory.
pub struct MemoryStore {
    model: Arc<Mutex<Model>>,
    closed: AtomicBool,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        Self::over(Arc::new(Mutex::new(Model::new(secrets))))
    }

    /// A store over a model that others may hold too.
    #[must_use]
    pub fn over(model: Arc<Mutex<Model>>) -> Self {
        Self { model, closed: AtomicBool::new(false) }
    }

    fn open(&self) -> Result<MutexGuard<'_, Model>, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StoreError::Unavailable("it is closed".to_owned()));
        }
        Ok(self.model.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn commit(&self, batch: Vec<Submission>, now: Micros) -> Result<Vec<Outcome>, StoreError> {
        self.open()?.commit(&batch, now)
    }

    async fn txn(&self, user: UserId, txn_id: &TxnId) -> Result<Option<Ack>, StoreError> {
        Ok(self.open()?.txn(user, txn_id))
    }

    async fn create_user(&self, user: NewUser) -> Result<UserRow, CreateUserError> {
        self.open()?.create_user(user)
    }

    async fn user_by_login(&self, login: &str) -> Result<Option<UserRow>, StoreError> {
        Ok(self.open()?.user_by_login(login))
    }

    async fn user(&self, user: UserId) -> Result<Option<UserRow>, StoreError> {
        Ok(self.open()?.user(user))
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        Ok(self.open()?.users(ids))
    }

    async fn search_users(&self, query: &str, not: UserId, limit: u32) -> Result<Vec<User>, StoreError> {
        Ok(self.open()?.search_users(query, not, limit))
    }

    async fn me(&self, user: UserId) -> Result<Option<Me>, StoreError> {
        Ok(self.open()?.me(user))
    }

    async fn set_password(&self, user: UserId, hash: PasswordHash) -> Result<bool, StoreError> {
        Ok(self.open()?.change_account(user, |row| row.password_hash = hash))
    }

    async fn replace_password(
        &self,
        user: UserId,
        old: &PasswordHash,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        let mut replaced = false;
        self.open()?.change_account(user, |row| {
            replaced = row.password_hash == *old;
            if replaced {
                row.password_hash = hash;
            }
        });
        Ok(replaced)
    }

    async fn set_active(&self, user: UserId, active: bool) -> Result<bool, StoreError> {
        Ok(self.open()?.change_account(user, |row| row.active = active))
    }

    async fn set_admin(&self, user: UserId, admin: bool) -> Result<bool, StoreError> {
        Ok(self.open()?.change_account(user, |row| row.admin = admin))
    }

    async fn accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>, StoreError> {
        Ok(self.open()?.accounts(after, limit))
    }

    async fn count_users(&self) -> Result<u64, StoreError> {
        Ok(self.open()?.count_users())
    }

    async fn peers(&self, user: UserId) -> Result<Vec<UserId>, StoreError> {
        Ok(self.open()?.peers(user))
    }

    async fn put_last_seen(&self, seen: Vec<(UserId, Micros)>) -> Result<(), StoreError> {
        self.open()?.put_last_seen(&seen);
        Ok(())
    }

    async fn last_seen(&self, ids: &[UserId]) -> Result<Vec<(UserId, Micros)>, StoreError> {
        Ok(self.open()?.last_seen(ids))
    }

    async fn create_device(&self, device: DeviceRow) -> Result<(), StoreError> {
        self.open()?.create_device(device)
    }

    async fn rotate_refresh(
        &self,
        device: DeviceId,
        presented: &str,
        next: &str,
        now: Micros,
        grace_ms: i64,
    ) -> Result<Rotation, StoreError> {
        Ok(self.open()?.rotate_refresh(device, presented, next, now, grace_ms))
    }

    async fn device(&self, device: DeviceId) -> Result<Option<DeviceState>, StoreError> {
        Ok(self.open()?.device(device))
    }

    async fn devices(&self, user: UserId) -> Result<Vec<DeviceRow>, StoreError> {
        Ok(self.open()?.devices(user))
    }

    async fn revoke_device(&self, device: DeviceId) -> Result<Option<UserId>, StoreError> {
        Ok(self.open()?.revoke_device(device))
    }

    async fn revoke_devices(
        &self,
        user: UserId,
        except: Option<DeviceId>,
    ) -> Result<Vec<DeviceId>, StoreError> {
        Ok(self.open()?.revoke_devices(user, except))
    }

    async fn identity(&self, issuer: &str, subject: &str) -> Result<Option<Identified>, StoreError> {
        Ok(self.open()?.identity(issuer, subject))
    }

    async fn create_identity(&self, new: NewIdentity) -> Result<Identified, CreateUserError> {
        self.open()?.create_identity(new)
    }

    async fn account_state(&self, user: UserId) -> Result<Option<AccountState>, StoreError> {
        Ok(self.open()?.account_state(user))
    }

    async fn set_signed_out(&self, user: UserId, at: Micros) -> Result<bool, StoreError> {
        Ok(self.open()?.set_signed_out(user, at))
    }

    async fn put_api_key(&self, key: ApiKeyRow) -> Result<bool, StoreError> {
        Ok(self.open()?.put_api_key(key))
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        Ok(self.open()?.api_keys())
    }

    async fn remove_api_key(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.open()?.remove_api_key(name))
    }

    async fn begin_webhook(&self, webhook: &str) -> Result<(), StoreError> {
        self.open()?.begin_webhook(webhook);
        Ok(())
    }

    async fn webhook_due(&self, webhook: &str, limit: u32) -> Result<Vec<(RoomId, Seq)>, StoreError> {
        Ok(self.open()?.webhook_due(webhook, limit))
    }

    async fn webhook_place(&self, webhook: &str, room: RoomId) -> Result<Seq, StoreError> {
        Ok(self.open()?.webhook_place(webhook, room))
    }

    async fn advance_webhook(&self, webhook: &str, places: Vec<(RoomId, Seq)>) -> Result<(), StoreError> {
        self.open()?.advance_webhook(webhook, &places)
    }

    async fn log_after(&self, room: RoomId, after: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
        Ok(self.open()?.log_after(room, after, limit))
    }

    async fn roster(&self, room: RoomId) -> Result<Option<Roster>, StoreError> {
        Ok(self.open()?.roster(room))
    }

    async fn heads(&self, user: UserId) -> Result<Vec<RoomHead>, StoreError> {
        Ok(self.open()?.heads(user))
    }

    async fn rooms(&self, user: UserId) -> Result<Vec<Room>, StoreError> {
        Ok(self.open()?.rooms(user))
    }

    async fn room(&self, user: UserId, room: RoomId) -> Result<Option<Room>, StoreError> {
        Ok(self.open()?.room(user, room))
    }

    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<Membership>, StoreError> {
        Ok(self.open()?.member(room, user))
    }

    async fn page(
        &self,
        user: UserId,
        room: RoomId,
        at: PageAt,
        limit: u32,
    ) -> Result<Option<Page>, StoreError> {
        self.open()?.page(user, room, at, limit)
    }

    async fn messages(
        &self,
        user: UserId,
        room: RoomId,
        skip: u64,
        limit: u32,
    ) -> Result<Option<(u64, Vec<Event>)>, StoreError> {
        Ok(self.open()?.messages(user, room, skip, limit))
    }

    async fn seq_at(&self, room: RoomId, at: Micros) -> Result<Seq, StoreError> {
        Ok(self.open()?.seq_at(room, at))
    }

    async fn event_by_message(&self, message: MessageId) -> Result<Option<Event>, StoreError> {
        Ok(self.open()?.event_by_message(message))
    }

    async fn visible(
        &self,
        user: UserId,
        room: RoomId,
        seqs: &[Seq],
    ) -> Result<Option<Vec<Event>>, StoreError> {
        Ok(self.open()?.visible(user, room, seqs))
    }

    async fn states(
        &self,
        viewer: UserId,
        room: RoomId,
        seqs: &[Seq],
    ) -> Result<Vec<MessageState>, StoreError> {
        Ok(self.open()?.states(viewer, room, seqs))
    }

    async fn reacted(&self, room: RoomId, seqs: &[Seq]) -> Result<Vec<Reacted>, StoreError> {
        Ok(self.open()?.reacted(room, seqs))
    }

    async fn put_positions(&self, positions: Vec<(RoomId, Position)>) -> Result<(), StoreError> {
        self.open()?.put_positions(&positions)
    }

    async fn positions(&self, room: RoomId) -> Result<Vec<Position>, StoreError> {
        Ok(self.open()?.positions(room))
    }

    async fn append_bulk(&self, room: RoomId, events: Vec<Event>) -> Result<(), StoreError> {
        self.open()?.append_bulk(room, events)
    }

    async fn import_accounts(&self, accounts: Vec<OldAccount>) -> Result<Vec<AccountKept>, StoreError> {
        self.open()?.import_accounts(accounts)
    }

    async fn import(&self, what: Imported) -> Result<(), StoreError> {
        self.open()?.import(what)
    }

    async fn places(&self, messages: &[MessageId]) -> Result<Vec<(MessageId, RoomId, Seq)>, StoreError> {
        Ok(self.open()?.places(messages))
    }

    async fn said_at(&self, room: RoomId, from: Seq, to: Seq) -> Result<Vec<(Seq, Micros)>, StoreError> {
        Ok(self.open()?.said_at(room, from, to))
    }

    async fn commanded(&self, prefix: &str) -> Result<Vec<RoomId>, StoreError> {
        Ok(self.open()?.commanded(prefix))
    }

    async fn file_origin(&self, file: FileId) -> Result<Option<String>, StoreError> {
        Ok(self.open()?.file_origin(file))
    }

    async fn put_file(&self, file: FileRow) -> Result<(), StoreError> {
        self.open()?.put_file(file)
    }

    async fn file(&self, file: FileId) -> Result<Option<FileRow>, StoreError> {
        Ok(self.open()?.file(file))
    }

    async fn file_bytes(&self, user: UserId) -> Result<u64, StoreError> {
        Ok(self.open()?.file_bytes(user))
    }

    async fn forget_files(&self, before: Micros, limit: u32) -> Result<Vec<FileId>, StoreError> {
        Ok(self.open()?.forget_files(before, limit))
    }

    async fn health(&self) -> Result<(), StoreError> {
        self.open().map(drop)
    }

    fn epoch(&self) -> Epoch {
        self.model.lock().unwrap_or_else(PoisonError::into_inner).epoch()
    }

    async fn report(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        self.health().await?;
        Ok(vec![("engine", "memory: nothing survives the process".to_owned())])
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}
