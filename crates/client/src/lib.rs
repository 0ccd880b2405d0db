//! The Rust client of Zas: for bots, tools, load and simulation.
//!
//! | module | what |
//! |---|---|
//! | [`engine`] | the client without I/O, the twin of the SDK's |
//! | `driver` | the engine on tokio (feature `net`) |
//! | [`client`] | what a bot uses, with an example |
//! | [`handshake`] | opening a socket, which `zas doctor` does too |
//! | [`prompt`] | what `zas send` and `zas tail` do |

#[cfg(feature = "net")]
pub mod client;
#[cfg(feature = "net")]
mod driver;
pub mod engine;
#[cfg(feature = "net")]
pub mod handshake;
#[cfg(feature = "net")]
pub mod prompt;

#[cfg(feature = "net")]
pub use client::{Client, Options, Sent, mint};
#[cfg(feature = "net")]
pub use driver::http::Error;
#[cfg(feature = "net")]
pub use driver::{Happening, Journal};
pub use zas_protocol::EventBody;
