//! MariaDB: a server of its own, behind one connection that writes and a few that read. The rules are
//! decided here, on facts that a transaction reads under the locks of its rooms (READ COMMITTED), so that
//! other processes may write to the same database; unique indexes have the last word.
//!
//! A COMMIT whose answer never came is [`StoreError::Unknown`]. [`Store::txn`] then tells: while the
//! server still works on it, its rows are locked, and who looks for them waits.

mod accounts;
mod api_keys;
pub mod backup;
mod changes;
mod columns;
mod connect;
mod devices;
mod error;
mod facts;
mod files;
mod identities;
mod import;
mod link;
pub(crate) mod lists;
mod logs;
mod open;
mod rooms;
#[cfg(test)]
mod tests;
mod webhooks;
mod writes;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::MySqlConnection;
use zas_core::ledger::{Context, Submission};
use zas_protocol::rest::{Me, Page, Reacted, Room, User};
use zas_protocol::{
    Ack, DeviceId, Epoch, Event, FileId, MessageId, MessageState, Micros, Position, RoomId, Seq, TxnId,
    UserId,
};

pub(crate) use self::columns::get;
use self::connect::Durability;
pub(crate) use self::connect::{Role, Server};
pub(crate) use self::error::Failure;
use self::link::{Link, MUCH_PATIENCE, Moment, PATIENCE, Work, to_its_end};
use crate::batch;
use crate::error::{CreateUserError, StoreError};
use crate::migrate;
use crate::port::{Outcome, Secrets, Store};
use crate::rows::{
    AccountKept, AccountState, ApiKeyRow, DeviceRow, DeviceState, FileRow, Identified, Imported, Membership,
    NewIdentity, NewUser, OldAccount, PageAt, PasswordHash, RoomHead, Roster, Rotation, UserRow,
};

/// How a database on a server is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Connections that read.
    pub readers: u32,
    /// Operations that wait for one of them; beyond it [`StoreError::Busy`].
    pub read_queue: usize,
    /// Operations that wait for the one that writes; beyond it [`StoreError::Busy`].
    pub write_queue: usize,
    /// Whether to go on with a server that may lose what it has acknowledged.
    pub undurable: bool,
    /// Whether to refuse a database that another process has.
    pub sole: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: 4, read_queue: 1_024, write_queue: 1_024, undurable: false, sole: true }
    }
}

/// Whether an address can be that of a database.
///
/// # Errors
/// A sentence that says how to write it, and quotes nothing of it.
pub fn check_url(url: &str) -> Result<(), StoreError> {
    Server::parse(url).map(drop)
}

/// What a server says of itself and of a database of ours; changes nothing.
///
/// # Errors
/// [`StoreError::Unavailable`] where it cannot be reached, [`StoreError::Other`] where it is none that we
/// may use.
pub async fn look(url: &str) -> Result<Vec<(&'static str, String)>, StoreError> {
    let mut connection = Server::parse(url)?.connect(Role::Reader).await?;
    let durability = Durability::read(&mut connection).await?;
    durability.usable()?;
    let mut report = durability.report();
    // Before the first start there is none.
    let schema =
        open::schema(&mut connection).await.map_or_else(|_| "none yet".to_owned(), |n| n.to_string());
    report.insert(1, ("schema", schema));
    Ok(report)
}

/// The store in a database of MariaDB.
pub struct MariaStore {
    link: Arc<Link>,
    secrets: Arc<Mutex<Secrets>>,
    epoch: Epoch,
}

impl MariaStore {
    /// Connects to the database of a `mysql://user:password@host:port/database`, which is there, and brings
    /// its schema up to date.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another process has the database; [`StoreError::Unavailable`] where the
    /// server cannot be reached; [`StoreError::Other`] where it is none that we may use, or not durable.
    pub async fn open(url: &str, secrets: Secrets, options: Options) -> Result<Self, StoreError> {
        let server = Server::parse(url)?;
        let link = Link::new(server.clone(), options);
        // The first connection says whether we may.
        link.writer.run(|_| Box::pin(async { Ok(()) })).await?;
        let mut connection = server.connect(Role::Writer).await?;
        if open::is_being_restored(&mut connection).await? {
            let why = "a restore of it was cut off; run `zas restore` again";
            return Err(StoreError::Other(why.to_owned()));
        }
        open::migrate(&mut connection, migrate::MARIADB).await?;
        let epoch = open::epoch(&mut connection).await?;
        for fault in Durability::read(&mut connection).await?.faults() {
            tracing::error!(fault, "the database may lose what it has acknowledged");
        }
        Ok(Self { link, secrets: Arc::new(Mutex::new(secrets)), epoch })
    }

