//! What ends a long-poll and what does not: each answer costs its client one more request.
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]
mod support;

use std::time::Duration;

use serde_json::{Map, Value, json};
use support::{Person, Server};
use tokio::task::JoinHandle;
use zas_server::clock;

/// An answer that is due is there by then.
const LONG_ENOUGH: Duration = Duration::from_millis(400);

/// A poll that is held, and whose client is patient with what needs no hurry.
async fn held(server: &Server, person: &Person) -> JoinHandle<Value> {
    let (_, state) = server.get(person, "/v1/state").await;
    let logs = state["rooms"].as_array().unwrap().iter().map(|room| (&room["id"], room));
    let own = &state["own_log"];
    let cursor: Map<String, Value> = logs
        .chain([(&own["room"], own)])
        .map(|(id, log)| (id.as_str().unwrap().to_owned(), json!([log["epoch"], log["head"]])))
        .collect();
    let body = json!({"cursor": cursor, "wait_ms": 25_000, "linger_ms": 10_000});
    let request = server.http.post(server.url("/v1/feed")).bearer_auth(&person.token).json(&body);
    let poll = tokio::spawn(async move { request.send().await.unwrap().json().await.unwrap() });
    while !server.app.hub.presence(person.id, 0, 0).online {
        tokio::task::yield_now().await;
    }
    poll
}

fn texts(answer: &Value) -> Vec<&str> {
    let frames = answer["frames"].as_array().unwrap();
    frames.iter().filter_map(|frame| frame["text"].as_str()).collect()
}

#[tokio::test]
async fn ones_own_echo_goes_with_what_another_writes() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let mut poll = held(&server, &ana).await;
    server.say(&ana, &room, "a1", "mine").await;
    assert!(tokio::time::timeout(LONG_ENOUGH, &mut poll).await.is_err(), "the echo ended it");
    server.say(&luis, &room, "l1", "theirs").await;
    assert_eq!(texts(&poll.await.unwrap()), ["mine", "theirs"]);
}

#[tokio::test]
async fn what_one_writes_on_another_device_comes_at_once() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let tokens = server.app.auth.open_device(ana.id, "phone", clock::now()).await.unwrap();
    let phone = Person { id: ana.id, token: tokens.access };
    let poll = held(&server, &ana).await;
    server.say(&phone, &room, "p1", "from the phone").await;
    let answer = tokio::time::timeout(support::PATIENCE, poll).await.unwrap().unwrap();
    assert_eq!(texts(&answer), ["from the phone"]);
}
