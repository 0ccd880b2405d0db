//! JSON of wrong types, numbers at the edges, texts of all kinds: at the program with its database, since
//! that has edges of its own.

use http::Method;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use serde_json::{Value, json};

use super::{Bystander, is_a_refusal, runner, tells_nothing};
use crate::support::process::{PASSWORD, Running, Setup};
use crate::support::{Heard, Socket};

const LIMITS: &str = "commands_per_minute=1000000,commands_burst=1000000,reads_per_minute=1000000,\
                      sign_ins_per_minute=1000000,signals_per_minute=1000000,connections_per_user=1000,poll_ms=1";

/// The program, two people in it, and their room.
struct World {
    setup: Setup,
    server: Running,
    http: reqwest::Client,
    tokens: Value,
    other: Value,
    /// In no room of theirs.
    stranger: Value,
    room: String,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", LIMITS]);
        let server = setup.start().await;
        let http = reqwest::Client::new();
        let register = async |username: &str| -> Value {
            let email = format!("{username}@example.org");
            let form = json!({"username": username, "email": email, "password": PASSWORD});
            let url = format!("{}/v1/auth/register", server.url);
            http.post(url).json(&form).send().await.unwrap().json().await.unwrap()
        };
        let (tokens, other, stranger) =
            (register("ana").await, register("luis").await, register("marta").await);
        let open = json!({"type": "open_private", "txn_id": "open", "user": other["me"]["user"]["id"]});
        let asked =
            http.post(format!("{}/v1/commands", server.url)).bearer_auth(tokens["access"].as_str().unwrap());
        let ack: Value = asked.json(&open).send().await.unwrap().json().await.unwrap();
        let room = ack["room"].as_str().unwrap().to_owned();
        Self { setup, server, http, tokens, other, stranger, room, _folder: folder }
    }

    fn token(&self) -> &str {
        self.tokens["access"].as_str().unwrap()
    }

    async fn bystander(&self) -> Bystander {
        Bystander::at(&self.server.url, self.stranger["access"].as_str().unwrap()).await
    }

    /// Asks, and holds the answer against what every answer must be.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> u16 {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.server.url));
        request = request.bearer_auth(self.token()).timeout(crate::support::PATIENCE);
        if path.starts_with("/v1/") {
            // A refusal is put into words after what it replaces was packed.
            request = request.header("accept-encoding", "gzip");
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let what = || format!("{method} {path} {}", body.unwrap_or(&Value::Null));
        let answer = request.send().await.unwrap_or_else(|error| panic!("{}: {error}", what()));
        let status = answer.status().as_u16();
        assert!(status < 400 || !answer.headers().contains_key("content-encoding"), "{}", what());
        let text = String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned();
        assert!(status < 500, "{}: {status} {text}", what());
        if status >= 400 {
            let refusal: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{}: {text}", what()));
            if path.starts_with("/v1/") {
                is_a_refusal(status, &refusal);
            }
            tells_nothing(&text);
        }
        status
    }

    /// Nothing broke meanwhile.
    async fn ended_well(self, mut bystander: Bystander) {
        bystander.is_well().await;
        assert_eq!(self.server.stop().await, Some(0));
        let log = self.setup.log();
        assert!(!log.contains("panic") && !log.contains(" ERROR "), "{log}");
    }

    /// A good command of each type.
    fn commands(&self) -> Vec<Value> {
        let (room, other) = (&self.room, &self.other["me"]["user"]["id"]);
        vec![
            json!({"type": "send", "txn_id": "t", "room": room, "after": "open", "text": "hola"}),
            json!({"type": "open_private", "txn_id": "t", "user": other}),
            json!({"type": "create_group", "txn_id": "t", "name": "grupo", "members": [other]}),
            json!({"type": "rename_room", "txn_id": "t", "room": room, "name": "otro"}),
            json!({"type": "set_room_profile", "txn_id": "t", "room": room, "profile": {"description": "x", "avatar": other}}),
            json!({"type": "add_member", "txn_id": "t", "room": room, "user": other}),
            json!({"type": "remove_member", "txn_id": "t", "room": room, "user": other}),
            json!({"type": "set_role", "txn_id": "t", "room": room, "user": other, "role": "admin"}),
            json!({"type": "set_profile", "txn_id": "t", "profile": {"display_name": "Ana", "bio": "x", "avatar": other}}),
            json!({"type": "set_prefs", "txn_id": "t", "prefs": {"language": "es", "theme": "dark", "sounds": true, "volume": 70}}),
            json!({"type": "set_room_prefs", "txn_id": "t", "room": room, "prefs": {"color": "rose", "muted": true}}),
        ]
    }

    fn signals(&self) -> Vec<Value> {
        let advance = json!({"room": self.room, "delivered": 1, "read": 1});
        vec![
            json!({"type": "typing", "room": self.room, "on": true}),
            json!({"type": "positions", "advances": [advance]}),
        ]
    }

    /// A good request for each body that is read.
    fn requests(&self) -> Vec<(Method, String, Value)> {
        let (room, other) = (&self.room, &self.other["me"]["user"]["id"]);
        let refresh = self.tokens["refresh"].clone();
        let chat = format!("/api/messaging/chats/{room}");
        let post = |path: &str, body: Value| (Method::POST, path.to_owned(), body);
        let patch = |path: String, body: Value| (Method::PATCH, path, body);
        let cursor = json!({room.clone(): [1, 1]});
        let mut requests: Vec<_> =
            self.commands().into_iter().map(|command| post("/v1/commands", command)).collect();
        requests.extend([
            // A password that is too short, so that no mutation costs a hash.
            post("/v1/auth/register", json!({"username": "eva", "email": "e@x.org", "display_name": "E", "password": "x", "device_name": "d"})),
            post("/v1/auth/login", json!({"login": "nobody", "password": "x", "device_name": "d"})),
            post("/v1/auth/password", json!({"current": "x", "new": "x"})),
            post("/v1/auth/refresh", json!({"refresh": format!("{refresh}x")})),
            post("/v1/auth/logout", json!({"refresh": format!("{refresh}x")})),
            post("/v1/signals", json!({"signals": self.signals()})),
            post("/v1/feed", json!({"cursor": cursor, "seen": {"node": "n", "rev": 1}, "wait_ms": 1, "gather_ms": 1, "signals": self.signals()})),
            post("/api/auth/register/", json!({"username": "eva", "email": "e@x.org", "password": "x", "password_confirm": "x"})),
            post("/api/auth/login/", json!({"email": "nobody@x.org", "password": "x"})),
            post("/api/auth/change-password/", json!({"current_password": "x", "new_password": "x", "new_password_confirm": "y"})),
            patch("/api/auth/profile/".to_owned(), json!({"display_name": "Ana", "bio": "x"})),
            post("/api/messaging/chats/", json!({"participants": [other], "chat_type": "group", "name": "g"})),
            post(&format!("{chat}/messages/"), json!({"content": "x", "message_type": "text", "reply_to": null})),
            post(&format!("{chat}/mark_as_read/"), json!({"message_id": other})),
            patch(format!("{chat}/settings/"), json!({"muted": true, "color": "rose"})),
            post(&format!("{chat}/add_participant/"), json!({"user_id": other})),
        ]);
        requests
    }
}

