//! An app's chat moves in: its people, rooms and messages out of its own database, under their own ids and in
//! their own order. What is here already is left or brought up to date, so that an import may be run again,
//! after a kill or for what was said since. A row that cannot be brought is listed and left; none is fatal.
//!
//! | module | what |
//! |---|---|
//! | [`people`] | accounts |
//! | [`rooms`] | rooms and who is in them |
//! | [`messages`] | what was said, and what became of it |
//! | [`reading`] | the app's messages, read ahead |
//! | [`facts`] | a message as either side has it, to be compared |
//! | [`here`] | what people did here since, which stays |
//! | [`follow`] | what the app still writes |
//! | [`bar`] | how far it is, at the prompt |
//! | [`report`] | what was brought, what was left, and whether both sides agree |
//!
//! To import from another app: a reader beside `zas_store::django` that gives the same rows.

mod bar;
mod facts;
mod follow;
mod here;
mod messages;
mod people;
mod reading;
pub mod report;
mod rooms;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use zas_core::ledger::Pair;
use zas_protocol::{Micros, RoomId, Seq, UserId};
use zas_store::django::{Django, OldMember, OldRoom};
use zas_store::{Imported, Store, StoreError};

pub use self::bar::Bar;
use self::follow::Following;
pub(crate) use self::here::was_done_here;
use self::people::Person;
use self::reading::{Job, Reading};
pub use self::report::Report;

/// How often what the app still writes is looked for.
pub const FOLLOW: Duration = Duration::from_secs(2);

/// What to import, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// `mysql://user:password@host:port/database` of the app.
    pub from: String,
    /// Reads all and writes nothing.
    pub dry_run: bool,
    /// What paths of files begin with, as in `/media/`.
    pub media: String,
    /// Characters of a message.
    pub message_chars: usize,
    /// Goes on where people have written here since, and takes back nothing of what they did.
    pub keep_changes: bool,
    /// How often what the app still writes is looked for.
    pub follow: Duration,
}

/// Why an import ended early. What was brought until then stays, and is known to the next one.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The app's database.
    #[error("the old database: {0}")]
    Old(StoreError),
    /// Ours.
    #[error("the database of Zas: {0}")]
    Ours(#[from] StoreError),
    /// People have written here since: what they edited would become again what it was.
    #[error(
        "{rooms} of its rooms have been written into in Zas since they were brought; nothing was done. If people \
         use Zas now, do not import again. If that was a trial, begin again with an empty data folder. \
         --keep-changes brings what is new there, and takes back nothing of what was done here"
    )]
    Live {
        /// In how many rooms.
        rooms: usize,
    },
}

/// What an import is at, for who watches it.
pub trait Watch: Sync {
    /// So many messages there are.
    fn begins(&self, messages: u64);
    /// So many more are dealt with.
    fn more(&self, messages: u64);
    /// All were brought, and now both sides are compared.
    fn compares(&self, messages: u64);
    /// From here on what the app still writes follows, as it comes.
    fn follows(&self);
    /// It was looked for once more.
    fn looked(&self) {}
}

/// Imports all there is; then, until `switched` is done, what the app still writes; then looks at all of it
/// once more. Nobody else may write to `store` meanwhile.
///
/// # Errors
/// [`ImportError`].
pub async fn run(
    store: &Arc<dyn Store>,
    options: Options,
    watch: &dyn Watch,
    switched: Option<impl Future<Output = ()>>,
) -> Result<Report, ImportError> {
    let mut import = Import::open(store, options, watch).await?;
    let mut following = import.all().await?;
    if let Some(switched) = switched {
        watch.follows();
        tokio::pin!(switched);
        loop {
            tokio::select! {
                () = &mut switched => break,
                () = tokio::time::sleep(import.options.follow) => import.look(&mut following).await?,
            }
            watch.looked();
        }
        let brought = std::mem::take(&mut import.report);
        import.all().await?;
        import.report.goes_on_from(&brought);
    }
    if !import.options.dry_run {
        import.compare().await?;
    }
    Ok(import.report)
}

struct Import<'a> {
    store: Arc<dyn Store>,
    /// Taken away while messages are read.
    django: Option<Django>,
    options: Options,
    watch: &'a dyn Watch,
    report: Report,
    /// Whose rows may be brought, by key.
    people: BTreeMap<String, Person>,
    /// Private rooms, by their pair.
    pairs: BTreeMap<Pair, RoomId>,
    /// Rooms that were brought, with their names and the digest of what was said in them.
    rooms: BTreeMap<RoomId, rooms::Brought>,
    /// The ends of own logs that events go to.
    own_logs: BTreeMap<UserId, (Seq, Micros)>,
    /// What is to be written next, of any number of rooms: a commit costs the same however much is in it.
    pending: Imported,
    /// What is being written.
    writing: Option<JoinHandle<Result<(), StoreError>>>,
    /// There was nobody here before, so that nothing need be looked for.
    is_first: bool,
    /// Rooms that people have written into here.
    live: BTreeSet<RoomId>,
    /// Messages in them that need not be what they are there.
    kept: BTreeMap<RoomId, BTreeSet<Seq>>,
}

