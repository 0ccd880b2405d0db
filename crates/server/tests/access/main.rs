//! The access matrix: who may do what, by which way. The routes come from the router, the commands from
//! the protocol, the frames from `spec/frames`: one that has no row here fails a test.
//!
//! | module | what |
//! |---|---|
//! | [`cast`] | who asks, and the people and rooms there are |
//! | [`routes`] | every route |
//! | [`commands`] | every command, by POST and by socket |
//! | [`frames`] | who hears what on each rung |
//! | [`old_socket`] | the same on the old contract's socket |
//! | [`signals`] | who is heard when they type or read, by each way of saying so |
//! | [`presence`] | who is told that somebody is there |
//! | [`stays`] | what a member sees who was away |
//!
//! A row has a letter for each [`cast::Caller`], in their order:
//!
//! | letter | outcome |
//! |---|---|
//! | `y` | done |
//! | `n` | 403: one is in and may not |
//! | `?` | 404: not there, or not for this person to know; the answer is the same for what is not there |
//! | `-` | 401: no session, or one that is over |
//! | `x` | 400: refused for its form, which shows that the door was open |
//! | `c` | 409: it is so already |
//! | `>` | sent elsewhere |
//!
//! To add a route, command or frame: its row in the table of its module.
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

#[path = "../support/mod.rs"]
mod support;

mod cast;
mod commands;
mod frames;
mod old_socket;
mod presence;
mod routes;
mod signals;
mod stays;
