//! A disk under SQLite that loses power and fails.
//!
//! [`Disk::under`] puts itself below every database of a folder, opened by whatever code, by a file
//! system of ours that stands before SQLite's own. It notes what is written and synced, and makes
//! the I/O fail that it is told to.
//!
//! | module | what |
//! |---|---|
//! | [`disk`] | the record of what happened, and which I/O fails |
//! | [`power`] | what may be on a disk after a power cut, from the record |
//! | `vfs` | the file system that SQLite calls |
//!
//! A rig runs the code it is about on a [`Disk`], marks what was acknowledged ([`Disk::mark`]), and opens
//! each [`power::Image`] with the same code. To add a kind of fault: a kind of I/O in [`disk::Io`], asked in
//! `vfs` before it is done.

#![allow(clippy::must_use_candidate, reason = "a tool of tests")]

pub mod disk;
pub mod power;
mod vfs;

pub use disk::{Disk, Fault, How, Io, Watch, When};
