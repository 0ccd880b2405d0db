//! The server-side API: what who holds a key may do, and what nobody else may.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::issuer::{Signer, access, seconds, with};
use support::{Person, Server, Socket};
use zas_protocol::CloseCode;
use zas_protocol::limits::SERVER_BATCH;
use zas_server::clock;
use zas_server::config::Config;
use zas_server::router;

/// A server with an issuer, and a key for its backend.
struct Stage {
    server: Server,
    signer: Signer,
    key: String,
}

impl Stage {
    async fn start() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        let signer = Signer::hs();
        let server = Server::with(|config| {
            config.issuers = vec![signer.issuer("backend", &config.data)];
            configure(config);
        })
        .await;
        let key = server.app.auth.api_keys().create("backend", clock::now()).await.unwrap().unwrap();
        Self { server, signer, key }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.ask_with(Some(&self.key), method, path, body).await
    }

    async fn ask_with(&self, key: Option<&str>, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = self.server.url(&format!("/v1/server/{path}"));
        let request = self.server.http.request(method.parse().unwrap(), url).json(&body);
        let request = key.into_iter().fold(request, |request, key| request.bearer_auth(key));
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn does(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, path, body.clone()).await;
        assert!(status < 300, "{method} {path} {body}: {status} {answer}");
        answer
    }

    /// Somebody of the backend's, with a token of its.
    async fn person(&self, subject: &str) -> Person {
        let user = json!({"issuer": "backend", "subject": subject, "username": format!("u{subject}")});
        let answer = self.does("POST", "users", json!({"users": [user]})).await;
        let id = answer["users"][0]["id"].as_str().unwrap().parse().unwrap();
        Person { id, token: self.signer.token(&access(subject)) }
    }

    async fn group(&self, members: &[&Person]) -> String {
        let members: Vec<Value> = members.iter().map(|person| json!({"id": person.id})).collect();
        let body = json!({"txn_id": "group-1", "kind": "group", "name": "Grupo", "members": members});
        self.does("POST", "rooms", body).await["room"].as_str().unwrap().to_owned()
    }
}

fn by_subject(subject: &str) -> Value {
    json!({"issuer": "backend", "subject": subject})
}

/// Who is in, as what, in the order of `people`; `-` for who is not.
fn roles(answer: &Value, people: &[&Person]) -> String {
    let members = answer["members"].as_array().unwrap();
    let role = |person: &&Person| {
        let found = members.iter().find(|member| member["user"] == person.id.to_string());
        found.map_or('-', |member| member["role"].as_str().unwrap().chars().next().unwrap())
    };
    people.iter().map(role).collect()
}

