//! The Rust client against a server, on each rung: what is sent arrives once and in order, also
//! when the server drops every connection meanwhile.
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]
mod support;

use std::io::Write;
use std::sync::{Arc, Mutex};

use support::{PATIENCE, Server};
use tokio::time::timeout;
use zas_client::engine::{Rung, Status};
use zas_client::prompt::{self, Account, Credentials};
use zas_client::{Client, EventBody, Happening, Options};
use zas_protocol::{ErrorCode, Event};

const MESSAGES: usize = 30;

async fn talk(rung: Rung) {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let connect = |token: String| {
        let options = Options { rungs: vec![rung], ..Options::default() };
        let url = server.url("");
        async move { Client::with_access_token(&url, &token, options).await.unwrap() }
    };
    let (sender, receiver) = (connect(ada.token).await, connect(bob.token).await);
    let mut happenings = receiver.happenings().await.unwrap();
    let room = sender.open_private(bob.id).await.unwrap();
    let mut sent = Vec::new();
    for n in 0..MESSAGES {
        sent.push(sender.send(room, &format!("message {n}")).await.unwrap());
        if n % 10 == 5 {
            server.app.hub.reconnect_all();
        }
    }
    let mut last = 0;
    for outcome in sent {
        let ack = timeout(PATIENCE, outcome).await.unwrap().unwrap();
        assert!(ack.seq > last, "stored in the order sent");
        last = ack.seq;
    }
    let mut texts = Vec::new();
    let mut seen_live = false;
    while texts.len() < MESSAGES {
        match timeout(PATIENCE, happenings.recv()).await.unwrap().unwrap() {
            Happening::Event(Event { body: EventBody::Message { text, .. }, .. }) => texts.push(text),
            Happening::Status(Status::Live(live)) => seen_live |= live == rung,
            _ => {}
        }
    }
    let expected: Vec<String> = (0..MESSAGES).map(|n| format!("message {n}")).collect();
    assert_eq!(texts, expected);
    assert!(seen_live, "the feed came by {rung:?}");
    let saved = receiver.close().await.unwrap();
    assert!(saved.cursor.contains_key(&room));
}

#[tokio::test]
async fn by_socket_all_arrives_once_and_in_order() {
    talk(Rung::Socket).await;
}

#[tokio::test]
async fn by_stream_all_arrives_once_and_in_order() {
    talk(Rung::Stream).await;
}

#[tokio::test]
async fn by_poll_all_arrives_once_and_in_order() {
    talk(Rung::Poll).await;
}

#[tokio::test]
async fn a_final_refusal_is_told_and_the_next_message_goes() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let client = Client::with_access_token(&server.url(""), &ada.token, Options::default()).await.unwrap();
    let room = client.open_private(bob.id).await.unwrap();
    let refused = client.send(room, &"x".repeat(4_001)).await.unwrap();
    let stored = client.send(room, "short").await.unwrap();
    let error = timeout(PATIENCE, refused).await.unwrap().unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::TextTooLong));
    timeout(PATIENCE, stored).await.unwrap().unwrap();
}

/// What is written, for a test to look at.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn what_is_sent_from_the_prompt_is_printed_by_a_tail() {
    let server = Server::start().await;
    let (ada, bob) = (server.person("ada").await, server.person("bob").await);
    let account =
        |token: &str| Account { url: server.url(""), credentials: Credentials::Token(token.to_owned()) };
    let mut paper = Paper::default();
    let written = paper.clone();
    let listener = account(&bob.token);
    let tail = tokio::spawn(async move { prompt::tail(&listener, Some("@ada"), &mut paper).await });
    let sender = account(&ada.token);
    let told = async {
        loop {
            prompt::send(&sender, "@bob", "hello from here").await.unwrap();
            let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            if let Some(line) = text.lines().next() {
                return line.to_owned();
            }
            tokio::task::yield_now().await;
        }
    };
    let line = timeout(PATIENCE, told).await.unwrap();
    assert!(line.ends_with(" ada hello from here"), "{line}");
    tail.abort();
    let nobody = prompt::send(&sender, "@nobody", "hello").await.unwrap_err();
    assert_eq!(nobody.code(), Some(ErrorCode::NotFound));
}
