//! Golden frames: one file per kind of frame, holding the exact bytes that travel. They are what
//! another implementation is tested with, and what tells us that a change of the types changed
//! the wire. For a new kind write its file by hand: the test names what is missing.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use proptest::prelude::*;
use zas_protocol::{ClientFrame, Command, ServerFrame, Signal};

fn folder(side: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../spec/frames").join(side)
}

/// Name (without `.json`) and frame (without the closing newline) of each file.
fn golden(side: &str) -> Vec<(String, String)> {
    std::fs::read_dir(folder(side))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, text.strip_suffix('\n').expect("a frame and a newline").to_owned())
        })
        .collect()
}

/// The name of the file that holds a frame of this kind.
fn client_name(frame: &ClientFrame) -> String {
    match frame {
        ClientFrame::Hello(frame) => frame.tag.into(),
        ClientFrame::Resume(frame) => frame.tag.into(),
        ClientFrame::Refresh(frame) => frame.tag.into(),
        ClientFrame::Ping(frame) => frame.tag.into(),
        ClientFrame::Signal(Signal::Typing { .. }) => "typing".into(),
        ClientFrame::Signal(Signal::Positions { .. }) => "positions".into(),
        ClientFrame::Command(command) => {
            serde_json::to_value(command).unwrap()["type"].as_str().unwrap().to_owned()
        }
    }
}

/// The kinds that are no commands; [`client_name`] does not compile without one of them.
const CLIENT: [&str; 6] = ["hello", "resume", "refresh", "ping", "typing", "positions"];

fn server_name(frame: &ServerFrame) -> String {
    let name = match frame {
        ServerFrame::Event(event) => return format!("event.{}", event.body.kind()),
        ServerFrame::Welcome { .. } => "welcome",
        ServerFrame::Synced {} => "synced",
        ServerFrame::Skip { .. } => "skip",
        ServerFrame::Resync { .. } => "resync",
        ServerFrame::Ack(_) => "ack",
        ServerFrame::Nack(_) => "nack",
        ServerFrame::Typing { .. } => "typing",
        ServerFrame::Positions { .. } => "positions",
        ServerFrame::Presence { .. } => "presence",
        ServerFrame::Heads { .. } => "heads",
        ServerFrame::Pong { .. } => "pong",
        ServerFrame::Drain { .. } => "drain",
        ServerFrame::Error { .. } => "error",
    };
    name.into()
}

/// The kinds of [`server_name`] and [`zas_protocol::EventBody::kind`].
const SERVER: [&str; 28] = [
    "welcome",
    "synced",
    "skip",
    "resync",
    "ack",
    "nack",
    "typing",
    "positions",
    "presence",
    "heads",
    "pong",
    "drain",
    "error",
    "event.message",
    "event.message_edited",
    "event.message_deleted",
    "event.reaction_changed",
    "event.room_created",
    "event.room_renamed",
    "event.room_profile_changed",
    "event.member_added",
    "event.member_removed",
    "event.role_changed",
    "event.joined",
    "event.left",
    "event.profile_changed",
    "event.prefs_changed",
    "event.room_prefs_changed",
];

fn names(side: &str) -> BTreeSet<String> {
    golden(side).into_iter().map(|(name, _)| kind(&name).to_owned()).collect()
}

/// A kind may have several files: what follows a `+` says which this is.
fn kind(name: &str) -> &str {
    name.split('+').next().unwrap_or_default()
}

fn owned<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(String::from).collect()
}

#[test]
fn every_kind_of_frame_has_its_file_and_no_file_is_of_none() {
    assert_eq!(names("client"), owned(CLIENT.into_iter().chain(Command::TYPES)));
    assert_eq!(names("server"), owned(SERVER));
}

#[test]
fn client_frames_keep_every_byte_through_decode_and_encode() {
    for (name, text) in golden("client") {
        let frame = ClientFrame::decode(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(client_name(&frame), kind(&name));
        let again = serde_json::to_string(&frame).unwrap();
        assert_eq!(again, text, "{name}");
        assert_eq!(ClientFrame::decode(&again).unwrap(), frame, "{name}");
    }
}

#[test]
fn server_frames_keep_every_byte_through_decode_and_encode() {
    for (name, text) in golden("server") {
        let frame: ServerFrame = serde_json::from_str(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(server_name(&frame), kind(&name));
        let again = serde_json::to_string(&frame).unwrap();
        assert_eq!(again, text, "{name}");
        assert_eq!(serde_json::from_str::<ServerFrame>(&again).unwrap(), frame, "{name}");
    }
}

#[test]
fn a_frame_of_a_newer_client_is_read_as_far_as_it_is_known() {
    for (name, text) in golden("client") {
        let longer = text.replacen('{', r#"{"from_the_future":[1,{"a":null}],"#, 1);
        let frame = ClientFrame::decode(&longer).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert_eq!(frame, ClientFrame::decode(&text).unwrap(), "{name}");
    }
}

#[test]
fn an_unreadable_command_still_says_which_it_was() {
    for text in [
        r#"{"type":"send","txn_id":"t-1"}"#,
        r#"{"type":"teleport","txn_id":"t-1"}"#,
        r#"{"type":"send","txn_id":"t-1","room":"x","text":"hola"}"#,
    ] {
        let why = ClientFrame::decode(text).unwrap_err();
        assert_eq!(why.txn_id.as_ref().map(zas_protocol::TxnId::as_str), Some("t-1"), "{text}");
    }
    assert_eq!(ClientFrame::decode(r#"{"type":"send","txn_id":"t 1"}"#).unwrap_err().txn_id, None);
}

proptest! {
    #[test]
    fn no_text_stops_the_decoder(text in ".{0,200}") {
        let _ = ClientFrame::decode(&text);
    }

    /// A golden frame with one character lost, doubled or replaced.
    #[test]
    fn no_damage_stops_the_decoder(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), by in ".{0,2}") {
        let frames = golden("client");
        let (_, text) = which.get(&frames);
        let characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        let damaged: String = characters[..at].iter().copied().chain(by.chars()).chain(characters[at + 1..].iter().copied()).collect();
        if let Ok(frame) = ClientFrame::decode(&damaged) {
            let again = serde_json::to_string(&frame).unwrap();
            prop_assert_eq!(ClientFrame::decode(&again).unwrap(), frame);
        }
    }
}