#[tokio::test]
async fn no_route_opens_to_anything_but_a_key_and_a_key_opens_no_other() {
    let stage = Stage::with(|config| config.limits.sign_ins_per_minute = 1_000).await;
    let ana = stage.person("1").await;
    let revoked = stage.server.app.auth.api_keys().create("old", clock::now()).await.unwrap().unwrap();
    assert_eq!(stage.ask_with(Some(&revoked), "POST", "users", json!({"users": []})).await.0, 200);
    assert!(stage.server.app.auth.api_keys().revoke("old").await.unwrap());
    let other = if stage.key.ends_with('A') { "B" } else { "A" };
    let almost = format!("{}{other}", &stage.key[..stage.key.len() - 1]);
    let native = stage.server.app.auth.open_device(ana.id, "x", clock::now()).await.unwrap().access;
    let body = stage.key.trim_start_matches("zas_sk_").to_owned();
    let bad = ["", "zas_sk_", &revoked, &almost, &ana.token, &native, &body, &format!("{}A", stage.key)];
    let document = serde_json::to_value(router::openapi()).unwrap();
    let mut routes = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let full = path.replace(['{', '}'], "");
            if let Some(path) = full.strip_prefix("/v1/server/") {
                routes.insert(format!("{method} {path}"));
                for key in bad.iter().map(|key| Some(*key)).chain([None]) {
                    let (status, answer) = stage.ask_with(key, &method.to_uppercase(), path, json!({})).await;
                    assert_eq!((status, &answer["code"]), (401, &json!("unauthenticated")), "{full} {key:?}");
                }
                let (status, _) = stage.ask(&method.to_uppercase(), path, json!({"no": "such"})).await;
                assert!((400..=404).contains(&status) && status != 401, "{method} {full}: {status}");
            } else if full.starts_with("/v1/") && !full.starts_with("/v1/auth/") {
                let request = stage
                    .server
                    .http
                    .request(method.to_uppercase().parse().unwrap(), stage.server.url(&full));
                let status = request.bearer_auth(&stage.key).json(&json!({})).send().await.unwrap().status();
                let open = ["/v1/ws", "/v1/demo/session"].contains(&full.as_str());
                assert_eq!(status == 401, !open, "{method} {full}: {status}");
            }
        }
    }
    assert_eq!(routes.len(), 6, "{routes:?}");
    let mut socket = stage.server.socket().await;
    socket.say(json!({"type": "hello", "token": stage.key, "cursor": {}})).await;
    assert_eq!(socket.until_closed().await, Some(CloseCode::Unauthenticated.code()));
}

