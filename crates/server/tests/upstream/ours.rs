//! What Zas answers itself, in every spelling.

use serde_json::Value;

use crate::wire::{Wire, both, header};

/// Of the chat's paths, spelled as a backend may read them, and as no router of ours does.
const ODD: [&str; 13] = [
    "//api/messaging/chats/",
    "/api//messaging/chats/",
    "/api/./messaging/chats/",
    "/api/feed/../messaging/chats/",
    "/api/messaging/../feed/",
    "/api/messaging/chats/../../auth/login/",
    "/%61pi/messaging/chats/",
    "/api%2Fmessaging/chats/",
    "/api%252Fmessaging/chats/",
    "/x/%2e%2e/api/messaging/chats/",
    "//v1/state",
    "/ws/chat",
    "/ws/./chat/1/",
];

#[tokio::test]
async fn the_chat_s_paths_never_reach_the_backend() {
    let (server, backend) = both().await;
    for method in ["GET", "POST", "PATCH", "DELETE", "PUT", "PURGE"] {
        for path in [
            "/api/messaging",
            "/api/messaging/",
            "/api/messaging/chats",
            "/api/messaging/chats/",
            "/api/messaging/chats/1/messages/?since=1",
            "/api/messaging/nothing/such",
            "/api/users/chat/ana",
            "/api/users/chat/ana/",
            "/ws/chat/1",
            "/ws/chat/1/",
            "/v1",
            "/v1/state",
            "/v1/nothing",
            "/healthz",
            "/readyz",
        ]
        .into_iter()
        .chain(ODD)
        {
            let mut client = Wire::to(server.address).await;
            client.send_head(&format!("{method} {path} HTTP/1.1\nHost: here\nContent-Length: 0")).await;
            let head = client.head().await;
            let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
            assert!(
                header(&head, "zas-error").is_none() && header(&head, "x-request-id").is_some(),
                "{head}"
            );
            if ODD.contains(&path) {
                assert!(matches!(status, 404 | 405), "{method} {path}: {head}");
                let length = header(&head, "content-length").unwrap().parse().unwrap();
                let body: Value = serde_json::from_slice(&client.bytes(length).await).unwrap();
                assert!(body["code"].is_string() || body["detail"].is_string(), "{method} {path}: {body}");
            }
        }
    }
    // Whoever came before this would be here before it.
    let mut client = Wire::to(server.address).await;
    client.send_head("GET /api/feed/ HTTP/1.1\nHost: here").await;
    let (_, asked) = backend.asked().await;
    assert!(asked.starts_with("GET /api/feed/ "), "{asked}");
}

#[tokio::test]
async fn the_backend_keeps_accounts_and_pages_and_zas_has_all_without_one() {
    let (server, backend) = both().await;
    let backend = backend.answers_all();
    for path in ["/", "/index.html", "/assets/app.js", "/demo", "/api/auth/verify/", "/api/users/search/?q=a"]
    {
        let answer = server.http.get(server.url(path)).send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), format!("backend GET {path}"), "{backend}");
    }
    let alone = crate::support::Server::start().await;
    let answer = alone.http.get(alone.url("/api/auth/verify/")).send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

#[tokio::test]
async fn people_chat_by_both_contracts_beside_the_backend() {
    let (server, backend) = both().await;
    backend.answers_all();
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let (status, opened) = server.post(&ana, "/api/users/chat/luis/", serde_json::json!({})).await;
    assert_eq!(status, 201, "{opened}");
    let room = opened["chat"]["id"].as_str().unwrap();
    let mut socket = server.live(&luis).await;
    server.say(&ana, room, "one", "hola").await;
    while !socket.until("event").await.to_string().contains("hola") {}
    let (status, page) = server.get(&luis, &format!("/api/messaging/chats/{room}/messages/")).await;
    assert_eq!((status, &page["results"][0]["content"]), (200, &"hola".into()), "{page}");
}

#[tokio::test]
async fn a_request_for_no_path_is_refused() {
    let (server, _backend) = both().await;
    for line in ["OPTIONS * HTTP/1.1", "CONNECT backend:80 HTTP/1.1"] {
        let mut client = Wire::to(server.address).await;
        client.send_head(&format!("{line}\nHost: here")).await;
        let head = client.head().await;
        assert!(header(&head, "zas-error").is_none(), "{head}");
        assert!(!head.starts_with("HTTP/1.1 502"), "{head}");
    }
}
