//! Telling other systems what happens, signed, at least once.
//!
//! The logs are the truth. A webhook has a place in each, kept in the store, and tells what is above it in
//! order. The committer only hints that a room has news, into a bounded set; a hint that is lost, by a
//! restart or by a full set, is made good by asking the store which rooms are ahead. So nothing that is
//! committed waits for a webhook, and none is forgotten: an event that was told just before the process died
//! is told again, with the same id.
//!
//! An address that fails is tried again, at longer and longer intervals, and holds up what comes after in
//! all rooms of that webhook. An event that is older than [`Limits::webhook_give_up_ms`] and fails once more
//! is passed over, and a line of the log says so. A webhook is never switched off by itself.

mod signed;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use zas_protocol::{Event, Limits, RoomId, Seq};
use zas_store::{Store, StoreError};

use self::signed::Secret;
use crate::clock;
use crate::config::Config;
use crate::config::webhooks::Topic;
use crate::outbound::Outbound;

pub use self::signed::WebhookError;

/// Rooms with news that are remembered; beyond them the store is asked.
const ROOMS: usize = 10_000;
/// Rooms that are ahead, read at a time.
const DUE: u32 = 256;
/// Events of a log, read at a time; after them another room has its turn.
const EVENTS: u32 = 50;
/// Places are written when so many have moved, or after so long.
const PLACES: usize = 64;
const PLACES_EVERY: Duration = Duration::from_secs(1);
/// The longest wait between two tries, as so many of the first.
const LONGEST_WAIT: u32 = 600;

/// The webhooks there are, cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    hooks: Arc<[Arc<Hints>]>,
    finished: watch::Receiver<()>,
}

/// Which rooms have news for a webhook.
struct Hints {
    topics: Vec<Topic>,
    rooms: Mutex<Rooms>,
    news: Notify,
}

struct Rooms {
    known: BTreeSet<RoomId>,
    /// There may be others: the store is to be asked.
    others: bool,
}

impl Webhooks {
    /// Starts a task for each of the settings' webhooks.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn start(
        config: &Config,
        outbound: &Outbound,
        store: &Arc<dyn Store>,
        draining: &watch::Receiver<bool>,
    ) -> Result<Self, WebhookError> {
        let (running, finished) = watch::channel(());
        let running = Arc::new(running);
        let mut hooks = Vec::new();
        for settings in &config.webhooks {
            let rooms = Rooms { known: BTreeSet::new(), others: true };
            let hints = Arc::new(Hints {
                topics: settings.events.clone(),
                rooms: Mutex::new(rooms),
                news: Notify::new(),
            });
            let teller = Teller {
                name: settings.name.clone(),
                url: settings.url.clone(),
                secret: Secret::load(settings)?,
                hints: hints.clone(),
                outbound: outbound.clone(),
                store: store.clone(),
                limits: config.limits.clone(),
                moved: BTreeMap::new(),
                written: Instant::now(),
                failures: 0,
                draining: draining.clone(),
            };
            let running = running.clone();
            tokio::spawn(async move {
                teller.run().await;
                drop(running);
            });
            hooks.push(hints);
        }
        Ok(Self { hooks: hooks.into(), finished })
    }

    /// Has the store asked for what nobody hinted at.
    pub fn look_again(&self) {
        for hints in &*self.hooks {
            hints.lock().others = true;
            hints.news.notify_one();
        }
    }

    /// Checks the secrets of the settings.
    ///
    /// # Errors
    /// [`WebhookError`].
    pub fn check(config: &Config) -> Result<(), WebhookError> {
        config.webhooks.iter().try_for_each(|webhook| Secret::load(webhook).map(drop))
    }

    /// Notes that an event is durable. Never waits.
    pub fn committed(&self, event: &Event) {
        for hints in &*self.hooks {
            if hints.wants(event) {
                hints.put(event.room);
            }
        }
    }

    /// Waits until draining webhooks have noted how far they are.
    pub async fn finish(&self) {
        let mut finished = self.finished.clone();
        // Each task holds the sender: an error means that all have ended.
        while finished.changed().await.is_ok() {}
    }
}

