//! What was said here, written where others can read it.
//!
//! | module | what |
//! |---|---|
//! | [`django`] | back into the tables of the app that moved in |
//!
//! To export to something else: a module beside it, and its subcommand in `cli`.

pub mod django;
