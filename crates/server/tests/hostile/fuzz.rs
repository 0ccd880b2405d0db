//! Anything at all, to what reads it first.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::Value;
use zas_core::session::{Effect, HEADS, Identity, Input, Log, Session, Settings};
use zas_protocol::limits::{JSON_DEPTH, depth};
use zas_protocol::{ClientFrame, DeviceId, ErrorCode, Hello, Language, RoomId, TxnId, UserId};
use zas_server::auth::keys::Keys;
use zas_server::auth::limits::client_ip;
use zas_server::auth::tokens::{Bearer, Signer};
use zas_server::routes::feed::origin_is_allowed;

use super::runner;

/// Each value that a strategy offers, so many times.
fn each<T: std::fmt::Debug>(
    usual: u64,
    count: u64,
    strategy: &impl Strategy<Value = T>,
    mut look: impl FnMut(T),
) {
    let mut runner = runner(usual);
    for _ in 0..count {
        look(strategy.new_tree(&mut runner).unwrap().current());
    }
}

/// What clients say in the golden frames.
fn golden_frames() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/frames/client");
    let mut frames: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    frames.sort();
    frames.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Text that is nearly a frame: a good one in which pieces are replaced, repeated or gone.
fn nearly_a_frame() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(String::new()),
        prop::sample::select(vec![
            "{", "}", "[", "]", "\"", ":", ",", "\\", "\u{0}", "null", "1e999", "-0", "\\ud800"
        ])
        .prop_map(str::to_owned),
        "[ -~]{0,8}",
        any::<String>(),
    ];
    let edits = vec((any::<prop::sample::Index>(), 0_usize..12, piece), 0..4);
    (prop::sample::select(golden_frames()), edits).prop_map(|(frame, edits)| {
        let mut text: Vec<char> = frame.chars().collect();
        for (at, gone, piece) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + gone).min(text.len());
            text.splice(at..end, piece.chars());
        }
        text.into_iter().collect()
    })
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![3 => nearly_a_frame(), 1 => any::<String>(), 1 => "[\\[\\]{}\":,0-9a-z\\\\ ]{0,200}"]
}

#[test]
fn the_decoder_of_frames_reads_or_refuses_any_text_and_what_it_reads_it_writes_the_same() {
    let count = zas_tally::amount(20_000);
    each(1, count, &any_text(), |text| match ClientFrame::decode(&text) {
        Ok(frame) => {
            let written = serde_json::to_string(&frame).unwrap();
            assert_eq!(ClientFrame::decode(&written), Ok(frame), "{text}");
        }
        Err(refused) => super::tells_nothing(&refused.reason.replace("not a JSON object with a type", "")),
    });
    zas_tally::tried("P24", "texts for the decoder of frames", count);
}

#[test]
fn depth_is_never_less_than_what_the_parser_meets() {
    fn deep(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(deep).max().unwrap_or(0),
            Value::Object(fields) => 1 + fields.values().map(deep).max().unwrap_or(0),
            _ => 0,
        }
    }
    let count = zas_tally::amount(20_000);
    let brackets =
        vec(prop::sample::select(vec!["[", "]", "{\"a\":", "}", "\"[\"", "\"\\\"[\"", ",", "1"]), 0..120);
    // Good frames with a field that nobody reads and that nests.
    let nested = (20_usize..50).prop_map(|n| {
        let (open, close) = ("[".repeat(n), "]".repeat(n));
        format!(r#"{{"type":"ping","n":1,"x":{open}{close}}}"#)
    });
    let text = prop_oneof![4 => any_text(), 4 => brackets.prop_map(|pieces| pieces.concat()), 1 => nested];
    each(2, count, &text, |text| {
        if let Ok(value) = serde_json::from_str::<Value>(&text) {
            // A field that comes twice is met twice and kept once.
            assert!(depth(text.as_bytes()) >= deep(&value), "{text}");
        }
        assert!(depth(text.as_bytes()) <= JSON_DEPTH || ClientFrame::decode(&text).is_err(), "{text}");
    });
    zas_tally::tried("P24", "texts whose depth is counted", count);
}

/// What a connection may be told.
#[derive(Debug, Clone)]
enum Told {
    Text(String),
    Authenticated,
    Refused,
    Opened,
    Tick,
    Drained,
    Drain,
}

