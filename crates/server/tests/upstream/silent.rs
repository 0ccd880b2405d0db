//! A backend that does not answer, and each limit.

use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout};
use zas_protocol::{ErrorCode, Language, Limits};

use crate::support::{PATIENCE, Server};
use crate::wire::{Backend, Wire, before, both, header, with};

/// A limit of time that a test waits for.
const SHORT_MS: u64 = 400;
const SHORT: Duration = Duration::from_millis(SHORT_MS);

/// One less, the limit, one more: each with whether it is within.
fn around(limit: usize) -> [(usize, bool); 3] {
    [(limit - 1, true), (limit, true), (limit + 1, false)]
}

fn counted(server: &Server, class: &str) -> bool {
    server.app.metrics.text().contains(&format!("zas_upstream_requests_total{{class=\"{class}\"}} "))
}

/// Asks in both languages; each answer is a refusal by that code, in words and marked as ours.
async fn refused(server: &Server, code: ErrorCode) {
    for (asked, language) in [("es-MX,en;q=0.5", Language::Es), ("en", Language::En), ("", Language::Es)] {
        let request = server.http.get(server.url("/api/feed/?token=secret")).header("accept-language", asked);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), code.status());
        let headers = answer.headers();
        assert_eq!(headers["zas-error"], code.name());
        assert_eq!(headers["cache-control"], "no-store");
        let id = headers["x-request-id"].to_str().unwrap().to_owned();
        assert_eq!(headers.contains_key("retry-after"), !code.is_final());
        let body: Value = answer.json().await.unwrap();
        assert_eq!((&body["code"], &body["request_id"]), (&code.name().into(), &id.into()));
        assert_eq!(body["message"], code.sentence(language));
    }
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_told_in_spanish_and_english_and_the_chat_goes_on() {
    let nobody = Backend::start().await.address;
    let server = before(nobody, |config| config.allowed_origins = vec!["https://a.example".to_owned()]).await;
    let ready = async || {
        let answer = server.http.get(server.url("/readyz")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ready().await, (200, "ready\nupstream not asked yet\n".to_owned()));
    refused(&server, ErrorCode::UpstreamUnreachable).await;
    assert_eq!(ready().await, (200, "ready\nupstream does not answer\n".to_owned()));
    assert!(counted(&server, "unreachable"));
    assert!(server.app.metrics.text().contains("zas_upstream_open 0"));

    // Who looks at a page gets one.
    let request = server.http.get(server.url("/feed")).header("accept", "text/html,*/*;q=0.8");
    let answer = request.header("accept-language", "en").send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["zas-error"].as_bytes()),
        (502, &b"upstream_unreachable"[..])
    );
    let page = answer.text().await.unwrap();
    assert!(page.starts_with("<!doctype html><html lang=en>"), "{page}");
    assert!(page.contains(ErrorCode::UpstreamUnreachable.sentence(Language::En)), "{page}");

    // A page of a listed origin may read that it is us; of another it may not.
    for (origin, may) in [("https://a.example", true), ("https://b.example", false)] {
        let answer = server.http.get(server.url("/api/feed/")).header("origin", origin).send().await.unwrap();
        assert_eq!(answer.headers().contains_key("access-control-allow-origin"), may, "{origin}");
    }
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    server.say(&ana, &room, "one", "hola").await;
}

#[tokio::test]
async fn a_backend_that_comes_back_is_asked_again() {
    let (server, backend) = both().await;
    let address = backend.address;
    drop(backend);
    refused(&server, ErrorCode::UpstreamUnreachable).await;
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let mut client = Wire::to(server.address).await;
    client.send_head("GET /old/ HTTP/1.1\nHost: here").await;
    let mut wire = Wire::new(listener.accept().await.unwrap().0);
    wire.head().await;
    wire.send("HTTP/1.1 500 Own\r\ncontent-length: 0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 500 Own"));
    let ready = server.http.get(server.url("/readyz")).send().await.unwrap().text().await.unwrap();
    assert_eq!(ready, "ready\nupstream answers\n");
}

