//! Requests and answers, headers and addresses.

use tokio::io::AsyncWriteExt as _;

use crate::support::Server;
use crate::wire::{Backend, Wire, both, header, with};

/// Sends a request to the server, answers it as the backend; both as they arrive at the other end.
async fn through(server: &Server, backend: &Backend, request: &str, answer: &str) -> (String, String) {
    let mut client = Wire::to(server.address).await;
    client.send_head(request).await;
    let (mut wire, asked) = backend.asked().await;
    wire.send(answer.replace('\n', "\r\n")).await;
    drop(wire);
    let answered = client.head().await;
    (asked, answered)
}

const EMPTY: &str = "HTTP/1.1 200 OK\ncontent-length: 0\nconnection: close\n\n";

#[tokio::test]
async fn every_method_is_passed_on_with_its_body_and_its_headers() {
    let (server, backend) = both().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let mut client = Wire::to(server.address).await;
        let head = format!(
            "{method} /api/feed/?page=2 HTTP/1.1\nHost: chat.example.com\nCookie: sessionid=1; zas=2\n\
             Authorization: Bearer x\nAccept-Encoding: gzip\nContent-Length: 4"
        );
        client.send_head(&head).await;
        client.send("body").await;
        let (mut wire, asked) = backend.asked().await;
        assert!(asked.starts_with(&format!("{method} /api/feed/?page=2 HTTP/1.1\r\n")), "{asked}");
        for (name, value) in [
            ("host", "chat.example.com"),
            ("cookie", "sessionid=1; zas=2"),
            ("authorization", "Bearer x"),
            ("accept-encoding", "gzip"),
            ("content-length", "4"),
        ] {
            assert_eq!(header(&asked, name), Some(value), "{asked}");
        }
        assert_eq!(wire.text(4).await, "body");
        wire.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
        client.head().await;
        assert_eq!(client.text(2).await, "ok");
        drop(wire);
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_is_passed_on_whatever_the_method() {
    let (server, backend) = both().await;
    for method in ["GET", "POST", "DELETE"] {
        let mut client = Wire::to(server.address).await;
        client.send_head(&format!("{method} /old/ HTTP/1.1\nHost: here\nTransfer-Encoding: chunked")).await;
        client.send("4\r\nbody\r\n0\r\n\r\n").await;
        let (mut wire, asked) = backend.asked().await;
        assert_eq!(header(&asked, "transfer-encoding"), Some("chunked"), "{asked}");
        assert_eq!(wire.chunk().await, b"body");
        assert_eq!(wire.chunk().await, b"");
        wire.send("HTTP/1.1 204 No Content\r\n\r\n").await;
        assert!(client.head().await.starts_with("HTTP/1.1 204"));
    }
}

#[tokio::test]
async fn paths_and_queries_are_passed_on_byte_for_byte() {
    let (server, backend) = both().await;
    for target in [
        "/",
        "/?",
        "//two//slashes",
        "/a%2Fb%20%c3%B1/../c/.?x=%2F&y=a+b%3D&&z",
        "/a;b=1,2:@!$'()*~?q={}|[]/?",
        "/media/100%25.png",
        "/api/auth/login",
        "/api/auth/login/",
    ] {
        let request = format!("GET {target} HTTP/1.1\nHost: here");
        let (asked, _) = through(&server, &backend, &request, EMPTY).await;
        assert_eq!(asked.lines().next().unwrap(), format!("GET {target} HTTP/1.1"));
    }
}

#[tokio::test]
async fn an_address_in_the_first_line_names_the_host_and_old_clients_are_served() {
    let (server, backend) = both().await;
    let whole = "GET http://chat.example.com/old/ HTTP/1.1\nHost: other.example.com";
    let (asked, _) = through(&server, &backend, whole, EMPTY).await;
    assert!(asked.starts_with("GET /old/ HTTP/1.1\r\n"), "{asked}");
    assert_eq!(header(&asked, "host"), Some("chat.example.com"));
    let (asked, answered) = through(&server, &backend, "GET /old/ HTTP/1.0", EMPTY).await;
    assert_eq!(header(&asked, "host"), Some(&*backend.address.to_string()));
    assert!(header(&asked, "via").unwrap().starts_with("1.0 zas-"), "{asked}");
    assert!(answered.contains("200 OK"), "{answered}");
}

#[tokio::test]
async fn a_request_that_names_no_host_or_two_is_passed_on_to_nobody() {
    let (server, backend) = both().await;
    for hosts in ["X: y", "Host: here\nHost: there", "Host: here\nHost: here"] {
        let mut client = Wire::to(server.address).await;
        client.send_head(&format!("GET /old/ HTTP/1.1\n{hosts}")).await;
        let refused = client.head().await;
        assert!(refused.starts_with("HTTP/1.1 400"), "{hosts}: {refused}");
    }
    let (asked, _) = through(&server, &backend, "GET /first/ HTTP/1.1\nHost: here", EMPTY).await;
    assert!(asked.starts_with("GET /first/"), "{asked}");
}

#[tokio::test]
async fn answers_come_back_as_they_are() {
    let (server, backend) =
        with(|config| config.allowed_origins = vec!["https://a.example".to_owned()]).await;
    for (status, own) in [
        ("200 Fine", "set-cookie: a=1; Path=/\nset-cookie: b=2; HttpOnly\ncontent-encoding: gzip"),
        ("302 Found", "location: http://internal:8001/next?a=%2F"),
        ("301 Moved Permanently", "location: /next/"),
        ("404 Not Found", "content-type: text/plain"),
        ("500 Internal Server Error", "content-type: text/html\nretry-after: 7"),
        ("502 Bad Gateway", "zas-error: upstream_unreachable"),
        ("429 Too Many Requests", "x-custom: á"),
    ] {
        let answer = format!(
            "HTTP/1.1 {status}\nserver: backend\n{own}\ncontent-length: 4\nconnection: close\n\nwhy?"
        );
        let mut client = Wire::to(server.address).await;
        client
            .send_head("GET /old/ HTTP/1.1\nHost: here\nOrigin: https://a.example\nAccept-Encoding: gzip")
            .await;
        let (mut wire, _) = backend.asked().await;
        wire.send(answer.replace('\n', "\r\n")).await;
        let answered = client.head().await;
        assert_eq!(client.text(4).await, "why?");
        let mut lines: Vec<&str> = answered.trim_end().lines().collect();
        // The time of a message that has none is added to it (RFC 9110 §6.6.1).
        lines.retain(|line| !line.starts_with("date:"));
        assert_eq!(lines.remove(0), format!("HTTP/1.1 {status}"));
        let mut expected: Vec<&str> = own.lines().filter(|line| !line.starts_with("zas-error")).collect();
        expected.extend(["server: backend", "content-length: 4"]);
        expected.sort_unstable();
        lines.sort_unstable();
        assert_eq!(lines, expected);
    }
}

#[tokio::test]
async fn a_preflight_is_the_backends_to_answer() {
    let (server, backend) =
        with(|config| config.allowed_origins = vec!["https://a.example".to_owned()]).await;
    let preflight = "OPTIONS /api/auth/login/ HTTP/1.1\nHost: here\nOrigin: https://a.example\n\
                     Access-Control-Request-Method: POST";
    let answer =
        "HTTP/1.1 204 No Content\naccess-control-allow-origin: https://b.example\nconnection: close\n\n";
    let (asked, answered) = through(&server, &backend, preflight, answer).await;
    assert!(asked.starts_with("OPTIONS /api/auth/login/ "), "{asked}");
    assert_eq!(header(&asked, "access-control-request-method"), Some("POST"));
    assert_eq!(header(&answered, "access-control-allow-origin"), Some("https://b.example"), "{answered}");
    assert_eq!(answered.matches("access-control").count(), 1, "{answered}");
    // Ours is ours.
    let ours = preflight.replace("/api/auth/login/", "/api/messaging/chats/");
    let mut client = Wire::to(server.address).await;
    client.send_head(&ours).await;
    let answered = client.head().await;
    assert_eq!(header(&answered, "access-control-allow-origin"), Some("https://a.example"), "{answered}");
}

#[tokio::test]
async fn a_head_is_answered_without_a_body_and_with_its_length() {
    let (server, backend) = both().await;
    let mut client = Wire::to(server.address).await;
    client.send_head("HEAD /old/ HTTP/1.1\nHost: here").await;
    let (mut wire, asked) = backend.asked().await;
    assert!(asked.starts_with("HEAD /old/ "), "{asked}");
    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\netag: \"1\"\r\n\r\n").await;
    let answered = client.head().await;
    assert_eq!(header(&answered, "content-length"), Some("1000"), "{answered}");
    assert_eq!(header(&answered, "etag"), Some("\"1\""));
    // The same connections carry the next, which shows that nothing of a body was waited for.
    client.send_head("GET /next/ HTTP/1.1\nHost: here\nIf-None-Match: \"1\"").await;
    assert!(wire.head().await.starts_with("GET /next/ "));
    wire.send("HTTP/1.1 304 Not Modified\r\netag: \"1\"\r\n\r\n").await;
    assert!(client.head().await.starts_with("HTTP/1.1 304"));
    client.send_head("GET /healthz HTTP/1.1\nHost: here").await;
    assert!(client.head().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn what_is_of_one_connection_stays_on_it() {
    let (server, backend) = both().await;
    let request = "GET /old/ HTTP/1.1\nHost: here\nConnection: keep-alive, X-Mine\nX-Mine: 1\nX-Kept: 1\n\
                   Keep-Alive: timeout=5\nTE: trailers\nUpgrade: h2c\nProxy-Authorization: Basic x";
    let answer = "HTTP/1.1 200 OK\nconnection: close, x-theirs\nx-theirs: 1\nx-kept: 2\nkeep-alive: timeout=5\n\
                  proxy-authenticate: Basic\nupgrade: h2c\ncontent-length: 0\n\n";
    let (asked, answered) = through(&server, &backend, request, answer).await;
    for gone in ["x-mine", "keep-alive", "te", "upgrade", "proxy-authorization", "connection"] {
        assert_eq!(header(&asked, gone), None, "{asked}");
    }
    for gone in ["x-theirs", "keep-alive", "proxy-authenticate", "upgrade", "connection"] {
        assert_eq!(header(&answered, gone), None, "{answered}");
    }
    assert_eq!((header(&asked, "x-kept"), header(&answered, "x-kept")), (Some("1"), Some("2")));
}

#[tokio::test]
async fn who_asks_is_said_by_who_is_believed() {
    const REQUEST: &str = "GET /old/ HTTP/1.1\nHost: chat.example.com\nX-Forwarded-For: 203.0.113.5\n\
                           X-Forwarded-Proto: https\nX-Forwarded-Host: shown.example.com\nX_Forwarded_For: 6.6.6.6";
    let said = |asked: &str| {
        ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "x_forwarded_for"]
            .map(|name| header(asked, name).unwrap_or("-").to_owned())
    };
    let (server, backend) = both().await;
    let (asked, _) = through(&server, &backend, REQUEST, EMPTY).await;
    assert_eq!(said(&asked), ["127.0.0.1", "http", "chat.example.com", "127.0.0.1", "-"]);

    let (server, backend) = with(|config| {
        config.trusted_proxies = vec!["127.0.0.1".parse::<std::net::IpAddr>().unwrap().into()];
    })
    .await;
    let (asked, _) = through(&server, &backend, REQUEST, EMPTY).await;
    assert_eq!(said(&asked), ["203.0.113.5, 127.0.0.1", "https", "shown.example.com", "203.0.113.5", "-"]);
}

#[tokio::test]
async fn connections_to_the_backend_are_used_again() {
    let (server, backend) = both().await;
    let mut clients = [Wire::to(server.address).await, Wire::to(server.address).await];
    clients[0].send_head("GET /one/ HTTP/1.1\nHost: here").await;
    let (mut wire, _) = backend.asked().await;
    wire.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    clients[0].head().await;
    clients[1].send_head("GET /two/ HTTP/1.1\nHost: here").await;
    assert!(wire.head().await.starts_with("GET /two/"));
}

#[tokio::test]
async fn a_request_whose_end_is_in_doubt_hides_no_other_from_the_backend() {
    const HIDDEN: &str = "GET /hidden/ HTTP/1.1\r\nHost: here\r\n\r\n";
    let (server, backend) = both().await;
    let mut told = backend.tells();
    let bodies = ["0\r\n\r\n", "1\r\nx\r\n0\r\n\r\n", ""];
    for framing in [
        "Content-Length: 5\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\nContent-Length: 100",
        "Content-Length: 5\nContent-Length: 6",
        "Content-Length: +5",
        "Content-Length: 5, 6",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\x0bchunked",
        "Content-Length : 0",
        "X: y\n Content-Length: 0",
    ] {
        for body in bodies {
            let mut client = Wire::to(server.address).await;
            let head = format!("POST /old/ HTTP/1.1\nHost: here\nConnection: close\n{framing}");
            client.send(format!("{}\r\n\r\n{body}{HIDDEN}", head.replace('\n', "\r\n"))).await;
            drop(client.stream.shutdown().await);
            client.rest().await;
        }
    }
    let last = server.http.get(server.url("/last/")).send().await.unwrap();
    assert_eq!(last.status(), 200);
    loop {
        let head = told.recv().await.unwrap();
        assert!(!head.contains("/hidden/"), "{head}");
        let framings = head.to_lowercase().matches("content-length").count()
            + head.to_lowercase().matches("transfer-encoding").count();
        assert!(framings <= 1, "{head}");
        if head.starts_with("GET /last/") {
            break;
        }
        assert!(head.starts_with("POST /old/"), "{head}");
    }
}