    /// Reads with what it is given.
    async fn read<D, T>(
        &self,
        moment: Moment,
        with: D,
        job: impl for<'c> Fn(&'c mut MySqlConnection, &'c D) -> Work<'c, T> + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        let link = self.link.clone();
        to_its_end(async move { link.readers.read(moment, &with, &job).await }).await
    }

    /// Writes with what it is given, all or nothing.
    async fn write<D, T>(
        &self,
        with: D,
        job: impl for<'c> Fn(&'c mut MySqlConnection, &'c D) -> Work<'c, T> + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        self.write_within(PATIENCE, with, job).await
    }

    async fn write_within<D, T>(
        &self,
        patience: Duration,
        with: D,
        job: impl for<'c> Fn(&'c mut MySqlConnection, &'c D) -> Work<'c, T> + Send + Sync + 'static,
    ) -> Result<T, StoreError>
    where
        D: Send + Sync + 'static,
        T: Send + 'static,
    {
        let link = self.link.clone();
        to_its_end(async move { link.writer.transact(patience, &with, &job).await }).await
    }
}

/// Decides a batch and writes what follows, short of the COMMIT.
async fn stage(
    c: &mut MySqlConnection,
    batch: &[Submission],
    now: Micros,
    epoch: Epoch,
    secrets: &Mutex<Secrets>,
) -> Result<Vec<Outcome>, Failure> {
    let mut facts = facts::load(c, &batch::needs(batch), epoch).await?;
    let outcomes = {
        let secrets = &mut *secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let (key, entropy) = (&secrets.fingerprint_key, &mut secrets.entropy);
        batch::decide(&mut facts, batch, &mut Context { now, key, entropy: &mut || entropy() })
    };
    writes::apply(c, outcomes.iter().flatten().flat_map(|decided| &decided.writes)).await?;
    Ok(outcomes)
}

#[async_trait]
impl Store for MariaStore {
    async fn commit(&self, batch: Vec<Submission>, now: Micros) -> Result<Vec<Outcome>, StoreError> {
        let with = (batch, now, self.epoch, self.secrets.clone());
        self.write(with, |c, (batch, now, epoch, secrets)| Box::pin(stage(c, batch, *now, *epoch, secrets)))
            .await
    }

    async fn txn(&self, user: UserId, txn_id: &TxnId) -> Result<Option<Ack>, StoreError> {
        let found = self
            .read(Moment::Each, (user, txn_id.clone()), |c, (user, txn_id)| {
                Box::pin(facts::stored_txn(c, *user, txn_id))
            })
            .await;
        match found {
            Ok(stored) => Ok(stored.map(|stored| stored.ack)),
            // Somebody still has it locked.
            Err(StoreError::Busy) => Err(StoreError::Unknown),
            Err(error) => Err(error),
        }
    }

    async fn create_user(&self, user: NewUser) -> Result<UserRow, CreateUserError> {
        self.write(user, |c, user| Box::pin(accounts::create(c, user))).await?
    }

    async fn user_by_login(&self, login: &str) -> Result<Option<UserRow>, StoreError> {
        self.read(Moment::Each, login.to_owned(), |c, login| Box::pin(accounts::by_login(c, login))).await
    }

    async fn user(&self, user: UserId) -> Result<Option<UserRow>, StoreError> {
        self.read(Moment::Each, user, |c, user| Box::pin(accounts::by_id(c, *user))).await
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.read(Moment::One, ids.to_vec(), |c, ids| Box::pin(accounts::by_ids(c, ids))).await
    }

    async fn search_users(&self, query: &str, not: UserId, limit: u32) -> Result<Vec<User>, StoreError> {
        self.read(Moment::One, (query.to_owned(), not, limit), |c, (query, not, limit)| {
            Box::pin(accounts::search(c, query, *not, *limit))
        })
        .await
    }

    async fn me(&self, user: UserId) -> Result<Option<Me>, StoreError> {
        self.read(Moment::Each, user, |c, user| Box::pin(accounts::me(c, *user))).await
    }

    async fn set_password(&self, user: UserId, hash: PasswordHash) -> Result<bool, StoreError> {
        self.write((user, hash), |c, (user, hash)| Box::pin(accounts::set_password(c, *user, hash))).await
    }

