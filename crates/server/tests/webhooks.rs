//! Webhooks: what they are sent, signed, until it arrives.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use support::{PATIENCE, Server};
use tokio::sync::mpsc;
use zas_server::clock;
use zas_server::config::webhooks::Topic;
use zas_server::config::{Config, Webhook};

const SECRET: [u8; 32] = [7; 32];

/// What arrived, its signature checked.
#[derive(Debug, Clone, PartialEq)]
struct Arrived {
    id: String,
    body: Value,
}

impl Arrived {
    fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap()
    }

    fn text(&self) -> &str {
        self.body["data"]["text"].as_str().unwrap_or_default()
    }
}

/// The other system, on loopback. It answers 200, or what it is told to, and may be slow.
struct Receiver {
    url: String,
    arrived: mpsc::UnboundedReceiver<Arrived>,
    answers: Arc<Mutex<VecDeque<StatusCode>>>,
    /// Held while nobody is answered.
    gate: Arc<tokio::sync::RwLock<()>>,
}

impl Receiver {
    async fn start() -> Self {
        let (heard, arrived) = mpsc::unbounded_channel();
        let answers: Arc<Mutex<VecDeque<StatusCode>>> = Arc::default();
        let gate: Arc<tokio::sync::RwLock<()>> = Arc::default();
        let (held, closed) = (answers.clone(), gate.clone());
        let answer = move |headers: HeaderMap, body: String| {
            let (heard, held, closed) = (heard.clone(), held.clone(), closed.clone());
            async move {
                let _ = heard.send(checked(&headers, &body));
                drop(closed.read().await);
                held.lock().unwrap().pop_front().unwrap_or(StatusCode::OK)
            }
        };
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = axum::Router::new().route("/hook", axum::routing::post(answer));
        tokio::spawn(axum_server::from_tcp(listener).unwrap().serve(router.into_make_service()));
        Self { url, arrived, answers, gate }
    }

    async fn next(&mut self) -> Arrived {
        tokio::time::timeout(PATIENCE, self.arrived.recv()).await.expect("it arrives in time").unwrap()
    }

    async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        for _ in 0..count {
            texts.push(self.next().await.text().to_owned());
        }
        texts
    }

    fn answer(&self, statuses: &[u16]) {
        let statuses = statuses.iter().map(|status| StatusCode::from_u16(*status).unwrap());
        self.answers.lock().unwrap().extend(statuses);
    }
}

/// As any library of the specification checks it.
fn checked(headers: &HeaderMap, body: &str) -> Arrived {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let now = clock::now() / 1_000_000;
    assert!((now - 5..=now).contains(&timestamp.parse().unwrap()), "it says when it was sent: {timestamp}");
    let signature = STANDARD.decode(header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &SECRET);
    let signed = format!("{id}.{timestamp}.{body}");
    aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &signature).expect("the signature is good");
    assert_eq!(header("content-type"), "application/json");
    Arrived { id, body: serde_json::from_str(body).unwrap() }
}

fn secret_in(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("webhook.secret");
    std::fs::write(&path, format!("whsec_{}\n", STANDARD.encode(SECRET))).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    path
}

/// Tells that address of everything.
fn tell(config: &mut Config, url: &str) {
    config.outbound_allow = vec!["127.0.0.1/32".parse().unwrap()];
    config.limits.webhook_retry_ms = 1;
    config.webhooks = vec![Webhook {
        name: "shop".to_owned(),
        url: url.to_owned(),
        secret_file: Some(secret_in(&config.data)),
        secret_env: None,
        events: vec![Topic::Message, Topic::Member, Topic::Room],
    }];
}

