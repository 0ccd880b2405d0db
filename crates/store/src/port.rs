//! The port: what every engine does, whatever is behind it.
//!
//! Reads are of one moment each, and never wait for a writer. Writes are durable when they
//! return. An operation whose future is dropped runs to its end all the same, so a client that
//! goes away leaves no transaction open.

use async_trait::async_trait;
use zas_core::ledger::{Decided, Refusal, Submission};
use zas_protocol::rest::{Me, Page, Reacted, Room, User};
use zas_protocol::{
    Ack, DeviceId, Epoch, Event, FileId, MessageId, MessageState, Micros, Position, RoomId, Seq, TxnId,
    UserId,
};

use crate::error::{CreateUserError, StoreError};
use crate::rows::{
    AccountKept, AccountState, ApiKeyRow, DeviceRow, DeviceState, FileRow, Identified, Imported, Membership,
    NewIdentity, NewUser, OldAccount, PageAt, PasswordHash, RoomHead, Roster, Rotation, UserRow,
};

/// Ten random bytes for a new id, each time.
pub type Entropy = Box<dyn FnMut() -> [u8; 10] + Send>;

/// What became of one command of a batch.
pub type Outcome = Result<Decided, Refusal>;

/// What a commit needs besides the commands.
pub struct Secrets {
    /// The key of the hashes kept of commands, for ever the same for one database.
    pub fingerprint_key: [u8; 32],
    /// For the ids of what is made.
    pub entropy: Entropy,
}

