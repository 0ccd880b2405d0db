//! The rig: people who talk while what they talk over is killed, cut, filled up or stopped; then the
//! audit of what is left.
//!
//! | module | what |
//! |---|---|
//! | [`people`] | who talks, and all that each of them was told |
//! | [`audit`] | what must be so afterwards, whatever happened |
//! | [`kill`] | the program is killed over and over |
//! | [`sdk`] | the same, and those who talk do it through the SDK in Node |
//! | [`days`] | the disk fills up, the program stands still or goes, somebody was offline |
//! | [`crowd`] | everyone comes back at once, too much is asked, readers stop |
//! | [`ends`] | sessions end while their connections are open |
//! | [`proxy`], [`cut`] | a connection breaks at one byte of a session |
//!
//! To add a fault: a module with a test that starts [`people`], does it, and ends in [`audit`].
#![allow(clippy::unwrap_used, reason = "what a rig needs and does not get fails it")]

#[path = "../support/mod.rs"]
mod support;

mod audit;
mod crowd;
mod cut;
mod days;
mod ends;
mod kill;
mod people;
mod proxy;
mod sdk;
