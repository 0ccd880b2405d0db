//! A refresh token is used once. Used again within the grace, by another tab or after a lost answer, it
//! gives the same pair; used again later, somebody holds a copy, and its device is signed out.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Value, json};
use zas_protocol::rest::Tokens;
use zas_protocol::{ErrorCode, Micros};
use zas_server::clock;
use zas_store::REFRESH_GRACE_MS;

use crate::support::{Server, Socket};
use crate::{PASSWORD, is_let_in, next_device, post, register};

const GRACE: Micros = REFRESH_GRACE_MS * 1_000;

async fn refresh(server: &Server, token: &str) -> (u16, Value) {
    post(server, "/v1/auth/refresh", &json!({ "refresh": token })).await
}

async fn refreshed(server: &Server, token: &str) -> Tokens {
    let (status, answer) = refresh(server, token).await;
    assert_eq!(status, 200, "{answer}");
    serde_json::from_value(answer).unwrap()
}

/// Refreshes at a time of one's own.
async fn refresh_at(server: &Server, token: &str, at: Micros) -> Result<Tokens, ErrorCode> {
    let claims = server.app.auth.read_refresh(token, at)?;
    server.app.auth.refresh(claims, at).await.map_err(|error| error.code)
}

#[tokio::test]
async fn each_refresh_token_gives_the_next_and_the_device_stays_the_same() {
    let server = Server::start().await;
    let first = register(&server, "ana").await;
    let mut seen = BTreeSet::from([first.refresh.clone()]);
    let mut last = first.clone();
    for _ in 0..5 {
        last = refreshed(&server, last.refresh.as_deref().unwrap()).await;
        assert_eq!(last.device, first.device);
        assert!(seen.insert(last.refresh.clone()), "a refresh token came twice");
        assert!(is_let_in(&server, &last.access).await);
    }
    let devices = server.app.store.devices(first.me.user.id).await.unwrap();
    assert_eq!(devices.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tabs_that_refresh_at_once_get_the_same_pair() {
    let server = Server::start().await;
    let first = register(&server, "ana").await;
    let token = first.refresh.unwrap();
    let pairs = join_all((0..8).map(|_| refreshed(&server, &token))).await;
    let pairs: BTreeSet<_> = pairs.into_iter().map(|pair| (pair.access, pair.refresh)).collect();
    assert_eq!(pairs.len(), 1, "one successor");
    let (access, next) = pairs.into_iter().next().unwrap();
    assert!(is_let_in(&server, &access).await);
    refreshed(&server, &next.unwrap()).await;
}

#[tokio::test]
async fn a_used_token_gives_its_successor_until_the_grace_is_over_and_then_signs_its_device_out() {
    for (late, ok) in [(GRACE - 1, true), (GRACE, false), (GRACE + 1, false)] {
        let server = Server::start().await;
        let first = register(&server, "ana").await;
        let other = next_device(&server, "ana", PASSWORD).await;
        let token = first.refresh.unwrap();
        let used_at = clock::now();
        let next = refresh_at(&server, &token, used_at).await.unwrap();
        let again = refresh_at(&server, &token, used_at + late).await;
        if ok {
            assert_eq!(again.unwrap().refresh, next.refresh);
            assert!(is_let_in(&server, &next.access).await);
            continue;
        }
        assert_eq!(again, Err(ErrorCode::Revoked), "{late}");
        assert!(!is_let_in(&server, &first.access).await && !is_let_in(&server, &next.access).await);
        let (status, answer) = refresh(&server, &next.refresh.unwrap()).await;
        assert_eq!((status, &answer["code"]), (401, &json!("revoked")), "whoever holds the copy is out too");
        assert!(is_let_in(&server, &other.access).await, "another device stays");
    }
}

#[tokio::test]
async fn a_token_of_two_rotations_ago_cuts_what_its_device_has_open() {
    let server = Server::start().await;
    let first = register(&server, "ana").await;
    let second = refreshed(&server, first.refresh.as_deref().unwrap()).await;
    let third = refreshed(&server, second.refresh.as_deref().unwrap()).await;
    let mut socket = Socket::live(&server.url(""), &third.access).await;
    assert_eq!(refresh(&server, &first.refresh.unwrap()).await.0, 401);
    assert_eq!(socket.until_closed().await, Some(4501));
    assert!(!is_let_in(&server, &third.access).await);
}

#[tokio::test]
async fn a_refresh_token_of_a_disabled_account_gives_nothing_and_enabling_gives_none_back() {
    let server = Server::start().await;
    let tokens = register(&server, "ana").await;
    let refresh_token = tokens.refresh.unwrap();
    assert!(server.app.auth.disable(tokens.me.user.id).await.unwrap());
    assert_eq!(refresh(&server, &refresh_token).await.1["code"], "revoked");
    assert_eq!(crate::sign_in(&server, "ana", PASSWORD).await.0, 400);
    assert!(server.app.auth.enable(tokens.me.user.id).await.unwrap());
    assert_eq!(refresh(&server, &refresh_token).await.1["code"], "revoked");
    assert!(!is_let_in(&server, &tokens.access).await);
    next_device(&server, "ana", PASSWORD).await;
}

#[tokio::test]
async fn a_browser_keeps_its_refresh_token_in_a_cookie_that_only_its_own_page_can_use() {
    let server = Server::start().await;
    register(&server, "ana").await;
    let ask = async |path: &str, headers: &[(&str, &str)], body: Value| {
        let request = server.http.post(server.url(path)).json(&body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = request.send().await.unwrap();
        let set = answer.headers().get("set-cookie").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), set, answer.json::<Value>().await.unwrap_or_default())
    };
    let login = json!({"login": "ana", "password": PASSWORD});
    let (status, set, tokens) = ask("/v1/auth/login", &[("x-zas-cookie", "1")], login).await;
    let set = set.unwrap();
    assert_eq!((status, tokens.get("refresh")), (200, None), "no script sees it");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/v1/auth"] {
        assert!(set.contains(attribute), "{set}");
    }
    let cookie = set.split(';').next().unwrap();
    let (status, set, _) = ask("/v1/auth/refresh", &[("cookie", cookie)], json!({})).await;
    assert_eq!((status, set), (401, None), "a page of another origin can send the cookie, not the header");
    let other = [("cookie", cookie), ("x-zas-cookie", "1"), ("x-zas-profile", "b")];
    let (status, _, nothing) = ask("/v1/auth/refresh", &other, json!({})).await;
    assert_eq!((status, nothing), (204, Value::Null), "another person at the same browser has none yet");
    let own = [("cookie", cookie), ("x-zas-cookie", "1")];
    let (status, set, tokens) = ask("/v1/auth/refresh", &own, json!({})).await;
    assert_eq!((status, tokens.get("refresh")), (200, None));
    let next = set.unwrap();
    assert_ne!(next.split(';').next(), Some(cookie), "it is rotated like any");
    let own = [("cookie", next.split(';').next().unwrap()), ("x-zas-cookie", "1")];
    let (status, set, _) = ask("/v1/auth/logout", &own, json!({})).await;
    assert_eq!(status, 204);
    assert!(set.unwrap().starts_with("zas_refresh=; "), "and it is taken away");
    assert!(!is_let_in(&server, tokens["access"].as_str().unwrap()).await);
}
