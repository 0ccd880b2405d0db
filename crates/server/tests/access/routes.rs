//! Every route.

use std::collections::BTreeSet;

use serde_json::Value;
use zas_protocol::ErrorCode;
use zas_server::{demo, legacy, router};

use crate::cast::{Caller, Cast, SECRET, Stage, cells};

/// A route; what is asked where it is not the route as it stands; the body; a letter for each caller:
/// nobody, stranger, ex-member, member, admin, owner; disabled, signed out, expired, refresh token.
type Row = (&'static str, &'static str, &'static str, &'static str);

const NATIVE: &[Row] = &[
    ("POST /v1/auth/register", "", "{}", "xxxxxxxxxx"),
    ("POST /v1/auth/login", "", "{}", "xxxxxxxxxx"),
    ("POST /v1/auth/refresh", "", r#"{"refresh":"{refresh}"}"#, "-yyyyy--yy"),
    ("POST /v1/auth/logout", "", r#"{"refresh":"{refresh}"}"#, "yyyyyyyyyy"),
    ("POST /v1/auth/password", "", r#"{"current":"not this one","new":"the next one"}"#, "-xxxxx----"),
    ("GET /v1/me/devices", "", "", "-yyyyy----"),
    ("DELETE /v1/me/devices", "", "", "-yyyyy----"),
    ("GET /v1/me/connection", "", "", "-yyyyy----"),
    ("DELETE /v1/me/devices/{device}", "", "", "-?????----"),
    ("DELETE /v1/me/devices/{device}", "/v1/me/devices/{own_device}", "", "-yyyyy----"),
    ("GET /v1/state", "", "", "-yyyyy----"),
    ("GET /v1/rooms/{room}", "", "", "-??yyy----"),
    ("GET /v1/rooms/{room}", "/v1/rooms/{private}", "", "-????y----"),
    ("GET /v1/rooms/{room}", "/v1/rooms/{peer}", "", "-?????----"),
    ("GET /v1/rooms/{room}", "/v1/rooms/no-id", "", "-?????----"),
    ("GET /v1/rooms/{room}/messages/{message}", "", "", "-??yyy----"),
    ("GET /v1/rooms/{room}/messages/{message}", "/v1/rooms/{private}/messages/{message}", "", "-?????----"),
    ("GET /v1/rooms/{room}/events", "", "", "-??yyy----"),
    ("GET /v1/rooms/{room}/events", "/v1/rooms/{room}/events?after=0", "", "-??yyy----"),
    ("GET /v1/rooms/{room}/events", "/v1/rooms/{room}/events?around=1", "", "-??yyy----"),
    ("GET /v1/rooms/{room}/events", "/v1/rooms/{private}/events", "", "-????y----"),
    ("GET /v1/rooms/{room}/events", "/v1/rooms/{peer}/events", "", "-?????----"),
    ("GET /v1/rooms/{room}/events", "/v1/rooms/{me}/events", "", "-yyyyy----"),
    // What each command and each signal does is in `commands` and `signals`, what a feed brings in `frames`.
    (
        "POST /v1/commands",
        "",
        r#"{"type":"send","txn_id":"one","room":"{room}","text":"hola"}"#,
        "-??yyy----",
    ),
    ("POST /v1/signals", "", r#"{"signals":[{"type":"typing","room":"{room}","on":true}]}"#, "-yyyyy----"),
    ("POST /v1/feed", "", r#"{"cursor":{"{room}":[1,1]},"wait_ms":0}"#, "-yyyyy----"),
    // Without an upgrade it is no socket; with one its first frame says who it is (`frames`).
    ("GET /v1/ws", "", "", "xxxxxxxxxx"),
    ("GET /v1/users", "/v1/users?q=peer", "", "-yyyyy----"),
    ("GET /v1/users/{user}", "", "", "-yyyyy----"),
    ("GET /v1/users/{user}", "/v1/users/{nowhere}", "", "-?????----"),
    ("POST /v1/me/avatar", "", "no image", "-xxxxx----"),
    ("POST /v1/rooms/avatar", "", "no image", "-xxxxx----"),
    ("GET /v1/files/{file}", "", "", "-yyyyy----"),
    ("GET /v1/files/{file}", "/v1/files/{nowhere}", "", "-?????----"),
    // The signature of an address is for its hour or two, whatever becomes of the session it was made in.
    ("GET /v1/files/{file}", "/v1/files/{file}?{signature}", "", "-yyyyy-yyy"),
    ("GET /v1/files/{file}", "/v1/files/{nowhere}?{signature}", "", "-?????----"),
    // No token of a person is a key of another backend (`server_api` has the rows of those who hold one).
    ("POST /v1/server/users", "", r#"{"users":[]}"#, "----------"),
    ("POST /v1/server/sign-out", "", r#"{"user":{"id":"{peer}"}}"#, "----------"),
    (
        "POST /v1/server/rooms",
        "",
        r#"{"txn_id":"one","kind":"private","members":[{"id":"{me}"},{"id":"{peer}"}]}"#,
        "----------",
    ),
    ("PUT /v1/server/rooms/{room}/members", "", r#"{"members":[{"user":{"id":"{me}"}}]}"#, "----------"),
    ("POST /v1/server/rooms/{room}/members", "", r#"{"put":[{"user":{"id":"{guest}"}}]}"#, "----------"),
    ("POST /v1/server/rooms/{room}/messages", "", r#"{"txn_id":"one","text":"hola"}"#, "----------"),
    // What a message carries is for who can see it; what none carries yet is for who put it up.
    ("POST /v1/files", "/v1/files?name=carta.txt", "una carta", "-yyyyy----"),
    ("GET /v1/files/{file}", "/v1/files/{carried}", "", "-??yyy----"),
    ("GET /v1/files/{file}", "/v1/files/{carried}?{signed}", "", "-??yyy-yyy"),
    ("GET /v1/files/{file}", "/v1/files/{mine}", "", "-yyyyy----"),
    ("GET /v1/files/{file}", "/v1/files/{unsent}", "", "-?????----"),
    ("GET /v1/files/{file}", "/v1/files/{erased}", "", "-?????----"),
    ("GET /v1/files/{file}/address", "", "", "-yyyyy----"),
    ("GET /v1/files/{file}/address", "/v1/files/{carried}/address", "", "-??yyy----"),
    ("GET /v1/files/{file}/address", "/v1/files/{mine}/address", "", "-yyyyy----"),
    ("GET /v1/files/{file}/address", "/v1/files/{unsent}/address", "", "-?????----"),
    ("GET /v1/files/{file}/address", "/v1/files/{erased}/address", "", "-?????----"),
    ("GET /v1/files/{file}/address", "/v1/files/{nowhere}/address", "", "-?????----"),
    ("POST /v1/demo/session", "", r#"{"person":"nobody"}"#, "??????????"),
    ("GET /healthz", "", "", "yyyyyyyyyy"),
    ("GET /readyz", "", "", "yyyyyyyyyy"),
];

/// What stands for a file that somebody has put up for a message.
const CARRIED: [&str; 4] = ["{carried}", "{mine}", "{unsent}", "{erased}"];

const DEMO: &[Row] =
    &[("GET /", "", "", ">>>>>>>>>>"), ("GET /demo/join", "/demo/join?key=not-this-one", "", "??????????")];

const OLD: &[Row] = &[
    ("POST /api/auth/register", "", "{}", "xxxxxxxxxx"),
    ("POST /api/auth/login", "", "{}", "xxxxxxxxxx"),
    ("POST /api/auth/refresh", "", r#"{"refresh":"{refresh}"}"#, "-yyyyy--yy"),
    ("POST /api/auth/logout", "", r#"{"refresh_token":"{refresh}"}"#, "yyyyyyyyyy"),
    ("POST /api/auth/upload-avatar", "", "no form", "-xxxxx----"),
    ("GET /api/auth/verify", "", "", "-yyyyy----"),
    ("GET /api/auth/profile", "", "", "-yyyyy----"),
    ("PATCH /api/auth/profile", "", r#"{"bio":"aquí"}"#, "-yyyyy----"),
    (
        "POST /api/auth/change-password",
        "",
        r#"{"current_password":"not this","new_password":"the next one","new_password_confirm":"the next one"}"#,
        "-xxxxx----",
    ),
    ("GET /api/users/search", "/api/users/search/?q=peer", "", "-yyyyy----"),
    ("GET /api/users/friends", "", "", "-yyyyy----"),
    ("GET /api/users/profile/{username}", "", "", "-yyyyy----"),
    ("POST /api/users/chat/{username}", "", "{}", "-yyyyy----"),
    ("GET /api/messaging/chats", "", "", "-yyyyy----"),
    (
        "POST /api/messaging/chats",
        "",
        r#"{"chat_type":"private","participant_ids":["{peer}"]}"#,
        "-yyyyy----",
    ),
    ("GET /api/messaging/chats/{chat}", "", "", "-??yyy----"),
    ("GET /api/messaging/chats/{chat}", "/api/messaging/chats/{private}", "", "-????y----"),
    ("GET /api/messaging/chats/{chat}", "/api/messaging/chats/{peer}", "", "-?????----"),
    ("GET /api/messaging/chats/{chat}/messages", "", "", "-??yyy----"),
    (
        "GET /api/messaging/chats/{chat}/messages",
        "/api/messaging/chats/{chat}/messages/?since=2020-01-01T00:00:00Z",
        "",
        "-??yyy----",
    ),
    ("GET /api/messaging/chats/{chat}/messages", "/api/messaging/chats/{peer}/messages", "", "-?????----"),
    ("POST /api/messaging/chats/{chat}/messages", "", r#"{"content":"hola"}"#, "-??yyy----"),
    ("POST /api/messaging/chats/{chat}/send_message", "", r#"{"content":"hola"}"#, "-??yyy----"),
    ("PATCH /api/messaging/chats/{chat}/messages/{message}", "", r#"{"content":"otra"}"#, "-??nnn----"),
    ("DELETE /api/messaging/chats/{chat}/messages/{message}", "", "{}", "-??nnn----"),
    (
        "POST /api/messaging/chats/{chat}/messages/{message}/react",
        "",
        r#"{"reaction_type":"like"}"#,
        "-??yyy----",
    ),
    ("POST /api/messaging/chats/{chat}/mark_as_read", "", "{}", "-??yyy----"),
    ("PATCH /api/messaging/chats/{chat}/settings", "", "{}", "-??yyy----"),
    ("PATCH /api/messaging/chats/{chat}/chat-settings", "", "{}", "-??yyy----"),
    ("POST /api/messaging/chats/{chat}/add_participant", "", r#"{"user_id":"{guest}"}"#, "-??nyy----"),
    ("POST /api/messaging/chats/{chat}/leave", "", "{}", "-??yyy----"),
    ("POST /api/messaging/ws-ticket", "", "{}", "-yyyyy----"),
    ("GET /ws/chat/{chat}", "", "", "xxxxxxxxxx"),
];

fn rows() -> impl Iterator<Item = &'static Row> {
    NATIVE.iter().chain(DEMO).chain(OLD)
}

/// Every route that the server has, as the router itself says.
fn routes() -> BTreeSet<String> {
    let document = serde_json::to_value(router::openapi()).unwrap();
    let described = document["paths"].as_object().unwrap().iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    described.chain(legacy::names()).chain(demo::names()).collect()
}

#[test]
fn every_route_has_its_row_and_no_row_is_of_none() {
    let listed: BTreeSet<String> = rows().map(|row| row.0.to_owned()).collect();
    assert_eq!(routes(), listed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_each_caller_as_its_row_says() {
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let (mut wrong, mut asked, mut secrets) = (Vec::new(), 0, 0);
    for &(route, path, body, letters) in rows() {
        let stage = Stage::with(|config| {
            config.demo = true;
            config.limits.sign_ins_per_minute = 1_000;
        })
        .await;
        let (method, own_path) = route.split_once(' ').unwrap();
        let path = if path.is_empty() { own_path } else { path };
        for (caller, letter) in cells(letters) {
            let mut cast = Cast::new(&stage, caller).await;
            if CARRIED.iter().any(|name| path.contains(name)) {
                cast.put_files_up().await;
            }
            let ask = async |path: String, body: String| ask(&http, &cast, method, path, body).await;
            let (status, answer) = ask(cast.fill(path), cast.fill(body)).await;
            asked += 1;
            if self::letter(status) != letter {
                wrong
                    .push(format!("{method} {path} {body}: {caller:?} gets {status} {answer}, not {letter}"));
            }
            // A signed address says whom it is for by itself.
            if status == 401 && answer["code"].is_string() && !path.contains("?{sign") {
                let code = caller.refusal().filter(|_| !path.starts_with("/v1/server/"));
                let code = code.unwrap_or(ErrorCode::Unauthenticated).name();
                assert_eq!(answer["code"], code, "{route} {caller:?}");
            }
            if method == "GET" && letter != 'x' {
                // The same without a body, and at the old contract's other spelling.
                let slash = if path.starts_with("/api/") && !path.contains('?') { "/" } else { "" };
                let head = http.head(cast.server.url(&format!("{}{slash}", cast.fill(path))));
                let head = cast.token.iter().fold(head, |head, token| head.bearer_auth(token));
                assert_eq!(head.send().await.unwrap().status(), status, "HEAD {path}{slash} {caller:?}");
            }
            let is_in = matches!(caller, Caller::Member | Caller::Admin | Caller::Owner);
            let shows_secret = answer.to_string().contains(SECRET);
            assert!(is_in || !shows_secret, "{method} {path}: {caller:?} is shown {answer}");
            secrets += u32::from(shows_secret);
            if status == 404 {
                let nothing = ask(cast.fill_with_nothing(path), cast.fill_with_nothing(body)).await;
                assert_eq!((404, answer), nothing, "{route}: {caller:?} can tell it from what is not there");
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(secrets > 0, "who is in is shown what is said in it");
    zas_tally::tried("P11", "routes asked by each caller", asked);
}

#[tokio::test]
async fn what_is_no_route_is_not_there_for_anyone() {
    let stage = Stage::start().await;
    let http = reqwest::Client::new();
    for caller in Caller::ALL {
        let cast = Cast::new(&stage, caller).await;
        for path in ["/v1/rooms", "/v1/admin", "/v1/metrics", "/api/feed/posts/", "/api/admin/"] {
            let (status, _) = ask(&http, &cast, "GET", path.to_owned(), String::new()).await;
            assert_eq!(status, 404, "{path} {caller:?}");
        }
        for path in ["/metrics", "/admin"] {
            let (status, answer) = ask(&http, &cast, "POST", path.to_owned(), "{}".to_owned()).await;
            assert_eq!(status, 405, "{path} {caller:?}: {answer}");
        }
    }
}

/// The status, and the answer without what names the request.
async fn ask(
    http: &reqwest::Client,
    cast: &Cast<'_>,
    method: &str,
    path: String,
    body: String,
) -> (u16, Value) {
    let mut request = http.request(method.parse().unwrap(), cast.server.url(&path));
    if let Some(token) = &cast.token {
        request = request.bearer_auth(token);
    }
    if !body.is_empty() {
        request = request.header("content-type", "application/json").body(body);
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let is_api = path.starts_with("/v1/") || path.starts_with("/api/");
    if is_api && !(path.starts_with("/v1/files/") && status == 200) {
        assert_eq!(response.headers()["cache-control"], "no-store", "{method} {path}");
    }
    let bytes = response.bytes().await.unwrap();
    let mut answer = serde_json::from_slice(&bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
    if let Some(object) = answer.as_object_mut() {
        object.remove("request_id");
    }
    (status, answer)
}

fn letter(status: u16) -> char {
    match status {
        200..=299 => 'y',
        300..=399 => '>',
        400 | 426 => 'x',
        401 => '-',
        403 => 'n',
        404 => '?',
        409 => 'c',
        _ => '!',
    }
}
