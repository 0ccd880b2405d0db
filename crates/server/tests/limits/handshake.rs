//! What a connection may cost before it is known whose it is.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::time::timeout;
use zas_protocol::Limits;
use zas_protocol::limits::{ANONYMOUS_SOCKET_BYTES, AUTH_FRAME_BYTES};

use crate::around;
use crate::support::raw::{HANDSHAKE, Raw, TEXT, frame};
use crate::support::{PATIENCE, Server};

/// A limit of time that a test waits for.
const SHORT_MS: u64 = 400;
const SHORT: Duration = Duration::from_millis(SHORT_MS);

#[tokio::test]
async fn headers_of_16_kib_are_read_and_one_byte_more_is_refused() {
    let server = Server::start().await;
    for (size, fits) in around(Limits::default().header_bytes) {
        let mut raw = Raw::connect(server.address).await;
        let bare = "GET /healthz HTTP/1.1\r\nhost: here\r\nx-long: \r\n\r\n";
        let long = "x".repeat(size - bare.len());
        raw.send(format!("GET /healthz HTTP/1.1\r\nhost: here\r\nx-long: {long}\r\n\r\n").as_bytes()).await;
        let answer = raw.answer().await.expect("an answer");
        assert_eq!(answer.status, if fits { 200 } else { 431 }, "{size}");
    }
}

