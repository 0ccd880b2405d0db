//! The endpoints that are neither the feed nor the old contract, one file per group. A handler
//! reads its input, asks the store or the committer, and answers; rules live in `zas-core`.

pub mod auth;
pub mod commands;
pub mod connection;
pub mod feed;
pub mod files;
pub mod health;
pub mod rooms;
pub mod server;
pub mod signals;
pub mod state;
pub mod users;
