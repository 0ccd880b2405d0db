//! WebSocket frames that break the protocol, or come a byte at a time.

use futures_util::SinkExt as _;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::{Bystander, runner};
use crate::support::raw::{Raw, TEXT, frame};
use crate::support::{PATIENCE, Person, Server};

const PING: u8 = 0x89;
const CLOSE: u8 = 0x88;

/// What breaks RFC 6455. The server ends the connection; a code that it gives must be one of these.
fn broken() -> Vec<(&'static str, Vec<u8>)> {
    let unmasked = |first: u8, payload: &[u8]| {
        let mut bytes = vec![first, u8::try_from(payload.len()).unwrap()];
        bytes.extend(payload);
        bytes
    };
    let long = |length: [u8; 8]| {
        let mut bytes = vec![TEXT, 0xff];
        bytes.extend(length);
        bytes.extend([0; 4]);
        bytes
    };
    let mut broken = vec![
        ("a frame without a mask", unmasked(TEXT, br#"{"type":"ping"}"#)),
        ("a ping without a mask", unmasked(PING, b"x")),
        ("a ping in fragments", frame(0x09, b"x")),
        ("a ping of 126 bytes", frame(PING, &[0; 126])),
        ("the rest of nothing", frame(0x80, b"x")),
        ("a text inside a text", [frame(0x01, b"x"), frame(TEXT, b"x")].concat()),
        ("a binary frame", frame(0x82, b"{}")),
        ("no UTF-8", frame(TEXT, b"\xff\xfe")),
        ("half a character", frame(TEXT, b"{\"type\":\"\xe2\x82")),
        ("a surrogate", frame(TEXT, b"\xed\xa0\x80")),
        ("a character over the last", frame(TEXT, b"\xf4\x90\x80\x80")),
        ("no UTF-8 in two fragments", [frame(0x01, b"\xe2\x82"), frame(0x80, b"x")].concat()),
        ("a close of one byte", frame(CLOSE, &[3])),
        ("a close without UTF-8", frame(CLOSE, b"\x03\xe8\xff")),
        ("a length of 2^63", long((1_u64 << 63).to_be_bytes())),
        ("a length of 2^64 - 1", long([0xff; 8])),
        ("a length of 65,537", long(65_537_u64.to_be_bytes())),
        (
            "more in fragments than in a frame",
            [frame(0x01, &[b' '; 60_000]), frame(0x80, &[b' '; 60_000])].concat(),
        ),
    ];
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        broken.push(("an opcode that is none", frame(0x80 | opcode, b"x")));
    }
    for reserved in [0x40, 0x20, 0x10] {
        broken.push(("a reserved bit", frame(TEXT | reserved, b"{}")));
    }
    for code in [0_u16, 999, 1004, 1005, 1006, 1016, 1100, 2999] {
        broken.push(("a close with a code that may not be sent", frame(CLOSE, &code.to_be_bytes())));
    }
    broken
}

/// A raw socket that has said who it is.
async fn live(server: &Server, person: &Person) -> Raw {
    let mut raw = Raw::socket(server.address).await;
    let hello = json!({"type": "hello", "token": person.token, "cursor": {}}).to_string();
    raw.send(&frame(TEXT, hello.as_bytes())).await;
    while !raw.frame().await.expect("it lives").1.starts_with(br#"{"type":"synced""#) {}
    raw
}

#[tokio::test]
async fn a_frame_that_breaks_the_protocol_ends_its_connection_and_no_other() {
    let server = Server::with(|config| config.limits.connections_per_user = 1_000).await;
    let ana = server.person("ana").await;
    let mut bystander = Bystander::of(&server).await;
    let broken = broken();
    for (what, bytes) in &broken {
        for known in [false, true] {
            let mut raw = match known {
                true => live(&server, &ana).await,
                false => Raw::socket(server.address).await,
            };
            raw.send(bytes).await;
            let code = raw.close_code().await;
            let expected = [1002, 1003, 1007, 1009, 4502, 4503];
            // A close is answered by its own code where that may be sent, or by none.
            assert!(code.is_none_or(|code| expected.contains(&code)), "{what}: {code:?}");
        }
    }
    bystander.is_well().await;
    zas_tally::tried(
        "P24",
        "frames that break the protocol, before and after the first",
        2 * broken.len() as u64,
    );
}

/// Text frames that are no frames of ours: each is answered and forgiven, so many in a row.
const UNREADABLE: [&str; 18] = [
    "",
    " ",
    "null",
    "[]",
    "7",
    r#"["ping"]"#,
    r#"["typing","00000000-0000-0000-0000-000000000000",true]"#,
    "\"ping\"",
    "{",
    "{}",
    r#"{"type":7}"#,
    r#"{"type":"hi"}"#,
    r#"{"type":"send"}"#,
    r#"{"type":"ping","n":-1}"#,
    r#"{"type":"ping","n":1e400}"#,
    r#"{"type":"typing","room":"not a room","on":true}"#,
    r#"{"type":"positions","advances":{}}"#,
    "\u{0}\u{202e}\u{feff}",
];

#[tokio::test]
async fn a_text_that_is_no_frame_is_answered_by_a_code_and_ten_in_a_row_are_forgiven() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let mut bystander = Bystander::of(&server).await;
    let mut socket = server.live(&ana).await;
    for (n, text) in UNREADABLE.into_iter().enumerate() {
        socket.0.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.until("error").await, json!({"type": "error", "code": "bad_request"}), "{text}");
        socket.say(json!({"type": "ping", "n": n})).await;
        socket.until("pong").await;
    }
    for _ in 0..11 {
        socket.0.send(Message::text("{}")).await.unwrap();
    }
    assert_eq!(socket.until_closed().await, Some(4503));
    // One that names its command is told which it was.
    let mut socket = server.live(&ana).await;
    socket.say(json!({"type": "send", "txn_id": "mine", "room": 7})).await;
    assert_eq!(socket.until("nack").await, json!({"type": "nack", "txn_id": "mine", "code": "bad_request"}));
    bystander.is_well().await;
}

