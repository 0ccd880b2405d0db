//! Tokens that are none of ours: each is refused on every rung, changes nothing, and is in no log.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use futures_util::{StreamExt as _, stream};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use zas_protocol::limits::AUTH_FRAME_BYTES;
use zas_protocol::rest::Tokens;
use zas_protocol::{CloseCode, UserId};
use zas_server::auth::keys::Keys;
use zas_server::clock;

use crate::logs;
use crate::support::{Heard, Server, Socket};
use crate::{is_let_in, register};

/// A token, and what is wrong with it.
pub(super) type Forged = (String, String);

/// The claims of a good access token as it is, to make others like it.
pub(super) struct Mint<'a> {
    keys: &'a Keys,
    claims: Value,
    header: &'a str,
    body: &'a str,
    signature: &'a str,
    good: &'a str,
}

fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn now() -> i64 {
    clock::now() / 1_000_000
}

impl<'a> Mint<'a> {
    pub(super) fn new(keys: &'a Keys, good: &'a str) -> Self {
        let parts: Vec<&str> = good.split('.').collect();
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        Self { keys, claims, header: parts[0], body: parts[1], signature: parts[2], good }
    }

    fn sign(algorithm: Algorithm, key: &[u8], claims: &Value) -> String {
        jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key)).unwrap()
    }

    /// With our own key, and other claims.
    fn claiming(&self, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims.clone();
        change(&mut claims);
        Self::sign(Algorithm::HS256, self.keys.access.bytes(), &claims)
    }

    /// With our own key, over bytes that no library would write.
    fn over(&self, header: &str, body: &str) -> String {
        let signed = format!("{}.{}", part(header), part(body));
        let signature = jsonwebtoken::crypto::sign(
            signed.as_bytes(),
            &EncodingKey::from_secret(self.keys.access.bytes()),
            Algorithm::HS256,
        );
        format!("{signed}.{}", signature.unwrap())
    }

    /// Another header before the same claims, with our signature of the good one, none, or that of a key
    /// which the header itself brings.
    pub(super) fn headers(&self) -> Vec<Forged> {
        let algorithms = [
            "none", "None", "NONE", "nOnE", "", " HS256", "hs256", "HS256 ", "HS384", "HS512", "RS256",
            "RS384", "RS512", "PS256", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256\0", "dir",
            "A128KW",
        ];
        let mut headers: Vec<Value> =
            algorithms.iter().map(|alg| json!({"alg": alg, "typ": "JWT"})).collect();
        let secret = part([7; 32]);
        headers.extend([
            json!({"typ": "JWT"}),
            json!({"alg": null}),
            json!({"alg": ["HS256"]}),
            json!({"alg": 256}),
            json!({"alg": "HS256", "jwk": {"kty": "oct", "k": secret, "alg": "HS256"}}),
            json!({"alg": "HS256", "jku": "http://127.0.0.1:9/keys", "kid": "a"}),
            json!({"alg": "HS256", "x5u": "http://127.0.0.1:9/x"}),
            json!({"alg": "HS256", "kid": "../../../../dev/null"}),
            json!({"alg": "HS256", "kid": "' OR 1=1 --"}),
            json!({"alg": "HS256", "crit": ["exp"], "exp": 0}),
            json!({"alg": "HS256", "zip": "DEF"}),
            json!([]),
            json!("HS256"),
            json!(null),
        ]);
        let mut forged = Vec::new();
        for header in headers {
            let head = part(header.to_string());
            let signed = format!("{head}.{}", self.body);
            let own = jsonwebtoken::crypto::sign(
                signed.as_bytes(),
                &EncodingKey::from_secret(&[7; 32]),
                Algorithm::HS256,
            );
            for (signature, of) in
                [(self.signature, "the good one"), ("", "nobody"), (&own.unwrap(), "its own key")]
            {
                forged.push((format!("header {header}, signed by {of}"), format!("{signed}.{signature}")));
            }
        }
        forged
    }

    fn claims(&self) -> Vec<Forged> {
        let set = |name: &'static str, value: Value| {
            (format!("{name} is {value}"), self.claiming(|claims| claims[name] = value))
        };
        let exp = now() + 3_600;
        let mut forged = vec![
            set("exp", json!(now() - 31)),
            set("exp", json!(0)),
            set("exp", json!(-1)),
            set("exp", json!(i64::MIN)),
            set("exp", json!(exp.to_string())),
            set("exp", json!(exp as f64 + 0.5)),
            set("exp", json!(1e300)),
            set("exp", json!(null)),
            set("exp", json!([exp])),
            set("exp", json!({"$gt": 0})),
            set("exp", json!(true)),
            set("nbf", json!(now() + 3_600)),
            set("nbf", json!("tomorrow")),
            set("iss", json!("https://elsewhere.example")),
            set("iss", json!(["zas"])),
            set("aud", json!("elsewhere")),
            set("aud", json!([])),
            set("sub", json!("admin")),
            set("admin", json!(true)),
            set("scope", json!("*")),
            set("token_type", json!("refresh")),
            set("token_type", json!("Access")),
            set("token_type", json!("")),
            set("token_type", json!(["access"])),
            set("token_type", json!(null)),
            set("user_id", json!(UserId::mint(0, [9; 10]).to_string().replace('-', "x"))),
            set("user_id", json!(1)),
            set("user_id", json!("")),
            set("user_id", json!({"id": self.claims["user_id"]})),
            set("user_id", json!([self.claims["user_id"]])),
            set("sid", json!("")),
            set("sid", json!("*")),
            set("sid", json!(0)),
            set("jti", json!(7)),
            set("iat", json!("now")),
            set("username", json!(null)),
            set("display_name", json!(["a"])),
            set("display_name", json!("x".repeat(AUTH_FRAME_BYTES))),
        ];
        for name in ["token_type", "exp", "iat", "jti", "user_id", "username", "display_name", "sid"] {
            let without = |claims: &mut Value| drop(claims.as_object_mut().unwrap().remove(name));
            forged.push((format!("without {name}"), self.claiming(without)));
        }
        let good_header = r#"{"alg":"HS256","typ":"JWT"}"#;
        let text = self.claims.to_string();
        for name in ["token_type", "exp", "user_id", "sid"] {
            let twice = format!(r#"{{"{name}":{},{}"#, self.claims[name], &text[1..]);
            forged.push((format!("{name} twice"), self.over(good_header, &twice)));
        }
        for (what, header, body) in [
            ("alg twice", r#"{"alg":"none","alg":"HS256"}"#, text.as_str()),
            ("claims that are a list", good_header, "[]"),
            ("claims that are a text", good_header, "\"access\""),
            ("claims that are nothing", good_header, ""),
            ("claims that are null", good_header, "null"),
            ("claims cut short", good_header, &text[..text.len() - 1]),
            ("claims and more", good_header, &format!("{text}{{}}")),
            ("a header that is nothing", "", &text),
        ] {
            forged.push((what.to_owned(), self.over(header, body)));
        }
        forged
    }

    fn keys(&self, refresh: &str) -> Vec<Forged> {
        let access = self.keys.access.bytes();
        let reversed: Vec<u8> = access.iter().rev().copied().collect();
        let as_text = self.keys.access.to_base64();
        let keys: [(&str, &[u8]); 9] = [
            ("nothing", b""),
            ("zeros", &[0; 32]),
            ("a word", b"secret"),
            ("our key as text", as_text.as_bytes()),
            ("our key reversed", &reversed),
            ("half of our key", &access[..16]),
            ("the refresh key", self.keys.refresh.bytes()),
            ("the key of files", self.keys.files.bytes()),
            ("the key of administration", self.keys.admin.bytes()),
        ];
        let mut forged: Vec<Forged> = keys
            .into_iter()
            .map(|(what, key)| (format!("signed by {what}"), Self::sign(Algorithm::HS256, key, &self.claims)))
            .collect();
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            let token = Self::sign(algorithm, access, &self.claims);
            forged.push((format!("{algorithm:?} with our key"), token));
        }
        let of_refresh: Vec<&str> = refresh.split('.').collect();
        forged.push((
            "the claims of a refresh token".into(),
            format!("{}.{}.{}", self.header, of_refresh[1], self.signature),
        ));
        forged.push((
            "the signature of a refresh token".into(),
            format!("{}.{}.{}", self.header, self.body, of_refresh[2]),
        ));
        let mut of_another = self.claims.clone();
        of_another["user_id"] = json!(UserId::mint(0, [9; 10]));
        let stolen = format!("{}.{}.{}", self.header, part(of_another.to_string()), self.signature);
        forged.push(("another person's claims".into(), stolen));
        forged
    }

    /// The good token itself, damaged or dressed up.
    pub(super) fn damaged(&self) -> Vec<Forged> {
        let Self { header, body, signature, good, .. } = self;
        let mut forged: Vec<Forged> = [
            String::new(),
            ".".into(),
            "..".into(),
            "...".into(),
            "null".into(),
            "undefined".into(),
            "Bearer".into(),
            format!("Bearer {good}"),
            format!("{header}.{body}"),
            format!("{header}.{body}."),
            format!("{header}..{signature}"),
            format!(".{body}.{signature}"),
            format!("{body}.{header}.{signature}"),
            format!("{header}.{signature}.{body}"),
            format!("{good}.{signature}"),
            format!("{good}.{good}"),
            format!("{good},{good}"),
            format!("{good}="),
            format!("{good}=="),
            format!("{good};"),
            format!("{good}/"),
            format!("{good}%20"),
            format!("\"{good}\""),
            format!("{{\"token\":\"{good}\"}}"),
            good.replace('.', ","),
            good.replace('.', "%2E"),
            good.to_uppercase(),
            good.to_lowercase(),
            good.chars().rev().collect(),
            part(good),
            format!("{}.{}.{}", URL_SAFE.encode(header), body, signature),
            format!("{header}.{}.{signature}", STANDARD.encode(self.claims.to_string())),
            format!("{good}ñ"),
            format!("ñ{good}"),
            format!("{good}\u{200b}"),
            good.replace('.', "\u{ff0e}"),
            good.replace('e', "\u{435}"),
            "🔑".repeat(40),
            "e".repeat(4_000),
            "e.".repeat(1_500),
            format!("{header}.{}.{signature}", "A".repeat(3_500)),
        ]
        .into_iter()
        .map(|token| ("dressed up".to_owned(), token))
        .collect();
        forged.extend((1..good.len()).step_by(3).map(|at| (format!("cut at {at}"), good[..at].to_owned())));
        forged.extend((0..good.len()).step_by(3).map(|at| {
            let other = if good.as_bytes()[at] == b'A' { "B" } else { "A" };
            (format!("another letter at {at}"), format!("{}{other}{}", &good[..at], &good[at + 1..]))
        }));
        // The last letter of 32 bytes carries two bits that mean nothing: of each four one is right.
        let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['-', '_']);
        forged.extend(letters.map(|letter| {
            ("another last letter".to_owned(), format!("{}{letter}", &good[..good.len() - 1]))
        }));
        forged.retain(|(_, token)| token != good);
        forged
    }
}

