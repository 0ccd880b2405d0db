//! How many in a minute. Where a budget would grow back while a test counts, it grows back slowly.

use serde_json::{Value, json};
use zas_protocol::Limits;

use crate::support::{Person, Server};

#[tokio::test]
async fn forty_commands_pass_at_once_and_no_more_over_all_transports() {
    let burst = Limits::default().commands_burst;
    let server = Server::with(|config| config.limits.commands_per_minute = 1).await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let mut socket = server.live(&ana).await;
    let send = |n: u32| json!({"type": "send", "txn_id": format!("m{n}"), "room": room, "text": "x"});
    // Opening the room was the first.
    for n in 1..burst {
        if n % 2 == 0 {
            server.command(&ana, send(n)).await;
        } else {
            socket.say(send(n)).await;
            socket.until("ack").await;
        }
    }
    let (status, refused) = server.post(&ana, "/v1/commands", send(burst)).await;
    assert_eq!((status, &refused["code"]), (429, &json!("rate_limited")));
    socket.say(send(burst + 1)).await;
    assert_eq!(socket.until("nack").await["code"], "rate_limited");
    let old = format!("/api/messaging/chats/{room}/messages/");
    assert_eq!(server.post(&ana, &old, json!({"content": "x"})).await.0, 429);
    // Another's budget is another's.
    server.say(&luis, &room, "m", "x").await;
}

#[tokio::test]
async fn commands_come_back_at_their_rate() {
    let per_minute = Limits::default().commands_per_minute;
    let server = Server::with(|config| config.limits.commands_burst = 1).await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    server.private_room(&ana, &luis).await;
    // Sent together, so that the second finds nothing left however slow the machine is.
    let set = |n: u32| json!({"type": "set_prefs", "txn_id": format!("p{n}"), "prefs": {"volume": n}});
    let mut socket = server.live(&ana).await;
    for n in 0..20 {
        socket.say(set(n)).await;
    }
    let wait = socket.until("nack").await["retry_after_ms"].as_u64().unwrap();
    assert!((1..=60_000 / u64::from(per_minute)).contains(&wait), "{wait} ms");
    // Not a wait for something to happen: the server was asked how long, and this obeys.
    tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
    server.command(&ana, set(99)).await;
}

#[tokio::test]
async fn so_many_reads_pass_and_no_more() {
    let server = Server::with(|config| config.limits.reads_per_minute = 3).await;
    let ana = server.person("ana").await;
    for path in ["/v1/state", "/v1/users?q=an", "/v1/me/devices"] {
        assert_eq!(server.get(&ana, path).await.0, 200);
    }
    for path in ["/v1/state", "/v1/users?q=an", "/api/auth/profile/"] {
        let answer = server.http.get(server.url(path)).bearer_auth(&ana.token).send().await.unwrap();
        assert_eq!(answer.status(), 429, "{path}");
        let after: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=20).contains(&after), "{after} s");
    }
}

#[tokio::test]
async fn so_many_files_pass_and_no_more() {
    let server = Server::with(|config| config.limits.uploads_per_minute = 3).await;
    let ana = server.person("ana").await;
    let luis = server.person("luis").await;
    let send = async |person: &Person| {
        let request = server.http.post(server.url("/v1/files?name=a.txt")).bearer_auth(&person.token);
        request.body("hola").send().await.unwrap().status().as_u16()
    };
    for _ in 0..3 {
        assert_eq!(send(&ana).await, 200);
    }
    assert_eq!(send(&ana).await, 429);
    assert_eq!(send(&luis).await, 200, "another person has their own");
}

#[tokio::test]
async fn so_many_sign_ins_pass_from_an_address_and_no_more() {
    let server = Server::with(|config| config.limits.sign_ins_per_minute = 3).await;
    let try_to = async |path: &str| {
        let body = json!({"login": "nobody", "username": "x", "email": "x", "password": "x", "password_confirm": "x"});
        server.http.post(server.url(path)).json(&body).send().await.unwrap().status().as_u16()
    };
    for path in ["/v1/auth/login", "/v1/auth/register", "/api/auth/login/"] {
        assert_eq!(try_to(path).await, 400, "{path}");
    }
    for path in ["/v1/auth/login", "/v1/auth/register", "/api/auth/login/", "/api/auth/register/"] {
        assert_eq!(try_to(path).await, 429, "{path}");
    }
}

#[tokio::test]
async fn so_many_signals_pass_over_all_transports_and_the_rest_is_dropped_silently() {
    let server = Server::with(|config| config.limits.signals_per_minute = 8).await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let (mut one, mut other) = (server.live(&ana).await, server.live(&ana).await);
    let mut there = server.live(&luis).await;
    let typing = |on: bool| json!({"type": "typing", "room": room, "on": on});
    // Each connection may spend a quarter at once; all of them together no more than the whole.
    for socket in [&mut one, &mut other] {
        for on in [true, false, true, false] {
            socket.say(typing(on)).await;
        }
        socket.say(json!({"type": "ping", "n": 1})).await;
        socket.until("pong").await;
    }
    let signals: Vec<Value> = (0..12).map(|n| typing(n % 2 == 0)).collect();
    let (status, _) = server.post(&ana, "/v1/signals", json!({"signals": signals})).await;
    assert_eq!(status, 204, "nobody is told");
    server.say(&ana, &room, "end", "x").await;
    let heard = there.all_until("event").await;
    assert_eq!(heard.iter().filter(|frame| frame["type"] == "typing").count(), 8, "{heard:?}");
}
