//! The shell around the core: it turns sockets, requests, clocks and files into inputs of the
//! machines of `zas-core`, and their effects back. It holds no rule of the chat.
//!
//! | module | what |
//! |---|---|
//! | [`cli`], [`config`] | the command line, where each setting comes from |
//! | [`serve`] | boot and drain |
//! | [`accept`], [`body`], [`json`] | what a connection, a body and its JSON may cost |
//! | [`app`], [`router`] | what requests share; every route, with who may call it |
//! | [`auth`] | keys, tokens, passwords, who is asking |
//! | [`routes`] | one file per group of endpoints |
//! | [`committer`] | commands into commits, one task |
//! | [`outbound`] | every call out of the server |
//! | [`webhooks`] | telling other systems what happens |
//! | [`nodehub`] | the hub of this node, and its timers |
//! | [`feed`] | the feed's three rungs: socket, stream, poll |
//! | [`legacy`] | the old contract, over the same services |
//! | [`upstream`] | the existing backend, which answers all else |
//! | [`log`], [`metrics`] | what an operator reads; neither holds a token or a message |
//! | [`backup`] | everything in one folder, and back |
//! | [`import`] | what another app has, brought here |
//! | [`bench`] | the figures we quote, on the user's machine |
//! | [`embed`] | the web client inside the binary |
//!
//! To add an endpoint: its handler in `routes`, its line in [`router`] with an access class, its
//! rows in the access matrix, then `cargo xtask gen` for the OpenAPI document.

pub mod accept;
pub mod admin;
pub mod app;
pub mod auth;
pub mod backup;
pub mod bench;
pub mod body;
pub mod cli;
pub mod clock;
pub mod committer;
pub mod config;
pub mod database;
pub mod demo;
pub mod doctor;
pub mod embed;
pub mod error;
pub mod feed;
pub mod files;
pub mod import;
pub mod json;
pub mod legacy;
pub mod listed;
pub mod log;
pub mod metrics;
pub mod nodehub;
pub mod outbound;
pub mod pool;
pub mod router;
pub mod routes;
pub mod secret_file;
pub mod serve;
pub mod upstream;
pub mod webhooks;
