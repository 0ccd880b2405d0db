//! The rules of Zas, without I/O. No runtime, clock, randomness or hash order inside: time and
//! entropy are arguments, so that a test, the simulation and the server run the same code.
//!
//! | module | what |
//! |---|---|
//! | [`shape`] | what is checked before the store is asked |
//! | [`rate`] | how much one may do |
//! | [`policy`] | the one function that says who may do what |
//! | [`ledger`] | what a command appends to which log, given facts |
//! | [`batch`] | many commands, one commit |
//! | [`encode`] | frames as bytes |
//! | [`hub`] | who hears what on this node |
//! | [`session`] | one connection, on any rung |
//! | [`time`] | a machine's two clocks |
//!
//! To add a machine: a module whose `handle(now, input)` returns effects and whose
//! `next_deadline()` says when it wants to be woken; drivers live in the server.

pub mod batch;
pub mod encode;
pub mod hub;
pub mod ledger;
pub mod policy;
pub mod rate;
pub mod session;
pub mod shape;
pub mod time;
