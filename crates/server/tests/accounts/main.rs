//! Accounts, their devices and their tokens: who gets in, for how long, and how that ends.
//!
//! | module | what |
//! |---|---|
//! | [`forged`] | tokens that are none of ours, on every rung |
//! | [`forged_foreign`] | the same of other backends' tokens |
//! | [`refresh`] | rotation, its grace, and a token that is used twice |
//! | [`ends`] | every way out, and what it cuts |
//! | [`passwords`] | signing in, changing the password, and how often one may try |
//! | [`orders`] | what an administrator orders |
//! | [`canary`] | no token, password or message in a log or a metric |
//! | [`logs`] | all that this process logs |
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

#[path = "../support/mod.rs"]
mod support;

mod canary;
mod ends;
mod forged;
mod forged_foreign;
mod logs;
mod orders;
mod passwords;
mod refresh;

use serde_json::{Value, json};
use support::Server;
use zas_protocol::rest::Tokens;

const PASSWORD: &str = "una frase de paso";

/// An account made as its owner makes it, with its first device.
async fn register(server: &Server, name: &str) -> Tokens {
    let form = json!({
        "username": name, "email": format!("{name}@example.org"), "password": PASSWORD, "device_name": "first",
    });
    let answer = server.http.post(server.url("/v1/auth/register")).json(&form).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{name}");
    answer.json().await.unwrap()
}

/// Signs in; the status, and the tokens or why not.
async fn sign_in(server: &Server, name: &str, password: &str) -> (u16, Value) {
    post(server, "/v1/auth/login", &json!({"login": name, "password": password, "device_name": "next"})).await
}

/// Another device of somebody.
async fn next_device(server: &Server, name: &str, password: &str) -> Tokens {
    let (status, tokens) = sign_in(server, name, password).await;
    assert_eq!(status, 200, "{tokens}");
    serde_json::from_value(tokens).unwrap()
}

/// Asks without a token.
async fn post(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let answer = server.http.post(server.url(path)).json(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap_or_default())
}

/// Whether an access token lets in.
async fn is_let_in(server: &Server, access: &str) -> bool {
    let answer = server.http.get(server.url("/v1/state")).bearer_auth(access).send().await.unwrap();
    match answer.status().as_u16() {
        200 => true,
        401 => false,
        other => panic!("{other}"),
    }
}
