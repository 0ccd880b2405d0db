//! The only place that reads the system's clock and randomness; everything else is given them.

use std::time::{SystemTime, UNIX_EPOCH};

use zas_protocol::Micros;

/// Now, in microseconds since 1970; 0 for a clock that is set before.
#[must_use]
pub fn now() -> Micros {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
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
