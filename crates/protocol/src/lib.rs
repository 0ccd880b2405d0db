//! The wire of Zas. Names that travel exist here and nowhere else (those of the old contract
//! live in the server's `legacy` module).
//!
//! | module | what |
//! |---|---|
//! | [`ids`] | identifiers, `seq`, `txn_id` |
//! | [`command`] | what a client asks to change |
//! | [`event`] | what happened: entries of a room's log |
//! | [`message`] | what a message carries and what became of it |
//! | [`frame`] | the feed: frames both ways |
//! | [`rest`] | bodies of the other requests |
//! | [`server_api`] | those of the API for another backend |
//! | [`error`], [`close`] | the one table of refusals, the one of close codes |
//! | [`limits`] | every bound by name |
//!
//! To add to the wire: the type in its module, a golden frame under `spec/frames`, then
//! `cargo xtask gen`, which rewrites the TypeScript types, the OpenAPI document and the
//! fingerprint; a change that old clients cannot read raises
//! [`frame::PROTOCOL_VERSION`].

pub mod close;
pub mod command;
pub mod error;
pub mod event;
pub mod frame;
pub mod ids;
pub mod limits;
pub mod message;
pub mod rest;
pub mod server_api;

pub use close::CloseCode;
pub use command::{Command, Prefs, ProfileChange, Role, RoomPrefs, RoomProfileChange};
pub use error::{ErrorBody, ErrorCode, Language, Retry};
pub use event::{Event, EventBody, RoomKind};
pub use frame::{
    Ack, Advance, ClientFrame, Cursor, Hello, Nack, Position, Presence, Seen, ServerFrame, Signal,
};
pub use ids::{DeviceId, Epoch, FileId, InvalidId, MessageId, Micros, RoomId, Seq, TxnId, UserId};
pub use limits::Limits;
pub use message::{Attachment, Media, MessageLabel, MessageState, Reaction, ReactionCount, ReplyTo};
