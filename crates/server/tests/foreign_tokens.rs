//! Tokens of other backends: taken wherever ours are, for whom they name, until they end.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use support::issuer::{Published, Signer, access, part, publish, seconds, with};
use support::{Heard, Server, Socket};
use zas_protocol::{CloseCode, UserId};
use zas_server::auth::keys::Keys;
use zas_server::config::{Config, Issuer};
use zas_server::files::Files;
use zas_server::serve;
use zas_store::{MemoryStore, Secrets};

const UUID: &str = "0b6b2fd4-7a6e-4b7e-9d5c-0a3f6f1f8a11";

/// A server that takes the tokens of a signer, which is home.
async fn home(signer: &Signer, configure: impl FnOnce(&mut Config)) -> Server {
    Server::with(|config| {
        config.issuers = vec![Issuer { home: true, ..signer.issuer("backend", &config.data) }];
        configure(config);
    })
    .await
}

async fn ask(server: &Server, token: &str, path: &str) -> (u16, Value) {
    let answer = server.http.get(server.url(path)).bearer_auth(token).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Who one is to the server.
async fn me(server: &Server, token: &str) -> Value {
    let (status, state) = ask(server, token, "/v1/state").await;
    assert_eq!(status, 200, "{state}");
    let mut who = state["me"]["user"].clone();
    who["email"] = state["me"]["email"].clone();
    who
}

async fn code(server: &Server, token: &str) -> String {
    let (status, answer) = ask(server, token, "/v1/state").await;
    if status == 200 { "ok".to_owned() } else { answer["code"].as_str().unwrap().to_owned() }
}

/// The user id of a token.
async fn id(server: &Server, token: &str) -> UserId {
    me(server, token).await["id"].as_str().unwrap().parse().unwrap()
}

async fn old_socket(server: &Server, room: &str, token: &str) -> Socket {
    let url = format!("ws://{}/ws/chat/{room}/?token={token}", server.address);
    Socket(tokio_tungstenite::connect_async(url).await.unwrap().0)
}

#[tokio::test]
async fn a_token_of_each_algorithm_is_taken_by_every_way_in() {
    let signers = [Signer::hs(), Signer::rs(), Signer::es(), Signer::ed()];
    let published = publish(vec![signers[3].jwk("one")]).await;
    let server = Server::with(|config| {
        config.outbound_allow = vec!["127.0.0.1/32".parse().unwrap()];
        let in_files = signers.iter().take(3).enumerate();
        config.issuers =
            in_files.map(|(n, signer)| signer.issuer(&format!("issuer{n}"), &config.data)).collect();
        let by_url = Issuer::new("issuer3", signers[3].signing());
        config.issuers.push(Issuer { jwks_url: Some(published.1.clone()), ..by_url });
    })
    .await;
    let luis = server.person("luis").await;
    for (n, signer) in signers.iter().enumerate() {
        let token = signer.token(&with(access(7), "username", format!("ana_{n}")));
        let who = me(&server, &token).await;
        assert_eq!(who["username"], format!("ana_{n}"), "{}", signer.alg());
        let ana = support::Person { id: who["id"].as_str().unwrap().parse().unwrap(), token };
        let room = server.private_room(&ana, &luis).await;
        server.say(&ana, &room, "one", "hola").await;
        let mut socket = Socket::live(&server.url(""), &ana.token).await;
        let mut old = old_socket(&server, &room, &ana.token).await;
        old.until("connection_success").await;
        server.say(&luis, &room, &format!("two-{n}"), "qué tal").await;
        assert_eq!(socket.until("event").await["text"], "qué tal");
        assert_eq!(old.until("chat_message").await["message"]["content"], "qué tal");
        let feed = || server.http.post(server.url("/v1/feed")).bearer_auth(&ana.token);
        let poll = feed().json(&json!({"cursor": {}, "wait_ms": 0})).send().await.unwrap();
        assert_eq!(poll.status(), 200);
        let stream = feed().header("accept", "text/event-stream").json(&json!({"cursor": {}})).send().await;
        assert_eq!(stream.unwrap().status(), 200);
        assert_eq!(ask(&server, &ana.token, "/api/messaging/chats/").await.0, 200);
        assert_eq!(ask(&server, &ana.token, "/api/auth/verify/").await.1["valid"], true);
    }
    assert_eq!(server.app.store.count_users().await.unwrap(), 5, "one for each issuer's 7, and luis");
}

#[tokio::test]
async fn the_home_issuer_keeps_its_uuids_and_everybody_else_gets_an_id_of_ours() {
    let (home, other) = (Signer::hs(), Signer::ed());
    let server = Server::with(|config| {
        config.issuers = vec![
            Issuer { home: true, ..home.issuer("home", &config.data) },
            other.issuer("other", &config.data),
        ];
    })
    .await;
    let named = with(with(access(UUID), "username", "Ana"), "display_name", "Ana García");
    let ana = me(&server, &home.token(&with(named, "email", "ana@example.org"))).await;
    assert_eq!(ana["id"], UUID);
    assert_eq!((&ana["username"], &ana["display_name"]), (&json!("ana"), &json!("Ana García")));
    assert_eq!(ana["email"], "ana@example.org");
    // As its database writes them, and without a name.
    assert_eq!(me(&server, &home.token(&access(UUID.replace('-', "")))).await["id"], UUID);
    let stranger = me(&server, &other.token(&access(UUID))).await;
    assert_ne!(stranger["id"], UUID);
    let numbered = me(&server, &home.token(&access(1234))).await;
    assert_eq!(
        (&numbered["username"], &numbered["display_name"]),
        (&json!("user_1234"), &json!("user_1234"))
    );
    assert_eq!(numbered["email"], "");
    assert_eq!(me(&server, &home.token(&access("1234"))).await["id"], numbered["id"]);
    let likewise = me(&server, &other.token(&with(access("1234"), "username", "ana"))).await;
    assert!(likewise["username"].as_str().unwrap().starts_with("ana_"), "{likewise}");
    // An account that was there before, as an import leaves it.
    let eva = server.person("eva").await;
    assert_eq!(me(&server, &home.token(&access(eva.id.to_string()))).await["username"], "eva");
    assert_eq!(server.app.store.count_users().await.unwrap(), 5);
    let form = json!({"login": "user_1234", "password": "!", "device_name": ""});
    let answer = server.http.post(server.url("/v1/auth/login")).json(&form).send().await.unwrap();
    assert_eq!(answer.status(), 400, "there is no password to sign in with");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_first_requests_at_once_make_one_account() {
    let signer = Signer::hs();
    let server = Arc::new(home(&signer, |_| {}).await);
    let asked = (0..16).map(|_| {
        let (server, token) = (server.clone(), signer.token(&with(access(7), "username", "ana")));
        tokio::spawn(async move { me(&server, &token).await["id"].clone() })
    });
    let asked: Vec<_> = asked.collect();
    let mut ids = Vec::new();
    for task in asked {
        ids.push(task.await.unwrap());
    }
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(server.app.store.count_users().await.unwrap(), 1);
}

#[tokio::test]
async fn a_sign_out_or_a_disabled_account_refuses_at_once_and_cuts_what_is_open() {
    let signer = Signer::hs();
    let server = home(&signer, |_| {}).await;
    let luis = server.person("luis").await;
    let token = signer.token(&access(UUID));
    let ana = support::Person { id: id(&server, &token).await, token };
    let room = server.private_room(&ana, &luis).await;
    for disable in [false, true] {
        let claims = with(with(access(UUID), "iat", seconds() + 2), "exp", seconds() + 300);
        let token = if disable { signer.token(&claims) } else { ana.token.clone() };
        let mut socket = Socket::live(&server.url(""), &token).await;
        let mut old = old_socket(&server, &room, &token).await;
        old.until("connection_success").await;
        if disable {
            assert!(server.app.auth.disable(ana.id).await.unwrap());
        } else {
            server.app.auth.sign_out_everywhere(ana.id, None).await.unwrap();
        }
        assert_eq!(socket.until_closed().await, Some(CloseCode::Revoked.code()));
        assert_eq!(old.until_closed().await, Some(4401));
        assert_eq!(code(&server, &token).await, "revoked");
        let mut refused = server.socket().await;
        refused.say(json!({"type": "hello", "token": token, "cursor": {}})).await;
        assert_eq!(refused.until_closed().await, Some(CloseCode::Revoked.code()));
    }
    let later = with(access(UUID), "iat", seconds() + 3);
    assert_eq!(code(&server, &signer.token(&later)).await, "revoked", "the account is disabled");
    assert!(server.app.auth.enable(ana.id).await.unwrap());
    assert_eq!(code(&server, &signer.token(&later)).await, "ok");
    let mut undated = access(UUID);
    undated.as_object_mut().unwrap().remove("iat");
    assert_eq!(code(&server, &signer.token(&undated)).await, "revoked", "nobody knows since when it is");
}

#[tokio::test]
async fn a_sign_out_is_remembered_by_the_next_start() {
    let (signer, folder) = (Signer::hs(), tempfile::tempdir().unwrap());
    let database = format!("sqlite:{}", folder.path().join("zas.sqlite").display());
    let start = || async {
        Server::on_disk(|config| {
            config.issuers = vec![signer.issuer("backend", &config.data)];
            config.database_url = Some(database.clone());
        })
        .await
    };
    let token = signer.token(&access(7));
    let first = start().await;
    let ana = id(&first, &token).await;
    first.app.auth.sign_out_everywhere(ana, None).await.unwrap();
    first.app.store.close().await;
    drop(first);
    let second = start().await;
    assert_eq!(code(&second, &token).await, "revoked");
    let later = signer.token(&with(access(7), "iat", seconds() + 2));
    assert_eq!(id(&second, &later).await, ana);
}

#[tokio::test]
async fn signing_out_the_others_spares_the_one_who_asks() {
    let signer = Signer::hs();
    let server = home(&signer, |_| {}).await;
    let before = signer.token(&with(access(UUID), "iat", seconds() - 9));
    let asking = signer.token(&access(UUID));
    let ana = id(&server, &before).await;
    let native = server.app.auth.open_device(ana, "ours", zas_server::clock::now()).await.unwrap().access;
    let mut others =
        [Socket::live(&server.url(""), &before).await, Socket::live(&server.url(""), &native).await];
    let mut spared = Socket::live(&server.url(""), &asking).await;
    let request = server.http.delete(server.url("/v1/me/devices")).bearer_auth(&asking);
    assert_eq!(request.send().await.unwrap().status(), 204);
    for other in &mut others {
        assert_eq!(other.until_closed().await, Some(CloseCode::Revoked.code()));
    }
    spared.say(json!({"type": "ping", "n": 3})).await;
    assert_eq!(spared.until("pong").await["n"], 3);
    for (token, expected) in [(&before, "revoked"), (&native, "revoked"), (&asking, "ok")] {
        assert_eq!(code(&server, token).await, expected);
    }
}

#[tokio::test]
async fn a_native_connection_ends_with_its_token_unless_a_fresh_one_comes_and_an_old_socket_goes_on() {
    let signer = Signer::hs();
    let server = home(&signer, |_| {}).await;
    let luis = server.person("luis").await;
    // Good for two more seconds of its leeway.
    let short = signer.token(&with(with(access(UUID), "exp", seconds() + 2), "iat", seconds() - 300));
    let ana = support::Person { id: id(&server, &short).await, token: short };
    let room = server.private_room(&ana, &luis).await;
    let mut ending = Socket::live(&server.url(""), &ana.token).await;
    let mut going_on = Socket::live(&server.url(""), &ana.token).await;
    let mut old = old_socket(&server, &room, &ana.token).await;
    old.until("connection_success").await;
    let fresh = signer.token(&access(UUID));
    going_on.say(json!({"type": "refresh", "token": fresh})).await;
    let of_luis = signer.token(&access(luis.id.to_string()));
    let mut taken_over = Socket::live(&server.url(""), &ana.token).await;
    taken_over.say(json!({"type": "refresh", "token": of_luis})).await;
    assert_eq!(taken_over.until_closed().await, Some(CloseCode::Unauthenticated.code()), "another person's");
    assert_eq!(ending.until_closed().await, Some(CloseCode::TokenExpired.code()));
    going_on.say(json!({"type": "ping", "n": 4})).await;
    assert_eq!(going_on.until("pong").await["n"], 4);
    server.say(&luis, &room, "one", "hola").await;
    assert_eq!(old.until("chat_message").await["message"]["content"], "hola");
    assert_eq!(going_on.until("event").await["text"], "hola");
}

/// A server that takes the tokens of whoever publishes there.
async fn by_url(url: &str, refetch_ms: u64) -> Server {
    Server::with(|config| {
        let issuer = Issuer::new("id", zas_server::config::issuers::Signing::EdDsa);
        config.issuers = vec![Issuer { jwks_url: Some(url.to_owned()), ..issuer }];
        config.outbound_allow = vec!["127.0.0.0/8".parse().unwrap()];
        config.limits.jwks_refetch_ms = refetch_ms;
    })
    .await
}

fn under(signer: &Signer, kid: &str) -> String {
    signer.token_under(&json!({"alg": signer.alg(), "kid": kid}), &access(7))
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once_in_a_while_however_many_tokens_name_one() {
    let (one, two) = (Signer::ed(), Signer::ed());
    let (published, url) = publish(vec![one.jwk("one")]).await;
    let server = by_url(&url, 3_600_000).await;
    assert_eq!(published.asked(), 0, "nothing is fetched before a token is shown");
    assert_eq!(code(&server, &under(&one, "one")).await, "ok");
    published.put(vec![one.jwk("one"), two.jwk("two")]);
    for n in 0..20 {
        assert_eq!(code(&server, &under(&two, &format!("key-{n}"))).await, "unauthenticated");
    }
    assert_eq!(code(&server, &under(&two, "two")).await, "unauthenticated", "it is not due yet");
    assert_eq!(code(&server, &under(&one, "one")).await, "ok");
    assert_eq!(published.asked(), 1);
}

#[tokio::test]
async fn keys_rotate_and_the_old_ones_stay_while_the_issuer_is_away() {
    let (one, two, three) = (Signer::ed(), Signer::ed(), Signer::ed());
    let (published, url) = publish(vec![one.jwk("one")]).await;
    let server = by_url(&url, 0).await;
    assert_eq!(code(&server, &under(&one, "one")).await, "ok");
    published.put(vec![two.jwk("two")]);
    assert_eq!(code(&server, &under(&two, "two")).await, "ok", "a new key is found by its first token");
    assert_eq!(
        code(&server, &under(&one, "one")).await,
        "unauthenticated",
        "what is published no more is over"
    );
    assert_eq!(code(&server, &under(&three, "two")).await, "unauthenticated");
    assert_eq!(code(&server, &two.token(&access(7))).await, "ok", "a token need not name its key");
    published.away.store(true, Ordering::Relaxed);
    let asked = published.asked();
    assert_eq!(code(&server, &under(&two, "two")).await, "ok", "what is known is good meanwhile");
    assert_eq!(code(&server, &under(&three, "three")).await, "overloaded", "nobody can tell now");
    assert!(published.asked() > asked);
    published.put(vec![two.jwk("two"), three.jwk("three")]);
    published.away.store(false, Ordering::Relaxed);
    assert_eq!(code(&server, &under(&three, "three")).await, "ok");
}

#[tokio::test]
async fn an_issuer_inside_is_not_called_unless_it_is_listed() {
    let one = Signer::ed();
    let (published, url): (Arc<Published>, String) = publish(vec![one.jwk("one")]).await;
    let server = Server::with(|config| {
        let issuer = Issuer::new("id", one.signing());
        config.issuers = vec![Issuer { jwks_url: Some(url), ..issuer }];
    })
    .await;
    assert_eq!(code(&server, &under(&one, "one")).await, "overloaded");
    assert_eq!(published.asked(), 0);
}

#[test]
fn an_issuer_without_a_good_key_stops_the_start() {
    let data = tempfile::tempdir().unwrap();
    let signer = Signer::Hs(b"thirty-one bytes are not enough".to_vec());
    let mut config = Config::new(data.path());
    config.issuers = vec![signer.issuer("backend", data.path())];
    let keys = Keys::random();
    let secrets =
        Secrets { fingerprint_key: keys.fingerprint(), entropy: Box::new(zas_server::clock::random::<10>) };
    let files = Arc::new(Files::open(data.path(), &keys, config.limits.clone()).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let (_drain, draining) = tokio::sync::watch::channel(false);
    let started = serve::assemble(config, keys, Arc::new(MemoryStore::new(secrets)), files, draining);
    let why = started.err().unwrap().to_string();
    assert!(why.starts_with("issuer backend: ") && why.contains("32 bytes"), "{why}");
}

/// A team sets two variables.
#[tokio::test]
async fn two_variables_let_a_django_team_in() {
    let (signer, data) = (Signer::hs(), tempfile::tempdir().unwrap());
    let key = signer.issuer("django", data.path()).key_file.unwrap();
    let setup = support::process::Setup::new(&data.path().join("zas"))
        .environment("ZAS_ISSUER_KEY_FILE", key.to_str().unwrap())
        .environment("ZAS_ISSUER_HOME", "true");
    let running = setup.start().await;
    let token = signer.token(&access(UUID));
    let state =
        reqwest::Client::new().get(format!("{}/v1/state", setup.url())).bearer_auth(&token).send().await;
    let state: Value = state.unwrap().json().await.unwrap();
    assert_eq!(state["me"]["user"]["id"], UUID);
    let payload = part(access(UUID).to_string());
    let unsigned = format!("{}.{payload}.", part(r#"{"alg":"none"}"#));
    let refused =
        reqwest::Client::new().get(format!("{}/v1/state", setup.url())).bearer_auth(&unsigned).send();
    assert_eq!(refused.await.unwrap().status(), 401);
    running.stop().await;
    assert!(!setup.log().contains(&token), "no token is in the log");
}

#[tokio::test]
async fn a_token_of_nobody_we_know_is_refused_by_its_first_frame() {
    let server = home(&Signer::hs(), |_| {}).await;
    let mut socket = server.socket().await;
    socket.say(json!({"type": "hello", "token": Signer::hs().token(&access(UUID)), "cursor": {}})).await;
    match socket.hear().await {
        Heard::Closed(code) => assert_eq!(code, Some(CloseCode::Unauthenticated.code())),
        Heard::Frame(frame) => assert_eq!(frame["code"], "unauthenticated"),
    }
    assert_eq!(server.app.store.count_users().await.unwrap(), 0);
}
