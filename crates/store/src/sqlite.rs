//! SQLite: one file, one process, one node. One thread writes, a few read beside it (WAL), each
//! with its own connection. An acknowledged commit survives a loss of power
//! (`synchronous=FULL`). After a sync that failed, and a COMMIT of which nobody can say whether it took
//! place, the writer stops for good: what is on the disk is known again only after the file was opened
//! anew.

mod accounts;
mod api_keys;
pub mod backup;
mod changes;
mod columns;
mod devices;
mod error;
mod facts;
mod files;
mod identities;
mod import;
mod logs;
mod open;
mod rooms;
#[cfg(test)]
mod tests;
mod threads;
mod webhooks;
mod writes;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::watch;
use zas_core::ledger::{Context, Submission};
use zas_protocol::rest::{Me, Page, Reacted, Room, User};
use zas_protocol::{
    Ack, DeviceId, Epoch, Event, FileId, MessageId, MessageState, Micros, Position, RoomId, Seq, TxnId,
    UserId,
};

pub(crate) use self::open::CHECKPOINT_PAGES;
use self::open::ProcessLock;
use self::threads::Threads;
use crate::batch;
use crate::error::{CreateUserError, StoreError};
use crate::port::{Outcome, Secrets, Store};
use crate::rows::{
    AccountKept, AccountState, ApiKeyRow, DeviceRow, DeviceState, FileRow, Identified, Imported, Membership,
    NewIdentity, NewUser, OldAccount, PageAt, PasswordHash, RoomHead, Roster, Rotation, UserRow,
};

/// How much SQLite may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Threads that read.
    pub readers: usize,
    /// Jobs that wait for a reader; beyond it [`StoreError::Busy`].
    pub read_queue: usize,
    /// Jobs that wait for the writer; beyond it [`StoreError::Busy`].
    pub write_queue: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 2, read_queue: 1_024, write_queue: 1_024 }
    }
}

/// The store in one SQLite file.
pub struct SqliteStore {
    writer: Threads,
    readers: Threads,
    /// Set when nobody knows what is on the disk: nothing is written any more.
    stopped: Arc<AtomicBool>,
    secrets: Arc<Mutex<Secrets>>,
    epoch: Epoch,
    ended: watch::Receiver<()>,
}

impl SqliteStore {
    /// Opens or makes the database, and brings its schema up to date. Blocks; for the boot.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process has the file; [`StoreError::Corrupt`] for a
    /// file that is not ours or of a newer program; what opening a file may fail with.
    pub fn open(path: &Path, secrets: Secrets, options: Options) -> Result<Self, StoreError> {
        open::check_library()?;
        let lock = Arc::new(ProcessLock::take(path)?);
        let mut writer = open::writer(path)?;
        let epoch = open::epoch(&writer)?;
        let stopped = Arc::default();
        checkpoint_at(&mut writer, CHECKPOINT_PAGES, &stopped)?;
        let readers =
            (0..options.readers.max(1)).map(|_| open::reader(path)).collect::<Result<Vec<_>, _>>()?;
        // Threads hold both until they end, so the file is let go with its last connection.
        let (alive, ended) = watch::channel(());
        let held = (lock, alive);
        Ok(Self {
            writer: Threads::start("zas-write", vec![writer], options.write_queue, &held)?,
            readers: Threads::start("zas-read", readers, options.read_queue, &held)?,
            stopped,
            secrets: Arc::new(Mutex::new(secrets)),
            epoch,
            ended,
        })
    }

    /// Reads, all of one moment.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers
            .run(move |connection| {
                let snapshot = connection.transaction()?;
                work(&snapshot)
            })
            .await?
    }

    /// Writes, all or nothing.
    async fn write<T, E>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + PartialEq + Send + 'static,
    {
        let stopped = self.stopped.clone();
        self.writer.run(move |connection| transact(connection, &stopped, work)).await?
    }
}

/// One transaction. It leaves nothing behind unless it commits; where nobody knows whether it did, it
/// is the last one.
fn transact<T, E: From<StoreError> + PartialEq>(
    connection: &mut Connection,
    stopped: &AtomicBool,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    writable(stopped)?;
    attempt(connection, work).inspect_err(|failure| {
        if *failure == StoreError::Unknown.into() {
            stop(stopped);
        }
    })
}

/// Without a write its COMMIT touches no file.
fn attempt<T, E: From<StoreError>>(
    connection: &mut Connection,
    work: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(StoreError::from)?;
    let value = work(&transaction)?;
    transaction.commit().map_err(error::of_commit)?;
    Ok(value)
}

