//! A server of a test's own, on loopback, over the store in memory; and a plain client of it.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod issuer;
pub(crate) mod process;
pub(crate) mod raw;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use zas_protocol::{Micros, UserId};
use zas_server::app::App;
use zas_server::auth::keys::Keys;
use zas_server::clock;
use zas_server::config::Config;
use zas_server::files::Files;
use zas_server::{router, serve};
use zas_store::{MemoryStore, NewUser, PasswordHash, Secrets, SqliteStore, Store};

/// The longest that a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; it ends with the test.
pub(crate) struct Server {
    pub(crate) app: App,
    pub(crate) keys: Keys,
    pub(crate) address: SocketAddr,
    pub(crate) drain: watch::Sender<bool>,
    pub(crate) http: reqwest::Client,
    _data: tempfile::TempDir,
}

/// Somebody with a token.
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) token: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> Self {
        Self::over(configure, |_, secrets| Arc::new(MemoryStore::new(secrets))).await
    }

    /// Over a database of its own.
    pub(crate) async fn on_disk(configure: impl FnOnce(&mut Config)) -> Self {
        Self::over(configure, |config, secrets| {
            Arc::new(SqliteStore::open(&config.database(), secrets, zas_store::Options::default()).unwrap())
        })
        .await
    }

    async fn over(
        configure: impl FnOnce(&mut Config),
        store: impl FnOnce(&Config, Secrets) -> Arc<dyn Store>,
    ) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config::new(data.path());
        config.metrics_listen = None;
        configure(&mut config);
        let keys = Keys::random();
        let secrets = Secrets { fingerprint_key: keys.fingerprint(), entropy: Box::new(clock::random::<10>) };
        let files = Arc::new(Files::open(data.path(), &keys, config.limits.clone()).unwrap());
        let (drain, draining) = watch::channel(false);
        let store = store(&config, secrets);
        let app = serve::assemble(config, keys.clone(), store, files, draining).unwrap();
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let service = router::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(serve::http(listener, &app.config.limits).unwrap().serve(service));
        Self { app, keys, address, drain, http: reqwest::Client::new(), _data: data }
    }

    /// A signed-in person, made without the cost of a password.
    pub(crate) async fn person(&self, username: &str) -> Person {
        let now: Micros = clock::now();
        let id = UserId::mint(now, clock::random());
        let user = NewUser {
            id,
            username: username.to_owned(),
            skeleton: zas_core::shape::skeleton(username),
            email: format!("{username}@example.org"),
            display_name: username.to_owned(),
            password_hash: PasswordHash("!".to_owned()),
            admin: false,
            at: now,
        };
        self.app.store.create_user(user).await.unwrap();
        let tokens = self.app.auth.open_device(id, "test", now).await.unwrap();
        Person { id, token: tokens.access }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, person: &Person, path: &str) -> (u16, Value) {
        answer(self.http.get(self.url(path)).bearer_auth(&person.token)).await
    }

    pub(crate) async fn post(&self, person: &Person, path: &str, body: Value) -> (u16, Value) {
        answer(self.http.post(self.url(path)).bearer_auth(&person.token).json(&body)).await
    }

    /// A command that is stored.
    pub(crate) async fn command(&self, person: &Person, body: Value) -> Value {
        let (status, ack) = self.post(person, "/v1/commands", body).await;
        assert_eq!(status, 200, "{ack}");
        ack
    }

    /// The private room of two people.
    pub(crate) async fn private_room(&self, one: &Person, other: &Person) -> String {
        let txn_id = format!("open-{}", other.id);
        let ack =
            self.command(one, json!({"type": "open_private", "txn_id": txn_id, "user": other.id})).await;
        ack["room"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn say(&self, person: &Person, room: &str, txn_id: &str, text: &str) -> Value {
        self.command(person, json!({"type": "send", "txn_id": txn_id, "room": room, "text": text})).await
    }

    /// A socket that has said nothing yet.
    pub(crate) async fn socket(&self) -> Socket {
        Socket::open(&self.url("")).await
    }

    /// A socket that has caught up from nothing.
    pub(crate) async fn live(&self, person: &Person) -> Socket {
        Socket::live(&self.url(""), &person.token).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A plain socket: what it is told to say, and what it hears.
pub(crate) struct Socket(pub(crate) WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What a socket hears.
#[derive(Debug)]
pub(crate) enum Heard {
    Frame(Value),
    Closed(Option<u16>),
}

impl Socket {
    /// One to the server at `url` that has said nothing yet.
    pub(crate) async fn open(url: &str) -> Self {
        let url = format!("{}/v1/ws", url.replacen("http", "ws", 1));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "zas.v1.json".parse().unwrap());
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        Self(socket)
    }

    /// One to the server at `url` that has caught up from nothing.
    pub(crate) async fn live(url: &str, token: &str) -> Self {
        let mut socket = Self::open(url).await;
        socket.say(json!({"type": "hello", "token": token, "cursor": {}})).await;
        socket.until("synced").await;
        socket
    }

    pub(crate) async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub(crate) async fn hear(&mut self) -> Heard {
        loop {
            let heard =
                tokio::time::timeout(PATIENCE, self.0.next()).await.expect("something is heard in time");
            match heard {
                Some(Ok(Message::Text(text))) => return Heard::Frame(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => {
                    return Heard::Closed(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Heard::Closed(None),
            }
        }
    }

    /// The next frame of a type; others before it are passed over.
    pub(crate) async fn until(&mut self, kind: &str) -> Value {
        self.all_until(kind).await.pop().unwrap()
    }

    /// All frames up to the first of a type.
    pub(crate) async fn all_until(&mut self, kind: &str) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            match self.hear().await {
                Heard::Frame(frame) => {
                    let found = frame["type"] == kind;
                    frames.push(frame);
                    if found {
                        return frames;
                    }
                }
                Heard::Closed(code) => panic!("closed with {code:?} before {kind}; heard {frames:?}"),
            }
        }
    }

    /// The code it is closed with.
    pub(crate) async fn until_closed(&mut self) -> Option<u16> {
        loop {
            if let Heard::Closed(code) = self.hear().await {
                return code;
            }
        }
    }
}
