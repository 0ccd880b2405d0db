//! Signing in, changing the password, and how often one may try.

use futures_util::future::join_all;
use futures_util::poll;
use serde_json::{Value, json};
use zas_protocol::ErrorCode;
use zas_protocol::rest::{ChangePassword, Login};
use zas_server::clock;
use zas_store::PasswordHash;

use crate::support::{Person, Server};
use crate::{PASSWORD, is_let_in, next_device, post, register, sign_in};

const NEXT_PASSWORD: &str = "otra frase de paso";

fn without_id(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("request_id");
    answer
}

#[tokio::test]
async fn a_wrong_password_an_unknown_name_and_a_disabled_account_are_refused_in_the_same_words() {
    let server = Server::start().await;
    register(&server, "ana").await;
    let gone = register(&server, "luis").await;
    server.app.auth.disable(gone.me.user.id).await.unwrap();
    let mut answers = Vec::new();
    for (name, password) in [("ana", "not the one"), ("nadie", PASSWORD), ("luis", PASSWORD), ("", "")] {
        let (status, answer) = sign_in(&server, name, password).await;
        assert_eq!(status, 400, "{name}");
        answers.push(without_id(answer));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0]["code"], "bad_credentials");
    for name in ["ana", "ANA", "@ana", " Ana@Example.ORG "] {
        assert_eq!(sign_in(&server, name, PASSWORD).await.0, 200, "{name}");
    }
}

#[tokio::test]
async fn a_changed_password_signs_other_devices_out_and_only_who_knows_the_old_one_changes_it() {
    let server = Server::start().await;
    let here = register(&server, "ana").await;
    let other = next_device(&server, "ana", PASSWORD).await;
    let me = Person { id: here.me.user.id, token: here.access.clone() };
    for (form, code) in [
        (json!({"current": "not the one", "new": NEXT_PASSWORD}), "bad_credentials"),
        (json!({"current": PASSWORD, "new": "short"}), "password_invalid"),
    ] {
        let (status, answer) = server.post(&me, "/v1/auth/password", form).await;
        assert_eq!((status, &answer["code"]), (400, &json!(code)));
        assert!(is_let_in(&server, &other.access).await, "{code} changes nothing");
    }
    let form = json!({"current": PASSWORD, "new": NEXT_PASSWORD});
    assert_eq!(server.post(&me, "/v1/auth/password", form).await.0, 204);
    assert!(is_let_in(&server, &here.access).await, "who changed it stays");
    assert!(!is_let_in(&server, &other.access).await);
    let refresh = json!({ "refresh": other.refresh });
    assert_eq!(post(&server, "/v1/auth/refresh", &refresh).await.0, 401);
    assert_eq!(sign_in(&server, "ana", PASSWORD).await.0, 400);
    assert_eq!(sign_in(&server, "ana", NEXT_PASSWORD).await.0, 200);
}

/// Checking a password takes a while: what became of the account meanwhile counts.
#[tokio::test]
async fn who_was_signing_in_while_the_password_changed_or_the_account_was_disabled_is_not_let_in() {
    for disabling in [false, true] {
        let server = Server::start().await;
        let auth = &server.app.auth;
        let here = register(&server, "ana").await;
        let user = here.me.user.id;
        let form =
            Login { login: "ana".to_owned(), password: PASSWORD.to_owned(), device_name: String::new() };
        let mut signing_in = Box::pin(auth.sign_in(form, clock::now()));
        assert!(poll!(&mut signing_in).is_pending(), "the password is being checked");
        if disabling {
            assert!(auth.disable(user).await.unwrap());
        } else {
            let identity = auth.authenticate(&here.access, clock::now()).await.unwrap();
            let form = ChangePassword { current: PASSWORD.to_owned(), new: NEXT_PASSWORD.to_owned() };
            auth.change_password(&identity, form).await.unwrap();
        }
        let refused = signing_in.await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::BadCredentials, "disabling: {disabling}");
        assert!(auth.enable(user).await.unwrap());
        let devices = server.app.store.devices(user).await.unwrap();
        assert_eq!(devices.len(), usize::from(!disabling), "only the device that changed the password");
    }
}

/// Of `correct horse`, made as Django makes it.
const DJANGO: &str = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";