/// Lets each commit that leaves so many pages in the log copy them into the file. This is SQLite's own
/// automatic checkpoint, which tells nobody of a sync that failed.
fn checkpoint_at(writer: &mut Connection, pages: i32, stopped: &Arc<AtomicBool>) -> Result<(), StoreError> {
    let stopped = stopped.clone();
    writer.wal_hook(Some(move |wal: &mut Wal, in_log| {
        if in_log >= pages
            && let Err(error) = wal.checkpoint()
        {
            match StoreError::from(error) {
                StoreError::Unknown => stop(&stopped),
                // All of it is in the log still.
                error => tracing::warn!(%error, "a checkpoint failed; the next commit tries again"),
            }
        }
        Ok(())
    }))?;
    Ok(())
}

fn stop(stopped: &AtomicBool) {
    tracing::error!("the file system failed; nothing is written until a restart");
    stopped.store(true, Ordering::Release);
}

fn writable(stopped: &AtomicBool) -> Result<(), StoreError> {
    if stopped.load(Ordering::Acquire) {
        let why = "the file system failed; check the disk and restart";
        return Err(StoreError::Unavailable(why.to_owned()));
    }
    Ok(())
}

/// Decides a batch and writes what follows, short of the COMMIT.
fn stage(
    connection: &Connection,
    batch: &[Submission],
    now: Micros,
    epoch: Epoch,
    secrets: &mut Secrets,
) -> Result<Vec<Outcome>, StoreError> {
    let mut facts = facts::load(connection, &batch::needs(batch), epoch)?;
    let mut context = Context { now, key: &secrets.fingerprint_key, entropy: &mut || (secrets.entropy)() };
    let outcomes = batch::decide(&mut facts, batch, &mut context);
    writes::apply(connection, outcomes.iter().flatten().flat_map(|decided| &decided.writes))?;
    Ok(outcomes)
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, batch: Vec<Submission>, now: Micros) -> Result<Vec<Outcome>, StoreError> {
        let (secrets, epoch) = (self.secrets.clone(), self.epoch);
        self.write(move |c| {
            // Only the writer's thread ever takes it.
            let mut secrets = secrets.lock().unwrap_or_else(PoisonError::into_inner);
            stage(c, &batch, now, epoch, &mut secrets)
        })
        .await
    }

    async fn txn(&self, user: UserId, txn_id: &TxnId) -> Result<Option<Ack>, StoreError> {
        let (txn_id, stopped) = (txn_id.clone(), self.stopped.clone());
        self.read(move |c| {
            let ack = facts::stored_txn(c, user, &txn_id)?.map(|stored| stored.ack);
            // A commit that failed may be whole in the log all the same: reopening would show it.
            if ack.is_none() && stopped.load(Ordering::Acquire) {
                return Err(StoreError::Unknown);
            }
            Ok(ack)
        })
        .await
    }

    async fn create_user(&self, user: NewUser) -> Result<UserRow, CreateUserError> {
        self.write(move |c| accounts::create(c, &user)).await
    }

    async fn user_by_login(&self, login: &str) -> Result<Option<UserRow>, StoreError> {
        let login = login.to_owned();
        self.read(move |c| accounts::by_login(c, &login)).await
    }

    async fn user(&self, user: UserId) -> Result<Option<UserRow>, StoreError> {
        self.read(move |c| accounts::by_id(c, user)).await
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |c| accounts::by_ids(c, &ids)).await
    }

    async fn search_users(&self, query: &str, not: UserId, limit: u32) -> Result<Vec<User>, StoreError> {
        let query = query.to_owned();
        self.read(move |c| accounts::search(c, &query, not, limit)).await
    }

    async fn me(&self, user: UserId) -> Result<Option<Me>, StoreError> {
        self.read(move |c| accounts::me(c, user)).await
    }

    async fn set_password(&self, user: UserId, hash: PasswordHash) -> Result<bool, StoreError> {
        self.write(move |c| accounts::set_password(c, user, &hash)).await
    }

    async fn replace_password(
        &self,
        user: UserId,
        old: &PasswordHash,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        let old = old.clone();
        self.write(move |c| accounts::replace_password(c, user, &old, &hash)).await
    }

    async fn set_active(&self, user: UserId, active: bool) -> Result<bool, StoreError> {
        self.write(move |c| accounts::set_active(c, user, active)).await
    }

    async fn set_admin(&self, user: UserId, admin: bool) -> Result<bool, StoreError> {
        self.write(move |c| accounts::set_admin(c, user, admin)).await
    }

    async fn accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>, StoreError> {
        self.read(move |c| accounts::page(c, after, limit)).await
    }

    async fn count_users(&self) -> Result<u64, StoreError> {
        self.read(accounts::count).await
    }

    async fn peers(&self, user: UserId) -> Result<Vec<UserId>, StoreError> {
        self.read(move |c| accounts::peers(c, user)).await
    }

    async fn put_last_seen(&self, seen: Vec<(UserId, Micros)>) -> Result<(), StoreError> {
        self.write(move |c| accounts::put_last_seen(c, &seen)).await
    }

    async fn last_seen(&self, ids: &[UserId]) -> Result<Vec<(UserId, Micros)>, StoreError> {
        let ids = ids.to_vec();
        self.read(move |c| accounts::last_seen(c, &ids)).await
    }

    async fn create_device(&self, device: DeviceRow) -> Result<(), StoreError> {
        self.write(move |c| devices::create(c, &device)).await
    }

    async fn rotate_refresh(
        &self,
        device: DeviceId,
        presented: &str,
        next: &str,
        now: Micros,
        grace_ms: i64,
    ) -> Result<Rotation, StoreError> {
        let (presented, next) = (presented.to_owned(), next.to_owned());
        self.write(move |c| devices::rotate(c, device, &presented, &next, now, grace_ms)).await
    }

    async fn device(&self, device: DeviceId) -> Result<Option<DeviceState>, StoreError> {
        self.read(move |c| devices::state(c, device)).await
    }

    async fn devices(&self, user: UserId) -> Result<Vec<DeviceRow>, StoreError> {
        self.read(move |c| devices::of_user(c, user)).await
    }

    async fn revoke_device(&self, device: DeviceId) -> Result<Option<UserId>, StoreError> {
        self.write(move |c| devices::revoke(c, device)).await
    }

    async fn revoke_devices(
        &self,
        user: UserId,
        except: Option<DeviceId>,
    ) -> Result<Vec<DeviceId>, StoreError> {
        self.write(move |c| devices::revoke_all(c, user, except)).await
    }

    async fn identity(&self, issuer: &str, subject: &str) -> Result<Option<Identified>, StoreError> {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.read(move |c| identities::find(c, &issuer, &subject)).await
    }

    async fn create_identity(&self, new: NewIdentity) -> Result<Identified, CreateUserError> {
        self.write(move |c| identities::find_or_make(c, &new)).await
    }

    async fn account_state(&self, user: UserId) -> Result<Option<AccountState>, StoreError> {
        self.read(move |c| identities::state(c, user)).await
    }

    async fn set_signed_out(&self, user: UserId, at: Micros) -> Result<bool, StoreError> {
        self.write(move |c| identities::set_signed_out(c, user, at)).await
    }

    async fn put_api_key(&self, key: ApiKeyRow) -> Result<bool, StoreError> {
        self.write(move |c| api_keys::put(c, &key)).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.read(api_keys::all).await
    }

    async fn remove_api_key(&self, name: &str) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write(move |c| api_keys::remove(c, &name)).await
    }

    async fn begin_webhook(&self, webhook: &str) -> Result<(), StoreError> {
        let webhook = webhook.to_owned();
        self.write(move |c| webhooks::begin(c, &webhook)).await
    }

    async fn webhook_due(&self, webhook: &str, limit: u32) -> Result<Vec<(RoomId, Seq)>, StoreError> {
        let webhook = webhook.to_owned();
        self.read(move |c| webhooks::due(c, &webhook, limit)).await
    }

    async fn webhook_place(&self, webhook: &str, room: RoomId) -> Result<Seq, StoreError> {
        let webhook = webhook.to_owned();
        self.read(move |c| webhooks::place(c, &webhook, room)).await
    }

    async fn advance_webhook(&self, webhook: &str, places: Vec<(RoomId, Seq)>) -> Result<(), StoreError> {
        let webhook = webhook.to_owned();
        self.write(move |c| webhooks::advance(c, &webhook, &places)).await
    }

    async fn log_after(&self, room: RoomId, after: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.read(move |c| logs::after(c, room, after, limit)).await
    }

    async fn roster(&self, room: RoomId) -> Result<Option<Roster>, StoreError> {
        self.read(move |c| rooms::roster(c, room)).await
    }

    async fn heads(&self, user: UserId) -> Result<Vec<RoomHead>, StoreError> {
        let epoch = self.epoch;
        self.read(move |c| rooms::heads(c, user, epoch)).await
    }

    async fn rooms(&self, user: UserId) -> Result<Vec<Room>, StoreError> {
        let epoch = self.epoch;
        self.read(move |c| rooms::summaries(c, user, None, epoch)).await
    }

    async fn room(&self, user: UserId, room: RoomId) -> Result<Option<Room>, StoreError> {
        let epoch = self.epoch;
        self.read(move |c| Ok(rooms::summaries(c, user, Some(room), epoch)?.pop())).await
    }

    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<Membership>, StoreError> {
        let epoch = self.epoch;
        self.read(move |c| rooms::member(c, room, user, epoch)).await
    }

    async fn page(
        &self,
        user: UserId,
        room: RoomId,
        at: PageAt,
        limit: u32,
    ) -> Result<Option<Page>, StoreError> {
        let epoch = self.epoch;
        self.read(move |c| logs::page(c, user, room, at, limit, epoch)).await
    }

    async fn messages(
        &self,
        user: UserId,
        room: RoomId,
        skip: u64,
        limit: u32,
    ) -> Result<Option<(u64, Vec<Event>)>, StoreError> {
        self.read(move |c| logs::messages(c, user, room, skip, limit)).await
    }

    async fn seq_at(&self, room: RoomId, at: Micros) -> Result<Seq, StoreError> {
        self.read(move |c| logs::seq_at(c, room, at)).await
    }

    async fn event_by_message(&self, message: MessageId) -> Result<Option<Event>, StoreError> {
        self.read(move |c| logs::by_message(c, message)).await
    }

    async fn visible(
        &self,
        user: UserId,
        room: RoomId,
        seqs: &[Seq],
    ) -> Result<Option<Vec<Event>>, StoreError> {
        let seqs = seqs.to_vec();
        self.read(move |c| logs::visible(c, user, room, &seqs)).await
    }

    async fn states(
        &self,
        viewer: UserId,
        room: RoomId,
        seqs: &[Seq],
    ) -> Result<Vec<MessageState>, StoreError> {
        let seqs = seqs.to_vec();
        self.read(move |c| changes::states(c, viewer, room, &seqs)).await
    }

    async fn reacted(&self, room: RoomId, seqs: &[Seq]) -> Result<Vec<Reacted>, StoreError> {
        let seqs = seqs.to_vec();
        self.read(move |c| changes::reacted(c, room, &seqs)).await
    }

    async fn put_positions(&self, positions: Vec<(RoomId, Position)>) -> Result<(), StoreError> {
        self.write(move |c| logs::put_positions(c, &positions)).await
    }

    async fn positions(&self, room: RoomId) -> Result<Vec<Position>, StoreError> {
        self.read(move |c| logs::positions(c, room)).await
    }

    async fn append_bulk(&self, room: RoomId, events: Vec<Event>) -> Result<(), StoreError> {
        self.write(move |c| logs::append_bulk(c, room, &events)).await
    }

    async fn import_accounts(&self, accounts: Vec<OldAccount>) -> Result<Vec<AccountKept>, StoreError> {
        self.write(move |c| accounts.iter().map(|account| import::account(c, account)).collect()).await
    }

    async fn import(&self, what: Imported) -> Result<(), StoreError> {
        self.write(move |c| import::carry_out(c, &what)).await
    }

    async fn places(&self, messages: &[MessageId]) -> Result<Vec<(MessageId, RoomId, Seq)>, StoreError> {
        let messages = messages.to_vec();
        self.read(move |c| import::places(c, &messages)).await
    }

    async fn said_at(&self, room: RoomId, from: Seq, to: Seq) -> Result<Vec<(Seq, Micros)>, StoreError> {
        self.read(move |c| import::said_at(c, room, from, to)).await
    }

    async fn commanded(&self, prefix: &str) -> Result<Vec<RoomId>, StoreError> {
        let prefix = prefix.to_owned();
        self.read(move |c| import::commanded(c, &prefix)).await
    }

    async fn file_origin(&self, file: FileId) -> Result<Option<String>, StoreError> {
        self.read(move |c| import::file_origin(c, file)).await
    }

    async fn put_file(&self, file: FileRow) -> Result<(), StoreError> {
        self.write(move |c| files::put(c, &file)).await
    }

    async fn file(&self, file: FileId) -> Result<Option<FileRow>, StoreError> {
        self.read(move |c| files::get(c, file)).await
    }

    async fn file_bytes(&self, user: UserId) -> Result<u64, StoreError> {
        self.read(move |c| files::bytes(c, user)).await
    }

    async fn forget_files(&self, before: Micros, limit: u32) -> Result<Vec<FileId>, StoreError> {
        self.write(move |c| files::forget(c, before, limit)).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        writable(&self.stopped)?;
        self.read(|c| open::epoch(c).map(drop)).await
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    async fn report(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        // The writer's settings are the ones that count.
        self.write(open::report).await
    }

    async fn close(&self) {
        self.writer.close();
        self.readers.close();
        // Ends when the last thread has dropped its sender.
        let mut ended = self.ended.clone();
        while ended.changed().await.is_ok() {}
    }
}
