//! How much one may do: the generic cell rate algorithm (ITU-T I.371), the leaky bucket that
//! stores one number. The server keeps one [`Limiter`] a kind, shared by all transports, so that
//! a user has one budget however they connect.

use std::collections::BTreeMap;

use zas_protocol::Micros;

/// So many a minute, and so many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// In the long run; at least 1.
    pub per_minute: u32,
    /// At once, after a rest; at least 1.
    pub burst: u32,
}

impl Rate {
    /// The time that one costs, in microseconds.
    fn interval(self) -> Micros {
        60_000_000 / Micros::from(self.per_minute.max(1))
    }

    /// The time that a full burst costs, in microseconds.
    fn window(self) -> Micros {
        self.interval() * Micros::from(self.burst.max(1))
    }
}

/// What one has left. A new one is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When it is full again (the "theoretical arrival time").
    full_at: Micros,
}

impl Bucket {
    /// Takes one.
    ///
    /// # Errors
    /// How long until there is one again, in milliseconds, at least 1; nothing is taken then.
    pub fn check(&mut self, now: Micros, rate: Rate) -> Result<(), u64> {
        // A clock that jumped back leaves no debt beyond one window.
        self.full_at = self.full_at.clamp(now, now + rate.window());
        let full_at = self.full_at + rate.interval();
        let wait = full_at - now - rate.window();
        if wait > 0 {
            return Err(u64::try_from(wait).unwrap_or(0).div_ceil(1_000));
        }
        self.full_at = full_at;
        Ok(())
    }

    /// Whether it holds a whole burst: it may be forgotten.
    #[must_use]
    pub const fn is_full(&self, now: Micros) -> bool {
        self.full_at <= now
    }
}

/// One bucket each for many, and never more than `capacity` of them.
#[derive(Debug)]
pub struct Limiter<K> {
    rate: Rate,
    capacity: usize,
    buckets: BTreeMap<K, Bucket>,
}

impl<K: Ord + Clone> Limiter<K> {
    /// One with room for `capacity` buckets that are not full.
    #[must_use]
    pub fn new(rate: Rate, capacity: usize) -> Self {
        Self { rate, capacity: capacity.max(2), buckets: BTreeMap::new() }
    }

    /// Takes one from the bucket of `key`.
    ///
    /// # Errors
    /// How long until there is one again, in milliseconds.
    pub fn check(&mut self, now: Micros, key: &K) -> Result<(), u64> {
        if let Some(bucket) = self.buckets.get_mut(key) {
            return bucket.check(now, self.rate);
        }
        if self.buckets.len() >= self.capacity {
            self.evict(now);
        }
        self.buckets.entry(key.clone()).or_default().check(now, self.rate)
    }

    /// Drops the full ones, which lose nothing by it. Where too few are, the half that is nearest
    /// to full is forgiven, so that a sweep pays for as many new ones as it costs.
    fn evict(&mut self, now: Micros) {
        self.buckets.retain(|_, bucket| !bucket.is_full(now));
        if self.buckets.len() > self.capacity / 2 {
            let mut times: Vec<Micros> = self.buckets.values().map(|bucket| bucket.full_at).collect();
            let middle = times.len() / 2;
            let (_, &mut median, _) = times.select_nth_unstable(middle);
            self.buckets.retain(|_, bucket| bucket.full_at > median);
        }
    }

    /// How many buckets are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_minute: 120, burst: 40 };
    const SECOND: Micros = 1_000_000;

    #[test]
    fn a_burst_passes_and_the_next_one_waits_for_its_interval() {
        let mut bucket = Bucket::default();
        for n in 1..=40 {
            assert_eq!(bucket.check(SECOND, RATE), Ok(()), "{n}");
        }
        assert_eq!(bucket.check(SECOND, RATE), Err(500));
        assert_eq!(bucket.check(SECOND + 499_999, RATE), Err(1));
        assert_eq!(bucket.check(SECOND + 500_000, RATE), Ok(()));
        assert_eq!(bucket.check(SECOND + 500_000, RATE), Err(500));
    }

    #[test]
    fn in_the_long_run_no_more_than_the_rate_passes() {
        let mut bucket = Bucket::default();
        let passed = (0..600_000).filter(|ms| bucket.check(ms * 1_000, RATE).is_ok()).count();
        assert_eq!(passed, 40 + 10 * 120 - 1);
    }

    #[test]
    fn a_refusal_takes_nothing() {
        let mut bucket = Bucket::default();
        for _ in 0..1_000 {
            let _ = bucket.check(SECOND, RATE);
        }
        assert_eq!(bucket.check(SECOND + 500_000, RATE), Ok(()));
    }

    #[test]
    fn a_clock_that_jumps_back_a_day_costs_one_window_at_most() {
        let mut bucket = Bucket::default();
        let day = 86_400 * SECOND;
        for _ in 0..40 {
            assert_eq!(bucket.check(2 * day, RATE), Ok(()));
        }
        assert_eq!(bucket.check(day, RATE), Err(500));
        assert_eq!(bucket.check(day + SECOND, RATE), Ok(()));
    }

    #[test]
    fn a_limiter_stays_within_its_capacity_and_keeps_who_owes_most() {
        let mut limiter = Limiter::new(Rate { per_minute: 60, burst: 10 }, 8);
        for _ in 0..10 {
            assert_eq!(limiter.check(SECOND, &0), Ok(()));
        }
        for key in 1..1_000 {
            assert_eq!(limiter.check(SECOND, &key), Ok(()));
            assert!(limiter.len() <= 8);
        }
        assert!(limiter.check(SECOND, &0).is_err(), "the busiest is not forgiven");
    }

    #[test]
    fn a_limiter_forgets_who_is_full_again() {
        let mut limiter = Limiter::new(RATE, 4);
        for key in 0..4 {
            assert_eq!(limiter.check(SECOND, &key), Ok(()));
        }
        assert_eq!(limiter.check(100 * SECOND, &9), Ok(()));
        assert_eq!(limiter.len(), 1);
    }
}
