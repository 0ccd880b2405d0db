//! One's devices: listed, signed out one by one or all others at once; and what a browser is told
//! that asks, by its cookie, whether it is one of them.
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]
mod support;

use reqwest::Response;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::json;
use support::{Heard, Person, Server};
use zas_protocol::rest::Tokens;
use zas_server::clock;

/// Signs a further device of a person in.
async fn device(server: &Server, person: &Person, name: &str) -> Tokens {
    server.app.auth.open_device(person.id, name, clock::now()).await.unwrap()
}

fn as_person(person: &Person, tokens: &Tokens) -> Person {
    Person { id: person.id, token: tokens.access.clone() }
}

/// Asks for tokens as the web client does, with this refresh token in the cookie.
async fn refresh(server: &Server, cookie: Option<&str>) -> Response {
    let mut request = server.http.post(server.url("/v1/auth/refresh")).header("x-zas-cookie", "1");
    if let Some(token) = cookie {
        request = request.header(COOKIE, format!("zas_refresh={token}"));
    }
    request.json(&json!({})).send().await.unwrap()
}

fn cookie_set(response: &Response) -> Option<String> {
    response.headers().get(SET_COOKIE).map(|value| value.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn all_other_devices_are_signed_out_at_once_and_the_asking_one_stays() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let phone = as_person(&ana, &device(&server, &ana, "Phone").await);
    let tablet = device(&server, &ana, "Tablet").await;
    let luis = server.person("luis").await;
    let mut socket = server.live(&as_person(&ana, &tablet)).await;

    let (_, listed) = server.get(&phone, "/v1/me/devices").await;
    let names: Vec<_> = listed["devices"].as_array().unwrap().iter().map(|one| &one["name"]).collect();
    assert_eq!(names.len(), 3, "{names:?}");

    let ended = server.http.delete(server.url("/v1/me/devices")).bearer_auth(&phone.token);
    assert_eq!(ended.send().await.unwrap().status(), 204);
    let (status, left) = server.get(&phone, "/v1/me/devices").await;
    assert_eq!(status, 200);
    assert_eq!(left["devices"].as_array().unwrap().len(), 1);
    assert_eq!(left["devices"][0]["name"], "Phone");
    assert_eq!(left["devices"][0]["current"], true);
    assert_eq!(server.get(&ana, "/v1/state").await.0, 401);
    assert_eq!(server.get(&luis, "/v1/state").await.0, 200, "another person's device");
    loop {
        if let Heard::Closed(code) = socket.hear().await {
            assert_eq!(code, Some(zas_protocol::CloseCode::Revoked.code()));
            break;
        }
    }
}

#[tokio::test]
async fn a_browser_without_a_cookie_learns_that_nobody_is_here_and_it_is_no_error() {
    let server = Server::start().await;
    let answer = refresh(&server, None).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(cookie_set(&answer), None);
    // Who names no cookie has forgotten the token, and that is an error.
    let bare = server.http.post(server.url("/v1/auth/refresh")).json(&json!({}));
    assert_eq!(bare.send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn a_cookie_that_is_refused_for_good_is_taken_away_and_a_good_one_is_renewed() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let tokens = device(&server, &ana, "Phone").await;
    let cookie = tokens.refresh.clone().unwrap();
    let renewed = refresh(&server, Some(&cookie)).await;
    assert_eq!(renewed.status(), 200);
    assert!(cookie_set(&renewed).unwrap().starts_with("zas_refresh=ey"));

    server.app.auth.sign_out(tokens.device).await.unwrap();
    for refused in [cookie.as_str(), "no.token.of-ours"] {
        let answer = refresh(&server, Some(refused)).await;
        assert_eq!(answer.status(), 401);
        assert!(cookie_set(&answer).unwrap().starts_with("zas_refresh=; Path=/v1/auth; Max-Age=0"));
    }
}
