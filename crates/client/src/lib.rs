//! The Rust client of Zas.
//!
//! [`engine`] is the client without I/O, the twin of the SDK's; `driver` (feature `net`) runs it
//! on tokio, with [`Client`] in front for bots and tools; [`prompt`] is what `zas send` and
//! `zas tail` do.

pub mod engine;
