//! Hostile input: whatever bytes come on whatever port, the server neither crashes nor hangs, tells
//! nothing of its inside, and touches nobody else's connection; and who is not known yet costs little.
//!
//! | module | what is sent |
//! |---|---|
//! | [`requests`] | HTTP that is none, or two requests that look like one |
//! | [`bodies`] | JSON of wrong types, numbers at the edges, texts of all kinds |
//! | [`frames`] | WebSocket frames that break the protocol, or come a byte at a time |
//! | [`cost`] | as much as a stranger may, by many strangers; answers that nobody reads |
//! | [`pictures`] | avatars that are bombs, two files at once, damaged, or tell where they were taken |
//! | [`fuzz`] | anything at all, to what reads it first |
//! | [`conformance`], [`api`] | other people's tests of WebSockets and of an OpenAPI document |
//!
//! To add an attack: a row in its module's table, or a module whose test ends in [`Bystander::is_well`].
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod bodies;
mod conformance;
mod cost;
mod frames;
mod fuzz;
mod pictures;
mod requests;
mod tools;

use std::net::SocketAddr;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;
use support::{Server, Socket};
use zas_protocol::ErrorCode;

/// Somebody who has nothing to do with it, and must notice nothing.
struct Bystander {
    socket: Socket,
    pings: u64,
}

impl Bystander {
    async fn of(server: &Server) -> Self {
        let person = server.person("bystander").await;
        Self { socket: server.live(&person).await, pings: 0 }
    }

    async fn at(url: &str, token: &str) -> Self {
        Self { socket: Socket::live(url, token).await, pings: 0 }
    }

    /// Looks now and then, so that their silence is not what ends it, until something is over.
    async fn while_it_lasts<T>(&mut self, something: impl Future<Output = T>) -> T {
        let mut something = std::pin::pin!(something);
        let mut now_and_then = tokio::time::interval(std::time::Duration::from_secs(1));
        loop {
            tokio::select! {
                over = &mut something => return over,
                _ = now_and_then.tick() => self.is_well().await,
            }
        }
    }

    /// Their connection answers, and has heard nothing else.
    async fn is_well(&mut self) {
        self.pings += 1;
        self.socket.say(json!({"type": "ping", "n": self.pings})).await;
        let heard = self.socket.all_until("pong").await;
        assert_eq!(heard.last().unwrap()["n"], self.pings);
        assert!(heard.iter().all(|frame| frame["type"] == "pong" || frame["type"] == "heads"), "{heard:?}");
    }
}

/// Words that only our inside says.
const INSIDE: [&str; 21] = [
    "serde",
    "expected",
    "invalid type",
    "missing field",
    "line 1",
    "column",
    "deserialize",
    "panic",
    "unwrap",
    "sqlite",
    "select ",
    "insert ",
    "axum",
    "hyper",
    "tungstenite",
    "tokio",
    ".rs",
    "/src/",
    "stack",
    "os error",
    "image error",
];

/// What is told to a client is a sentence of ours and no more.
fn tells_nothing(text: &str) {
    let lower = text.to_lowercase();
    for word in INSIDE {
        assert!(!lower.contains(word), "{word:?} is told to a client: {text}");
    }
}

/// A refusal of the native API has its one form: a code of the table with its status.
fn is_a_refusal(status: u16, body: &serde_json::Value) {
    let code = body["code"].as_str().unwrap_or_else(|| panic!("{status} without a code: {body}"));
    let code = ErrorCode::ALL.iter().find(|one| one.name() == code).expect("a code of the table");
    assert_eq!(code.status(), status, "{body}");
    assert!(body["request_id"].is_string() && body["message"].is_string(), "{body}");
    tells_nothing(&body.to_string());
}

/// Chooses what a strategy offers, the same in every short run.
fn runner(usual: u64) -> TestRunner {
    let seed = zas_tally::seed(usual).to_le_bytes().repeat(4);
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

/// Where the program listens.
fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}
