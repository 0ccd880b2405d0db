//! The doctor before real proxies, configured well and badly. The configuration that is right is the
//! guide's, read out of it; each that is wrong is that one with a line changed, and must give its finding
//! and no other.
//!
//! | module | what |
//! |---|---|
//! | [`proxy`] | nginx and Caddy by the guide; a small one that swallows frames |
//! | [`look`] | running the doctor, and what it found |
//! | [`right`] | nothing is wrong, and nothing is found |
//! | [`wrong`] | proxies that are in the way |
//! | [`away`] | Zas is not there at all, or not by TLS |
//! | [`who`] | tokens and clocks |
//!
//! To add a fault: a test that changes the guide's configuration and names the one finding.
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

#[path = "../support/mod.rs"]
mod support;

mod away;
mod look;
mod proxy;
mod right;
mod who;
mod wrong;