#[test]
fn a_session_takes_any_frames_in_any_state_and_closes_once() {
    let told = vec(
        prop_oneof![
            6 => any_text().prop_map(Told::Text),
            2 => Just(Told::Authenticated),
            1 => Just(Told::Refused),
            2 => Just(Told::Opened),
            1 => Just(Told::Tick),
            1 => Just(Told::Drained),
            1 => Just(Told::Drain),
        ],
        0..40,
    );
    let user = UserId::mint(0, [1; 10]);
    let identity = Identity { user, device: DeviceId::mint(0, [2; 10]), expires_at: i64::MAX };
    let log = Log { room: RoomId::own_log(user), epoch: 1, head: 9, from: 1, members: 1 };
    let count = zas_tally::amount(1_000);
    each(3, count, &told, |inputs| {
        let mut session = Session::new(0, Arc::new(Settings::default()));
        let mut closed = false;
        for (now, told) in (1_i64..).zip(inputs) {
            let mut effects = Vec::new();
            let input = match &told {
                Told::Text(text) => Input::Frame(text),
                Told::Authenticated => Input::Authenticated(identity),
                Told::Refused => Input::Refused(ErrorCode::Unauthenticated),
                Told::Opened => Input::Opened(vec![log]),
                Told::Tick => Input::Tick,
                Told::Drained => Input::Drained,
                Told::Drain => Input::Drain { delay_ms: 5 },
            };
            session.handle(now, input, &mut effects);
            assert!(!closed || effects.is_empty(), "{told:?} after the end: {effects:?}");
            let ends = effects.iter().filter(|effect| matches!(effect, Effect::Close(_))).count();
            closed |= ends > 0;
            assert!(ends <= 1 && closed == session.is_closed());
        }
    });
    zas_tally::tried("P24", "sessions that hear anything", count);
}

#[test]
fn a_flood_of_pings_is_answered_and_asks_little_of_what_all_share() {
    let user = UserId::mint(0, [1; 10]);
    let identity = Identity { user, device: DeviceId::mint(0, [2; 10]), expires_at: i64::MAX };
    let hello = Hello { token: None, cursor: None, seen: None };
    let mut effects = Vec::new();
    let mut session = Session::authenticated(Arc::new(Settings::default()), identity, hello, &mut effects);
    session.handle(1, Input::Opened(Vec::new()), &mut effects);
    let mut ping = |now: i64| {
        let mut effects = Vec::new();
        session.handle(now, Input::Frame(r#"{"type":"ping","n":7}"#), &mut effects);
        assert!(matches!(effects[0], Effect::Send(_)), "each is answered");
        effects.contains(&Effect::AskHeads)
    };
    let (minute, flood) = (60_000_000, 60_000);
    let asked = (0..flood).filter(|n| ping(n * minute / flood)).count();
    assert_eq!(asked, usize::try_from(HEADS.burst + HEADS.per_minute).unwrap() - 1);
    // Who pings as a client does always hears them.
    assert!((1..100).all(|n| ping(minute + n * 20_000_000)));
}

#[test]
fn any_cursor_is_taken_up_where_it_stands_or_answered_by_resync() {
    let (user, other) = (UserId::mint(0, [1; 10]), RoomId::mint(0, [3; 10]));
    let own = RoomId::own_log(user);
    let identity = Identity { user, device: DeviceId::mint(0, [2; 10]), expires_at: i64::MAX };
    let edge = prop_oneof![any::<u64>(), 0_u64..20, Just(u64::MAX), Just(1 << 53), Just(1 << 63)];
    let entry = (prop::sample::select(vec![own, other, RoomId::mint(0, [9; 10])]), (0_u32..3, edge));
    let count = zas_tally::amount(5_000);
    each(4, count, &(vec(entry, 0..4), 1_u64..12, 1_u64..14), |(cursor, head, from)| {
        let hello = Hello { token: None, cursor: Some(cursor.iter().copied().collect()), seen: None };
        let claimed = hello.cursor.clone().unwrap();
        let mut effects = Vec::new();
        let mut session =
            Session::authenticated(Arc::new(Settings::default()), identity, hello, &mut effects);
        let log = |room, from| Log { room, epoch: 1, head, from, members: 2 };
        session.handle(1, Input::Opened(vec![log(own, 1), log(other, from)]), &mut effects);
        let resynced: BTreeSet<RoomId> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Send(frame) => {
                    let frame: Value = serde_json::from_slice(frame).unwrap();
                    (frame["type"] == "resync").then(|| frame["room"].as_str().unwrap().parse().unwrap())
                }
                _ => None,
            })
            .collect();
        for room in [own, other] {
            let good = claimed.get(&room).is_some_and(|&(epoch, seq)| epoch == 1 && seq <= head);
            assert_eq!(resynced.contains(&room), !good, "{claimed:?} of {head}");
        }
        // What is read next begins where the client stands.
        if let Some(Effect::Read { room, after, .. }) = effects.last() {
            assert_eq!(claimed.get(room), Some(&(1, *after)));
        }
    });
    zas_tally::tried("P24", "cursors", count);
}

