//! What becomes a WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{accept_hdr_async, connect_async};

use crate::support::PATIENCE;
use crate::wire::{Wire, both, header};

const HANDSHAKE: &str = "GET /ws/old/ HTTP/1.1\nHost: here\nConnection: keep-alive, Upgrade\nUpgrade: websocket\n\
                         Sec-WebSocket-Version: 13\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\nConnection: Upgrade\nUpgrade: websocket\n\
                      Sec-WebSocket-Accept: any\nX-Own: 1";

#[tokio::test]
async fn a_socket_of_the_backend_s_talks_both_ways_and_closes() {
    let (server, backend) = both().await;
    let mut request = server.url("/ws/notifications/?token=a%2Fb").replacen("http", "ws", 1);
    request.push_str("&x");
    let mut request = request.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "own".parse().unwrap());
    request.headers_mut().insert("cookie", "sessionid=1".parse().unwrap());
    let accepted = async {
        let wire = backend.accept().await;
        #[expect(clippy::result_large_err, reason = "the library's own signature")]
        let look = |asked: &Request, mut answer: Response| {
            assert_eq!(asked.uri(), "/ws/notifications/?token=a%2Fb&x");
            assert_eq!(asked.headers()["cookie"], "sessionid=1");
            assert_eq!(asked.headers()["x-forwarded-for"], "127.0.0.1");
            answer.headers_mut().insert("sec-websocket-protocol", "own".parse().unwrap());
            Ok(answer)
        };
        accept_hdr_async(wire.stream, look).await.unwrap()
    };
    let (connected, mut theirs) = tokio::join!(connect_async(request), accepted);
    let (mut ours, answered) = connected.unwrap();
    assert_eq!(answered.headers()["sec-websocket-protocol"], "own");
    for said in [Message::text("hola"), Message::binary(vec![7; 300_000])] {
        ours.send(said.clone()).await.unwrap();
        let heard = theirs.next().await.unwrap().unwrap();
        assert!(heard == said);
        theirs.send(heard).await.unwrap();
        assert!(ours.next().await.unwrap().unwrap() == said);
    }
    assert!(server.app.metrics.text().contains("zas_upstream_open 1"));
    let bye = CloseFrame { code: 4321.into(), reason: "enough".into() };
    theirs.close(Some(bye.clone())).await.unwrap();
    assert_eq!(ours.next().await.unwrap().unwrap(), Message::Close(Some(bye)));
    let ends = async {
        // A server closes once it has heard the answer to its close, and its client then.
        let server = async move { while theirs.next().await.is_some() {} };
        let client = async { while ours.next().await.is_some() {} };
        tokio::join!(server, client)
    };
    timeout(PATIENCE, ends).await.expect("both ends hear that it is over");
    assert!(server.app.metrics.text().contains("zas_upstream_requests_total{class=\"socket\"} 1"));
}

#[tokio::test]
async fn what_follows_a_handshake_is_passed_on_at_once_and_either_end_hears_of_the_other_s() {
    let (server, backend) = both().await;
    for client_goes in [true, false] {
        let mut client = Wire::to(server.address).await;
        client.send_head(HANDSHAKE).await;
        let (mut wire, asked) = backend.asked().await;
        assert_eq!(header(&asked, "connection"), Some("upgrade"));
        assert_eq!(header(&asked, "upgrade"), Some("websocket"));
        assert_eq!(header(&asked, "sec-websocket-key"), Some("MDEyMzQ1Njc4OWFiY2RlZg=="));
        wire.send(format!("{}\r\n\r\nfirst", SWITCH.replace('\n', "\r\n"))).await;
        let head = client.head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        assert_eq!(header(&head, "x-own"), Some("1"));
        assert_eq!(client.text(5).await, "first");
        client.send("second").await;
        assert_eq!(wire.text(6).await, "second");
        let (goes, mut stays) = if client_goes { (client, wire) } else { (wire, client) };
        drop(goes);
        assert_eq!(stays.rest().await, b"");
    }
}

#[tokio::test]
async fn a_socket_that_the_backend_refuses_is_refused_in_its_words() {
    let (server, backend) = both().await;
    let url = server.url("/ws/old/").replacen("http", "ws", 1);
    let refuses = async {
        let (mut wire, _) = backend.asked().await;
        wire.send("HTTP/1.1 403 Forbidden\r\ncontent-length: 7\r\n\r\nnot you").await;
    };
    let (refused, ()) = tokio::join!(connect_async(url), refuses);
    let Err(Error::Http(answer)) = refused else { panic!("refused") };
    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn no_other_protocol_is_changed_to() {
    let (server, backend) = both().await;
    // Another that is asked for is not passed on.
    let mut client = Wire::to(server.address).await;
    client.send_head("GET /old/ HTTP/1.1\nHost: here\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AA").await;
    let (mut wire, asked) = backend.asked().await;
    for gone in ["connection", "upgrade", "http2-settings"] {
        assert_eq!(header(&asked, gone), None, "{asked}");
    }
    // Nor is one that was not.
    wire.send_head(SWITCH).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    let mut client = Wire::to(server.address).await;
    client.send_head(HANDSHAKE).await;
    let (mut wire, _) = backend.asked().await;
    wire.send_head(&SWITCH.replace("websocket", "h2c")).await;
    let head = client.head().await;
    assert!(head.starts_with("HTTP/1.1 502"), "{head}");
    assert_eq!(header(&head, "zas-error"), Some("upstream_unreachable"));
}
