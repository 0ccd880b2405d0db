//! The only place that reads the system's clocks and randomness; everything else is given them.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use zas_protocol::Micros;

/// Now, in microseconds since 1970; 0 for a clock that is set before. It never runs back and never
/// stands still, so that it may also time leases and heartbeats: see [`Steady`].
#[must_use]
pub fn now() -> Micros {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    static STEADY: Mutex<Steady> = Mutex::new(Steady { elapsed: 0, now: 0 });
    let mut steady = STEADY.lock().unwrap_or_else(PoisonError::into_inner);
    // Both are read under the lock: out of order they would look like a clock that was set back.
    steady.advance(micros(START.elapsed()), SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros))
}

fn micros(span: std::time::Duration) -> Micros {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

/// A clock that follows the wall clock forward at once (also after a suspended machine wakes, which a
/// monotonic clock alone does not see), and back by running slower for a while.
#[derive(Debug)]
struct Steady {
    /// The monotonic clock when it was last read.
    elapsed: Micros,
    now: Micros,
}

impl Steady {
    /// While the wall clock is behind, one second in so many is left out.
    const LEFT_OUT: Micros = 16;

    fn advance(&mut self, elapsed: Micros, wall: Micros) -> Micros {
        let passed = elapsed.saturating_sub(self.elapsed).max(0);
        let slowed = self.now.saturating_add(passed - passed / Self::LEFT_OUT);
        self.elapsed = self.elapsed.max(elapsed);
        self.now = wall.max(slowed);
        self.now
    }
}

/// Fresh random bytes from the operating system.
///
/// # Panics
/// When the operating system has none to give, since nothing safe can be done then.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;
    const HOUR: Micros = 3_600 * SECOND;

    #[test]
    fn a_clock_set_back_is_followed_without_going_back_or_standing_still() {
        let mut steady = Steady { elapsed: 0, now: 0 };
        assert_eq!(steady.advance(0, 100 * HOUR), 100 * HOUR);
        let mut last = 100 * HOUR;
        for second in 1..=20 * 3_600 {
            let wall = 99 * HOUR + second * SECOND;
            let now = steady.advance(second * SECOND, wall);
            assert!(now - last >= SECOND * 15 / 16, "it ran back, or too slowly to time a heartbeat");
            last = now;
        }
        assert_eq!(last, 119 * HOUR, "after sixteen hours the two agree again");
    }

    #[test]
    fn a_clock_set_forward_and_a_machine_that_slept_are_followed_at_once() {
        let mut steady = Steady { elapsed: 0, now: 0 };
        steady.advance(0, HOUR);
        assert_eq!(steady.advance(SECOND, 9 * HOUR), 9 * HOUR);
    }
}