#[tokio::test]
async fn a_password_kept_by_django_signs_in_and_is_kept_as_ours_from_then_on() {
    let server = Server::start().await;
    let store = &server.app.store;
    let user = register(&server, "ana").await.me.user.id;
    let kept = async || store.user(user).await.unwrap().unwrap().password_hash.0;
    store.set_password(user, PasswordHash(DJANGO.to_owned())).await.unwrap();
    for wrong in ["correct hors", PASSWORD, DJANGO] {
        assert_eq!(sign_in(&server, "ana", wrong).await.0, 400, "{wrong}");
        assert_eq!(kept().await, DJANGO);
    }
    // All of them know the password, so whoever replaces the hash first shuts no other out.
    let tries = join_all((0..4).map(|_| sign_in(&server, "ana", "correct horse"))).await;
    assert!(tries.iter().all(|(status, _)| *status == 200), "{tries:?}");
    let ours = kept().await;
    assert!(ours.starts_with("$argon2id$"), "{ours}");
    assert_eq!(sign_in(&server, "ana", "correct horse").await.0, 200);
    assert_eq!(kept().await, ours, "replaced once");
    assert_eq!(sign_in(&server, "ana", "correct hors").await.0, 400);

    store.set_password(user, PasswordHash("!kHn2".to_owned())).await.unwrap();
    for none in ["", "!", "!kHn2", "correct horse"] {
        assert_eq!(sign_in(&server, "ana", none).await.0, 400, "{none}");
    }
}

/// Each hash takes 19 MiB and a core: two are made at once, and 32 wait (P15).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sign_ins_beyond_what_can_wait_are_refused_and_every_other_is_answered() {
    let server = Server::with(|config| config.limits.sign_ins_per_minute = 10_000).await;
    let tries = join_all((0..80).map(|_| sign_in(&server, "nadie", PASSWORD))).await;
    let refused = tries.iter().filter(|(status, _)| *status == 503).count();
    let answered = tries.iter().filter(|(status, _)| *status == 400).count();
    assert_eq!(refused + answered, tries.len(), "{tries:?}");
    assert!(answered >= 34, "{answered} answered");
    assert!(refused > 0, "none refused");
    let (_, refusal) = tries.iter().find(|(status, _)| *status == 503).unwrap();
    assert_eq!(refusal["code"], "overloaded");
    assert!(refusal["retry_after_ms"].as_u64().unwrap() > 0);
    assert_eq!(sign_in(&server, "nadie", PASSWORD).await.0, 400, "and it goes on");
}

#[tokio::test]
async fn one_address_tries_so_often_a_minute_over_all_doors_and_another_is_not_held_up() {
    for door in ["/v1/auth/login", "/api/auth/login/", "/v1/auth/register", "/api/auth/register/"] {
        let server = Server::with(|config| {
            config.limits.sign_ins_per_minute = 4;
            config.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        })
        .await;
        let form = json!({
            "login": "nadie", "password": "x", "password_confirm": "x", "username": "x", "email": "x",
        });
        let ask = async |path: &str, from: &str| {
            let request = server.http.post(server.url(path)).header("x-forwarded-for", from).json(&form);
            request.send().await.unwrap()
        };
        for path in ["/v1/auth/login", "/api/auth/login/", "/v1/auth/register", "/api/auth/register/"] {
            assert_eq!(ask(path, "203.0.113.7").await.status(), 400, "{path} is within the limit");
        }
        let refused = ask(door, "203.0.113.7").await;
        assert_eq!(refused.status(), 429, "{door}");
        let wait: u64 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        assert_eq!(ask(door, "203.0.113.8").await.status(), 400, "another address");
        let forged = ask(door, "198.51.100.1, 203.0.113.7").await;
        assert_eq!(forged.status(), 429, "what a client puts before the proxy's own word counts for nothing");
    }
}

/// By the old contract's door too: a refresh is a read of whoever's token it is.
#[tokio::test]
async fn refreshing_costs_reads_by_both_contracts() {
    for path in ["/v1/auth/refresh", "/api/auth/refresh/"] {
        let server = Server::with(|config| config.limits.reads_per_minute = 3).await;
        let mut refresh = json!(register(&server, "ana").await.refresh);
        for _ in 0..3 {
            let (status, mut answer) = post(&server, path, &json!({ "refresh": refresh })).await;
            assert_eq!(status, 200, "{path}");
            refresh = answer["refresh"].take();
        }
        assert_eq!(post(&server, path, &json!({ "refresh": refresh })).await.0, 429, "{path}");
    }
}

#[tokio::test]
async fn guessing_ones_password_by_changing_it_counts_as_signing_in() {
    let server = Server::with(|config| config.limits.sign_ins_per_minute = 4).await;
    let here = register(&server, "ana").await;
    let me = Person { id: here.me.user.id, token: here.access };
    let guess = json!({"current": "a guess", "new": NEXT_PASSWORD});
    for _ in 0..3 {
        assert_eq!(server.post(&me, "/v1/auth/password", guess.clone()).await.0, 400);
    }
    assert_eq!(server.post(&me, "/v1/auth/password", guess).await.0, 429);
}