impl<'a> Import<'a> {
    async fn open(
        store: &Arc<dyn Store>,
        options: Options,
        watch: &'a dyn Watch,
    ) -> Result<Self, ImportError> {
        let django = Django::open(&options.from).await.map_err(ImportError::Old)?;
        Ok(Self {
            is_first: store.count_users().await? == 0,
            store: store.clone(),
            django: Some(django),
            options,
            watch,
            report: Report::default(),
            people: BTreeMap::new(),
            pairs: BTreeMap::new(),
            rooms: BTreeMap::new(),
            own_logs: BTreeMap::new(),
            pending: Imported::default(),
            writing: None,
            live: BTreeSet::new(),
            kept: BTreeMap::new(),
        })
    }

    /// Everything, whether or not it is here; from where to follow.
    async fn all(&mut self) -> Result<Following, ImportError> {
        let began = self.django()?.begin().await.map_err(ImportError::Old)?;
        let there = self.django()?.counts().await.map_err(ImportError::Old)?;
        let (rooms, members) = self.old_rooms().await?;
        self.is_allowed(&rooms).await?;
        self.report.there(&there);
        self.watch.begins(there.messages);
        self.rooms.clear();
        self.kept.clear();
        self.people.clear();
        let users = self.django()?.users().await.map_err(ImportError::Old)?;
        self.accounts(&users).await?;
        let sizes = self.django()?.sizes().await.map_err(ImportError::Old)?;
        let size = |room: &OldRoom| (room.key.clone(), sizes.get(&room.key).copied().unwrap_or_default());
        let mut reading = self.read(Job::all(rooms.iter().map(size)))?;
        for room in &rooms {
            let members: &[OldMember] = members.get(&room.key).map_or(&[], Vec::as_slice);
            self.room(room, members, &mut reading).await?;
        }
        self.django = Some(reading.end().await?);
        let strays = self.django()?.strays().await.map_err(ImportError::Old)?;
        self.watch.more(strays.len() as u64);
        for key in strays {
            self.report.leave("messages", &key, zas_store::django::Fault::Orphan);
        }
        self.flush().await?;
        self.is_first = false;
        self.report.took();
        Ok(Following::new(rooms, sizes, began))
    }

    /// Stops where people write here by now, unless it was said to go on beside them.
    async fn is_allowed(&mut self, rooms: &[OldRoom]) -> Result<(), ImportError> {
        let there: BTreeSet<RoomId> =
            rooms.iter().filter_map(|room| zas_store::django::id(&room.key)).map(RoomId).collect();
        let commanded = self.store.commanded(here::NAMED).await?;
        self.live = commanded.into_iter().filter(|room| there.contains(room)).collect();
        if self.live.is_empty() || self.options.keep_changes {
            return Ok(());
        }
        Err(ImportError::Live { rooms: self.live.len() })
    }

    fn django(&mut self) -> Result<&mut Django, ImportError> {
        let reading = || ImportError::Old(StoreError::Other("it is being read".to_owned()));
        self.django.as_mut().ok_or_else(reading)
    }

    fn read(&mut self, jobs: Vec<Job>) -> Result<Reading, ImportError> {
        let reading = || ImportError::Old(StoreError::Other("it is being read".to_owned()));
        Ok(Reading::start(self.django.take().ok_or_else(reading)?, jobs))
    }

    /// Begins to write what is pending, once what is being written is.
    async fn write_on(&mut self) -> Result<(), ImportError> {
        self.written().await?;
        let pending = std::mem::take(&mut self.pending);
        if !self.options.dry_run && pending != Imported::default() {
            let store = self.store.clone();
            self.writing = Some(tokio::spawn(async move { store.import(pending).await }));
        }
        Ok(())
    }

    /// Waits for what is being written.
    async fn written(&mut self) -> Result<(), ImportError> {
        let Some(writing) = self.writing.take() else { return Ok(()) };
        Ok(writing.await.map_err(|error| StoreError::Other(error.to_string())).flatten()?)
    }

    /// Writes what is pending, so that it can be read.
    async fn flush(&mut self) -> Result<(), ImportError> {
        self.write_on().await?;
        self.written().await
    }

    /// Whether both sides hold the same, room by room.
    async fn compare(&mut self) -> Result<(), ImportError> {
        self.watch.compares(self.rooms.values().map(|room| room.messages).sum());
        let rooms: BTreeSet<RoomId> = self.rooms.keys().copied().collect();
        for id in rooms {
            let kept = self.kept.get(&id).cloned().unwrap_or_default();
            let (messages, digest) = facts::digest_here(&*self.store, id, &kept, self.watch).await?;
            let brought = &self.rooms[&id];
            self.report.compared(id, brought, messages, digest);
        }
        Ok(())
    }
}
