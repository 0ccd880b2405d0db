//! Who is heard in the group when they type or read, by each way of saying so; and the frames that
//! begin and keep a connection.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use zas_protocol::Command;

use crate::cast::{Caller, Cast, Stage, cells};
use crate::frames::golden;
use crate::support::Socket;

/// A signal, and whether the group hears it from: nobody, stranger, ex-member, member, admin, owner;
/// disabled, signed out, expired, refresh token.
const SIGNALS: &[(&str, &str)] = &[("typing", "-nnyyy----"), ("positions", "-nnyyy----")];

/// What opens a connection or keeps it: for everyone with a session, whatever they are in.
const CONNECTING: [&str; 4] = ["hello", "resume", "refresh", "ping"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Socket,
    Request,
    /// On the way of a poll.
    Poll,
}

#[test]
fn every_frame_of_a_client_has_its_row_and_no_row_is_of_none() {
    let listed: BTreeSet<String> = SIGNALS
        .iter()
        .map(|(signal, _)| *signal)
        .chain(CONNECTING)
        .chain(Command::TYPES)
        .map(str::to_owned)
        .collect();
    assert_eq!(golden("client"), listed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_group_hears_the_signals_of_its_members_alone_by_each_way() {
    let mut wrong = Vec::new();
    let mut said = 0;
    for &(signal, letters) in SIGNALS {
        for way in [Way::Socket, Way::Request, Way::Poll] {
            for (caller, letter) in cells(letters) {
                let stage = Stage::start().await;
                let cast = Cast::new(&stage, caller).await;
                let got = outcome(&cast, way, signal).await;
                said += 1;
                if got != letter {
                    wrong.push(format!("{signal} by {way:?}: {caller:?} has {got}, not {letter}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    zas_tally::tried("P11", "signals of each caller, by each way", said);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_opens_a_connection_without_its_cursor_and_keeps_it_with_a_fresh_token() {
    for caller in Caller::ALL.into_iter().filter(|caller| caller.refusal().is_none()) {
        let stage = Stage::start().await;
        let cast = Cast::new(&stage, caller).await;
        let mut socket = Socket::open(&cast.server.url("")).await;
        socket.say(json!({"type": "hello", "token": cast.token})).await;
        socket.say(json!({"type": "resume", "cursor": {}})).await;
        socket.until("synced").await;
        socket.say(json!({"type": "refresh", "token": cast.token})).await;
        socket.say(json!({"type": "ping", "n": 5})).await;
        assert_eq!(socket.until("pong").await["n"], 5);
        // A token of somebody else's is none of this connection's.
        socket.say(json!({"type": "refresh", "token": cast.peer.token})).await;
        assert_eq!(socket.until_closed().await, Some(4500), "{caller:?}");
    }
}

#[tokio::test]
async fn ones_own_log_hears_no_signals_by_any_way() {
    let stage = Stage::start().await;
    for way in [Way::Socket, Way::Request, Way::Poll] {
        let cast = Cast::new(&stage, Caller::Member).await;
        let mut here = Socket::live(&cast.server.url(""), cast.token.as_ref().unwrap()).await;
        let own = json!({"type": "positions", "advances": [{"room": cast.me, "read": 1}]});
        say(&cast, way, vec![own, typing(&json!(cast.me))]).await.unwrap();
        cast.does(cast.friend, &format!(r#"{{"type":"send","room":"{}","text":"fin"}}"#, cast.aside)).await;
        let heard = here.all_until("event").await;
        let said = heard.iter().find(|frame| frame["type"] == "positions" || frame["type"] == "typing");
        assert_eq!(said, None, "{way:?}");
    }
}

fn typing(room: &Value) -> Value {
    json!({"type": "typing", "room": room, "on": true})
}

/// Says it, and asks one who is in the group.
async fn outcome(cast: &Cast<'_>, way: Way, signal: &str) -> char {
    let mut peer = Socket::live(&cast.server.url(""), &cast.peer.token).await;
    let frame = match signal {
        "typing" => typing(&json!(cast.room)),
        _ => json!({"type": "positions", "advances": [{"room": cast.room, "read": 2}]}),
    };
    if say(cast, way, vec![frame]).await.is_none() {
        return '-';
    }
    // What is said in the group after it is heard after it.
    cast.does(cast.admin, r#"{"type":"send","room":"{room}","text":"fin"}"#).await;
    let heard = peer.all_until("event").await;
    let of_me = |frame: &Value| {
        let me = cast.me.to_string();
        let of = frame["of"].as_array().map(Vec::as_slice).unwrap_or_default();
        frame["type"] == signal && (frame["user"] == me || of.iter().any(|one| one["user"] == me))
    };
    if heard.iter().any(of_me) { 'y' } else { 'n' }
}

/// Says signals; `None` for who is refused.
async fn say(cast: &Cast<'_>, way: Way, signals: Vec<Value>) -> Option<()> {
    let (path, body) = match way {
        Way::Socket => {
            let mut socket = Socket::open(&cast.server.url("")).await;
            socket.say(json!({"type": "hello", "token": cast.token, "cursor": {}})).await;
            if cast.caller.refusal().is_some() {
                socket.until_closed().await.unwrap();
                return None;
            }
            socket.until("synced").await;
            for signal in signals {
                socket.say(signal).await;
            }
            socket.say(json!({"type": "ping", "n": 1})).await;
            socket.until("pong").await;
            return Some(());
        }
        Way::Request => ("/v1/signals", json!({ "signals": signals })),
        Way::Poll => ("/v1/feed", json!({"cursor": {}, "wait_ms": 0, "signals": signals})),
    };
    let mut request = cast.server.http.post(cast.server.url(path)).json(&body);
    if let Some(token) = &cast.token {
        request = request.bearer_auth(token);
    }
    let status = request.send().await.unwrap().status();
    match status.as_u16() {
        200 | 204 => Some(()),
        401 => None,
        other => panic!("{path}: {other}"),
    }
}
