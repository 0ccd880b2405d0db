//! The hub of this node: the machine of `zas_core::hub` behind one lock that is never held across
//! a wait, its timers, and what it asks to be written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Notify;
use zas_core::hub::{Attach, Delivery, Hub, Rung, SessionKey, Stored, Writes};
use zas_core::session::Log;
use zas_core::time::Now;
use zas_core::{encode, hub};
use zas_protocol::rest::Room;
use zas_protocol::{CloseCode, DeviceId, Event, Limits, Micros, Presence, RoomId, Seq, UserId};
use zas_store::Store;

use crate::auth::Which;
use crate::clock;
use crate::feed::mailbox::{Item, Mailbox};
use crate::metrics::Metrics;

/// A few that drain come back this far apart, in milliseconds, so that nobody waits for nothing.
const DRAIN_PACE_MS: u64 = 20;

struct Inner {
    hub: Mutex<Hub<Arc<Mailbox>>>,
    /// The next session's key.
    keys: AtomicU64,
    /// A timer is due earlier than the task believes.
    sooner: Notify,
    /// The last connection has left.
    left: Notify,
    metrics: Arc<Metrics>,
    node: String,
}

/// A handle to the hub, cheap to clone.
#[derive(Clone)]
pub struct NodeHub(Arc<Inner>);

impl NodeHub {
    /// An empty hub, and the task that runs its timers and writes what it asks for.
    #[must_use]
    pub fn start(store: Arc<dyn Store>, metrics: Arc<Metrics>, limits: &Limits) -> Self {
        let random: [u8; 4] = clock::random();
        let hub = Self(Arc::new(Inner {
            hub: Mutex::new(Hub::new(clock::now(), store.epoch(), limits)),
            keys: AtomicU64::new(1),
            sooner: Notify::new(),
            left: Notify::new(),
            metrics,
            node: random.iter().map(|byte| format!("{byte:02x}")).collect(),
        }));
        tokio::spawn(hub.clone().run_timers(store));
        hub
    }

    /// Whose revisions this node's are.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.0.node
    }

    /// Lends the machine, and wakes the timers' task if one is due earlier now.
    fn with<R>(
        &self,
        step: impl FnOnce(&mut Hub<Arc<Mailbox>>, Now, &mut dyn FnMut(&Arc<Mailbox>, &Delivery)) -> R,
    ) -> R {
        let metrics = &self.0.metrics;
        let mut deliver = |mailbox: &Arc<Mailbox>, delivery: &Delivery| {
            if !mailbox.deliver(delivery) {
                metrics.overflow();
            }
        };
        let mut hub = self.0.hub.lock().unwrap_or_else(PoisonError::into_inner);
        let before = hub.next_deadline();
        let result = step(&mut hub, clock::both(), &mut deliver);
        let after = hub.next_deadline();
        drop(hub);
        if after.is_some_and(|after| before.is_none_or(|before| after < before)) {
            self.0.sooner.notify_one();
        }
        result
    }

    /// A connection comes: it hears of its own log and of rooms joined or left from here on. A
    /// user's oldest connection makes place for one too many.
    #[must_use]
    pub fn attach(
        &self,
        mailbox: &Arc<Mailbox>,
        user: UserId,
        device: DeviceId,
        rung: Rung,
        profile_rev: u32,
    ) -> Attached {
        let key = SessionKey(self.0.keys.fetch_add(1, Ordering::Relaxed));
        let handle = mailbox.clone();
        let replaced =
            self.with(|hub, now, _| hub.attach(now, Attach { key, handle, user, device, rung, profile_rev }));
        if let Some((_, mailbox)) = replaced {
            mailbox.push(Item::Close(CloseCode::Replaced));
        }
        Attached { hub: self.clone(), key }
    }

    /// Whether the state that a client has heard is remembered here; if not, what is stored has
    /// to be given to [`Attached::open`].
    #[must_use]
    pub fn remembers(&self, seen: u64) -> bool {
        self.with(|hub, _, _| hub.remembers(seen))
    }

    /// Fans out a durable event, in the order of its room.
    pub fn committed(&self, event: &Event) {
        let bytes = encode::event(event);
        self.with(|hub, now, mut deliver| hub.committed(now.steady, event, bytes, &mut deliver));
    }

    /// A profile has another version.
    pub fn profile_changed(&self, user: UserId, profile_rev: u32) {
        self.with(|hub, _, mut deliver| hub.profile_changed(user, profile_rev, &mut deliver));
    }

    /// A member types, or stopped.
    pub fn typing(&self, user: UserId, room: RoomId, on: bool) {
        self.with(|hub, now, mut deliver| hub.typing(now.steady, user, room, on, &mut deliver));
    }

    /// A member's positions advanced; both are at most the room's head.
    pub fn advance(&self, user: UserId, room: RoomId, delivered: Seq, read: Seq) {
        self.with(|hub, now, mut deliver| hub.advance(now, user, room, delivered, read, &mut deliver));
    }

    /// Brings a room that was read from the store up to what is known here of its positions.
    pub fn merge_positions(&self, room: &mut Room) {
        let known = self.with(|hub, _, _| hub.positions(room.id));
        let small = room.member_count() <= zas_protocol::limits::SMALL_GROUP;
        for newer in known {
            match room.positions.iter_mut().find(|position| position.user == newer.user) {
                Some(position) => *position = hub::merge(*position, newer),
                // In a large group only one's own are shown, and those are there already.
                None if small => room.positions.push(newer),
                None => {}
            }
        }
    }

    /// Whether somebody is here; `stored` is when they last were, as far as the store knows.
    #[must_use]
    pub fn presence(&self, user: UserId, stored: Micros, profile_rev: u32) -> Presence {
        self.with(|hub, _, _| hub.presence(user)).map_or(
            Presence { user, online: false, last_seen: stored, profile_rev },
            |known| Presence {
                last_seen: known.last_seen.max(stored),
                profile_rev: known.profile_rev.max(profile_rev),
                ..known
            },
        )
    }

    /// Ends the connections of a device, or of a whole account.
    pub fn revoke(&self, user: UserId, which: Which) {
        let mailboxes: Vec<Arc<Mailbox>> = self.with(|hub, _, _| match which {
            Which::One(device) => hub.sessions_of_device(user, device).map(|(_, m)| m.clone()).collect(),
            Which::AllBut(device) => {
                let kept: Vec<_> = hub.sessions_of_device(user, device).map(|(key, _)| key).collect();
                let others = hub.sessions_of(user).filter(|(key, _)| !kept.contains(key));
                others.map(|(_, mailbox)| mailbox.clone()).collect()
            }
            Which::All => hub.sessions_of(user).map(|(_, mailbox)| mailbox.clone()).collect(),
        });
        for mailbox in mailboxes {
            mailbox.push(Item::Close(CloseCode::Revoked));
        }
    }

    /// Tells every connection to come back, spread over `spread_ms` if they are many.
    pub fn drain(&self, spread_ms: u64) {
        let mailboxes = self.mailboxes();
        let count = mailboxes.len().max(1) as u64;
        let spread_ms = spread_ms.min(count * DRAIN_PACE_MS);
        for (mailbox, n) in mailboxes.iter().zip(0_u64..) {
            mailbox.push(Item::Drain(spread_ms * n / count));
        }
    }

    /// Waits until no connection is left.
    pub async fn emptied(&self) {
        loop {
            let left = self.0.left.notified();
            if self.with(|hub, _, _| hub.is_empty()) {
                return;
            }
            left.await;
        }
    }

    /// Makes every connection come back with its cursor: what was missed is then replayed.
    pub fn reconnect_all(&self) {
        for mailbox in self.mailboxes() {
            mailbox.push(Item::Close(CloseCode::Internal));
        }
    }

    fn mailboxes(&self) -> Vec<Arc<Mailbox>> {
        self.with(|hub, _, _| hub.sessions().map(|(_, mailbox)| mailbox.clone()).collect())
    }

    /// Writes what is not written yet; for the end.
    pub async fn persist(&self, store: &dyn Store) {
        let writes = self.with(|hub, now, _| hub.shut_down(now));
        write(store, writes).await;
    }

    async fn run_timers(self, store: Arc<dyn Store>) {
        loop {
            let due = self.with(|hub, now, _| hub.next_deadline().map(|at| at - now.steady));
            match due {
                None => self.0.sooner.notified().await,
                Some(wait) if wait > 0 => {
                    let wait = Duration::from_micros(u64::try_from(wait).unwrap_or(0));
                    tokio::select! {
                        () = tokio::time::sleep(wait) => {}
                        () = self.0.sooner.notified() => {}
                    }
                }
                Some(_) => {
                    let writes = self.with(|hub, now, mut deliver| hub.tick(now.steady, &mut deliver));
                    write(&*store, writes).await;
                }
            }
        }
    }
}

