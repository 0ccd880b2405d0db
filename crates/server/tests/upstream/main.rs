//! Zas before an existing backend (`--upstream`): what is passed on, what is not, and what is said when
//! nobody answers there.
//!
//! | module | what |
//! |---|---|
//! | [`wire`] | both ends by hand: a client, and a backend that says what a test wants |
//! | [`passes`] | requests and answers, headers and addresses |
//! | [`streams`] | bodies as they come, and ends that go away |
//! | [`sockets`] | what becomes a WebSocket |
//! | [`ours`] | what Zas answers itself, in every spelling |
//! | [`silent`] | a backend that does not answer, and each limit |
//! | [`program`] | the program, its settings, its log, its own page |
//! | [`guide`] | nginx and Caddy that choose between the two by the guide |
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

#[allow(dead_code, reason = "the doctor's tests use the rest")]
#[path = "../doctor/proxy.rs"]
mod proxy;
#[path = "../support/mod.rs"]
mod support;

mod guide;
mod ours;
mod passes;
mod program;
mod silent;
mod sockets;
mod streams;
mod wire;
