//! HTTP that is none, or two requests that look like one.

use serde_json::json;

use super::{Bystander, is_a_refusal, tells_nothing};
use crate::support::Server;
use crate::support::raw::Raw;

/// What follows a request whose end is in doubt: if it is ever answered, something was smuggled.
const HIDDEN: &str = "GET /hidden.txt HTTP/1.1\r\nhost: here\r\n\r\n";

/// Requests whose length can be understood in two ways (RFC 9112 §6.3, §11.2), or not at all.
const AMBIGUOUS: [(&str, &str); 16] = [
    ("two lengths", "content-length: 4\r\ncontent-length: 50\r\n\r\n{}  "),
    ("a list of lengths", "content-length: 4, 50\r\n\r\n{}  "),
    ("a negative length", "content-length: -1\r\n\r\n"),
    ("a signed length", "content-length: +4\r\n\r\n{}  "),
    ("a length in hex", "content-length: 0x4\r\n\r\n{}  "),
    ("a length over 64 bits", "content-length: 18446744073709551620\r\n\r\n{}  "),
    ("a length with a blank inside", "content-length: 4 4\r\n\r\n{}  "),
    ("chunks of another name", "transfer-encoding: xchunked\r\n\r\n"),
    ("chunked, and then not", "transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ("chunked hidden by a tab", "transfer-encoding:\tchunked\x0b\r\n\r\n0\r\n\r\n"),
    ("a chunk with a negative size", "transfer-encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n"),
    ("a chunk over 64 bits", "transfer-encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n"),
    ("a chunk that is longer than it says", "transfer-encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n"),
    (
        "a chunk size that never ends",
        "transfer-encoding: chunked\r\n\r\n00000000000000000000000000002\r\n{}\r\n",
    ),
    ("a name with a blank before its colon", "content-length : 4\r\n\r\n{}  "),
    ("a folded line", "x: y\r\n content-length: 4\r\n\r\n"),
];

#[tokio::test]
async fn a_request_whose_end_is_in_doubt_hides_no_other() {
    let server = Server::with(|config| config.limits.sign_ins_per_minute = 10_000).await;
    let mut bystander = Bystander::of(&server).await;
    for (what, rest) in AMBIGUOUS {
        let mut raw = Raw::connect(server.address).await;
        let head = "POST /v1/auth/login HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\n";
        raw.send(format!("{head}{rest}{HIDDEN}").as_bytes()).await;
        let answers = String::from_utf8_lossy(&raw.ended().await).into_owned();
        assert!(answers.matches("HTTP/1.1 ").count() <= 1, "{what}: {answers}");
        assert!(answers.is_empty() || answers.starts_with("HTTP/1.1 4"), "{what}: {answers}");
        tells_nothing(&answers);
    }
    bystander.is_well().await;
    // Chunks beside a length: the chunks hold, and the connection ends after (RFC 9112 §6.3).
    let mut raw = Raw::connect(server.address).await;
    let both = "POST /v1/auth/login HTTP/1.1\r\nhost: here\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n";
    raw.send(format!("{both}0\r\n\r\n{HIDDEN}").as_bytes()).await;
    let answers = String::from_utf8_lossy(&raw.ended().await).into_owned();
    assert_eq!(answers.matches("HTTP/1.1 ").count(), 1, "{answers}");
    zas_tally::tried("P24", "requests whose end is in doubt", AMBIGUOUS.len() as u64 + 1);
}

/// What is no request that we take, and the status that says so; 0 where the connection just ends.
fn malformed() -> Vec<(&'static str, Vec<u8>, u16)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let with =
        |line: &str, headers: &str| text(&format!("{line} HTTP/1.1\r\nhost: here\r\n{headers}\r\n\r\n{{}}"));
    let get = |path: &str| text(&format!("GET {path} HTTP/1.1\r\nhost: here\r\n\r\n"));
    vec![
        ("nothing like HTTP", text("hello, is anybody there?\r\n\r\n"), 400),
        ("zeros", vec![0; 64], 400),
        ("a TLS greeting", vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03], 400),
        ("HTTP/2", text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"), 0),
        ("HTTP/9", text("GET / HTTP/9.9\r\nhost: here\r\n\r\n"), 400),
        ("a path with a zero", get("/v1/\0"), 400),
        ("no path", text("GET HTTP/1.1\r\nhost: here\r\n\r\n"), 400),
        ("a name with a zero", text("GET / HTTP/1.1\r\nho\0st: here\r\n\r\n"), 400),
        ("a value with a line end", text("GET / HTTP/1.1\r\nhost: here\rx: y\r\n\r\n"), 400),
        ("a path of 70 KiB", get(&"/x".repeat(35_000)), 431),
        ("a name of 20 KiB", text(&format!("GET / HTTP/1.1\r\n{}: x\r\n\r\n", "n".repeat(20_000))), 431),
        (
            "a thousand headers",
            text(&format!("GET /healthz HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(1_000))),
            431,
        ),
        ("no UTF-8 in a path", get("/v1/rooms/%ff%fe/events"), 401),
        ("no UTF-8 in a query", get("/v1/rooms/x/events?before=%ff"), 401),
        ("a way up", get("/../../etc/passwd"), 200),
        ("a way up, hidden", get("/assets/%2e%2e/%2e%2e/Cargo.toml"), 404),
        ("another method", text("BREW /v1/state HTTP/1.1\r\nhost: here\r\n\r\n"), 405),
        ("a tunnel", text("CONNECT here:443 HTTP/1.1\r\nhost: here\r\n\r\n"), 405),
        ("an echo", text("TRACE /v1/state HTTP/1.1\r\nhost: here\r\ncookie: a=b\r\n\r\n"), 405),
        ("a foreign address", get("http://elsewhere.example/v1/state"), 401),
        ("a socket by POST", text("POST /v1/ws HTTP/1.1\r\nhost: here\r\ncontent-length: 0\r\n\r\n"), 405),
        ("a socket without its headers", get("/v1/ws"), 400),
        (
            "a socket of another version",
            text(
                "GET /v1/ws HTTP/1.1\r\nhost: here\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                 sec-websocket-version: 8\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n",
            ),
            400,
        ),
        (
            "another upgrade",
            text("GET /v1/ws HTTP/1.1\r\nhost: here\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"),
            400,
        ),
        ("an old socket without its headers", get("/ws/chat/1/"), 400),
        (
            "a token of 15 KiB",
            with("GET /v1/state", &format!("authorization: Bearer {}", "x".repeat(15_000))),
            401,
        ),
        ("a token of no words", with("GET /v1/state", "authorization: Bearer"), 401),
        ("two tokens", with("GET /v1/state", "authorization: Bearer x\r\nauthorization: Bearer y"), 401),
        (
            "a token of other bytes",
            [b"GET /v1/state HTTP/1.1\r\nhost: here\r\nauthorization: Bearer \xff\xfe", &b"\r\n\r\n"[..]]
                .concat(),
            401,
        ),
        ("a token in the address", get("/v1/state?token=x"), 401),
        (
            "a cookie without its header",
            with("POST /v1/auth/refresh", "cookie: zas_refresh=x\r\ncontent-length: 2"),
            401,
        ),
        (
            "a cookie of nobody",
            with(
                "POST /v1/auth/refresh",
                "x-zas-cookie: 1\r\ncookie: =;;zas_refresh=\"a\\;\r\ncontent-length: 2",
            ),
            401,
        ),
        (
            "a cookie's name with a path",
            with("POST /v1/auth/logout", "x-zas-cookie: 1\r\nx-zas-profile: ../x\r\ncontent-length: 2"),
            400,
        ),
    ]
}

#[tokio::test]
async fn what_is_no_request_is_refused_in_our_own_words() {
    let server = Server::with(|config| config.limits.header_timeout_ms = 500).await;
    let mut bystander = Bystander::of(&server).await;
    let malformed = malformed();
    for (what, bytes, status) in &malformed {
        let mut raw = Raw::connect(server.address).await;
        raw.send(bytes).await;
        let answer = raw.answer().await;
        // Without a built page every path of the app says so.
        let status = if *status == 200 { 503 } else { *status };
        assert_eq!(answer.as_ref().map_or(0, |answer| answer.status), status, "{what}: {answer:?}");
        let Some(answer) = answer else { continue };
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        if body.starts_with('{') && answer.json()["code"].is_string() {
            is_a_refusal(answer.status, &answer.json());
        }
        tells_nothing(&body);
    }
    bystander.is_well().await;
    zas_tally::tried("P24", "requests that are none", malformed.len() as u64);
}

#[tokio::test]
async fn a_page_of_another_origin_gets_no_leave() {
    let server = Server::with(|config| config.allowed_origins = vec!["https://app.example".to_owned()]).await;
    let ana = server.person("ana").await;
    let origins = [
        "https://evil.example",
        "https://app.example.evil.example",
        "https://evil-app.example",
        "https://app.example:444",
        "http://app.example",
        "https://APP.example",
        "https://app.example/",
        "https://app.example https://evil.example",
        "null",
        "*",
        "",
        "https://аpp.example",
    ];
    for origin in origins {
        for (method, path) in [(http::Method::OPTIONS, "/v1/commands"), (http::Method::GET, "/v1/state")] {
            let mut request = server.http.request(method, server.url(path)).bearer_auth(&ana.token);
            request = request.header("access-control-request-method", "POST");
            request = request.header("origin", http::HeaderValue::from_bytes(origin.as_bytes()).unwrap());
            let headers = request.send().await.unwrap().headers().clone();
            assert!(!headers.contains_key("access-control-allow-origin"), "{origin} {path}");
        }
        let mut raw = Raw::connect(server.address).await;
        let handshake =
            crate::support::raw::HANDSHAKE.replacen("\r\n", &format!("\r\norigin: {origin}\r\n"), 1);
        raw.send(handshake.as_bytes()).await;
        assert_eq!(raw.answer().await.unwrap().status, 101, "a browser hears why only after the handshake");
        assert_eq!(raw.close_code().await, Some(4504), "{origin}");
    }
    let request = server.http.get(server.url("/v1/state")).bearer_auth(&ana.token);
    let answer = request.header("origin", "https://app.example").send().await.unwrap();
    assert_eq!(answer.headers()["access-control-allow-origin"], "https://app.example");
    let (status, refused) = server.get(&ana, "/v1/rooms/none").await;
    assert_eq!((status, &refused["code"]), (404, &json!("not_found")));
    zas_tally::tried("P24", "origins that are not on the list", origins.len() as u64);
}
