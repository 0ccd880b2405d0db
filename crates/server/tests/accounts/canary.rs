//! No token, password or message reaches a log or a metric, whatever goes well or wrong with it.

use futures_util::SinkExt as _;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use zas_protocol::rest::Tokens;

use crate::support::process::Setup;
use crate::support::{Person, Server, Socket};
use crate::{logs, post};

/// In every message, name and form, so that any of them shows.
const CANARY: &str = "canario-7f3a91";
/// The password's own.
const PASSWORD: &str = "contraseña canario-52d1e8";

/// Everything that must not show, and what it is.
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn note(&mut self, tokens: &Tokens) {
        self.token("an access token", &tokens.access);
        self.token("a refresh token", tokens.refresh.as_deref().unwrap());
    }

    /// A token shows by any of its parts but the first, which all of them share.
    fn token(&mut self, what: &'static str, token: &str) {
        self.0.extend(token.split('.').skip(1).map(|part| (what, part.to_owned())));
    }

    fn assert_unseen(&self, place: &str, text: &str) {
        for (what, secret) in &self.0 {
            let line = text.lines().find(|line| line.contains(secret.as_str()));
            assert_eq!(line, None, "{place} shows {what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_password_or_message_reaches_a_log_or_a_metric() {
    logs::keep();
    let server = Server::on_disk(|config| config.demo = true).await;
    let mut secrets = Secrets(vec![
        ("a message", CANARY.to_owned()),
        ("a message in hexadecimal", CANARY.bytes().map(|byte| format!("{byte:02x}")).collect()),
        ("a password", PASSWORD.to_owned()),
        ("a password without its accents", "canario-52d1e8".to_owned()),
        ("a key", server.keys.access.to_base64()),
        ("a key", server.keys.admin.to_base64()),
    ]);
    let (ana, luis) = (account(&server, "ana").await, account(&server, "luis").await);
    secrets.note(&ana);
    secrets.note(&luis);
    let fresh = sign_in_and_out(&server, &ana, &mut secrets).await;
    let me = Person { id: ana.me.user.id, token: fresh.access.clone() };
    let other = Person { id: luis.me.user.id, token: luis.access.clone() };
    let room = server.private_room(&me, &other).await;
    talk(&server, &me, &other, &room).await;
    talk_as_of_old(&server, &me, &room).await;
    go_wrong(&server, &me, &room).await;

    // From here on every request fails inside, and says so in the log.
    server.app.auth.sign_out(luis.device).await.unwrap();
    server.drain.send_replace(true);
    server.app.hub.drain(0);
    server.app.committer.finish().await;
    server.app.store.close().await;
    talk_to_a_broken_server(&server, &fresh, &me, &room).await;

    let logged = logs::text();
    for line in ["its device is signed out", "request failed"] {
        assert!(logged.contains(line), "what ought to be logged is: {logged}");
    }
    secrets.assert_unseen("the log", &logged);
    secrets.assert_unseen("the metrics", &server.app.metrics.text());
    zas_tally::tried("P24", "secrets searched in the log and the metrics", secrets.0.len() as u64);
}

/// The program as one starts it, told to log everything: what joins the parts logs too.
#[tokio::test]
async fn the_program_that_logs_everything_shows_no_secret_either() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&folder.path().join("data"))
        .environment("ZAS_LOG", "trace")
        .environment("ZAS_LOG_FORMAT", "json")
        .with_metrics();
    let program = setup.start().await;
    let http = reqwest::Client::new();
    let ask = async |path: &str, body: Value| -> Value {
        let answer = http.post(format!("{}{path}", setup.url())).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    };
    let form = json!({"username": "ana", "email": "ana@example.org", "password": PASSWORD});
    let first: Tokens = serde_json::from_value(ask("/v1/auth/register", form).await).unwrap();
    let refresh = json!({ "refresh": first.refresh });
    let next: Tokens = serde_json::from_value(ask("/v1/auth/refresh", refresh).await).unwrap();
    let mut socket = Socket::live(&setup.url(), &next.access).await;
    socket.say(json!({"type": "set_profile", "txn_id": "a", "profile": {"bio": CANARY}})).await;
    socket.until("ack").await;
    setup.order(&["user", "sign-out", "ana"]).await;
    assert_eq!(socket.until_closed().await, Some(4501));
    assert_eq!(program.stop().await, Some(0));

    let mut secrets = Secrets(vec![("a message", CANARY.to_owned()), ("a password", PASSWORD.to_owned())]);
    secrets.note(&first);
    secrets.note(&next);
    for key in std::fs::read_dir(setup.data.join("keys")).unwrap() {
        let key = std::fs::read_to_string(key.unwrap().path()).unwrap();
        secrets.0.push(("a key", key.trim().to_owned()));
    }
    let logged = setup.log();
    assert!(logged.contains("draining"), "what ought to be logged is: {logged}");
    secrets.assert_unseen("the program's log", &logged);
}