    async fn replace_password(
        &self,
        user: UserId,
        old: &PasswordHash,
        hash: PasswordHash,
    ) -> Result<bool, StoreError> {
        self.write((user, old.clone(), hash), |c, (user, old, hash)| {
            Box::pin(accounts::replace_password(c, *user, old, hash))
        })
        .await
    }

    async fn set_active(&self, user: UserId, active: bool) -> Result<bool, StoreError> {
        self.write((user, active), |c, (user, active)| Box::pin(accounts::set_active(c, *user, *active)))
            .await
    }

    async fn set_admin(&self, user: UserId, admin: bool) -> Result<bool, StoreError> {
        self.write((user, admin), |c, (user, admin)| Box::pin(accounts::set_admin(c, *user, *admin))).await
    }

    async fn accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>, StoreError> {
        self.read(Moment::Each, (after, limit), |c, (after, limit)| {
            Box::pin(accounts::page(c, *after, *limit))
        })
        .await
    }

    async fn count_users(&self) -> Result<u64, StoreError> {
        self.read(Moment::Each, (), |c, ()| Box::pin(accounts::count(c))).await
    }

    async fn peers(&self, user: UserId) -> Result<Vec<UserId>, StoreError> {
        self.read(Moment::Each, user, |c, user| Box::pin(accounts::peers(c, *user))).await
    }

    async fn put_last_seen(&self, seen: Vec<(UserId, Micros)>) -> Result<(), StoreError> {
        self.write(seen, |c, seen| Box::pin(accounts::put_last_seen(c, seen))).await
    }

    async fn last_seen(&self, ids: &[UserId]) -> Result<Vec<(UserId, Micros)>, StoreError> {
        self.read(Moment::One, ids.to_vec(), |c, ids| Box::pin(accounts::last_seen(c, ids))).await
    }

    async fn identity(&self, issuer: &str, subject: &str) -> Result<Option<Identified>, StoreError> {
        self.read(Moment::Each, (issuer.to_owned(), subject.to_owned()), |c, (issuer, subject)| {
            Box::pin(identities::find(c, issuer, subject))
        })
        .await
    }

    async fn create_identity(&self, new: NewIdentity) -> Result<Identified, CreateUserError> {
        self.write(new, |c, new| Box::pin(identities::find_or_make(c, new))).await?
    }

    async fn account_state(&self, user: UserId) -> Result<Option<AccountState>, StoreError> {
        self.read(Moment::Each, user, |c, user| Box::pin(identities::state(c, *user))).await
    }

    async fn set_signed_out(&self, user: UserId, at: Micros) -> Result<bool, StoreError> {
        self.write((user, at), |c, (user, at)| Box::pin(identities::set_signed_out(c, *user, *at))).await
    }

    async fn put_api_key(&self, key: ApiKeyRow) -> Result<bool, StoreError> {
        self.write(key, |c, key| Box::pin(api_keys::put(c, key))).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.read(Moment::Each, (), |c, ()| Box::pin(api_keys::all(c))).await
    }

    async fn remove_api_key(&self, name: &str) -> Result<bool, StoreError> {
        self.write(name.to_owned(), |c, name| Box::pin(api_keys::remove(c, name))).await
    }

    async fn begin_webhook(&self, webhook: &str) -> Result<(), StoreError> {
        self.write(webhook.to_owned(), |c, webhook| Box::pin(webhooks::begin(c, webhook))).await
    }

    async fn webhook_due(&self, webhook: &str, limit: u32) -> Result<Vec<(RoomId, Seq)>, StoreError> {
        self.read(Moment::Each, (webhook.to_owned(), limit), |c, (webhook, limit)| {
            Box::pin(webhooks::due(c, webhook, *limit))
        })
        .await
    }

    async fn webhook_place(&self, webhook: &str, room: RoomId) -> Result<Seq, StoreError> {
        self.read(Moment::Each, (webhook.to_owned(), room), |c, (webhook, room)| {
            Box::pin(webhooks::place(c, webhook, *room))
        })
        .await
    }

    async fn advance_webhook(&self, webhook: &str, places: Vec<(RoomId, Seq)>) -> Result<(), StoreError> {
        self.write((webhook.to_owned(), places), |c, (webhook, places)| {
            Box::pin(webhooks::advance(c, webhook, places))
        })
        .await
    }

    async fn log_after(&self, room: RoomId, after: Seq, limit: u32) -> Result<Vec<Event>, StoreError> {
        self.read(Moment::Each, (room, after, limit), |c, (room, after, limit)| {
            Box::pin(logs::after(c, *room, *after, *limit))
        })
        .await
    }