/// What may stand where something else should.
fn strange() -> Vec<Value> {
    let mut values: Vec<Value> = [
        "null",
        "true",
        "-1",
        "0",
        "0.5",
        "1e308",
        "4294967296",
        "9007199254740993",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "[]",
        "{}",
        "[[[]]]",
        "{\"a\":{\"b\":null}}",
        "\"\"",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "\"' OR 1=1 --\"",
        "\"%25_\"",
        "\"../../etc/passwd\"",
        "\"\u{202e}\u{feff}\"",
        "\"<script>alert(1)</script>\"",
        "\"00000000-0000-0000-0000-000000000000\"",
        "\"ffffffff-ffff-ffff-ffff-ffffffffffff\"",
        "\"owner\"",
    ]
    .into_iter()
    .map(|text| serde_json::from_str(text).unwrap())
    .collect();
    values.extend([json!("x".repeat(6_000)), json!("z\u{335}".repeat(9)), json!(vec![0; 1_000])]);
    values
}

/// Every place in a value, as JSON pointers; the whole is the first.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| places(value, &format!("{at}/{name}"), found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, value)| places(value, &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

/// `good` with one thing in it that is strange, or gone.
fn spoiled(good: &Value) -> impl Strategy<Value = Value> + use<> {
    let mut all = Vec::new();
    places(good, "", &mut all);
    let good = good.clone();
    let what = prop::option::weighted(0.9, prop::sample::select(strange()));
    (prop::sample::select(all), what).prop_map(move |(place, what)| {
        let mut body = good.clone();
        match (what, place.rsplit_once('/')) {
            (Some(what), _) => *body.pointer_mut(&place).unwrap() = what,
            (None, Some((parent, name))) => {
                if let Some(fields) = body.pointer_mut(parent).unwrap().as_object_mut() {
                    fields.remove(name);
                }
            }
            (None, None) => body = Value::Null,
        }
        body
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_off_anywhere_is_refused_by_a_code_and_breaks_nothing() {
    let world = World::start().await;
    let mut bystander = world.bystander().await;
    let mut runner = runner(15);
    let (each, mut tried) = (zas_tally::amount(20), 0);
    let ask = async {
        for (method, path, good) in world.requests() {
            world.ask(method.clone(), &path, Some(&good)).await;
            for _ in 0..each {
                let body = spoiled(&good).new_tree(&mut runner).unwrap().current();
                world.ask(method.clone(), &path, Some(&body)).await;
                tried += 1;
            }
        }
    };
    bystander.while_it_lasts(ask).await;
    world.ended_well(bystander).await;
    zas_tally::tried("P24", "bodies with something strange in them", tried);
}

/// What may stand in a path or a query.
const STRANGE: [&str; 24] = [
    "",
    "-1",
    "0",
    "1",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e9",
    "NaN",
    "%00",
    "%ff",
    "%F0%9F%98%80",
    "%27%20OR%201%3D1",
    "%25",
    "_",
    "..%2F..%2F",
    "%E2%80%AE",
    "null",
    "00000000-0000-0000-0000-000000000000",
    "a%0d%0aset-cookie:%20a=b",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_or_query_that_is_off_is_refused_by_a_code_and_breaks_nothing() {
    let world = World::start().await;
    let bystander = world.bystander().await;
    let (room, me) = (&world.room, world.tokens["me"]["user"]["id"].as_str().unwrap());
    let chat = format!("/api/messaging/chats/{room}");
    let paths = [
        format!("/v1/rooms/{room}/events?before="),
        format!("/v1/rooms/{room}/events?after="),
        format!("/v1/rooms/{room}/events?around="),
        format!("/v1/rooms/{room}/events?limit="),
        format!("/v1/rooms/{room}/events?before=1&after="),
        "/v1/rooms/".to_owned(),
        "/v1/users/".to_owned(),
        "/v1/users?q=".to_owned(),
        "/v1/files/".to_owned(),
        format!("/v1/files/{me}?u="),
        format!("/v1/files/{me}?u={me}&e="),
        format!("/v1/files/{me}?u={me}&e=1&s="),
        "/api/users/search/?q=".to_owned(),
        "/api/users/profile/".to_owned(),
        "/api/messaging/chats/?page=".to_owned(),
        "/api/messaging/chats/".to_owned(),
        format!("{chat}/messages/?page="),
        format!("{chat}/messages/?since="),
        format!("{chat}/messages/?page_size="),
    ];
    let mut tried = 0;
    for path in &paths {
        for strange in STRANGE {
            world.ask(Method::GET, &format!("{path}{strange}"), None).await;
            tried += 1;
        }
    }
    for strange in STRANGE {
        world.ask(Method::DELETE, &format!("/v1/me/devices/{strange}"), None).await;
    }
    let long = "9".repeat(8_000);
    world.ask(Method::GET, &format!("/v1/rooms/{room}/events?before={long}"), None).await;
    world.ask(Method::GET, &format!("/v1/users?q={long}"), None).await;
    world.ended_well(bystander).await;
    zas_tally::tried("P24", "paths and queries with something strange in them", tried + 26);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_is_off_anywhere_is_answered_and_its_socket_lives() {
    let world = World::start().await;
    let mut bystander = world.bystander().await;
    let mut runner = runner(16);
    let (each, mut tried) = (zas_tally::amount(20), 0);
    let mut socket = Socket::live(&world.server.url, world.token()).await;
    let mut frames = world.commands();
    frames.extend(world.signals());
    frames.push(json!({"type": "ping", "n": 1}));
    frames.push(json!({"type": "refresh", "token": "x.y.z"}));
    let say = async {
        for good in frames {
            for _ in 0..each {
                let mut frame = spoiled(&good).new_tree(&mut runner).unwrap().current();
                // One that says hello again, or is too large, is another test's.
                if frame.to_string().len() > 60_000 {
                    frame = Value::Null;
                }
                socket.say(frame.clone()).await;
                tried += 1;
                socket.say(json!({"type": "ping", "n": tried})).await;
                loop {
                    match socket.hear().await {
                        Heard::Frame(heard) if heard["type"] == "pong" && heard["n"] == tried => break,
                        Heard::Frame(heard) if heard["type"] == "event" => {}
                        Heard::Frame(heard) => tells_nothing(&heard.to_string()),
                        Heard::Closed(code) => panic!("{frame} closes with {code:?}"),
                    }
                }
            }
        }
    };
    bystander.while_it_lasts(say).await;
    // First frames: welcomed or closed, and never left waiting.
    let hello = json!({"type": "hello", "token": world.token(), "cursor": {world.room.clone(): [1, 1]},
        "seen": {"node": "n", "rev": 7}});
    let greet = async {
        for _ in 0..each * 2 {
            let frame = spoiled(&hello).new_tree(&mut runner).unwrap().current();
            let mut socket = Socket::open(&world.server.url).await;
            socket.say(frame.clone()).await;
            let Heard::Frame(heard) = socket.hear().await else { continue };
            tells_nothing(&heard.to_string());
            assert!(heard["type"] == "welcome" || heard["type"] == "error", "{frame}: {heard}");
            tried += 1;
        }
    };
    bystander.while_it_lasts(greet).await;
    world.ended_well(bystander).await;
    zas_tally::tried("P24", "frames with something strange in them", tried);
}
