//! The deterministic simulation: clients, nodes and faults under one seed and a virtual clock.
//! Test only.
//!
//! The machines are the real ones: the client's engine (`zas_client::engine`), the session, hub
//! and batcher (`zas_core`), and the store's model (`zas_store::Model`). What the server does
//! with sockets and tasks is done here by an event queue, so that one seed decides everything:
//! delays, cuts, half-open connections, lost requests, POSTs that race sockets, hints between
//! nodes that are lost, doubled and reordered, commits that fail or are lost, nodes that crash
//! before or after a commit, slow readers, clocks that jump by a day, reloads, journals that fail or are
//! cleared, kicks, sign-outs, backups that are put back; and people who read and type meanwhile.
//!
//! At each step the [`oracle`] judges what a client is told; at rest everyone must hold the
//! whole log, as far as they may see it, and nothing must be left to send.
//!
//! A failure prints its seed and a plan, made as small as is cheap. `ZAS_SIM_SEED=n` runs one
//! seed, `ZAS_SIM_SEEDS=n` so many.
//!
//! Not covered: sockets and HTTP themselves, the SQL engines (their suite holds them equal to
//! the model), the browser's SDK (its engine runs the same scenarios as the Rust one).
//!
//! | module | what |
//! |---|---|
//! | [`plan`] | what happens in a run |
//! | [`world`] | the run |
//! | [`net`], [`message`] | time, chance, links, requests; what travels |
//! | [`node`], [`mailbox`], [`relay`] | a node, wired as the server wires it |
//! | [`device`] | a client and what survives its reloads |
//! | [`oracle`] | what must hold |
//! | [`bug`] | planted bugs, which must be caught |
//! | [`transcript`] | what one engine was given, for another to be given the same |
//! | [`seen`] | what the runs reach |
//! | [`shrink`] | smaller plans |

pub mod bug;
pub mod device;
pub mod mailbox;
pub mod message;
pub mod net;
pub mod node;
pub mod oracle;
pub mod plan;
pub mod relay;
pub mod rng;
pub mod seen;
pub mod shrink;
pub mod transcript;
pub mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

pub use bug::Bug;
pub use oracle::Violation;
pub use plan::Plan;
pub use seen::Seen;
pub use transcript::Transcript;

/// Runs a plan; a panic of the code under test is a violation, too.
///
/// # Errors
/// The first violation.
pub fn run_caught(plan: &Plan, bug: Option<Bug>) -> Result<Seen, Violation> {
    catch_unwind(AssertUnwindSafe(|| world::run(plan, bug))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Violation(format!("panic: {}", text.unwrap_or_default())))
    })
}

/// Runs the plan of a seed; a failure comes with the smallest plan found, as JSON.
///
/// # Errors
/// What to print.
pub fn check_seed(seed: u64) -> Result<Seen, String> {
    let plan = Plan::draw(seed);
    run_caught(&plan, None).map_err(|violation| {
        let (small, violation) = shrink::shrink(&plan, &violation, None);
        let json = serde_json::to_string(&small).unwrap_or_default();
        format!("ZAS_SIM_SEED={seed}: {}\nplan of {} operations: {json}", violation.0, small.steps.len())
    })
}
