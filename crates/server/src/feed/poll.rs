//! The third rung: a long-poll. It ends when there is news, or when it has waited long enough.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use tokio::time::Instant;
use zas_protocol::CloseCode;

use super::{Gone, Inbound, Pipe};

/// How many requests are held for each `K`, so that none takes more than its share.
#[derive(Debug)]
pub struct Polls<K>(Mutex<HashMap<K, usize>>);

impl<K> Default for Polls<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Copy + Eq + Hash> Polls<K> {
    /// Holds one more, unless `most` are held already.
    #[must_use]
    pub fn hold(self: &Arc<Self>, key: K, most: usize) -> Option<Held<K>> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(key).or_insert(0);
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Held { polls: self.clone(), key })
    }
}

/// A request that is held, until this is dropped.
#[derive(Debug)]
pub struct Held<K: Eq + Hash> {
    polls: Arc<Polls<K>>,
    key: K,
}

impl<K: Eq + Hash> Drop for Held<K> {
    fn drop(&mut self) {
        let mut held = self.polls.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.key);
            }
        }
    }
}

/// Collects frames for one answer.
pub struct PollPipe<'a> {
    collected: &'a mut Collected,
    /// When to answer without news.
    until: Instant,
    /// How long to gather more after the first news.
    gather: Duration,
    most: usize,
    news_at: Option<Instant>,
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

impl<'a> PollPipe<'a> {
    /// An answer that waits for `wait`, then gathers for `gather`, and holds about `most` frames.
    #[must_use]
    pub fn new(collected: &'a mut Collected, wait: Duration, gather: Duration, most: usize) -> Self {
        let until = Instant::now() + wait;
        Self { collected, until, gather, most, news_at: None, synced: false }
    }

    /// `welcome` and `synced` are no news.
    fn news(&self) -> usize {
        self.collected.frames.len().saturating_sub(1 + usize::from(self.synced))
    }
}

impl Pipe for PollPipe<'_> {
    const SPEAKS: bool = false;

    async fn send(&mut self, frame: Bytes) -> Result<(), Gone> {
        self.collected.frames.push(frame);
        Ok(())
    }

    fn synced(&mut self) {
        self.synced = true;
    }

    async fn receive(&mut self) -> Inbound {
        let news = self.news();
        if news > 0 && self.news_at.is_none() {
            self.news_at = Some(Instant::now());
        }
        if news >= self.most {
            return Inbound::End;
        }
        if !self.synced {
            // Whatever was asked for, an answer holds what was missed, or a full page of it.
            std::future::pending::<()>().await;
        }
        let until = self.news_at.map_or(self.until, |at| self.until.min(at + self.gather));
        tokio::time::sleep_until(until).await;
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

    #[tokio::test(start_paused = true)]
    async fn an_answer_waits_for_news_and_then_only_gathers() {
        let mut collected = Collected::default();
        let mut pipe =
            PollPipe::new(&mut collected, Duration::from_secs(25), Duration::from_millis(200), 100);
        let started = Instant::now();
        for frame in ["welcome", "synced"] {
            pipe.send(Bytes::from_static(frame.as_bytes())).await.unwrap();
        }
        pipe.synced();
        assert!(tokio::time::timeout(Duration::from_secs(10), pipe.receive()).await.is_err());
        pipe.send(Bytes::from_static(b"event")).await.unwrap();
        assert!(matches!(pipe.receive().await, Inbound::End));
        assert_eq!(started.elapsed(), Duration::from_millis(10_200));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_answer_goes_at_once_and_an_empty_one_when_its_time_is_up() {
        let mut collected = Collected::default();
        let mut pipe = PollPipe::new(&mut collected, Duration::from_secs(25), Duration::from_secs(2), 2);
        for _ in 0..3 {
            pipe.send(Bytes::from_static(b"x")).await.unwrap();
        }
        let started = Instant::now();
        assert!(matches!(pipe.receive().await, Inbound::End));
        assert_eq!(started.elapsed(), Duration::ZERO);

        let mut collected = Collected::default();
        let mut pipe = PollPipe::new(&mut collected, Duration::from_secs(25), Duration::ZERO, 2);
        pipe.send(Bytes::from_static(b"welcome")).await.unwrap();
        pipe.send(Bytes::from_static(b"synced")).await.unwrap();
        pipe.synced();
        assert!(matches!(pipe.receive().await, Inbound::End));
        assert_eq!(started.elapsed(), Duration::from_secs(25));
    }
}