/// What is durable.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // Commands

    /// Decides commands and stores what follows, all in one transaction; outcomes are in the
    /// order of the batch, and a later command sees what an earlier one did.
    ///
    /// # Errors
    /// Any failure undoes the whole batch, so that it may be run again, whole or in parts; after
    /// [`StoreError::Unknown`] too, since every command carries its `txn_id`.
    async fn commit(&self, batch: Vec<Submission>, now: Micros) -> Result<Vec<Outcome>, StoreError>;

    /// What a command became, if it is stored: settles an unknown outcome.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] while that is not to be told: it is not seen, but may be on the disk.
    async fn txn(&self, user: UserId, txn_id: &TxnId) -> Result<Option<Ack>, StoreError>;

    // Accounts

    /// Makes an account and its own log.
    async fn create_user(&self, user: NewUser) -> Result<UserRow, CreateUserError>;

    /// The account of a username or an email, in lower case. Who has no email is found by username alone.
    async fn user_by_login(&self, login: &str) -> Result<Option<UserRow>, StoreError>;

    /// An account.
    async fn user(&self, user: UserId) -> Result<Option<UserRow>, StoreError>;

    /// Those of these people that exist, disabled ones too, by id.
    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;

    /// People whose username, display name or a word of it begins with `query`, whatever its
    /// case and accents; the best first. Neither `not` nor disabled accounts.
    async fn search_users(&self, query: &str, not: UserId, limit: u32) -> Result<Vec<User>, StoreError>;

    /// Oneself.
    async fn me(&self, user: UserId) -> Result<Option<Me>, StoreError>;

    /// Another password; false when there is no such account.
    async fn set_password(&self, user: UserId, hash: PasswordHash) -> Result<bool, StoreError>;

    /// Another hash in place of `old`; false, and nothing changed, when that is not the one any more.
    async fn replace_password(
        &self,
        user: UserId,
        old: &PasswordHash,
        hash: PasswordHash,
    ) -> Result<bool, StoreError>;

    /// Disables or enables an account; false when there is none.
    async fn set_active(&self, user: UserId, active: bool) -> Result<bool, StoreError>;

    /// Makes somebody an administrator, or no longer; false when there is no such account.
    async fn set_admin(&self, user: UserId, admin: bool) -> Result<bool, StoreError>;

    /// Accounts by id, disabled ones too: at most `limit` of those above `after`.
    async fn accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>, StoreError>;

    /// How many accounts there are.
    async fn count_users(&self) -> Result<u64, StoreError>;

    /// Everyone with whom one shares a private room or a small group
    /// ([`zas_protocol::limits::SMALL_GROUP`]), by id.
    async fn peers(&self, user: UserId) -> Result<Vec<UserId>, StoreError>;

    /// Notes when people were last there; never goes back.
    async fn put_last_seen(&self, seen: Vec<(UserId, Micros)>) -> Result<(), StoreError>;

    /// When these people were last there; who never was is left out.
    async fn last_seen(&self, ids: &[UserId]) -> Result<Vec<(UserId, Micros)>, StoreError>;

    // Devices

    /// Signs a device in.
    async fn create_device(&self, device: DeviceRow) -> Result<(), StoreError>;

    /// Uses up the refresh token `presented` and makes `next`, issued `now`, the current one. A
    /// token used up less than `grace_ms` ago gives its successor again; any other signs the
    /// device out.
    async fn rotate_refresh(
        &self,
        device: DeviceId,
        presented: &str,
        next: &str,
        now: Micros,
        grace_ms: i64,
    ) -> Result<Rotation, StoreError>;

    /// A device that is signed in.
    async fn device(&self, device: DeviceId) -> Result<Option<DeviceState>, StoreError>;

    /// The devices of a person that are signed in, last used first.
    async fn devices(&self, user: UserId) -> Result<Vec<DeviceRow>, StoreError>;

    /// Signs a device out; whose it was, if it was signed in.
    async fn revoke_device(&self, device: DeviceId) -> Result<Option<UserId>, StoreError>;

    /// Signs all devices of a person out, but one; which.
    async fn revoke_devices(
        &self,
        user: UserId,
        except: Option<DeviceId>,
    ) -> Result<Vec<DeviceId>, StoreError>;

    // Accounts of other issuers

    /// The account of an issuer's subject.
    async fn identity(&self, issuer: &str, subject: &str) -> Result<Option<Identified>, StoreError>;

    /// The account of an issuer's subject; made, with its own log, where there is none. Of two who ask at
    /// once one makes it and both get it.
    async fn create_identity(&self, new: NewIdentity) -> Result<Identified, CreateUserError>;

    /// What an account's sessions are good for.
    async fn account_state(&self, user: UserId) -> Result<Option<AccountState>, StoreError>;

    /// Refuses the tokens of others that were issued to somebody up to `at`; never goes back. False when
    /// there is no such account.
    async fn set_signed_out(&self, user: UserId, at: Micros) -> Result<bool, StoreError>;

    // Keys of the server-side API

    /// Keeps a key; false when another has its name.
    async fn put_api_key(&self, key: ApiKeyRow) -> Result<bool, StoreError>;

    /// All keys, by name.
    async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError>;

    /// Forgets a key; false when there is none of that name.
    async fn remove_api_key(&self, name: &str) -> Result<bool, StoreError>;

    // Webhooks

    /// Begins to keep a webhook's places, at the end of every log there is. One that is known goes on where
    /// it is.
    async fn begin_webhook(&self, webhook: &str) -> Result<(), StoreError>;

    /// Logs, own ones left out, that a webhook has not told the end of: at most `limit`, by room, each with
    /// the last place it told.
    async fn webhook_due(&self, webhook: &str, limit: u32) -> Result<Vec<(RoomId, Seq)>, StoreError>;

    /// The last place of a log that a webhook told; 0 for none.
    async fn webhook_place(&self, webhook: &str, room: RoomId) -> Result<Seq, StoreError>;

    /// Advances a webhook's places; none ever goes back.
    async fn advance_webhook(&self, webhook: &str, places: Vec<(RoomId, Seq)>) -> Result<(), StoreError>;

    /// A stretch of a log above a place, whoever may see it: for the server itself alone.
    async fn log_after(&self, room: RoomId, after: Seq, limit: u32) -> Result<Vec<Event>, StoreError>;

    /// Who is in a room or an own log now, and where it ends; `None` when there is none. For the server
    /// itself alone.
    async fn roster(&self, room: RoomId) -> Result<Option<Roster>, StoreError>;

    // Rooms and logs

    /// Every room that one is in, and one's own log: where each stands. By room.
    async fn heads(&self, user: UserId) -> Result<Vec<RoomHead>, StoreError>;

    /// Every room that one is in, newest activity first; of a large group's members oneself alone.
    async fn rooms(&self, user: UserId) -> Result<Vec<Room>, StoreError>;

    /// A room that one is in, with all its members. One's own log is none.
    async fn room(&self, user: UserId, room: RoomId) -> Result<Option<Room>, StoreError>;

    /// One's standing in a room, if one is in it; in one's own log too.
    async fn member(&self, room: RoomId, user: UserId) -> Result<Option<Membership>, StoreError>;

    /// A page of a log, at most `limit` events; `None` for who is not in the room now.
    async fn page(
        &self,
        user: UserId,
        room: RoomId,
        at: PageAt,
        limit: u32,
    ) -> Result<Option<Page>, StoreError>;

    /// Messages that one may see, newest first, after leaving out `skip` of them; and how many
    /// there are in all. For the old contract, which counts pages.
    async fn messages(
        &self,
        user: UserId,
        room: RoomId,
        skip: u64,
        limit: u32,
    ) -> Result<Option<(u64, Vec<Event>)>, StoreError>;

    /// The last place of a log whose time is not later than `at`; 0 for none. For the old
    /// contract, whose cursor is a time.
    async fn seq_at(&self, room: RoomId, at: Micros) -> Result<Seq, StoreError>;

    /// A message, wherever it is. Who may see it is the caller's to ask.
    async fn event_by_message(&self, message: MessageId) -> Result<Option<Event>, StoreError>;

    /// Those of these events that one may see, by place; `None` for who is not in the room now.
    async fn visible(
        &self,
        user: UserId,
        room: RoomId,
        seqs: &[Seq],
    ) -> Result<Option<Vec<Event>>, StoreError>;

    /// What those of these messages are now that have changed, as `viewer` sees them; by place. Who
    /// may see them is the caller's to ask.
    async fn states(
        &self,
        viewer: UserId,
        room: RoomId,
        seqs: &[Seq],
    ) -> Result<Vec<MessageState>, StoreError>;

    /// Who thinks what of these messages, by place, the oldest first. Who may see them is the
    /// caller's to ask.
    async fn reacted(&self, room: RoomId, seqs: &[Seq]) -> Result<Vec<Reacted>, StoreError>;

    /// Advances positions; none ever goes back, and a time moves with its position alone.
    async fn put_positions(&self, positions: Vec<(RoomId, Position)>) -> Result<(), StoreError>;

    /// The positions of a room's members; who never had one is left out. By user.
    async fn positions(&self, room: RoomId) -> Result<Vec<Position>, StoreError>;

    /// Appends events as they are, for benches and imports. They must go on at the room's head
    /// without a gap. A retry of a `txn_id` among them is a conflict, since what was asked is not
    /// known.
    async fn append_bulk(&self, room: RoomId, events: Vec<Event>) -> Result<(), StoreError>;

    // What moves in from another system

    /// Makes accounts that are not here yet, in order; one that nobody has changed here becomes what it is
    /// there. What became of each.
    async fn import_accounts(&self, accounts: Vec<OldAccount>) -> Result<Vec<AccountKept>, StoreError>;

    /// Carries out what another system's rooms and messages become, all or nothing.
    async fn import(&self, what: Imported) -> Result<(), StoreError>;

    /// Where those of these messages are that are here.
    async fn places(&self, messages: &[MessageId]) -> Result<Vec<(MessageId, RoomId, Seq)>, StoreError>;

    /// When messages of a stretch of a log were said in another system, where that is not the time of their
    /// events; by place.
    async fn said_at(&self, room: RoomId, from: Seq, to: Seq) -> Result<Vec<(Seq, Micros)>, StoreError>;

    /// Rooms, own logs left out, in which somebody has done something by a command whose name does not begin
    /// with `prefix`; by id.
    async fn commanded(&self, prefix: &str) -> Result<Vec<RoomId>, StoreError>;

    /// Where the bytes of a file are that another system keeps.
    async fn file_origin(&self, file: FileId) -> Result<Option<String>, StoreError>;

    // Files

    /// Notes a file whose bytes are stored already.
    async fn put_file(&self, file: FileRow) -> Result<(), StoreError>;

    /// A file; not that of a deleted message.
    async fn file(&self, file: FileId) -> Result<Option<FileRow>, StoreError>;

    /// How many bytes of attachments a person has stored.
    async fn file_bytes(&self, user: UserId) -> Result<u64, StoreError>;

    /// Forgets files that nobody can fetch: those of deleted messages, and attachments uploaded before
    /// `before` that no message carries. At most `limit`; which, so that their bytes may go too.
    async fn forget_files(&self, before: Micros, limit: u32) -> Result<Vec<FileId>, StoreError>;

    // Operation

    /// Whether it answers reads and takes writes.
    ///
    /// # Errors
    /// Why not.
    async fn health(&self) -> Result<(), StoreError>;

    /// Which history the database holds; a restored backup starts another.
    fn epoch(&self) -> Epoch;

    /// What the engine is and how durable, by name, as read from it.
    async fn report(&self) -> Result<Vec<(&'static str, String)>, StoreError>;

    /// Finishes what is queued, refuses what comes after, and lets the database go.
    async fn close(&self);
}
