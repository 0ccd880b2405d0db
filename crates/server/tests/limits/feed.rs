//! How long, how often and how much on the feed's three rungs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::timeout;
use zas_protocol::Limits;

use crate::around;
use crate::support::{Heard, PATIENCE, Person, Server};

/// A limit of time that a test waits for.
const SHORT_MS: u64 = 400;
const SHORT: Duration = Duration::from_millis(SHORT_MS);

/// Two people and their room, which holds so many messages more than the cursor says.
async fn behind_by(server: &Server, missed: usize) -> (Person, String, Value) {
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let cursor = cursor(server, &luis).await;
    server.fill(&ana, &room, missed).await;
    (luis, room, cursor)
}

/// Where a person's logs stand.
async fn cursor(server: &Server, person: &Person) -> Value {
    let heads = server.app.store.heads(person.id).await.unwrap();
    heads
        .into_iter()
        .map(|log| (log.room.to_string(), json!([log.epoch, log.head])))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn count(frames: &[Value], kind: &str) -> usize {
    frames.iter().filter(|frame| frame["type"] == kind).count()
}

async fn poll(server: &Server, person: &Person, cursor: &Value) -> Vec<Value> {
    let (status, answer) = server.post(person, "/v1/feed", json!({"cursor": cursor, "wait_ms": 0})).await;
    assert_eq!(status, 200, "{answer}");
    answer["frames"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_client_is_told_how_often_to_ping_and_a_stream_hears_a_heartbeat() {
    let server = Server::with(|config| config.limits.ping_ms = SHORT_MS).await;
    let ana = server.person("ana").await;
    let mut socket = server.socket().await;
    socket.say(json!({"type": "hello", "token": ana.token, "cursor": {}})).await;
    assert_eq!(socket.until("welcome").await["ping_ms"], SHORT_MS);
    let request = server.http.post(server.url("/v1/feed")).bearer_auth(&ana.token);
    let began = Instant::now();
    let mut answer =
        request.header("accept", "text/event-stream").json(&json!({"cursor": {}})).send().await.unwrap();
    let mut heard = String::new();
    while heard.matches(r#""type":"pong""#).count() < 2 {
        let part = timeout(PATIENCE, answer.chunk()).await.expect("a heartbeat").unwrap().unwrap();
        heard.push_str(std::str::from_utf8(&part).unwrap());
    }
    assert!(began.elapsed() >= 2 * SHORT, "no more often");
}

#[tokio::test]
async fn a_silent_socket_is_closed_once_its_time_is_up_and_a_ping_gives_it_more() {
    let server = Server::with(|config| {
        (config.limits.ping_ms, config.limits.dead_ms) = (SHORT_MS / 2, SHORT_MS);
    })
    .await;
    let ana = server.person("ana").await;
    let began = Instant::now();
    let mut silent = server.live(&ana).await;
    assert_eq!(silent.until_closed().await, Some(4001));
    assert!(began.elapsed() >= SHORT);
    let mut socket = server.live(&ana).await;
    let began = Instant::now();
    while began.elapsed() < 3 * SHORT {
        socket.say(json!({"type": "ping", "n": 1})).await;
        socket.until("pong").await;
    }
}

#[tokio::test]
async fn a_poll_without_news_is_held_for_its_time_and_no_longer_whatever_is_asked() {
    let server = Server::with(|config| config.limits.poll_ms = SHORT_MS).await;
    let ana = server.person("ana").await;
    let cursor = cursor(&server, &ana).await;
    for ask in [json!(null), json!(SHORT_MS), json!(u64::MAX)] {
        let began = Instant::now();
        let body = json!({"cursor": cursor, "wait_ms": ask, "gather_ms": ask});
        let held = timeout(PATIENCE, server.post(&ana, "/v1/feed", body)).await.expect("no longer");
        assert_eq!(held.0, 200);
        assert!(began.elapsed() >= SHORT, "{ask}");
    }
}

#[tokio::test]
async fn a_poll_answers_with_100_events_and_no_more() {
    let most = Limits::default().poll_events;
    for (missed, fits) in around(most).chain([(450, false)]) {
        let server = Server::start().await;
        let (luis, room, mut cursor) = behind_by(&server, missed).await;
        let frames = poll(&server, &luis, &cursor).await;
        assert_eq!(count(&frames, "event"), missed.min(most), "{missed}");
        assert!(!fits || count(&frames, "synced") == 1, "{missed}");
        // What did not fit comes next, from where this ended.
        let mut got = count(&frames, "event");
        while got < missed {
            cursor[&room] = json!([1, got + 1]);
            got += count(&poll(&server, &luis, &cursor).await, "event");
        }
        assert_eq!(got, missed);
    }
}

#[tokio::test]
async fn two_polls_of_a_device_are_held_and_no_more() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let cursor = cursor(&server, &ana).await;
    let most = Limits::default().polls_per_device;
    let hold = || {
        let request = server.http.post(server.url("/v1/feed")).bearer_auth(&ana.token);
        tokio::spawn(request.json(&json!({"cursor": cursor})).send())
    };
    let held: Vec<_> = (0..most).map(|_| hold()).collect();
    let open = || server.app.metrics.text().contains(&format!("rung=\"poll\"}} {most}"));
    let both = async {
        while !open() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, both).await.expect("both are held");
    let refused = hold().await.unwrap().unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    for one in held {
        one.abort();
    }
}

#[tokio::test]
async fn ten_connections_live_and_the_eleventh_closes_the_oldest() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let mut sockets = Vec::new();
    for _ in 0..Limits::default().connections_per_user {
        sockets.push(server.live(&ana).await);
    }
    for socket in &mut sockets {
        socket.say(json!({"type": "ping", "n": 1})).await;
        socket.until("pong").await;
    }
    sockets.push(server.live(&ana).await);
    assert_eq!(sockets.remove(0).until_closed().await, Some(4004));
    for socket in &mut sockets {
        socket.say(json!({"type": "ping", "n": 2})).await;
        assert!(matches!(socket.hear().await, Heard::Frame(_)));
    }
}

#[tokio::test]
async fn a_resume_replays_1000_events_of_a_room_and_no_more() {
    let most = usize::try_from(Limits::default().resume_room_events).unwrap();
    let server = Server::start().await;
    let (luis, room, cursor) = behind_by(&server, most - 1).await;
    for (missed, fits) in around(most) {
        if missed >= most {
            server.say(&luis, &room, &format!("more{missed}"), "x").await;
        }
        let mut socket = server.socket().await;
        socket.say(json!({"type": "hello", "token": luis.token, "cursor": cursor})).await;
        let frames = socket.all_until("synced").await;
        let expected = if fits { (missed, 0) } else { (0, 1) };
        assert_eq!((count(&frames, "event"), count(&frames, "resync")), expected, "{missed}");
    }
}

#[tokio::test]
async fn a_resume_replays_so_many_events_of_all_rooms_and_no_more() {
    let most = 30;
    let server = Server::with(|config| config.limits.resume_events = most as u64).await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let marta = server.person("marta").await;
    let rooms = [server.private_room(&ana, &luis).await, server.private_room(&marta, &luis).await];
    let cursor = cursor(&server, &luis).await;
    server.fill(&ana, &rooms[0], most / 2).await;
    server.fill(&marta, &rooms[1], most / 2 - 1).await;
    for (missed, fits) in around(most) {
        if missed >= most {
            server.say(&marta, &rooms[1], &format!("more{missed}"), "x").await;
        }
        let mut socket = server.socket().await;
        socket.say(json!({"type": "hello", "token": luis.token, "cursor": cursor})).await;
        let frames = socket.all_until("synced").await;
        assert_eq!(count(&frames, "resync"), usize::from(!fits), "{missed}");
        assert!(count(&frames, "event") <= most && (!fits || count(&frames, "event") == missed), "{missed}");
    }
}