#[tokio::test]
async fn headers_that_do_not_come_in_time_end_the_connection() {
    let server = Server::with(|config| config.limits.header_timeout_ms = SHORT_MS).await;
    // Nothing at all, a first line, and one header after another: dripping gives no more time.
    for begin in ["", "GET /healthz HT", "GET /healthz HTTP/1.1\r\nhost: here\r\n"] {
        let began = Instant::now();
        let mut raw = Raw::connect(server.address).await;
        raw.send(begin.as_bytes()).await;
        raw.ended().await;
        assert!(began.elapsed() >= SHORT, "{begin:?} has its time");
    }
    let mut raw = Raw::connect(server.address).await;
    raw.send(b"GET /healthz HTTP/1.1\r\nhost: here\r\n").await;
    let dripping = async {
        let mut tick = tokio::time::interval(SHORT / 10);
        loop {
            tick.tick().await;
            raw.send(b"x: y\r\n").await;
            if raw.has_ended() {
                break;
            }
        }
    };
    timeout(PATIENCE, dripping).await.expect("dripping headers end too");
    let mut raw = Raw::connect(server.address).await;
    for n in 0..2 {
        raw.send(b"GET /healthz HTTP/1.1\r\nhost: here\r\n\r\n").await;
        assert_eq!(raw.answer().await.expect("in time").status, 200, "{n}");
    }
    raw.ended().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_in_time_is_given_up() {
    let server = Server::with(|config| config.limits.body_timeout_ms = SHORT_MS).await;
    let ana = server.person("ana").await;
    let bearer = format!("authorization: Bearer {}\r\n", ana.token);
    for (path, authorization) in [
        ("/v1/auth/login", ""),
        ("/v1/commands", &bearer),
        ("/v1/me/avatar", &bearer),
        ("/api/auth/login/", ""),
    ] {
        let began = Instant::now();
        let mut raw = Raw::connect(server.address).await;
        let head =
            format!("POST {path} HTTP/1.1\r\nhost: here\r\n{authorization}content-length: 1000\r\n\r\n{{");
        raw.send(head.as_bytes()).await;
        // Steadily, but too slowly to be whole in time.
        let dripping = async {
            let mut tick = tokio::time::interval(SHORT / 10);
            loop {
                tick.tick().await;
                raw.send(b" ").await;
                if let Some(answer) = raw.answer_so_far() {
                    break answer;
                }
            }
        };
        let answer = timeout(PATIENCE, dripping).await.expect("it is given up");
        assert_eq!(answer.status, 503, "{path}: it may come faster the next time");
        assert!(answer.header("retry-after").is_some() && began.elapsed() >= SHORT, "{path}");
    }
    let (status, _) = server.get(&ana, "/v1/state").await;
    assert_eq!(status, 200, "what comes in time is read");
}

#[tokio::test]
async fn a_first_frame_of_4_kib_is_read_and_one_byte_more_closes_the_socket() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let hello =
        |padding: &str| json!({"type": "hello", "token": ana.token, "cursor": {}, "x": padding}).to_string();
    for (size, fits) in around(AUTH_FRAME_BYTES) {
        let text = hello(&"x".repeat(size - hello("").len()));
        let mut raw = Raw::socket(server.address).await;
        raw.send(&frame(TEXT, text.as_bytes())).await;
        if fits {
            let (_, welcome) = raw.frame().await.expect("it is answered");
            assert!(welcome.starts_with(br#"{"type":"welcome""#), "{size}");
        } else {
            assert_eq!(raw.close_code().await, Some(4502), "{size}");
        }
    }
}

#[tokio::test]
async fn a_socket_of_nobody_yet_sends_8_kib_in_all_and_no_more() {
    let server = Server::start().await;
    let ping = frame(0x89, &[b'x'; 100]);
    for (size, fits) in around(ANONYMOUS_SOCKET_BYTES) {
        let mut raw = Raw::socket(server.address).await;
        let (pings, rest) = (size / ping.len() - 1, size % ping.len() + ping.len());
        let last = frame(0x89, &vec![b'x'; rest / 2 - 6]);
        let very_last = frame(0x89, &vec![b'x'; rest - last.len() - 6]);
        let bytes = [ping.repeat(pings), last, very_last].concat();
        assert_eq!(bytes.len(), size);
        raw.send(&bytes).await;
        if fits {
            for _ in 0..pings + 2 {
                assert_eq!(raw.frame().await.expect("each is answered").0, 0x8a, "{size}");
            }
        } else {
            assert_eq!(raw.close_code().await, Some(4502), "{size}");
        }
    }
}

#[tokio::test]
async fn a_socket_that_does_not_say_who_it_is_in_time_is_closed() {
    let server = Server::with(|config| config.limits.auth_timeout_ms = SHORT_MS).await;
    let ana = server.person("ana").await;
    let mut live = server.live(&ana).await;
    // Silent, and with pings, which are no answer to the question.
    for pings in [false, true] {
        let began = Instant::now();
        let mut raw = Raw::socket(server.address).await;
        if pings {
            raw.send(&frame(0x89, b"there?").repeat(20)).await;
        }
        assert_eq!(raw.close_code().await, Some(4503));
        assert!(began.elapsed() >= SHORT);
    }
    live.say(json!({"type": "ping", "n": 1})).await;
    live.until("pong").await;
}

#[tokio::test]
async fn sixty_four_sockets_may_be_unknown_and_the_next_one_waits() {
    let most = Limits::default().anonymous_sockets_per_address;
    let server = Server::with(|config| config.limits.auth_timeout_ms = 60_000).await;
    let mut unknown = Vec::new();
    for _ in 0..most {
        unknown.push(Raw::socket(server.address).await);
    }
    let mut next = Raw::connect(server.address).await;
    next.send(HANDSHAKE.as_bytes()).await;
    // An answer to another request, asked later, shows that the server had its time.
    for _ in 0..3 {
        assert!(server.http.get(server.url("/healthz")).send().await.unwrap().status().is_success());
    }
    assert!(next.answer_so_far().is_none(), "it waits, and is not refused");
    // Who is known makes room, and so does who goes.
    let ana = server.person("ana").await;
    let hello = json!({"type": "hello", "token": ana.token, "cursor": {}}).to_string();
    unknown[0].send(&frame(TEXT, hello.as_bytes())).await;
    assert_eq!(next.answer().await.expect("its turn has come").status, 101);
    let mut another = Raw::connect(server.address).await;
    another.send(HANDSHAKE.as_bytes()).await;
    drop(unknown.pop());
    assert_eq!(another.answer().await.expect("its turn has come").status, 101);
}