    async fn roster(&self, room: RoomId) -> Result<Option<Roster>, StoreError> {
        self.read(Moment::One, room, |c, room| Box::pin(rooms::roster(c, *room))).await
    }

    async fn create_device(&self, device: DeviceRow) -> Result<(), StoreError> {
        self.write(device, |c, device| Box::pin(devices::create(c, device))).await
    }

    async fn rotate_refresh(
        &self,
        device: DeviceId,
        presented: &str,
        next: &str,
        now: Micros,
        grace_ms: i64,
    ) -> Result<Rotation, StoreError> {
        let with = (device, presented.to_owned(), next.to_owned(), now, grace_ms);
        self.write(with, |c, (device, presented, next, now, grace_ms)| {
            Box::pin(devices::rotate(c, *device, presented, next, *now, *grace_ms))
        })
        .await
    }

    async fn device(&self, device: DeviceId) -> Result<Option<DeviceState>, StoreError> {
        self.read(Moment::Each, device, |c, device| Box::pin(devices::state(c, *device))).await
    }

    async fn devices(&self, user: UserId) -> Result<Vec<DeviceRow>, StoreError> {
        self.read(Moment::Each, user, |c, user| Box::pin(devices::of_user(c, *user))).await
    }

    async fn revoke_device(&self, device: DeviceId) -> Result<Option<UserId>, StoreError> {
        self.write(device, |c, device| Box::pin(devices::revoke(c, *device))).await
    }

    async fn revoke_devices(
        &self,
        user: UserId,
        except: Option<DeviceId>,
    ) -> Result<Vec<DeviceId>, StoreError> {
        self.write((user, except), |c, (user, except)| Box::pin(devices::revoke_all(c, *user, *except))).await
    }

    async fn heads(&self, user: UserId) -> Result<Vec<RoomHead>, StoreError> {
        self.read(Moment::Each, (user, self.epoch), |c, (user, epoch)| {
            Box::pin(rooms::heads(c, *user, *epoch))
        })
        .await
    }

    async fn rooms(&self, user: UserId) -> Result<Vec<Room>, StoreError> {
        self.read(Moment::One, (user, self.epoch), |c, (user, epoch)| {
            Box::pin(rooms::summaries(c, *user, None, *epoch))
        })
        .await
    }

    async fn room(&self, user: UserId, room: RoomId) -> Result<Option<Room>, StoreError> {
        let mut found = self
            .read(Moment::One, (user, room, self.epoch), |c, (user, room, epoch)| {
                Box::pin(rooms::summaries(c, *user, Some(*room), *epoch))
            })
            .await?;
        Ok(found.pop())
    }

    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<Membership>, StoreError> {
        self.read(Moment::Each, (room, user, self.epoch), |c, (room, user, epoch)| {
            Box::pin(rooms::member(c, *room, *user, *epoch))
        })
        .await
    }

    async fn page(
        &self,
        user: UserId,
        room: RoomId,
        at: PageAt,
        limit: u32,
    ) -> Result<Option<Page>, StoreError> {
        self.read(Moment::One, (user, room, at, limit, self.epoch), |c, (user, room, at, limit, epoch)| {
            Box::pin(logs::page(c, *user, *room, *at, *limit, *epoch))
        })
        .await
    }

    async fn messages(
        &self,
        user: UserId,
        room: RoomId,
        skip: u64,
        limit: u32,
    ) -> Result<Option<(u64, Vec<Event>)>, StoreError> {
        self.read(Moment::One, (user, room, skip, limit), |c, (user, room, skip, limit)| {
            Box::pin(logs::messages(c, *user, *room, *skip, *limit))
        })
        .await
    }

    async fn seq_at(&self, room: RoomId, at: Micros) -> Result<Seq, StoreError> {
        self.read(Moment::One, (room, at), |c, (room, at)| Box::pin(logs::seq_at(c, *room, *at))).await
    }

    async fn event_by_message(&self, message: MessageId) -> Result<Option<Event>, StoreError> {
        self.read(Moment::Each, message, |c, message| Box::pin(logs::by_message(c, *message))).await
    }

    async fn visible(
        &self,
        user: UserId,
        room: RoomId,
        seqs: &[Seq],
    ) -> Result<Option<Vec<Event>>, StoreError> {
        self.read(Moment::One, (user, room, seqs.to_vec()), |c, (user, room, seqs)| {
            Box::pin(logs::visible(c, *user, *room, seqs))
        })
        .await
    }