impl Hints {
    fn wants(&self, event: &Event) -> bool {
        signed::kind(&event.body).is_some_and(|(topic, _)| self.topics.contains(&topic))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, room: RoomId) {
        {
            let mut rooms = self.lock();
            if rooms.known.len() < ROOMS || rooms.known.contains(&room) {
                rooms.known.insert(room);
            } else {
                rooms.others = true;
            }
        }
        self.news.notify_one();
    }

    fn take(&self) -> Option<RoomId> {
        self.lock().known.pop_first()
    }
}

/// The server stops: what is not told yet is told after the next start.
struct Stopped;

/// What became of an event that is told.
enum Told {
    /// It arrived, or is passed over.
    Done,
    /// The server stops first.
    Stopped,
}

/// The task of a webhook.
struct Teller {
    name: String,
    url: String,
    secret: Secret,
    hints: Arc<Hints>,
    outbound: Outbound,
    store: Arc<dyn Store>,
    limits: Limits,
    /// Places that are not written yet.
    moved: BTreeMap<RoomId, Seq>,
    /// When places were written last.
    written: Instant,
    /// Tries in a row that failed.
    failures: u32,
    draining: watch::Receiver<bool>,
}

impl Teller {
    async fn run(mut self) {
        let Stopped = self.tell_all().await;
        if let Err(error) = self.write_places().await {
            tracing::warn!(webhook = self.name, %error, "how far it was told could not be noted");
        }
    }

    async fn tell_all(&mut self) -> Stopped {
        while let Err(error) = self.store.begin_webhook(&self.name).await {
            if let Err(stopped) = self.store_failed(&error).await {
                return stopped;
            }
        }
        loop {
            let told = match self.hints.take() {
                Some(room) => self.tell(room).await,
                None => match self.find_others().await {
                    Ok(true) => Ok(Told::Done),
                    Ok(false) => match self.wait_for_news().await {
                        Ok(()) => Ok(Told::Done),
                        Err(stopped) => return stopped,
                    },
                    Err(error) => Err(error),
                },
            };
            match told {
                Ok(Told::Done) => {}
                Ok(Told::Stopped) => return Stopped,
                Err(error) => {
                    self.hints.lock().others = true;
                    if let Err(stopped) = self.store_failed(&error).await {
                        return stopped;
                    }
                }
            }
        }
    }

    /// Asks the store for rooms that are ahead, if there may be any that nobody hinted at; whether there
    /// are.
    async fn find_others(&mut self) -> Result<bool, StoreError> {
        if !std::mem::take(&mut self.hints.lock().others) {
            return Ok(false);
        }
        self.write_places().await?;
        let due = self.store.webhook_due(&self.name, DUE).await?;
        let mut rooms = self.hints.lock();
        rooms.others |= due.len() == DUE as usize;
        rooms.known.extend(due.iter().map(|&(room, _)| room));
        Ok(!due.is_empty())
    }

    async fn wait_for_news(&mut self) -> Result<(), Stopped> {
        let hints = self.hints.clone();
        if self.moved.is_empty() {
            return self.or_stop(hints.news.notified()).await;
        }
        let within = tokio::time::timeout(PLACES_EVERY, hints.news.notified());
        if self.or_stop(within).await?.is_err()
            && let Err(error) = self.write_places().await
        {
            self.store_failed(&error).await?;
        }
        Ok(())
    }

    /// Tells what is above the place in a room's log; of very much only the beginning.
    async fn tell(&mut self, room: RoomId) -> Result<Told, StoreError> {
        let place = match self.moved.get(&room) {
            Some(&place) => place,
            None => self.store.webhook_place(&self.name, room).await?,
        };
        let events = self.store.log_after(room, place, EVENTS).await?;
        for event in &events {
            if self.hints.wants(event)
                && let Told::Stopped = self.deliver(event).await
            {
                return Ok(Told::Stopped);
            }
            self.moved.insert(room, event.seq);
            if self.moved.len() >= PLACES || self.written.elapsed() >= PLACES_EVERY {
                self.write_places().await?;
            }
        }
        if events.len() == EVENTS as usize {
            self.hints.put(room);
        }
        Ok(Told::Done)
    }

