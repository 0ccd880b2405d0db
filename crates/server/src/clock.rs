//! The only place that reads the system's clocks and randomness; everything else is given them.
//!
//! | clock | for |
//! |---|---|
//! | [`now`] | what is shown, kept or signed: times of events, token expiry |
//! | [`steady`] | what lasts or is due: leases, heartbeats, rates, batches |

use std::sync::LazyLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};
use zas_core::time::Now;
use zas_protocol::Micros;

/// Counts also while the machine sleeps, which [`std::time::Instant`] does not on Linux.
#[cfg(target_os = "linux")]
const SINCE_BOOT: ClockId = ClockId::Boottime;
#[cfg(not(target_os = "linux"))]
const SINCE_BOOT: ClockId = ClockId::Monotonic;

/// The wall clock, in microseconds since 1970; 0 for one that is set before. It jumps when it is set.
#[must_use]
pub fn now() -> Micros {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, micros)
}

/// A clock that nobody sets, in microseconds. It starts where the wall clock stood when the process
/// did, so that both are numbers of one size.
#[must_use]
pub fn steady() -> Micros {
    static AHEAD: LazyLock<Micros> = LazyLock::new(|| now() - since_boot());
    *AHEAD + since_boot()
}

/// Both clocks.
#[must_use]
pub fn both() -> Now {
    Now { steady: steady(), wall: now() }
}

fn since_boot() -> Micros {
    let read = clock_gettime(SINCE_BOOT);
    read.tv_sec * 1_000_000 + read.tv_nsec / 1_000
}

fn micros(span: Duration) -> Micros {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
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

/// Random parts of ids, fetched for many at once.
///
/// # Panics
/// As [`random`].
pub fn random_ids() -> impl FnMut() -> [u8; 10] + Send {
    let (mut ahead, mut used) = ([[0; 10]; 64], 64);
    move || {
        if used == ahead.len() {
            getrandom::fill(ahead.as_flattened_mut()).expect("the operating system gives random bytes");
            used = 0;
        }
        used += 1;
        ahead[used - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_go_on_when_those_ahead_are_used_up() {
        let mut next = random_ids();
        let ids: std::collections::BTreeSet<[u8; 10]> = (0..200).map(|_| next()).collect();
        assert_eq!(ids.len(), 200);
    }

    #[test]
    fn the_steady_clock_starts_at_the_wall_clock_and_never_runs_back() {
        let first = steady();
        assert!((now() - first).abs() < 60_000_000, "{first}");
        let mut last = first;
        for _ in 0..100_000 {
            let read = steady();
            assert!(read >= last);
            last = read;
        }
    }
}