#[tokio::test]
async fn people_are_made_named_disabled_and_enabled_and_again_nothing_changes() {
    let stage = Stage::start().await;
    let ana = json!({"issuer": "backend", "subject": "1", "username": "ana", "display_name": "Ana",
        "email": "ana@example.org"});
    let first = stage.does("POST", "users", json!({"users": [ana, by_subject("2")]})).await;
    assert_eq!(
        (&first["users"][0]["username"], &first["users"][1]["username"]),
        (&json!("ana"), &json!("user_2"))
    );
    assert_eq!(first, stage.does("POST", "users", json!({"users": [ana, by_subject("2")]})).await);
    let token = stage.signer.token(&access(1));
    let (_, state) = stage
        .server
        .get(&Person { id: stage.server.person("x").await.id, token: token.clone() }, "/v1/state")
        .await;
    assert_eq!(state["me"]["user"]["id"], first["users"][0]["id"]);
    assert_eq!(state["me"]["email"], "ana@example.org");
    let ana_id = state["me"]["user"]["id"].clone();

    let mut socket = Socket::live(&stage.server.url(""), &token).await;
    let mixed = json!({"users": [
        {"id": ana_id, "display_name": "Ana García"},
        {"id": ana_id, "display_name": ""},
        {"issuer": "nobody", "subject": "1"},
        {"issuer": "backend", "subject": ""},
        {"issuer": "backend"},
        {"id": ana_id, "issuer": "backend", "subject": "1"},
        {"id": "00000000-0000-8000-8000-007a61730000"},
        {"issuer": "zas", "subject": "server"},
        {"id": ana_id, "active": false},
    ]});
    let answer = stage.does("POST", "users", mixed).await;
    let codes: Vec<_> = answer["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["error"].as_str().unwrap_or("-"))
        .collect();
    let bad = "bad_request";
    assert_eq!(codes, ["-", "name_invalid", "not_found", bad, bad, bad, "not_found", "not_found", "-"]);
    assert_eq!(answer["users"][8]["active"], false);
    assert_eq!(socket.until_closed().await, Some(CloseCode::Revoked.code()));
    let row = stage.server.app.store.user_by_login("ana").await.unwrap().unwrap();
    assert_eq!((row.user.display_name.as_str(), row.active), ("Ana García", false));
    stage.does("POST", "users", json!({"users": [{"id": ana_id, "active": true}]})).await;
    let later = stage.signer.token(&with(access(1), "iat", seconds() + 2));
    assert_eq!(stage.server.get(&Person { id: row.user.id, token: later }, "/v1/state").await.0, 200);
}

#[tokio::test]
async fn rooms_are_made_once_and_their_members_become_who_is_named() {
    let stage = Stage::start().await;
    let (ana, luis, eva) = (stage.person("1").await, stage.person("2").await, stage.person("3").await);
    let people = [&ana, &luis, &eva];
    let room = stage.group(&[&ana, &luis]).await;
    assert_eq!(stage.group(&[&ana, &luis]).await, room, "the same again is the same room");
    let other = json!({"txn_id": "group-1", "kind": "group", "name": "Otro", "members": [by_subject("1"), by_subject("2")]});
    let (status, conflict) = stage.ask("POST", "rooms", other).await;
    assert_eq!((status, &conflict["first"]["room"]), (409, &json!(room)));
    let private = |txn_id: &str, one: &str, two: &str| json!({"txn_id": txn_id, "kind": "private", "members": [by_subject(one), by_subject(two)]});
    let aside = stage.does("POST", "rooms", private("p1", "1", "3")).await["room"].clone();
    assert_eq!(stage.does("POST", "rooms", private("p2", "3", "1")).await["room"], aside);

    let mut socket = Socket::live(&stage.server.url(""), &eva.token).await;
    let path = format!("rooms/{room}/members");
    let set = async |members: Value| stage.does("PUT", &path, json!({ "members": members })).await;
    let all = json!([{"user": by_subject("1")}, {"user": by_subject("2"), "role": "admin"}, {"user": by_subject("3")}]);
    assert_eq!(roles(&set(all.clone()).await, &people), "oam");
    socket.until("event").await;
    let before = stage.server.app.store.log_after(room.parse().unwrap(), 0, 99).await.unwrap().len();
    assert_eq!(roles(&set(all).await, &people), "oam");
    let after = stage.server.app.store.log_after(room.parse().unwrap(), 0, 99).await.unwrap().len();
    assert_eq!(before, after, "again, nothing happened");
    let passed =
        json!([{"user": by_subject("3"), "role": "owner"}, {"user": by_subject("1"), "role": "member"}]);
    assert_eq!(roles(&set(passed).await, &people), "m-o");
    let change = json!({"put": [{"user": {"id": luis.id}, "role": "admin"}], "remove": [by_subject("3"), by_subject("3")]});
    assert_eq!(
        roles(&stage.does("POST", &path, change).await, &people),
        "mo-",
        "an admin is heir of the owner"
    );
    // Whose owner is disabled as well.
    stage.does("POST", "users", json!({"users": [{"id": luis.id, "active": false}]})).await;
    assert_eq!(roles(&set(json!([{"user": by_subject("1")}])).await, &people), "o--");

    for (path, body, expected) in [
        (format!("rooms/{room}/members"), json!({"members": []}), 400),
        (format!("rooms/{room}/members"), json!({"members": [{"user": by_subject("9")}]}), 404),
        (
            format!("rooms/{}/members", aside.as_str().unwrap()),
            json!({"members": [{"user": by_subject("1")}]}),
            403,
        ),
        (format!("rooms/{}/members", ana.id), json!({"members": [{"user": by_subject("1")}]}), 404),
        (format!("rooms/{}/members", eva.token.len()), json!({"members": [{"user": by_subject("1")}]}), 404),
    ] {
        assert_eq!(stage.ask("PUT", &path, body.clone()).await.0, expected, "{path} {body}");
    }
    for body in [
        json!({"txn_id": "g", "kind": "group", "members": [by_subject("1"), by_subject("3")]}),
        json!({"txn_id": "g", "kind": "group", "name": "x", "members": []}),
        json!({"txn_id": "g", "kind": "group", "name": "x", "members": [by_subject("1")]}),
        json!({"txn_id": "g", "kind": "self", "members": [by_subject("1")]}),
        json!({"txn_id": "g", "kind": "private", "members": [by_subject("1")]}),
        json!({"txn_id": "g", "kind": "private", "members": [by_subject("1"), by_subject("1")]}),
        json!({"txn_id": "g", "kind": "private", "name": "x", "members": [by_subject("1"), by_subject("3")]}),
        json!({"txn_id": "no name", "kind": "private", "members": [by_subject("1"), by_subject("3")]}),
    ] {
        assert_eq!(stage.ask("POST", "rooms", body.clone()).await.0, 400, "{body}");
    }
}

#[tokio::test]
async fn the_server_speaks_for_itself_and_for_members_and_a_repetition_says_nothing_twice() {
    let stage = Stage::start().await;
    let (ana, luis, eva) = (stage.person("1").await, stage.person("2").await, stage.person("3").await);
    let room = stage.group(&[&ana, &luis]).await;
    let mut socket = Socket::live(&stage.server.url(""), &ana.token).await;
    let path = format!("rooms/{room}/messages");
    let welcome = json!({"txn_id": "welcome", "text": "  Bienvenidos  "});
    let ack = stage.does("POST", &path, welcome.clone()).await;
    assert_eq!(ack, stage.does("POST", &path, welcome).await);
    let heard = socket.until("event").await;
    assert_eq!((&heard["text"], &heard["label"]), (&json!("Bienvenidos"), &json!("system")));
    let (_, system) =
        stage.server.get(&ana, &format!("/v1/users/{}", heard["sender"].as_str().unwrap())).await;
    assert_eq!(system["username"], "system");
    stage.does("POST", &path, json!({"txn_id": "hola", "text": "hola", "from": by_subject("2")})).await;
    let heard = socket.until("event").await;
    assert_eq!((&heard["sender"], &heard["label"]), (&json!(luis.id), &Value::Null));
    let (status, _) =
        stage.ask("POST", &path, json!({"txn_id": "x", "text": "x", "from": {"id": eva.id}})).await;
    assert_eq!(status, 404, "who is not in says nothing there");
    let own_log = format!("rooms/{}/messages", ana.id);
    assert_eq!(stage.ask("POST", &own_log, json!({"txn_id": "y", "text": "y"})).await.0, 404);
    let (status, answer) = stage.ask("POST", &path, json!({"txn_id": "welcome", "text": "otro"})).await;
    assert_eq!((status, &answer["code"]), (409, &json!("txn_conflict")));
    for (text, code) in [("", "text_blank"), (&"x".repeat(4_001), "text_too_long")] {
        let (status, answer) = stage.ask("POST", &path, json!({"txn_id": "z", "text": text})).await;
        assert_eq!((status, &answer["code"]), (400, &json!(code)));
    }
    // Nobody takes the server's name, by whatever token.
    let forged = stage.signer.token(&access("00000000-0000-8000-8000-007a61730000"));
    let (_, state) = stage.server.get(&Person { id: ana.id, token: forged }, "/v1/state").await;
    assert_ne!(state["me"]["user"]["id"], "00000000-0000-8000-8000-007a61730000");
}

#[tokio::test]
async fn a_sign_out_ends_every_session_of_somebody_at_once() {
    let stage = Stage::start().await;
    let ana = stage.person("1").await;
    let native = stage.server.app.auth.open_device(ana.id, "x", clock::now()).await.unwrap().access;
    let mut sockets = [
        Socket::live(&stage.server.url(""), &ana.token).await,
        Socket::live(&stage.server.url(""), &native).await,
    ];
    stage.does("POST", "sign-out", json!({"user": by_subject("1")})).await;
    for socket in &mut sockets {
        assert_eq!(socket.until_closed().await, Some(CloseCode::Revoked.code()));
    }
    for token in [&ana.token, &native] {
        let (status, _) = stage.server.get(&Person { id: ana.id, token: token.clone() }, "/v1/state").await;
        assert_eq!(status, 401);
    }
    assert_eq!(stage.ask("POST", "sign-out", json!({"user": by_subject("9")})).await.0, 404);
}

#[tokio::test]
async fn a_request_names_a_hundred_people_and_no_more() {
    let stage = Stage::start().await;
    for (count, expected) in [(SERVER_BATCH - 1, 200), (SERVER_BATCH, 200), (SERVER_BATCH + 1, 413)] {
        let users: Vec<Value> = (0..count).map(|n| by_subject(&n.to_string())).collect();
        assert_eq!(stage.ask("POST", "users", json!({ "users": users })).await.0, expected, "{count}");
    }
    let (ana, luis) = (stage.person("1").await, stage.person("2").await);
    let path = format!("rooms/{}/members", stage.group(&[&ana, &luis]).await);
    for (count, expected) in [(SERVER_BATCH, 200), (SERVER_BATCH + 1, 413)] {
        let gone = vec![by_subject("90"); count];
        assert_eq!(stage.ask("POST", &path, json!({ "remove": gone })).await.0, expected, "{count}");
    }
}

#[tokio::test]
async fn so_many_requests_pass_with_a_key_and_no_more() {
    let stage = Stage::with(|config| config.limits.server_requests_per_minute = 5).await;
    let ask = async || stage.ask("POST", "users", json!({"users": []})).await.0;
    for _ in 0..5 {
        assert_eq!(ask().await, 200);
    }
    assert_eq!(ask().await, 429);
    let other = stage.server.app.auth.api_keys().create("other", clock::now()).await.unwrap().unwrap();
    let (status, _) = stage.ask_with(Some(&other), "POST", "users", json!({"users": []})).await;
    assert_eq!(status, 200, "another key has all of its own");
}

#[tokio::test]
async fn guesses_cost_their_address_its_attempts_to_sign_in() {
    let stage = Stage::with(|config| config.limits.sign_ins_per_minute = 3).await;
    let guess = async |key: &str| stage.ask_with(Some(key), "POST", "users", json!({"users": []})).await.0;
    for _ in 0..3 {
        assert_eq!(guess("zas_sk_guess").await, 401);
    }
    assert_eq!(guess("zas_sk_guess").await, 429);
    assert_eq!(guess(&stage.key).await, 200, "who has the key is not held up");
}

/// At the prompt, with the server stopped and running.
#[tokio::test]
async fn keys_are_made_listed_and_revoked_at_the_prompt() {
    use support::process::{Setup, zas};
    let data = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let done = zas(data.path()).arg("keys").args(words).output().unwrap();
        (done.status.success(), String::from_utf8(done.stdout).unwrap().trim().to_owned())
    };
    let (made, key) = run(&["create", "shop"]);
    assert!(made && key.starts_with("zas_sk_") && key.len() == 50, "{key}");
    assert!(!run(&["create", "shop"]).0, "its name is in use");
    assert!(!run(&["create", "My Shop"]).0);
    let (_, list) = run(&["list"]);
    assert!(list.starts_with("shop ") && !list.contains(&key), "{list}");
    let setup = Setup::new(data.path()).with_metrics();
    let running = setup.start().await;
    let client = reqwest::Client::new();
    let url = format!("{}/v1/server/users", setup.url());
    let ask = async || {
        client.post(&url).bearer_auth(&key).json(&json!({"users": []})).send().await.unwrap().status()
    };
    assert_eq!(ask().await, 200);
    let metrics = setup.metrics_address();
    let mut revoke = zas(data.path());
    revoke.args(["keys", "revoke", "shop"]).env("ZAS_METRICS_LISTEN", metrics);
    let revoked = tokio::task::spawn_blocking(move || revoke.output().unwrap()).await.unwrap();
    assert!(revoked.status.success(), "{revoked:?}");
    assert_eq!(ask().await, 401);
    running.stop().await;
    assert!(!setup.log().contains(&key), "no key is in a log");
}