async fn account(server: &Server, name: &str) -> Tokens {
    let form = json!({
        "username": name, "email": format!("{name}-{CANARY}@example.org"), "password": PASSWORD,
        "display_name": format!("{name} {CANARY}"), "device_name": CANARY,
    });
    serde_json::from_value(post(server, "/v1/auth/register", &form).await.1).unwrap()
}

/// Signs in by both contracts, well and badly, refreshes, and uses a token again that was used up.
async fn sign_in_and_out(server: &Server, ana: &Tokens, secrets: &mut Secrets) -> Tokens {
    for path in ["/v1/auth/login", "/api/auth/login/"] {
        let (status, tokens) = post(server, path, &json!({"login": "ana", "password": PASSWORD})).await;
        assert_eq!(status, 200);
        for name in ["access", "refresh"] {
            secrets.token(
                if name == "access" { "an access token" } else { "a refresh token" },
                tokens[name].as_str().unwrap(),
            );
        }
        post(server, path, &json!({"login": format!("ana {CANARY}"), "password": format!("{PASSWORD}!")}))
            .await;
        post(server, path, &json!({"login": [CANARY], "password": PASSWORD})).await;
    }
    let mut refresh = ana.refresh.clone().unwrap();
    for _ in 0..2 {
        let (status, tokens) = post(server, "/v1/auth/refresh", &json!({ "refresh": refresh })).await;
        assert_eq!(status, 200);
        let tokens: Tokens = serde_json::from_value(tokens).unwrap();
        secrets.note(&tokens);
        refresh = tokens.refresh.unwrap();
    }
    let used = json!({ "refresh": ana.refresh });
    assert_eq!(post(server, "/v1/auth/refresh", &used).await.0, 401, "it was used twice");
    let (_, tokens) = post(server, "/v1/auth/login", &json!({"login": "ana", "password": PASSWORD})).await;
    let tokens: Tokens = serde_json::from_value(tokens).unwrap();
    secrets.note(&tokens);
    tokens
}

/// By request and on the three rungs.
async fn talk(server: &Server, me: &Person, other: &Person, room: &str) {
    let (mut here, mut there) = (server.live(me).await, server.live(other).await);
    here.say(json!({"type": "send", "txn_id": "a", "room": room, "text": CANARY})).await;
    here.until("ack").await;
    there.until("event").await;
    here.say(json!({"type": "refresh", "token": me.token})).await;
    server.say(me, room, "b", CANARY).await;
    server.command(me, json!({"type": "set_profile", "txn_id": "c", "profile": {"bio": CANARY}})).await;
    server
        .command(me, json!({"type": "create_group", "txn_id": "d", "name": CANARY, "members": [other.id]}))
        .await;
    for path in ["/v1/state".to_owned(), format!("/v1/rooms/{room}"), format!("/v1/users?q={CANARY}")] {
        assert_eq!(server.get(me, &path).await.0, 200);
    }
    for accept in ["text/event-stream", "application/json"] {
        let feed = server.http.post(server.url("/v1/feed")).bearer_auth(&me.token).header("accept", accept);
        let mut answer = feed.json(&json!({"cursor": {room: [1, 0]}, "wait_ms": 0})).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.chunk().await.unwrap();
    }
}

