//! Prints the TypeScript types of the wire. `cargo xtask gen` writes them to
//! `web/sdk/src/protocol.gen.ts`; add a new type to the list below.

use std::io::Write as _;

use ts_rs::{Config, TS};
use zas_protocol::{command, error, event, frame, message, rest};

macro_rules! types {
    ($out:ident, $config:ident, $($module:ident::{$($name:ident),* $(,)?}),* $(,)?) => {
        $($(
            if let Some(docs) = <$module::$name as TS>::docs() {
                $out.push_str(docs.trim_end());
                $out.push('\n');
            }
            $out.push_str("export ");
            $out.push_str(&<$module::$name as TS>::decl(&$config));
            $out.push('\n');
        )*)*
    };
}

fn main() -> std::io::Result<()> {
    let config = Config::new().with_large_int("number");
    let mut out = String::from(
        "// Generated from crates/protocol by `cargo xtask gen`; a test keeps it fresh.\n\n\
         export type UserId = string;\nexport type RoomId = string;\nexport type MessageId = string;\n\
         export type DeviceId = string;\nexport type FileId = string;\nexport type TxnId = string;\n\
         export type Cursor = Record<RoomId, [epoch: number, seq: number]>;\n",
    );
    types!(
        out, config,
        message::{ReplyTo, MessageLabel, Media, Attachment, Reaction, ReactionCount, MessageState},
        command::{Role, RoomPrefs, Prefs, ProfileChange, RoomProfileChange, Command},
        error::{ErrorCode, ErrorBody},
        event::{RoomKind, EventBody, Event},
        frame::{Seen, Hello, Resume, Position, Advance, Signal, Refresh, Ping, Ack, Nack, Presence, ServerFrame},
        rest::{
            User, Me, Register, Login, RefreshRequest, ChangePassword, Tokens, Device, Devices, Member, Room, State, LogHead,
            ServerInfo, Connection, RoomState, Page, PageQuery, Found, Signals, FeedRequest, Polled, Uploaded,
            UploadQuery, UploadedFile, FileAddress, Message, Reacted,
        },
    );
    out.push_str(
        "export type ClientFrame =\n  | ({ type: \"hello\" } & Hello)\n  | ({ type: \"resume\" } & Resume)\n  | ({ type: \"refresh\" } & Refresh)\n  \
         | ({ type: \"ping\" } & Ping)\n  | Command\n  | Signal;\n",
    );
    out.push_str(&format!(
        "\nexport const PROTOCOL_VERSION = {};\nexport const SUBPROTOCOL = \"{}\";\n",
        frame::PROTOCOL_VERSION,
        frame::SUBPROTOCOL
    ));
    let reactions: Vec<_> = message::Reaction::ALL.iter().map(|reaction| reaction.name()).collect();
    out.push_str(&format!("\nexport const REACTIONS = {reactions:?} as const;\n"));
    for (name, rows) in tables() {
        out.push_str(&format!("\nexport const {name} = {{\n{rows}}} as const;\n"));
    }
    std::io::stdout().write_all(out.as_bytes())
}

/// The tables that both sides must agree on, as TypeScript object bodies.
fn tables() -> Vec<(&'static str, String)> {
    let mut retry = String::new();
    for code in error::ErrorCode::ALL {
        let how = match code.retry() {
            error::Retry::Never => "never",
            error::Retry::Later => "later",
            error::Retry::Refreshed => "refreshed",
            error::Retry::InOrder => "in_order",
        };
        retry.push_str(&format!("  {}: \"{how}\",\n", code.name()));
    }
    let mut close = String::new();
    for code in zas_protocol::CloseCode::ALL {
        close.push_str(&format!("  {}: {},\n", code.reason(), code.code()));
    }
    let mut limits = String::new();
    for (name, value) in [
        ("TYPING_EVERY_MS", zas_protocol::limits::TYPING_EVERY_MS),
        ("TYPING_TTL_MS", zas_protocol::limits::TYPING_TTL_MS),
        ("FRAME_BYTES", zas_protocol::limits::FRAME_BYTES as u64),
        ("NAME_CHARS", zas_protocol::limits::NAME_CHARS as u64),
        ("BIO_CHARS", zas_protocol::limits::BIO_CHARS as u64),
        ("DESCRIPTION_CHARS", zas_protocol::limits::DESCRIPTION_CHARS as u64),
        ("PAGE_EVENTS", u64::from(zas_protocol::limits::PAGE_EVENTS)),
    ] {
        limits.push_str(&format!("  {name}: {value},\n"));
    }
    vec![("RETRY", retry), ("CLOSE", close), ("LIMITS", limits)]
}