#[tokio::test]
async fn a_backend_that_does_not_begin_its_answer_in_time_is_told_apart() {
    let (server, backend) = with(|config| config.limits.upstream_answer_ms = SHORT_MS).await;
    let began = Instant::now();
    refused(&server, ErrorCode::UpstreamTimeout).await;
    assert!(began.elapsed() >= SHORT, "it has its time");
    assert!(counted(&server, "timeout"));
    // The backend learns that nobody waits any more.
    let (mut wire, _) = backend.asked().await;
    assert_eq!(wire.rest().await, b"");
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_in_time_is_told_apart() {
    // It accepts, and says nothing of TLS.
    let backend = Backend::start().await;
    let server = Server::with(|config| {
        config.upstream = Some(format!("https://{}", backend.address).parse().unwrap());
        config.limits.upstream_connect_ms = SHORT_MS;
    })
    .await;
    let began = Instant::now();
    refused(&server, ErrorCode::UpstreamTimeout).await;
    assert!(began.elapsed() >= SHORT, "it has its time");
    // And one that speaks something else is no backend.
    let talks = async { backend.accept().await.send("HTTP/1.1 400 Bad Request\r\n\r\n").await };
    let asked = async { server.http.get(server.url("/")).send().await.unwrap().status() };
    for _ in 0..3 {
        drop(backend.accept().await);
    }
    assert_eq!(tokio::join!(talks, asked).1, 502);
}

#[tokio::test]
async fn what_is_no_answer_is_none() {
    let (server, backend) = both().await;
    for garbage in ["", "HTTP/1.1 2", "SSH-2.0-x\r\n", "HTTP/1.1 200 OK\r\nno header\r\n\r\n"] {
        let mut client = Wire::to(server.address).await;
        client.send_head("POST /old/ HTTP/1.1\nHost: here\nContent-Length: 0").await;
        let (mut wire, _) = backend.asked().await;
        wire.send(garbage).await;
        drop(wire);
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 502"), "{garbage:?}: {head}");
        let length = header(&head, "content-length").unwrap().parse().unwrap();
        let body = client.text(length).await;
        assert!(!body.contains("hyper") && !body.contains("connection"), "{body}");
    }
}

#[tokio::test]
async fn a_stream_of_the_backend_that_falls_silent_is_given_up() {
    let (server, backend) = with(|config| config.limits.upstream_idle_ms = SHORT_MS).await;
    let mut client = Wire::to(server.address).await;
    client.send_head("GET /events/ HTTP/1.1\nHost: here").await;
    let (mut wire, _) = backend.asked().await;
    wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
    client.head().await;
    let mut tick = tokio::time::interval(SHORT / 3);
    for _ in 0..8 {
        tick.tick().await;
        wire.send("1\r\nx\r\n").await;
        assert_eq!(client.chunk().await, b"x");
    }
    assert_eq!(client.rest().await, b"", "without its end");
    assert_eq!(wire.rest().await, b"");
    assert!(counted(&server, "cut"));
}

#[tokio::test]
async fn a_request_that_comes_round_is_not_passed_on_again() {
    let (server, backend) = both().await;
    let mut client = Wire::to(server.address).await;
    client.send_head("GET /old/ HTTP/1.1\nHost: here\nVia: 1.1 edge").await;
    let (mut wire, asked) = backend.asked().await;
    let via = header(&asked, "via").unwrap();
    assert!(via.starts_with("1.1 edge, 1.1 zas-"), "{via}");
    // The backend passes it on to Zas, as it came.
    let mut again = Wire::to(server.address).await;
    again.send(&asked).await;
    let head = again.head().await;
    assert!(head.starts_with("HTTP/1.1 508"), "{head}");
    assert_eq!(header(&head, "zas-error"), Some("upstream_loop"));
    wire.send(head.replace("508", "200")).await;
    assert!(client.head().await.starts_with("HTTP/1.1 200"));
    assert!(counted(&server, "loop"));
}

#[tokio::test]
async fn a_backend_is_busy_with_so_many_requests_and_no_more() {
    const MOST: usize = 3;
    let (server, backend) = with(|config| config.limits.upstream_requests = MOST).await;
    let mut busy = Vec::new();
    for count in 1..=MOST + 1 {
        let mut client = Wire::to(server.address).await;
        client.send_head("GET /old/ HTTP/1.1\nHost: here").await;
        if count <= MOST {
            busy.push((client, backend.asked().await.0));
        } else {
            let head = client.head().await;
            assert!(head.starts_with("HTTP/1.1 503") && header(&head, "retry-after").is_some(), "{head}");
        }
    }
    // One that has ended makes room.
    let (mut client, mut wire) = busy.pop().unwrap();
    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    client.head().await;
    let answered = async {
        loop {
            let mut client = Wire::to(server.address).await;
            client.send_head("GET /old/ HTTP/1.1\nHost: here").await;
            tokio::select! {
                head = client.head() => assert!(head.starts_with("HTTP/1.1 503"), "{head}"),
                head = wire.head() => break head,
            }
        }
    };
    assert!(timeout(PATIENCE, answered).await.unwrap().starts_with("GET /old/"));
    // The chat has room of its own.
    assert_eq!(server.http.get(server.url("/readyz")).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn an_answer_s_headers_of_64_kib_are_read_and_one_byte_more_is_no_answer() {
    let (server, backend) = both().await;
    for (size, fits) in around(Limits::default().upstream_header_bytes) {
        let mut client = Wire::to(server.address).await;
        client.send_head("GET /old/ HTTP/1.1\nHost: here").await;
        let (mut wire, _) = backend.asked().await;
        let bare = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\nx-long: \r\n\r\n";
        // The first line and the last are no headers.
        let long = "x".repeat(size - (bare.len() - "HTTP/1.1 200 OK\r\n\r\n".len()));
        wire.send(bare.replace("x-long: ", &format!("x-long: {long}"))).await;
        let head = client.head().await;
        assert_eq!(head.starts_with("HTTP/1.1 200"), fits, "{size}: {}", head.lines().next().unwrap());
        assert_eq!(head.starts_with("HTTP/1.1 502"), !fits, "{size}");
    }
}

#[tokio::test]
async fn the_backend_s_requests_have_the_same_limit_on_headers_as_ours() {
    let (server, backend) = both().await;
    let bare = "GET /old/ HTTP/1.1\r\nhost: here\r\nx-long: \r\n\r\n";
    for (size, fits) in around(Limits::default().header_bytes) {
        let mut client = Wire::to(server.address).await;
        let long = "x".repeat(size - bare.len());
        client.send(bare.replace("x-long: ", &format!("x-long: {long}"))).await;
        if fits {
            let (mut wire, asked) = backend.asked().await;
            assert_eq!(header(&asked, "x-long"), Some(&*long));
            wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await;
        }
        let head = client.head().await;
        assert!(head.starts_with(if fits { "HTTP/1.1 200" } else { "HTTP/1.1 431" }), "{size}: {head}");
    }
}