/// Positions and last-seen times are max-merged and said again by clients: a write that fails is
/// an operator's matter, not a client's.
async fn write(store: &dyn Store, writes: Writes) {
    if !writes.positions.is_empty()
        && let Err(error) = store.put_positions(writes.positions).await
    {
        tracing::warn!(%error, "positions were not written");
    }
    if !writes.last_seen.is_empty()
        && let Err(error) = store.put_last_seen(writes.last_seen).await
    {
        tracing::warn!(%error, "last-seen times were not written");
    }
}

/// A connection that is attached; it is detached when this is dropped, however its task ends.
pub struct Attached {
    hub: NodeHub,
    key: SessionKey,
}

impl Attached {
    /// Follows the logs that the store named, and says which state the client has not heard.
    /// Heads are raised to what was fanned out meanwhile, rooms left meanwhile are gone.
    #[must_use]
    pub fn open(
        &self,
        user: UserId,
        mut logs: Vec<Log>,
        seen: Option<u64>,
        stored: &Stored,
    ) -> (Vec<Log>, Vec<Bytes>) {
        self.hub.with(|hub, _, mut deliver| {
            hub.follow(self.key, &mut logs, &mut deliver);
            let rooms: Vec<RoomId> = logs.iter().map(|log| log.room).collect();
            let state = hub.state_since(user, &rooms, seen, stored);
            (logs, state)
        })
    }

    /// The state that the client has not heard.
    #[must_use]
    pub fn state(&self, user: UserId, logs: &[Log], seen: Option<u64>, stored: &Stored) -> Vec<Bytes> {
        let rooms: Vec<RoomId> = logs.iter().map(|log| log.room).collect();
        self.hub.with(|hub, _, _| hub.state_since(user, &rooms, seen, stored))
    }

    /// The last place of each followed room that moved lately.
    #[must_use]
    pub fn heads(&self) -> std::collections::BTreeMap<RoomId, Seq> {
        self.hub.with(|hub, now, _| hub.heads(now.steady, self.key))
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let last = self.hub.with(|hub, now, _| {
            hub.detach(now, self.key);
            hub.is_empty()
        });
        if last {
            self.hub.0.left.notify_waiters();
        }
    }
}
