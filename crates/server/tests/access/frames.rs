//! Who hears what, on each rung.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio::time::timeout;
use zas_protocol::{CloseCode, ErrorCode};

use crate::cast::{Caller, Cast, Stage, cells};
use crate::support::{Heard, PATIENCE, Socket};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rung {
    Socket,
    Stream,
    /// Here a client is between two polls while things happen, and hears of them by the next.
    Poll,
}

pub(crate) const RUNGS: [Rung; 3] = [Rung::Socket, Rung::Stream, Rung::Poll];

/// What is about the group or about its people, and a letter for each caller: nobody, stranger, ex-member,
/// member, admin, owner; disabled, signed out, expired, refresh token. What is of another person's own log
/// nobody hears; nobody here was away, so that there is nothing to skip.
const FRAMES: &[(&str, &str)] = &[
    ("event.message", "-nnyyy----"),
    ("event.message_edited", "-nnyyy----"),
    ("event.message_deleted", "-nnyyy----"),
    ("event.reaction_changed", "-nnyyy----"),
    ("event.room_created", "-nnyyy----"),
    ("event.room_renamed", "-nnyyy----"),
    ("event.room_profile_changed", "-nnyyy----"),
    ("event.member_added", "-nnyyy----"),
    ("event.member_removed", "-nnyyy----"),
    ("event.role_changed", "-nnyyy----"),
    ("event.joined", "-nnnnn----"),
    ("event.left", "-nnnnn----"),
    ("event.profile_changed", "-nnnnn----"),
    ("event.prefs_changed", "-nnnnn----"),
    ("event.room_prefs_changed", "-nnnnn----"),
    ("typing", "-nnyyy----"),
    ("positions", "-nnyyy----"),
    ("presence", "-nnyyy----"),
    ("resync", "-nnyyy----"),
    ("skip", "-nnnnn----"),
    ("heads", "-nnyyy----"),
];

/// What is about the connection alone: on a socket everyone hears it who has a session.
const OWN_FRAMES: [&str; 7] = ["welcome", "synced", "ack", "nack", "pong", "error", "drain"];

/// What happens: in the group, and in the own log of one who is in it.
const HAPPENS: [&str; 3] = [
    r#"{"type":"set_profile","profile":{"bio":"aquí"}}"#,
    r#"{"type":"set_prefs","prefs":{"sounds":false,"volume":0}}"#,
    r#"{"type":"set_room_prefs","room":"{room}","prefs":{"muted":true}}"#,
];

/// The kinds of the golden frames of one side, which a test of the protocol keeps whole.
pub(crate) fn golden(side: &str) -> BTreeSet<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/frames").join(side);
    let stem = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.unwrap().path();
        path.file_stem().unwrap().to_str().unwrap().split('+').next().unwrap().to_owned()
    };
    std::fs::read_dir(folder).unwrap().map(stem).collect()
}

