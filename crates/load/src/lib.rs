//! The load generator and the delivery audit behind `zas bench`.
//!
//! | module | what |
//! |---|---|
//! | [`line`] | one connection: as little as speaks the wire, so that ten thousand fit |
//! | [`crowd`] | many of them, and the load they make: at a rate, or as fast as it goes |
//! | [`audit`] | what was sent, acked and delivered: lost, twice, out of order |
//! | [`process`] | what a server process costs, as its kernel counts |
//!
//! Latencies are measured from when a message was *meant* to be sent, so that a server that stalls
//! is not spared by a generator that waits for it (coordinated omission). The whole generator runs on one
//! thread, within a [`tokio::task::LocalSet`], so that it can be kept to one core.
//!
//! To add a load: a function in [`crowd`] that says when who sends.

pub mod audit;
pub mod crowd;
pub mod line;
pub mod process;

pub use audit::{Audit, Latency};
pub use crowd::{Crowd, Load, Member, Run};
