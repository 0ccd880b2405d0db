//! Bodies as they come, and ends that go away.

use std::time::Duration;

use crate::support::Server;
use crate::wire::{Wire, both, header, with};

const PIECE: usize = 1024 * 1024;
const PIECES: usize = 50;
/// A limit of time that a test waits for.
const SHORT_MS: u64 = 400;

fn metric(server: &Server, class: &str) -> u64 {
    let name = format!("zas_upstream_requests_total{{class=\"{class}\"}} ");
    let text = server.app.metrics.text();
    text.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |value| value.parse().unwrap())
}

#[tokio::test]
async fn an_upload_of_50_mib_arrives_piece_by_piece_before_the_next_is_sent() {
    let (server, backend) = both().await;
    let mut client = Wire::to(server.address).await;
    let length = PIECE * PIECES;
    client.send_head(&format!("PUT /media/film HTTP/1.1\nHost: here\nContent-Length: {length}")).await;
    let (mut wire, asked) = backend.asked().await;
    assert_eq!(header(&asked, "content-length"), Some(&*length.to_string()));
    for piece in 0..PIECES {
        let sent = vec![u8::try_from(piece).unwrap(); PIECE];
        let (arrived, ()) = tokio::join!(wire.bytes(PIECE), client.send(&sent));
        assert!(arrived == sent, "piece {piece} as it was sent");
    }
    wire.send("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 201"));
}

#[tokio::test]
async fn a_download_comes_no_faster_than_it_is_read() {
    /// More than the kernel keeps on the way, less than a reader that never waits would take.
    const MOST: usize = 128 * 1024 * 1024;
    let (server, backend) = with(|config| config.limits.upstream_idle_ms = SHORT_MS).await;
    let mut client = Wire::with_a_small_window(server.address).await;
    client.send_head("GET /media/film HTTP/1.1\nHost: here").await;
    let (mut wire, _) = backend.asked().await;
    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n").await;
    // Nobody reads, until Zas gives the client up, and with it the backend's answer.
    let piece = vec![0; PIECE];
    let mut written = 0;
    while tokio::io::AsyncWriteExt::write_all(&mut wire.stream, &piece).await.is_ok() {
        written += PIECE;
        assert!(written < MOST, "Zas keeps what nobody reads");
    }
}

#[tokio::test]
async fn an_event_arrives_before_the_stream_ends() {
    let (server, backend) = both().await;
    let mut client = Wire::to(server.address).await;
    client
        .send_head("GET /events/ HTTP/1.1\nHost: here\nAccept: text/event-stream\nAccept-Encoding: gzip")
        .await;
    let (mut wire, _) = backend.asked().await;
    wire.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    let head = client.head().await;
    assert_eq!(header(&head, "content-type"), Some("text/event-stream"));
    assert_eq!(header(&head, "content-encoding"), None);
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        wire.send(format!("{:x}\r\n{event}\r\n", event.len())).await;
        assert_eq!(client.chunk().await, event.as_bytes());
    }
    assert!(server.app.metrics.text().contains("zas_upstream_open 1"));
    wire.send("0\r\n\r\n").await;
    assert_eq!(client.chunk().await, b"");
    assert_eq!(metric(&server, "2xx"), 1);
    assert_eq!(metric(&server, "cut"), 0);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_whole_one() {
    let (server, backend) = both().await;
    for (framing, part) in [("content-length: 100", "half"), ("transfer-encoding: chunked", "4\r\nhalf\r\n")]
    {
        let mut client = Wire::to(server.address).await;
        client.send_head("GET /old/ HTTP/1.1\nHost: here").await;
        let (mut wire, _) = backend.asked().await;
        wire.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{part}")).await;
        let head = client.head().await;
        assert_eq!(header(&head, framing.split(':').next().unwrap()), framing.split(' ').nth(1));
        drop(wire);
        // Neither all bytes that were promised nor the chunk that ends all others.
        assert_eq!(client.rest().await, part.as_bytes(), "{framing}");
    }
    assert_eq!(metric(&server, "cut"), 2);
    let (asked, answered) = tokio::join!(
        async {
            let (mut wire, _) = backend.asked().await;
            wire.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
        },
        server.http.get(server.url("/old/")).send()
    );
    let () = asked;
    assert!(answered.unwrap().bytes().await.is_err(), "a client is told");
}

#[tokio::test]
async fn a_client_that_goes_away_is_gone_for_the_backend_too() {
    let (server, backend) = both().await;
    // In the middle of an upload, whose length is known or not.
    for (framing, part) in [("Content-Length: 100", "half"), ("Transfer-Encoding: chunked", "4\r\nhalf\r\n")]
    {
        let mut client = Wire::to(server.address).await;
        client.send_head(&format!("POST /old/ HTTP/1.1\nHost: here\n{framing}")).await;
        client.send(part).await;
        let (mut wire, _) = backend.asked().await;
        wire.bytes(part.len()).await;
        drop(client);
        assert_eq!(wire.rest().await, b"", "{framing}: nothing says that it is whole");
    }
    // While it waits for the answer.
    let mut client = Wire::to(server.address).await;
    client.send_head("GET /old/ HTTP/1.1\nHost: here").await;
    let (mut wire, _) = backend.asked().await;
    drop(client);
    assert_eq!(wire.rest().await, b"");
    // In the middle of the answer.
    let mut client = Wire::to(server.address).await;
    client.send_head("GET /old/ HTTP/1.1\nHost: here").await;
    let (mut wire, _) = backend.asked().await;
    wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n").await;
    client.head().await;
    client.chunk().await;
    drop(client);
    assert_eq!(wire.rest().await, b"");
    assert_eq!(metric(&server, "unreachable"), 0, "that is nobody's fault");
}

#[tokio::test]
async fn a_backend_may_answer_before_it_has_read_all() {
    let (server, backend) = both().await;
    let mut client = Wire::to(server.address).await;
    client.send_head("POST /old/ HTTP/1.1\nHost: here\nContent-Length: 1000000000").await;
    client.send("first").await;
    let (mut wire, _) = backend.asked().await;
    wire.bytes(5).await;
    wire.send("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno").await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    assert_eq!(client.text(2).await, "no");
}

#[tokio::test]
async fn an_upload_takes_as_long_as_it_keeps_coming_and_is_given_up_once_it_stands_still() {
    let (server, backend) = with(|config| {
        config.limits.body_timeout_ms = SHORT_MS;
        config.limits.upstream_answer_ms = SHORT_MS;
    })
    .await;
    let mut client = Wire::to(server.address).await;
    client.send_head("POST /old/ HTTP/1.1\nHost: here\nContent-Length: 9").await;
    let (mut wire, _) = backend.asked().await;
    let mut tick = tokio::time::interval(Duration::from_millis(SHORT_MS / 3));
    for _ in 0..8 {
        tick.tick().await;
        client.send("x").await;
        wire.bytes(1).await;
    }
    // The ninth never comes.
    let refused = client.head().await;
    assert!(refused.starts_with("HTTP/1.1 503"), "{refused}");
    assert_eq!(header(&refused, "zas-error"), Some("overloaded"));
    assert_eq!(wire.rest().await, b"");
    assert_eq!(metric(&server, "refused"), 1);
}