#[test]
fn every_frame_has_its_row_and_no_row_is_of_none() {
    let listed: BTreeSet<String> =
        FRAMES.iter().map(|(name, _)| *name).chain(OWN_FRAMES).map(str::to_owned).collect();
    assert_eq!(golden("server"), listed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_frame_reaches_those_its_row_names_and_nobody_else_on_every_rung() {
    let (mut wrong, mut runs) = (Vec::new(), 0);
    for rung in RUNGS {
        for caller in Caller::ALL {
            let stage = Stage::on_disk().await;
            let cast = Cast::new(&stage, caller).await;
            let heard = heard(&cast, rung).await;
            runs += 1;
            for &(frame, letters) in FRAMES {
                let (_, letter) = cells(letters).find(|&(column, _)| column == caller).unwrap();
                // A poll is over before a heartbeat is due; a stream's come every 20 s.
                let expected = match (frame, rung) {
                    ("heads", Rung::Stream | Rung::Poll) if letter == 'y' => 'n',
                    _ => letter,
                };
                let got = match &heard {
                    None => '-',
                    Some(heard) if heard.contains(frame) => 'y',
                    Some(_) => 'n',
                };
                if got != expected {
                    wrong.push(format!("{frame} by {rung:?}: {caller:?} has {got}, not {expected}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    zas_tally::tried("P11", "feeds on which each caller heard what is theirs alone", runs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_about_ones_own_connection_everyone_hears_who_has_a_session() {
    for caller in Caller::ALL.into_iter().filter(|caller| caller.refusal().is_none()) {
        let stage = Stage::start().await;
        let cast = Cast::new(&stage, caller).await;
        let mut socket = Socket::live(&cast.server.url(""), cast.token.as_ref().unwrap()).await;
        socket.say(json!({"type": "set_prefs", "txn_id": "a", "prefs": {}})).await;
        socket.until("ack").await;
        socket.say(json!({"type": "send", "txn_id": "b", "room": cast.peer.id, "text": "hola"})).await;
        socket.until("nack").await;
        socket.say(json!({"type": "ping", "n": 1})).await;
        socket.until("pong").await;
        socket.say(json!({"type": "dance"})).await;
        socket.until("error").await;
        cast.server.app.hub.drain(0);
        socket.until("drain").await;
    }
}

/// The kinds of what a caller hears of the group and its people; `None` for who is not let in.
async fn heard(cast: &Cast<'_>, rung: Rung) -> Option<BTreeSet<String>> {
    let everything = [cast.room.to_string(), cast.peer.id.to_string(), cast.me.to_string()];
    let mut cursor: BTreeMap<String, (u32, u64)> =
        everything.into_iter().map(|room| (room, (1, 0))).collect();
    let mut feed = Feed::open(cast, rung, cursor.clone()).await?;
    feed.until(|frame| frame["type"] == "synced").await;
    happen(cast, &mut feed).await;
    let mut frames = feed.frames;

    cursor.insert(cast.room.to_string(), (9, 1));
    let mut of_another_history = Feed::open(cast, rung, cursor).await?;
    of_another_history.until(|frame| frame["type"] == "synced").await;
    frames.extend(of_another_history.frames.into_iter().filter(|frame| frame["type"] == "resync"));
    Some(frames.iter().filter_map(|frame| about(cast, frame)).collect())
}

/// All that a row can be of, then a message aside, which everyone hears that is let in.
async fn happen(cast: &Cast<'_>, feed: &mut Feed<'_>) {
    let mut peer = Socket::live(&cast.server.url(""), &cast.peer.token).await;
    let in_group = [
        (cast.peer.id, r#"{"type":"send","room":"{room}","text":"un secreto"}"#),
        (cast.peer.id, r#"{"type":"react","room":"{room}","message":"{message}","reaction":"like"}"#),
        (cast.peer.id, r#"{"type":"edit_message","room":"{room}","message":"{message}","text":"secreto"}"#),
        (cast.peer.id, r#"{"type":"delete_message","room":"{room}","message":"{message}"}"#),
        (cast.admin, r#"{"type":"rename_room","room":"{room}","name":"Otro"}"#),
        (cast.admin, r#"{"type":"set_room_profile","room":"{room}","profile":{"description":"Otra"}}"#),
        (cast.admin, r#"{"type":"add_member","room":"{room}","user":"{guest}"}"#),
        (cast.admin, r#"{"type":"remove_member","room":"{room}","user":"{guest}"}"#),
        (cast.owner, r#"{"type":"set_role","room":"{room}","user":"{peer}","role":"admin"}"#),
    ];
    for (who, what) in in_group {
        cast.does(who, what).await;
    }
    for what in HAPPENS {
        cast.does(cast.peer.id, what).await;
    }
    peer.say(json!({"type": "typing", "room": cast.room, "on": true})).await;
    peer.say(json!({"type": "positions", "advances": [{"room": cast.room, "read": 3}]})).await;
    peer.say(json!({"type": "ping", "n": 1})).await;
    peer.until("pong").await;
    let aside = cast.aside.to_string();
    cast.does(cast.friend, &format!(r#"{{"type":"send","room":"{aside}","text":"aparte"}}"#)).await;
    feed.until(|frame| frame["room"] == aside && frame["kind"] == "message").await;
    if let Source::Socket(socket) = &mut feed.source {
        socket.say(json!({"type": "ping", "n": 7})).await;
        feed.until(|frame| frame["type"] == "heads").await;
    }
}

/// The row that a frame is of, if it is about the group or about somebody else.
fn about(cast: &Cast<'_>, frame: &Value) -> Option<String> {
    let (room, kind) = (cast.room.to_string(), frame["type"].as_str().unwrap());
    let is_ours = frame["room"] == cast.me.to_string() || frame["room"] == cast.aside.to_string();
    let is_about = match kind {
        "event" if !is_ours => return Some(format!("event.{}", frame["kind"].as_str().unwrap())),
        "typing" | "positions" | "resync" | "skip" => !is_ours,
        "presence" => {
            frame["of"].as_array().unwrap().iter().any(|one| one["user"] != cast.friend.to_string())
        }
        "heads" => frame["heads"].get(&room).is_some(),
        _ => false,
    };
    is_about.then(|| kind.to_owned())
}

enum Source {
    Socket(Socket),
    Stream { response: reqwest::Response, rest: String },
    Poll { cursor: BTreeMap<String, (u32, u64)> },
}

/// What a caller hears by one rung.
pub(crate) struct Feed<'a> {
    cast: &'a Cast<'a>,
    source: Source,
    pub(crate) frames: Vec<Value>,
    /// How many of them were looked at.
    seen: usize,
}

impl<'a> Feed<'a> {
    /// `None` for who is refused, as that rung refuses them.
    pub(crate) async fn open(
        cast: &'a Cast<'a>,
        rung: Rung,
        cursor: BTreeMap<String, (u32, u64)>,
    ) -> Option<Self> {
        let mut frames = Vec::new();
        let source = match rung {
            Rung::Socket => {
                let mut socket = Socket::open(&cast.server.url("")).await;
                socket.say(json!({"type": "hello", "token": cast.token, "cursor": cursor})).await;
                match socket.hear().await {
                    Heard::Frame(frame) if frame["type"] == "welcome" => frames.push(frame),
                    heard => {
                        assert_refused(cast, heard, &mut socket).await;
                        return None;
                    }
                }
                Source::Socket(socket)
            }
            Rung::Stream => {
                let response = request(cast, &cursor, true).await?;
                Source::Stream { response, rest: String::new() }
            }
            Rung::Poll => {
                request(cast, &cursor, false).await?;
                Source::Poll { cursor }
            }
        };
        Some(Self { cast, source, frames, seen: 0 })
    }

    /// Waits for a frame that has not been looked at yet.
    pub(crate) async fn until(&mut self, is_it: impl Fn(&Value) -> bool) {
        timeout(PATIENCE, async {
            loop {
                let found = self.frames[self.seen..].iter().position(&is_it);
                if let Some(at) = found {
                    self.seen += at + 1;
                    return;
                }
                self.seen = self.frames.len();
                self.more().await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{:?} waits in vain; heard {:?}", self.cast.caller, self.frames));
    }

    async fn more(&mut self) {
        match &mut self.source {
            Source::Socket(socket) => match socket.hear().await {
                Heard::Frame(frame) => self.frames.push(frame),
                Heard::Closed(code) => panic!("{:?} was closed with {code:?}", self.cast.caller),
            },
            Source::Stream { response, rest } => {
                let chunk = response.chunk().await.unwrap().expect("the stream goes on");
                rest.push_str(std::str::from_utf8(&chunk).unwrap());
                while let Some((frame, after)) = rest.split_once("\n\n") {
                    self.frames.push(serde_json::from_str(frame.strip_prefix("data:").unwrap()).unwrap());
                    *rest = after.to_owned();
                }
            }
            Source::Poll { cursor } => {
                let answer = request(self.cast, cursor, false).await.expect("it was let in before");
                let answer: Value = answer.json().await.unwrap();
                for frame in answer["frames"].as_array().unwrap() {
                    let place = frame["seq"].as_u64().or(frame["to"].as_u64()).or(frame["head"].as_u64());
                    if let (Some(room), Some(place)) = (frame["room"].as_str(), place) {
                        cursor.insert(room.to_owned(), (1, place));
                    }
                    self.frames.push(frame.clone());
                }
            }
        }
    }
}

/// A feed by HTTP; `None` for who is refused.
async fn request(
    cast: &Cast<'_>,
    cursor: &BTreeMap<String, (u32, u64)>,
    stream: bool,
) -> Option<reqwest::Response> {
    let body = json!({"cursor": cursor, "wait_ms": 0});
    let mut request = cast.server.http.post(cast.server.url("/v1/feed")).json(&body);
    if let Some(token) = &cast.token {
        request = request.bearer_auth(token);
    }
    if stream {
        request = request.header("accept", "text/event-stream");
    }
    let response = request.send().await.unwrap();
    if response.status() == 200 {
        return Some(response);
    }
    assert_eq!(response.status(), 401, "{:?}", cast.caller);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["code"], cast.caller.refusal().unwrap().name(), "{:?}", cast.caller);
    None
}

async fn assert_refused(cast: &Cast<'_>, heard: Heard, socket: &mut Socket) {
    let refusal = cast.caller.refusal().unwrap();
    let Heard::Frame(frame) = heard else { panic!("{:?} heard no reason", cast.caller) };
    assert_eq!((&frame["type"], &frame["code"]), (&json!("error"), &json!(refusal.name())));
    let code = if refusal == ErrorCode::Revoked { CloseCode::Revoked } else { CloseCode::Unauthenticated };
    assert_eq!(socket.until_closed().await, Some(code.code()), "{:?}", cast.caller);
}