    async fn states(
        &self,
        viewer: UserId,
        room: RoomId,
        seqs: &[Seq],
    ) -> Result<Vec<MessageState>, StoreError> {
        self.read(Moment::One, (viewer, room, seqs.to_vec()), |c, (viewer, room, seqs)| {
            Box::pin(changes::states(c, *viewer, *room, seqs))
        })
        .await
    }

    async fn reacted(&self, room: RoomId, seqs: &[Seq]) -> Result<Vec<Reacted>, StoreError> {
        self.read(Moment::One, (room, seqs.to_vec()), |c, (room, seqs)| {
            Box::pin(changes::reacted(c, *room, seqs))
        })
        .await
    }

    async fn put_positions(&self, positions: Vec<(RoomId, Position)>) -> Result<(), StoreError> {
        self.write(positions, |c, positions| Box::pin(logs::put_positions(c, positions))).await
    }

    async fn positions(&self, room: RoomId) -> Result<Vec<Position>, StoreError> {
        self.read(Moment::Each, room, |c, room| Box::pin(logs::positions(c, *room))).await
    }

    async fn append_bulk(&self, room: RoomId, events: Vec<Event>) -> Result<(), StoreError> {
        self.write_within(MUCH_PATIENCE, (room, events), |c, (room, events)| {
            Box::pin(logs::append_bulk(c, *room, events))
        })
        .await
    }

    async fn import_accounts(&self, accounts: Vec<OldAccount>) -> Result<Vec<AccountKept>, StoreError> {
        self.write_within(MUCH_PATIENCE, accounts, |c, accounts| Box::pin(import::accounts(c, accounts)))
            .await
    }

    async fn import(&self, what: Imported) -> Result<(), StoreError> {
        self.write_within(MUCH_PATIENCE, what, |c, what| Box::pin(import::carry_out(c, what))).await
    }

    async fn places(&self, messages: &[MessageId]) -> Result<Vec<(MessageId, RoomId, Seq)>, StoreError> {
        self.read(Moment::One, messages.to_vec(), |c, messages| Box::pin(import::places(c, messages))).await
    }

    async fn said_at(&self, room: RoomId, from: Seq, to: Seq) -> Result<Vec<(Seq, Micros)>, StoreError> {
        self.read(Moment::Each, (room, from, to), |c, (room, from, to)| {
            Box::pin(import::said_at(c, *room, *from, *to))
        })
        .await
    }

    async fn commanded(&self, prefix: &str) -> Result<Vec<RoomId>, StoreError> {
        self.read(Moment::Each, prefix.to_owned(), |c, prefix| Box::pin(import::commanded(c, prefix))).await
    }

    async fn file_origin(&self, file: FileId) -> Result<Option<String>, StoreError> {
        self.read(Moment::Each, file, |c, file| Box::pin(import::file_origin(c, *file))).await
    }

    async fn put_file(&self, file: FileRow) -> Result<(), StoreError> {
        self.write(file, |c, file| Box::pin(files::put(c, file))).await
    }

    async fn file(&self, file: FileId) -> Result<Option<FileRow>, StoreError> {
        self.read(Moment::Each, file, |c, file| Box::pin(files::find(c, *file))).await
    }

    async fn file_bytes(&self, user: UserId) -> Result<u64, StoreError> {
        self.read(Moment::Each, user, |c, user| Box::pin(files::bytes(c, *user))).await
    }

    async fn forget_files(&self, before: Micros, limit: u32) -> Result<Vec<FileId>, StoreError> {
        self.write((before, limit), |c, (before, limit)| Box::pin(files::forget(c, *before, *limit))).await
    }

    async fn health(&self) -> Result<(), StoreError> {
        let link = self.link.clone();
        let found = to_its_end(async move { link.writer.run(|c| Box::pin(open::epoch(c))).await }).await?;
        if found != self.epoch {
            let why = "it holds another history than at the start; restart";
            return Err(StoreError::Unavailable(why.to_owned()));
        }
        Ok(())
    }

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    async fn report(&self) -> Result<Vec<(&'static str, String)>, StoreError> {
        let (durability, schema) = self
            .read(Moment::Each, (), |c, ()| {
                Box::pin(async move { Ok((Durability::read(c).await?, open::schema(c).await?)) })
            })
            .await?;
        let mut report = durability.report();
        report.insert(1, ("schema", schema.to_string()));
        Ok(report)
    }

    async fn close(&self) {
        self.link.writer.close().await;
        self.link.readers.close().await;
    }
}
