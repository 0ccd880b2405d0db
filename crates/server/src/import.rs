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
//! | [`bar`] | how far it is, at the prompt |
//! | [`report`] | what was brought, what was left, and whether both sides agree |
//!
//! To import from another app: a reader beside `zas_store::django` that gives the same rows.

mod bar;
mod facts;
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
use zas_store::django::{Django, OldMember, OldPlace, OldRoom};
use zas_store::{Imported, Store, StoreError};

pub use self::bar::Bar;
use self::people::Person;
use self::reading::{Job, Reading};
pub use self::report::Report;

/// How often what the app still writes is fetched.
const FOLLOW: Duration = Duration::from_secs(2);
/// How far back each look goes: what is committed late has an earlier time, and clocks differ.
const OVERLAP: Micros = 300_000_000;

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
    import.all().await?;
    if let Some(switched) = switched {
        watch.follows();
        tokio::pin!(switched);
        let mut since = import.began;
        loop {
            tokio::select! {
                () = &mut switched => break,
                () = tokio::time::sleep(FOLLOW) => since = import.touched(since).await?,
            }
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
    /// The old database's time when it was last looked at.
    began: Micros,
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
            began: 0,
        })
    }

    /// Everything, whether or not it is here.
    async fn all(&mut self) -> Result<(), ImportError> {
        self.began = self.django()?.begin().await.map_err(ImportError::Old)?;
        let there = self.django()?.counts().await.map_err(ImportError::Old)?;
        self.report.there(&there);
        self.watch.begins(there.messages);
        self.rooms.clear();
        self.accounts().await?;
        let (rooms, members) = self.old_rooms().await?;
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
        Ok(())
    }

    /// What was written or changed since then; the time to look from next.
    async fn touched(&mut self, since: Micros) -> Result<Micros, ImportError> {
        let began = self.django()?.begin().await.map_err(ImportError::Old)?;
        let mut touched: BTreeMap<String, Vec<OldPlace>> = BTreeMap::new();
        for (room, place) in self.django()?.touched(since - OVERLAP).await.map_err(ImportError::Old)? {
            touched.entry(room).or_default().push(place);
        }
        self.accounts().await?;
        let (rooms, members) = self.old_rooms().await?;
        let (mut jobs, mut changed) = (Vec::new(), Vec::new());
        for room in &rooms {
            let members: &[OldMember] = members.get(&room.key).map_or(&[], Vec::as_slice);
            let mut places = touched.remove(&room.key).unwrap_or_default();
            places.sort_unstable_by_key(|place| (place.at, place.id));
            let is_new =
                zas_store::django::id(&room.key).is_some_and(|id| !self.rooms.contains_key(&RoomId(id)));
            let came = members.iter().any(|member| member.joined_at.is_some_and(|at| at >= since - OVERLAP));
            if is_new || came || !places.is_empty() {
                jobs.push(Job::Some(room.key.clone(), places));
                changed.push((room, members));
            }
        }
        let mut reading = self.read(jobs)?;
        for (room, members) in changed {
            self.room(room, members, &mut reading).await?;
        }
        self.django = Some(reading.end().await?);
        self.flush().await?;
        Ok(began)
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
            let (messages, digest) = facts::digest_here(&*self.store, id, self.watch).await?;
            let brought = &self.rooms[&id];
            self.report.compared(id, brought, messages, digest);
        }
        Ok(())
    }
}
