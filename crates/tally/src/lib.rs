//! How much a rig tries, and the record of what it tried: "0 violations" means something only
//! beside "of how many".
//!
//! A rig is an ordinary test. It asks [`amount`] how often to try and [`seed`] where to begin, and says
//! what it tried by [`tried`] once nothing fell. `cargo test` tries a little; `cargo xtask soak` sets
//! the environment so that the same tests try much more, and adds the records up.
//!
//! To add a rig: a test that calls these three, and its row in `docs/reference/promises.md`.

#![allow(clippy::print_stdout, reason = "a test's output is where a record is read")]

use std::fs::OpenOptions;
use std::io::Write as _;

/// The environment variable that multiplies every amount.
pub const TIMES: &str = "ZAS_SOAK_TIMES";
/// The environment variable that replaces the seed of every rig.
pub const SEED: &str = "ZAS_SOAK_SEED";
/// The environment variable that names the file to which records are appended, a JSON object a line.
pub const RECORD: &str = "ZAS_SOAK_RECORD";

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// How often to try what a short run tries `short` times.
#[must_use]
pub fn amount(short: u64) -> u64 {
    short.saturating_mul(number(TIMES).unwrap_or(1).max(1))
}

/// Where a rig's randomness begins: `usual`, so that a short run repeats, unless a soak says another.
#[must_use]
pub fn seed(usual: u64) -> u64 {
    number(SEED).unwrap_or(usual)
}

/// Records that `count` of `what` were tried against `promise` ("P1") and none broke it.
///
/// # Panics
/// When the file of records cannot be written: a soak without its record has shown nothing.
#[expect(clippy::expect_used, reason = "see above")]
pub fn tried(promise: &str, what: &str, count: u64) {
    println!("tried: {promise}: {count} {what}");
    let Ok(path) = std::env::var(RECORD) else { return };
    let line = serde_json::json!({ "promise": promise, "what": what, "count": count });
    let mut file =
        OpenOptions::new().create(true).append(true).open(path).expect("the file of records opens");
    // One write a line, so that tests that run side by side don't mix theirs.
    file.write_all(format!("{line}\n").as_bytes()).expect("the file of records takes a line");
}
