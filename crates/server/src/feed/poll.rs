//! The third rung: a long-poll. It ends when there is news, or when it has waited long enough.
//!
//! Each answer costs the client a request more, so what needs no hurry does not end it: see
//! [`Weight`].

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use serde::Deserialize;
use tokio::time::Instant;
use zas_protocol::{CloseCode, TxnId};

use super::{Gone, Inbound, Pipe};

/// Commands that are remembered of one who holds a poll.
const SENT: usize = 64;

/// What one is known to hold, and to have sent meanwhile.
#[derive(Debug, Default)]
struct Holding {
    count: usize,
    /// The last [`SENT`].
    sent: VecDeque<TxnId>,
}

/// How many requests are held for each `K`, so that none takes more than its share.
#[derive(Debug)]
pub struct Polls<K>(Mutex<HashMap<K, Holding>>);

impl<K> Default for Polls<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash> Polls<K> {
    /// Holds one more, unless `most` are held already.
    #[must_use]
    pub fn hold(self: &Arc<Self>, key: K, most: usize) -> Option<Held<K>> {
        let mut all = self.all();
        let holding = all.entry(key).or_default();
        if holding.count >= most {
            return None;
        }
        holding.count += 1;
        Some(Held { polls: self.clone(), key })
    }

    /// Something was sent by a request beside the polls that are held.
    pub fn sent(&self, key: K, txn_id: &TxnId) {
        if let Some(holding) = self.all().get_mut(&key) {
            holding.sent.push_back(txn_id.clone());
            if holding.sent.len() > SENT {
                holding.sent.pop_front();
            }
        }
    }
}

impl<K> Polls<K> {
    fn all(&self) -> MutexGuard<'_, HashMap<K, Holding>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that is held, until this is dropped.
#[derive(Debug)]
pub struct Held<K: Eq + Hash> {
    polls: Arc<Polls<K>>,
    key: K,
}

impl<K: Eq + Hash> Held<K> {
    fn has_sent(&self, txn_id: &TxnId) -> bool {
        self.polls.all().get(&self.key).is_some_and(|holding| holding.sent.contains(txn_id))
    }
}

impl<K: Eq + Hash> Drop for Held<K> {
    fn drop(&mut self) {
        let mut all = self.polls.all();
        if let Some(holding) = all.get_mut(&self.key) {
            holding.count -= 1;
            if holding.count == 0 {
                all.remove(&self.key);
            }
        }
    }
}

/// How much a frame matters to who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// Every answer has it.
    None,
    /// It may wait for company.
    Light,
    /// It is what one waits for.
    News,
}

/// What of a frame says how much it matters.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Glance {
    Welcome,
    Synced,
    Event {
        #[serde(default)]
        txn_id: Option<TxnId>,
    },
    Typing,
    Positions,
    Presence,
    Heads,
    #[serde(other)]
    Other,
}

fn weigh<K: Eq + Hash>(frame: &[u8], held: &Held<K>) -> Weight {
    match serde_json::from_slice(frame) {
        Ok(Glance::Welcome | Glance::Synced) => Weight::None,
        Ok(Glance::Typing | Glance::Positions | Glance::Presence | Glance::Heads) => Weight::Light,
        Ok(Glance::Event { txn_id: Some(txn_id) }) if held.has_sent(&txn_id) => Weight::Light,
        Ok(Glance::Event { .. } | Glance::Other) | Err(_) => Weight::News,
    }
}

/// How long an answer may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Without anything to tell.
    pub wait: Duration,
    /// To gather more, once there is news.
    pub gather: Duration,
    /// For news, once there is something that matters less.
    pub linger: Duration,
}

/// Collects frames for one answer.
pub struct PollPipe<'a, K: Eq + Hash> {
    collected: &'a mut Collected,
    held: &'a Held<K>,
    patience: Patience,
    /// When to answer.
    until: Instant,
    /// How many frames are enough.
    most: usize,
    told: usize,
    synced: bool,
}

/// What an answer holds.
#[derive(Debug, Default)]
pub struct Collected {
    frames: Vec<Bytes>,
    /// How the session ended, if it did.
    pub closed: Option<CloseCode>,
}

impl Collected {
    /// `{"frames":[…]}`; the frames are JSON already.
    #[must_use]
    pub fn into_json(self) -> Bytes {
        let size: usize = self.frames.iter().map(|frame| frame.len() + 1).sum();
        let mut json = BytesMut::with_capacity(size + 16);
        json.put_slice(b"{\"frames\":[");
        for (n, frame) in self.frames.iter().enumerate() {
            if n > 0 {
                json.put_u8(b',');
            }
            json.put_slice(frame);
        }
        json.put_slice(b"]}");
        json.freeze()
    }
}

impl<'a, K: Eq + Hash> PollPipe<'a, K> {
    /// An answer that holds about `most` frames besides those that every answer has.
    #[must_use]
    pub fn new(collected: &'a mut Collected, held: &'a Held<K>, patience: Patience, most: usize) -> Self {
        let until = Instant::now() + patience.wait;
        Self { collected, held, patience, until, most, told: 0, synced: false }
    }
}