#[tokio::test]
async fn a_frame_that_drips_gives_its_connection_no_more_time() {
    let server = Server::with(|config| {
        config.limits.auth_timeout_ms = 400;
        (config.limits.ping_ms, config.limits.dead_ms) = (300, 800);
    })
    .await;
    let ana = server.person("ana").await;
    let whole = frame(TEXT, &[b' '; 4_000]);
    for (known, expected) in [(false, 4503), (true, 4001)] {
        let mut raw = match known {
            true => live(&server, &ana).await,
            false => Raw::socket(server.address).await,
        };
        let dripping = async {
            let mut bytes = whole.chunks(1);
            let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
            loop {
                tick.tick().await;
                raw.send(bytes.next().expect("it ends before the frame does")).await;
                if let Some(code) = raw.close_code_so_far() {
                    break code;
                }
            }
        };
        assert_eq!(timeout(PATIENCE, dripping).await.expect("it is closed"), expected);
    }
}

#[tokio::test]
async fn any_bytes_after_the_handshake_end_their_connection_at_worst() {
    let server = Server::with(|config| {
        config.limits.connections_per_user = 1_000;
        config.limits.auth_timeout_ms = 500;
        (config.limits.ping_ms, config.limits.dead_ms) = (250, 500);
    })
    .await;
    let ana = server.person("ana").await;
    let (rounds, at_once) = (zas_tally::amount(1), 60);
    let mut runner = runner(24);
    let opcodes = prop::collection::vec((any::<u8>(), prop::collection::vec(any::<u8>(), 0..300)), 0..20);
    let framed = opcodes
        .prop_map(|frames| frames.iter().flat_map(|(first, payload)| frame(*first, payload)).collect());
    let any_bytes = prop_oneof![prop::collection::vec(any::<u8>(), 0..3_000), framed];
    for _ in 0..rounds {
        let mut attacks = Vec::new();
        for n in 0..at_once {
            let bytes: Vec<u8> = any_bytes.new_tree(&mut runner).unwrap().current();
            let mut raw = match n % 2 == 0 {
                true => live(&server, &ana).await,
                false => Raw::socket(server.address).await,
            };
            attacks.push(tokio::spawn(async move {
                raw.send(&bytes).await;
                raw.ended().await;
            }));
        }
        for attack in attacks {
            attack.await.unwrap();
        }
    }
    // Nobody's silence is forgiven here, so that who looks on comes after.
    Bystander::of(&server).await.is_well().await;
    zas_tally::tried("P24", "random bytes and frames on a socket", rounds * at_once);
}