async fn talk_as_of_old(server: &Server, me: &Person, room: &str) {
    let url = format!("ws://{}/ws/chat/{room}/?token={}", server.address, me.token);
    let mut socket = Socket(tokio_tungstenite::connect_async(url).await.unwrap().0);
    socket.until("connection_success").await;
    socket.say(json!({"type": "chat_message", "content": CANARY})).await;
    socket.until("chat_message").await;
    let path = format!("/api/messaging/chats/{room}/messages/");
    assert_eq!(server.post(me, &path, json!({ "content": CANARY })).await.0, 201);
    let form = reqwest::multipart::Form::new().text("content", CANARY);
    let sent =
        server.http.post(server.url(&path)).bearer_auth(&me.token).multipart(form).send().await.unwrap();
    assert_eq!(sent.status(), 201);
    assert_eq!(server.get(me, &format!("{path}?since=2020-01-01T00:00:00Z")).await.0, 200);
}

/// What cannot be read, found or done, with the canary in each place.
async fn go_wrong(server: &Server, me: &Person, room: &str) {
    for path in [
        format!("/v1/rooms/{CANARY}"),
        format!("/v1/rooms/{room}/events?before={CANARY}"),
        format!("/v1/files/{CANARY}?u={CANARY}&e={CANARY}&s={CANARY}"),
        format!("/api/messaging/chats/{room}/messages/?since={CANARY}"),
        format!("/api/messaging/chats/{room}/messages/?page={CANARY}"),
        format!("/demo/join?key={CANARY}"),
        format!("/{CANARY}"),
    ] {
        assert!(server.get(me, &path).await.0 >= 400, "{path}");
    }
    for body in [
        json!({"type": "send", "txn_id": "e", "room": room, "text": CANARY.repeat(400)}),
        json!({"type": "send", "txn_id": CANARY, "room": CANARY, "text": CANARY}),
        json!({"type": CANARY, "txn_id": CANARY}),
        json!([CANARY]),
    ] {
        let (status, _) = server.post(me, "/v1/commands", body).await;
        assert!((400..500).contains(&status), "{status}");
    }
    let broken =
        server.http.post(server.url("/v1/commands")).bearer_auth(&me.token).body(format!("{{\"{CANARY}"));
    assert_eq!(broken.send().await.unwrap().status(), 400);
    let image = server.http.post(server.url("/v1/me/avatar")).bearer_auth(&me.token).body(CANARY);
    assert_eq!(image.send().await.unwrap().status(), 400);
    let mut socket = server.live(me).await;
    for frame in [format!("{{\"type\":\"{CANARY}\"}}"), format!("{{\"{CANARY}"), CANARY.to_owned()] {
        socket.0.send(Message::text(frame)).await.unwrap();
        socket.until("error").await;
    }
    socket.0.send(Message::binary(CANARY.as_bytes().to_vec())).await.unwrap();
    assert_eq!(socket.until_closed().await, Some(4503));
    let mut nobody = server.socket().await;
    nobody.say(json!({"type": "hello", "token": format!("{}{CANARY}", me.token), "cursor": {}})).await;
    nobody.until_closed().await;
    let closing = server.live(me).await;
    let frame =
        tokio_tungstenite::tungstenite::protocol::CloseFrame { code: 4999.into(), reason: CANARY.into() };
    let mut closing = closing.0;
    closing.close(Some(frame)).await.unwrap();
}

async fn talk_to_a_broken_server(server: &Server, tokens: &Tokens, me: &Person, room: &str) {
    let send = json!({"type": "send", "txn_id": "z", "room": room, "text": CANARY});
    assert!(server.post(me, "/v1/commands", send).await.0 >= 400);
    for path in ["/v1/state", "/v1/users?q=canario", "/api/messaging/chats/"] {
        server.get(me, path).await;
    }
    let refresh: Value = json!({ "refresh": tokens.refresh });
    post(server, "/v1/auth/refresh", &refresh).await;
    post(server, "/v1/auth/login", &json!({"login": "ana", "password": PASSWORD})).await;
}