    /// Tries until the event arrives, or is too old to be tried again.
    async fn deliver(&mut self, event: &Event) -> Told {
        let Some(body) = signed::body(event) else { return Told::Done };
        let id = signed::id(event, self.store.epoch());
        loop {
            let headers = self.secret.headers(&id, clock::now(), &body);
            let outbound = self.outbound.clone();
            let url = self.url.clone();
            let Ok(answer) = self.or_stop(outbound.post(&url, headers, body.clone())).await else {
                return Told::Stopped;
            };
            let why = match answer {
                Ok(status) if status.is_success() => {
                    if std::mem::take(&mut self.failures) > 0 {
                        tracing::info!(webhook = self.name, "it takes what it is told again");
                    }
                    return Told::Done;
                }
                Ok(status) => format!("it answers with status {status}"),
                Err(error) => error.to_string(),
            };
            self.failures = self.failures.saturating_add(1);
            // Once, and then ever more rarely.
            if self.failures.is_power_of_two() {
                tracing::warn!(webhook = self.name, failures = self.failures, why, "it could not be told");
            }
            let age = clock::now().saturating_sub(event.at) / 1_000;
            let is_old = u64::try_from(age).is_ok_and(|age| age >= self.limits.webhook_give_up_ms);
            if is_old {
                tracing::warn!(
                    webhook = self.name,
                    id,
                    "an event is passed over, which it would not take for long"
                );
            }
            // What is known to have arrived is not told again if the process ends meanwhile.
            if let Err(error) = self.write_places().await {
                tracing::warn!(webhook = self.name, %error, "how far it was told could not be noted");
            }
            if self.pause(self.failures).await.is_err() {
                return Told::Stopped;
            }
            if is_old {
                return Told::Done;
            }
        }
    }

    /// Waits before the next try, twice as long each time, and a little more or less, so that many servers
    /// do not come at once.
    async fn pause(&mut self, failures: u32) -> Result<(), Stopped> {
        let first = Duration::from_millis(self.limits.webhook_retry_ms);
        let times = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX).min(LONGEST_WAIT);
        let [share] = clock::random::<1>();
        let wait = first.saturating_mul(times).mul_f64(0.8 + 0.4 * f64::from(share) / 255.0);
        self.or_stop(tokio::time::sleep(wait)).await
    }

    async fn store_failed(&mut self, error: &StoreError) -> Result<(), Stopped> {
        tracing::warn!(webhook = self.name, %error, "the store does not say what is to be told");
        self.or_stop(tokio::time::sleep(PLACES_EVERY)).await
    }

    async fn write_places(&mut self) -> Result<(), StoreError> {
        if self.moved.is_empty() {
            return Ok(());
        }
        let places: Vec<(RoomId, Seq)> = self.moved.iter().map(|(&room, &seq)| (room, seq)).collect();
        self.store.advance_webhook(&self.name, places).await?;
        self.moved.clear();
        self.written = Instant::now();
        Ok(())
    }

    async fn or_stop<T>(&mut self, what: impl Future<Output = T>) -> Result<T, Stopped> {
        let mut draining = self.draining.clone();
        tokio::select! {
            done = what => Ok(done),
            () = async {
                if draining.wait_for(|draining| *draining).await.is_err() {
                    std::future::pending::<()>().await;
                }
            } => Err(Stopped),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_rooms_than_are_remembered_are_asked_for_instead() {
        let hints = Hints {
            topics: Vec::new(),
            rooms: Mutex::new(Rooms { known: BTreeSet::new(), others: false }),
            news: Notify::new(),
        };
        let room = |n: usize| RoomId::mint(i64::try_from(n).unwrap() * 1_000, [0; 10]);
        for n in 0..ROOMS {
            hints.put(room(n));
            hints.put(room(n));
        }
        assert!(!hints.lock().others);
        hints.put(room(ROOMS));
        assert!(hints.lock().others);
        assert_eq!(hints.lock().known.len(), ROOMS);
        assert_eq!(hints.take(), Some(room(0)));
    }
}