#[test]
fn a_token_that_was_touched_is_nobody_s() {
    let signer = Signer::new(&Keys::random());
    let (user, device) = (UserId::mint(0, [1; 10]), DeviceId::mint(0, [2; 10]));
    let now = 1_800_000_000_000_000;
    let bearer = Bearer { user, username: "ana", display_name: "Ana", device };
    let pair = signer.sign(bearer, "jti", now).unwrap();
    assert_eq!(signer.read_access(&pair.access, now).unwrap().user_id, user);
    let foreign = Signer::new(&Keys::random()).sign(bearer, "jti", now).unwrap();
    let touch = prop_oneof!["[A-Za-z0-9_.=-]{1,3}", any::<String>(), Just(String::new())];
    let good = prop::sample::select(vec![
        pair.access.clone(),
        pair.refresh.clone(),
        foreign.access,
        foreign.refresh,
    ]);
    let touched =
        (good, any::<prop::sample::Index>(), 0_usize..3, touch).prop_map(|(token, at, gone, touch)| {
            let mut text: Vec<char> = token.chars().collect();
            let at = at.index(text.len());
            let end = (at + gone).min(text.len());
            text.splice(at..end, touch.chars());
            text.into_iter().collect::<String>()
        });
    let count = zas_tally::amount(5_000);
    each(5, count, &prop_oneof![4 => touched, 1 => any::<String>()], |token| {
        let refused = Err(ErrorCode::Unauthenticated);
        if token != pair.access {
            assert_eq!(signer.read_access(&token, now).map(|_| ()), refused, "{token}");
        }
        if token != pair.refresh {
            assert_eq!(signer.read_refresh(&token, now).map(|_| ()), refused, "{token}");
        }
    });
    zas_tally::tried("P24", "forged or broken tokens", count);
}

#[test]
fn headers_and_names_of_any_bytes_are_read_or_passed_over() {
    let count = zas_tally::amount(10_000);
    let bytes =
        prop_oneof![vec(any::<u8>(), 0..80), "[0-9a-fA-F.:,; *=/-]{0,60}".prop_map(String::into_bytes)];
    let peer: IpAddr = "10.0.0.1".parse().unwrap();
    let trusted = ["10.0.0.0/8".parse().unwrap()];
    let allowed = ["https://app.example".to_owned()];
    each(6, count, &bytes, |bytes| {
        let text = String::from_utf8_lossy(&bytes);
        let _ = Language::from_accept(&text);
        assert!(TxnId::new(&text).is_ok_and(|name| name.as_str() == text) || TxnId::new(&text).is_err());
        assert!(text.parse::<RoomId>().is_ok() || ClientFrame::decode(&text).is_err());
        let Ok(value) = HeaderValue::from_bytes(&bytes) else { return };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", value.clone());
        headers.insert(header::ORIGIN, value.clone());
        headers.insert(header::HOST, HeaderValue::from_static("chat.example"));
        let client = client_ip(&headers, peer, &trusted);
        assert!(
            client == peer || text.contains(&client.to_string()) || text.contains(':'),
            "{text}: {client}"
        );
        let ours = ["://chat.example", "https://app.example"];
        assert!(
            !origin_is_allowed(&headers, &allowed)
                || ours.iter().any(|own| text.to_lowercase().contains(own))
        );
    });
    zas_tally::tried("P24", "headers of any bytes", count);
}