/// What nobody takes, neither for access nor to refresh.
fn forged(keys: &Keys, tokens: &Tokens) -> Vec<Forged> {
    let refresh = tokens.refresh.as_deref().unwrap();
    let (mint, of_refresh) = (Mint::new(keys, &tokens.access), Mint::new(keys, refresh));
    let mut all = mint.headers();
    all.extend(mint.claims());
    all.extend(mint.keys(refresh));
    all.extend(mint.damaged());
    all.extend(of_refresh.headers());
    all.extend(of_refresh.damaged());
    all.sort_by(|one, other| one.1.cmp(&other.1));
    all.dedup_by(|one, other| one.1 == other.1);
    all
}

/// Well signed, and no good to refresh with.
fn bad_refresh(keys: &Keys, refresh: &str) -> Vec<Forged> {
    let claims = Mint::new(keys, refresh).claims;
    let with = |name: &str, value: Value| {
        let mut claims = claims.clone();
        claims[name] = value;
        (format!("{name} changed"), Mint::sign(Algorithm::HS256, keys.refresh.bytes(), &claims))
    };
    vec![
        with("exp", json!(now() - 31)),
        with("exp", json!(null)),
        with("nbf", json!(now() + 3_600)),
        with("iss", json!("https://elsewhere.example")),
        with("token_type", json!("access")),
        with("username", json!("ana")),
        with("jti", json!(null)),
        with("user_id", json!(null)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_forged_or_broken_token_is_taken_on_any_rung_or_shows_in_a_log() {
    logs::keep();
    let server = Server::start().await;
    let tokens = register(&server, "ana").await;
    let refresh = tokens.refresh.clone().unwrap();
    let forged = forged(&server.keys, &tokens);
    assert!(forged.len() >= 500, "{}", forged.len());
    let as_access = forged.iter().cloned().chain([("a refresh token".to_owned(), refresh.clone())]);
    let as_refresh = forged
        .iter()
        .cloned()
        .chain(bad_refresh(&server.keys, &refresh))
        .chain([("an access token".to_owned(), tokens.access.clone())]);
    let tried = forged.len() as u64;

    stream::iter(as_access)
        .for_each_concurrent(8, async |(what, token)| {
            by_request(&server, &what, &token).await;
            by_socket(&server, &what, &token).await;
            by_the_old_socket(&server, &what, &token).await;
        })
        .await;
    stream::iter(as_refresh)
        .for_each_concurrent(8, async |(what, token)| to_refresh(&server, &what, &token).await)
        .await;
    in_band(&server, &tokens, &forged).await;

    assert!(is_let_in(&server, &tokens.access).await, "nothing of it touched the device");
    let again = crate::post(&server, "/v1/auth/refresh", &json!({ "refresh": refresh })).await;
    assert_eq!(again.0, 200, "nor its refresh token");
    let logged = logs::text();
    for (what, token) in forged.iter().filter(|(_, token)| token.len() > 20) {
        assert!(!logged.contains(token.as_str()), "a log shows a token ({what})");
    }
    zas_tally::tried("P12", "forged or broken tokens, each shown by eleven ways", tried);
}

pub(super) async fn by_request(server: &Server, what: &str, token: &str) {
    let value = reqwest::header::HeaderValue::from_bytes(format!("Bearer {token}").as_bytes()).unwrap();
    let feed = || server.http.post(server.url("/v1/feed")).json(&json!({"cursor": {}, "wait_ms": 0}));
    let requests = [
        ("state", server.http.get(server.url("/v1/state"))),
        ("command", server.http.post(server.url("/v1/commands")).json(&json!({"type": "set_prefs"}))),
        ("poll", feed()),
        ("stream", feed().header("accept", "text/event-stream")),
        ("old", server.http.get(server.url("/api/auth/verify/"))),
    ];
    for (rung, request) in requests {
        let answer = request.header("authorization", value.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 401, "{rung}: {what}: {token}");
        if rung != "old" {
            let answer: Value = answer.json().await.unwrap();
            assert_eq!(answer["code"], "unauthenticated", "{rung}: {what}: {token}");
        }
    }
}

pub(super) async fn by_socket(server: &Server, what: &str, token: &str) {
    let hello = json!({"type": "hello", "token": token, "cursor": {}});
    let code = match hello.to_string().len() {
        length if length > AUTH_FRAME_BYTES => CloseCode::FrameTooLarge,
        _ => CloseCode::Unauthenticated,
    };
    let mut socket = server.socket().await;
    socket.say(hello).await;
    assert_eq!(socket.until_closed().await, Some(code.code()), "{what}: {token}");
}

pub(super) async fn by_the_old_socket(server: &Server, what: &str, token: &str) {
    let url = server.url("/ws/chat/00000000-0000-7000-8000-000000000000/");
    let url = reqwest::Url::parse_with_params(&url, [("token", token)]).unwrap();
    let (socket, _) = tokio_tungstenite::connect_async(url.as_str().replacen("http", "ws", 1)).await.unwrap();
    let mut socket = Socket(socket);
    socket.until("error").await;
    assert_eq!(socket.until_closed().await, Some(4401), "{what}: {token}");
}

async fn to_refresh(server: &Server, what: &str, token: &str) {
    for path in ["/v1/auth/refresh", "/api/auth/refresh/"] {
        let (status, answer) = crate::post(server, path, &json!({ "refresh": token })).await;
        assert_eq!(status, 401, "{path}: {what}: {token}: {answer}");
    }
    if !what.ends_with("changed") {
        // Only who holds a refresh token of ours signs its device out, be it spent.
        let (status, _) = crate::post(server, "/v1/auth/logout", &json!({ "refresh": token })).await;
        assert_eq!(status, 204, "{what}: {token}");
    }
}

/// On a connection that lives: it is told, and goes on with the token it has.
async fn in_band(server: &Server, tokens: &Tokens, forged: &[Forged]) {
    let mut socket = Socket::live(&server.url(""), &tokens.access).await;
    for (what, token) in forged {
        socket.say(json!({"type": "refresh", "token": token})).await;
        match socket.hear().await {
            Heard::Frame(frame) => assert_eq!(
                (&frame["type"], &frame["code"]),
                (&json!("error"), &json!("unauthenticated")),
                "{what}: {token}"
            ),
            Heard::Closed(code) => panic!("{what}: closed with {code:?}"),
        }
    }
    socket.say(json!({"type": "ping", "n": 9})).await;
    assert_eq!(socket.until("pong").await["n"], 9);
}