#[tokio::test]
async fn messages_members_and_rooms_are_told_signed_and_in_order_and_nothing_else_is() {
    let mut receiver = Receiver::start().await;
    let server = Server::with(|config| tell(config, &receiver.url)).await;
    let (ana, luis, eva) =
        (server.person("ana").await, server.person("luis").await, server.person("eva").await);
    let group = json!({"type": "create_group", "txn_id": "1", "name": "Grupo", "members": [luis.id]});
    let room = server.command(&ana, group).await["room"].as_str().unwrap().to_owned();
    server.command(&ana, json!({"type": "add_member", "txn_id": "2", "room": room, "user": eva.id})).await;
    server
        .command(
            &ana,
            json!({"type": "set_role", "txn_id": "3", "room": room, "user": eva.id, "role": "admin"}),
        )
        .await;
    server.command(&ana, json!({"type": "rename_room", "txn_id": "4", "room": room, "name": "Otro"})).await;
    server.command(&ana, json!({"type": "set_prefs", "txn_id": "5", "prefs": {}})).await;
    let said = server.say(&luis, &room, "6", "hola").await;
    server.command(&eva, json!({"type": "leave_room", "txn_id": "7", "room": room})).await;
    let mut ids = Vec::new();
    for kind in ["room.created", "member.added", "member.role_changed", "message.created", "member.removed"] {
        let arrived = receiver.next().await;
        assert_eq!(arrived.kind(), kind, "{arrived:?}");
        assert_eq!(arrived.body["data"]["room"], room);
        if kind == "message.created" {
            let data = &arrived.body["data"];
            assert_eq!((&data["text"], &data["sender"]), (&json!("hola"), &json!(luis.id)));
            assert_eq!((&data["seq"], &data["message"]), (&said["seq"], &said["message"]));
            let at: jiff::Timestamp = arrived.body["timestamp"].as_str().unwrap().parse().unwrap();
            assert_eq!(json!(at.as_microsecond()), said["at"]);
        }
        ids.push(arrived.id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5);
    server.say(&ana, &room, "8", "fin").await;
    assert_eq!(receiver.next().await.text(), "fin", "nothing came between");
}

#[tokio::test]
async fn a_webhook_hears_only_of_its_topics_and_only_of_what_comes_after_it_was_set_up() {
    let mut receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", folder.path().join("zas.sqlite").display());
    let first = Server::on_disk(|config| config.database_url = Some(database.clone())).await;
    let (ana, luis) = (first.person("ana").await, first.person("luis").await);
    let room = first.private_room(&ana, &luis).await;
    first.say(&ana, &room, "1", "antes").await;
    first.app.store.close().await;
    let second = Server::on_disk(|config| {
        tell(config, &receiver.url);
        config.webhooks[0].events = vec![Topic::Message];
        config.database_url = Some(database.clone());
    })
    .await;
    let ana = again(&second, ana.id).await;
    let eva = second.person("eva").await;
    second.private_room(&ana, &eva).await;
    second.say(&ana, &room, "2", "después").await;
    assert_eq!(receiver.next().await.text(), "después");
}

/// Somebody's next device.
async fn again(server: &Server, id: zas_protocol::UserId) -> support::Person {
    let token = server.app.auth.open_device(id, "again", clock::now()).await.unwrap().access;
    support::Person { id, token }
}

#[tokio::test]
async fn an_address_that_fails_is_tried_again_with_the_same_id_and_in_order() {
    let mut receiver = Receiver::start().await;
    receiver.answer(&[500, 404, 302, 429, 410]);
    let server = Server::with(|config| {
        tell(config, &receiver.url);
        config.limits.commands_burst = 1_000;
    })
    .await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let first = receiver.next().await;
    for _ in 0..5 {
        assert_eq!(receiver.next().await, first, "the same again");
    }
    // More than is read of a log at a time.
    for n in 0..120 {
        server.say(&ana, &room, &n.to_string(), &n.to_string()).await;
    }
    assert_eq!(receiver.texts(120).await, (0..120).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_address_that_does_not_answer_holds_up_nobody() {
    let mut receiver = Receiver::start().await;
    let server = Server::with(|config| tell(config, &receiver.url)).await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    assert_eq!(receiver.next().await.kind(), "room.created");
    let closed = receiver.gate.clone().write_owned().await;
    server.say(&ana, &room, "1", "uno").await;
    assert_eq!(receiver.next().await.text(), "uno");
    let mut socket = server.live(&luis).await;
    for n in 2..30 {
        server.say(&ana, &room, &n.to_string(), &n.to_string()).await;
        assert_eq!(socket.until("event").await["text"], n.to_string());
    }
    drop(closed);
    assert_eq!(receiver.texts(28).await, (2..30).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_event_that_is_too_old_is_passed_over_once_it_fails() {
    for (give_up_ms, tries) in [(0, 1), (3_600_000, 3)] {
        let mut receiver = Receiver::start().await;
        receiver.answer(&[500, 500, 200]);
        let server = Server::with(|config| {
            tell(config, &receiver.url);
            config.webhooks[0].events = vec![Topic::Message];
            config.limits.webhook_give_up_ms = give_up_ms;
        })
        .await;
        let (ana, luis) = (server.person("ana").await, server.person("luis").await);
        let room = server.private_room(&ana, &luis).await;
        server.say(&ana, &room, "1", "uno").await;
        for _ in 0..tries {
            assert_eq!(receiver.next().await.text(), "uno");
        }
        server.say(&ana, &room, "2", "dos").await;
        assert_eq!(receiver.next().await.text(), "dos");
    }
}

#[tokio::test]
async fn an_address_inside_is_not_called_unless_it_is_listed() {
    let mut receiver = Receiver::start().await;
    let server = Server::with(|config| {
        tell(config, &receiver.url);
        config.outbound_allow = Vec::new();
        config.limits.webhook_give_up_ms = 0;
    })
    .await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    server.say(&ana, &room, "1", "uno").await;
    // Both are tried and passed over; the place says so.
    let (id, seq) = (room.parse().unwrap(), 2);
    let passed = async {
        while server.app.store.webhook_place("shop", id).await.unwrap() < seq {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, passed).await.unwrap();
    assert!(receiver.arrived.try_recv().is_err(), "nobody was called");
}

/// Nothing is lost by a kill; what came twice has one id; and after a proper stop nothing comes twice.
#[tokio::test]
async fn what_was_said_while_the_address_was_away_arrives_after_a_kill_and_no_text_is_in_the_log() {
    use support::process::{PASSWORD, Setup, make_account};
    let mut receiver = Receiver::start().await;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("zas");
    std::fs::create_dir_all(&data).unwrap();
    let secret = secret_in(folder.path());
    let file = format!(
        "outbound_allow = [\"127.0.0.1\"]\n[limits]\nwebhook_retry_ms = 60000\n[[webhooks]]\nname = \"shop\"\n\
         url = {:?}\nsecret_file = {:?}\nevents = [\"message\"]\n",
        receiver.url,
        secret.to_str().unwrap()
    );
    std::fs::write(data.join("zas.toml"), file).unwrap();
    make_account(&data, "ana");
    make_account(&data, "luis");
    let setup = Setup::new(&data);
    let client = reqwest::Client::new();
    let post = async |path: &str, token: &str, body: Value| -> Value {
        let request = client.post(format!("{}{path}", setup.url())).bearer_auth(token).json(&body);
        request.send().await.unwrap().json().await.unwrap()
    };
    let sign_in = async |login: &str| {
        let form = json!({"login": login, "password": PASSWORD, "device_name": ""});
        post("/v1/auth/login", "", form).await
    };
    let running = setup.start().await;
    let (ana, luis) = (sign_in("ana").await, sign_in("luis").await);
    let token = ana["access"].as_str().unwrap();
    let open = json!({"type": "open_private", "txn_id": "open", "user": luis["me"]["user"]["id"]});
    let room = post("/v1/commands", token, open).await["room"].clone();
    let say = async |n: usize| {
        let text = format!("canario-{n}");
        let ack =
            post("/v1/commands", token, json!({"type": "send", "txn_id": text, "room": room, "text": text}))
                .await;
        assert!(ack["seq"].is_number(), "{ack}");
    };
    // The first try fails, and the next is a minute away: then the process dies.
    receiver.answer(&[503]);
    say(0).await;
    let failed = receiver.next().await;
    for n in 1..20 {
        say(n).await;
    }
    running.kill();
    let running = setup.start().await;
    let mut arrived = vec![receiver.next().await];
    assert_eq!(arrived[0], failed, "what failed comes again with its id");
    for _ in 1..20 {
        arrived.push(receiver.next().await);
    }
    let texts: Vec<_> = arrived.iter().map(|one| one.text().to_owned()).collect();
    assert_eq!(texts, (0..20).map(|n| format!("canario-{n}")).collect::<Vec<_>>());
    running.stop().await;
    let running = setup.start().await;
    say(20).await;
    let next = receiver.next().await;
    assert!(next == arrived[19] || next.text() == "canario-20", "{next:?}");
    running.stop().await;
    let log = setup.log();
    assert!(log.contains("it could not be told"), "{log}");
    assert!(!log.contains("canario"), "no message is in a log");
    assert!(!log.contains(&STANDARD.encode(SECRET)), "nor a secret");
}
