//! Autobahn's cases, as PyPI's `kosoku` has them, against an echo on our own stack: the same listener,
//! guard and buffers as `/v1/ws`, where nothing but the protocol itself is asked.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use zas_protocol::Limits;
use zas_server::feed::socket::bounded;
use zas_server::serve;

use super::tools::Python;

/// Runs the cases that are named and prints each verdict as a line of JSON.
const RUN: &str = r#"
import asyncio, json, sys, kosoku
async def run():
    try:
        results = await kosoku.run_fuzzingclient(sys.argv[1], None, sys.argv[2:], concurrency=8)
    except kosoku.FailureError as failure:
        results = failure.results
    for one in results:
        print(json.dumps([one.case_id, one.behavior.value, one.behavior_close.value]))
asyncio.run(run())
"#;

/// Compression is not offered: it costs a hundred kilobytes a connection.
const NOT_OFFERED: [&str; 2] = ["12.*", "13.*"];

/// The largest message of a case. What is too large for us is `tests/limits`' to show.
const LARGEST: usize = 16 * 1024 * 1024;

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    let upgrade = bounded(upgrade).max_message_size(LARGEST).max_frame_size(LARGEST);
    upgrade.max_write_buffer_size(2 * LARGEST).on_upgrade(async |mut socket| {
        while let Some(Ok(message)) = socket.recv().await {
            let sent = match message {
                Message::Text(_) | Message::Binary(_) => socket.send(message).await,
                _ => Ok(()),
            };
            if sent.is_err() {
                break;
            }
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_websocket_protocol_is_kept_in_every_case_of_autobahn_s() {
    let Some(python) = Python::with("kosoku") else { return };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let service = Router::new().fallback(any(echo)).into_make_service_with_connect_info::<SocketAddr>();
    let server = tokio::spawn(serve::http(listener, &Limits::default()).unwrap().serve(service));
    let mut arguments = vec!["-c".to_owned(), RUN.to_owned(), address.to_string()];
    arguments.extend(NOT_OFFERED.map(str::to_owned));
    let output = python.run(arguments, Duration::from_secs(240)).await;
    server.abort();
    let verdicts: Vec<[String; 3]> = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let conforms = |verdict: &&[String; 3]| {
        let [_, behaviour, close] = verdict;
        ["OK", "NON-STRICT", "INFORMATIONAL"].contains(&&**behaviour)
            && ["OK", "INFORMATIONAL"].contains(&&**close)
    };
    let broken: Vec<_> = verdicts.iter().filter(|verdict| !conforms(verdict)).collect();
    assert!(broken.is_empty(), "{broken:?}");
    assert!(verdicts.len() > 250, "all cases ran: {}", verdicts.len());
    zas_tally::tried("P24", "cases of WebSocket conformance", verdicts.len() as u64);
}