impl<K: Copy + Eq + Hash + Send + Sync> Pipe for PollPipe<'_, K> {
    const SPEAKS: bool = false;

    async fn send(&mut self, frame: Bytes) -> Result<(), Gone> {
        let weight = weigh(&frame, self.held);
        let stays = match weight {
            Weight::None => None,
            Weight::Light => Some(self.patience.linger),
            Weight::News => Some(self.patience.gather),
        };
        if let Some(stays) = stays {
            self.told += 1;
            self.until = self.until.min(Instant::now() + stays);
        }
        self.collected.frames.push(frame);
        Ok(())
    }

    fn synced(&mut self) {
        self.synced = true;
    }

    fn is_full(&self) -> bool {
        self.told >= self.most
    }

    async fn receive(&mut self) -> Inbound {
        if self.is_full() {
            return Inbound::End;
        }
        if !self.synced {
            // Whatever was asked for, an answer holds what was missed, or a full page of it.
            std::future::pending::<()>().await;
        }
        tokio::time::sleep_until(self.until).await;
        Inbound::End
    }

    async fn close(&mut self, code: CloseCode) {
        self.collected.closed = Some(code);
    }
}

#[cfg(test)]
mod tests {
    use zas_protocol::DeviceId;

    use super::*;

    #[test]
    fn a_device_holds_so_many_polls_and_no_more() {
        let polls = Arc::new(Polls::default());
        let (one, other) = (DeviceId::mint(0, [1; 10]), DeviceId::mint(0, [2; 10]));
        let first = polls.hold(one, 2);
        let second = polls.hold(one, 2);
        assert!(first.is_some() && second.is_some());
        assert!(polls.hold(one, 2).is_none());
        assert!(polls.hold(other, 2).is_some());
        drop(first);
        assert!(polls.hold(one, 2).is_some());
        drop(second);
        assert!(polls.0.lock().unwrap().is_empty());
    }

    #[test]
    fn frames_are_joined_as_they_are() {
        let mut collected = Collected::default();
        assert_eq!(&Collected::default().into_json()[..], br#"{"frames":[]}"#);
        collected.frames = vec![Bytes::from_static(b"{\"a\":1}"), Bytes::from_static(b"{}")];
        assert_eq!(&collected.into_json()[..], br#"{"frames":[{"a":1},{}]}"#);
    }

    const NEWS: &str = r#"{"type":"event","room":"r","seq":1,"txn_id":"theirs"}"#;
    const ECHO: &str = r#"{"type":"event","room":"r","seq":2,"txn_id":"mine"}"#;
    const TICK: &str = r#"{"type":"positions","room":"r","of":[],"rev":7}"#;
    const PATIENCE: Patience = Patience {
        wait: Duration::from_secs(25),
        gather: Duration::from_millis(200),
        linger: Duration::from_secs(2),
    };

    /// How long an answer takes when these frames come, each so many milliseconds after the start.
    async fn answered_after(patience: Patience, most: usize, frames: &[(u64, &'static str)]) -> Duration {
        let device = DeviceId::mint(0, [1; 10]);
        let polls = Arc::new(Polls::default());
        let held = polls.hold(device, 1).unwrap();
        polls.sent(device, &"mine".parse().unwrap());
        let mut collected = Collected::default();
        let mut pipe = PollPipe::new(&mut collected, &held, patience, most);
        let started = Instant::now();
        for frame in [r#"{"type":"welcome","node":"n"}"#, r#"{"type":"synced"}"#] {
            pipe.send(Bytes::from_static(frame.as_bytes())).await.unwrap();
        }
        pipe.synced();
        for &(after, frame) in frames {
            let comes = started + Duration::from_millis(after);
            if tokio::time::timeout_at(comes, pipe.receive()).await.is_ok() {
                return started.elapsed();
            }
            pipe.send(Bytes::from_static(frame.as_bytes())).await.unwrap();
        }
        assert!(matches!(pipe.receive().await, Inbound::End));
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_waits_for_news_and_then_only_gathers() {
        let ms = Duration::from_millis;
        assert_eq!(answered_after(PATIENCE, 100, &[]).await, ms(25_000));
        assert_eq!(answered_after(PATIENCE, 100, &[(10_000, NEWS)]).await, ms(10_200));
        assert_eq!(answered_after(PATIENCE, 100, &[(10_000, NEWS), (10_100, NEWS)]).await, ms(10_200));
        let at_once = Patience { gather: Duration::ZERO, ..PATIENCE };
        assert_eq!(answered_after(at_once, 100, &[(10_000, NEWS)]).await, ms(10_000));
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_no_hurry_waits_for_news_but_not_for_long() {
        let ms = Duration::from_millis;
        for light in [ECHO, TICK] {
            assert_eq!(answered_after(PATIENCE, 100, &[(1_000, light)]).await, ms(3_000), "{light}");
            assert_eq!(answered_after(PATIENCE, 100, &[(1_000, light), (1_500, NEWS)]).await, ms(1_700));
            assert_eq!(answered_after(PATIENCE, 100, &[(1_000, NEWS), (1_100, light)]).await, ms(1_200));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_answer_goes_at_once() {
        let full = [(1_000, NEWS), (1_000, TICK)];
        assert_eq!(answered_after(PATIENCE, 2, &full).await, Duration::from_millis(1_000));
    }

    #[test]
    fn what_was_sent_is_remembered_while_a_poll_is_held_and_not_without_end() {
        let polls = Arc::new(Polls::default());
        let name = |n: usize| format!("t{n}").parse::<TxnId>().unwrap();
        polls.sent(1, &name(0));
        let held = polls.hold(1, 1).unwrap();
        assert!(!held.has_sent(&name(0)), "nothing was held then");
        for n in 0..=SENT {
            polls.sent(1, &name(n));
        }
        assert!(!held.has_sent(&name(0)));
        assert!((1..=SENT).all(|n| held.has_sent(&name(n))));
        drop(held);
        assert!(!polls.hold(1, 1).unwrap().has_sent(&name(1)));
    }
}
