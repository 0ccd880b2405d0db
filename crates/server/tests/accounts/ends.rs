//! Every way in which a session ends, and what it has open at that moment: the three rungs of the feed, and
//! the socket and the held request of the old contract. All of it ends within P12's five seconds.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::timeout;
use zas_protocol::CloseCode;
use zas_protocol::rest::Tokens;

use crate::support::{PATIENCE, Person, Server, Socket};
use crate::{PASSWORD, is_let_in, next_device, post, register};

const CUT_WITHIN: Duration = Duration::from_secs(5);
const NEXT_PASSWORD: &str = "otra frase de paso";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    SignOut,
    OldSignOut,
    FromAnotherDevice,
    AllOthersFromAnotherDevice,
    PasswordChange,
    OldPasswordChange,
    UsedTokenAgain,
    Everywhere,
    Disabling,
}

impl End {
    const ALL: [Self; 9] = [
        Self::SignOut,
        Self::OldSignOut,
        Self::FromAnotherDevice,
        Self::AllOthersFromAnotherDevice,
        Self::PasswordChange,
        Self::OldPasswordChange,
        Self::UsedTokenAgain,
        Self::Everywhere,
        Self::Disabling,
    ];

    /// Whether the person's other device goes on.
    const fn spares_others(self) -> bool {
        !matches!(self, Self::Everywhere | Self::Disabling)
    }

    /// Ends the session of `here`; `elsewhere` is another of the same person's.
    async fn bring(self, server: &Server, here: &Tokens, elsewhere: &Tokens) {
        let user = here.me.user.id;
        let person = Person { id: user, token: elsewhere.access.clone() };
        let refresh = json!(here.refresh);
        let delete = async |path: String| {
            let request = server.http.delete(server.url(&path)).bearer_auth(&elsewhere.access);
            request.send().await.unwrap().status().as_u16()
        };
        let status = match self {
            Self::SignOut => post(server, "/v1/auth/logout", &json!({ "refresh": refresh })).await.0,
            Self::OldSignOut => {
                post(server, "/api/auth/logout/", &json!({ "refresh_token": refresh })).await.0
            }
            Self::FromAnotherDevice => delete(format!("/v1/me/devices/{}", here.device)).await,
            Self::AllOthersFromAnotherDevice => delete("/v1/me/devices".to_owned()).await,
            Self::PasswordChange => {
                let form = json!({"current": PASSWORD, "new": NEXT_PASSWORD});
                server.post(&person, "/v1/auth/password", form).await.0
            }
            Self::OldPasswordChange => {
                let form = json!({
                    "current_password": PASSWORD, "new_password": NEXT_PASSWORD,
                    "new_password_confirm": NEXT_PASSWORD,
                });
                server.post(&person, "/api/auth/change-password/", form).await.0
            }
            Self::UsedTokenAgain => {
                let mut token = refresh.clone();
                for _ in 0..2 {
                    token = post(server, "/v1/auth/refresh", &json!({ "refresh": token })).await.1["refresh"]
                        .take();
                }
                assert_eq!(post(server, "/v1/auth/refresh", &json!({ "refresh": refresh })).await.0, 401);
                200
            }
            Self::Everywhere => {
                assert_eq!(server.app.auth.sign_out_everywhere(user, None).await.unwrap(), 2);
                200
            }
            Self::Disabling => {
                assert!(server.app.auth.disable(user).await.unwrap());
                200
            }
        };
        assert!((200..300).contains(&status), "{self:?}: {status}");
    }
}

/// What one session holds open.
struct Held {
    socket: Socket,
    old_socket: Socket,
    stream: reqwest::Response,
    poll: JoinHandle<u16>,
    old_poll: JoinHandle<()>,
}

impl Held {
    const COUNT: u64 = 5;

    async fn open(server: &Server, tokens: &Tokens) -> Self {
        let me = Person { id: tokens.me.user.id, token: tokens.access.clone() };
        let other = server.person(&format!("x_{}", tokens.me.user.username)).await;
        let room = server.private_room(&me, &other).await;
        let heads = server.app.store.heads(me.id).await.unwrap();
        let cursor: serde_json::Map<String, Value> =
            heads.iter().map(|head| (head.room.to_string(), json!([head.epoch, head.head]))).collect();
        let feed = || {
            let request = server.http.post(server.url("/v1/feed")).bearer_auth(&tokens.access);
            request.json(&json!({ "cursor": cursor }))
        };
        let since = server.url(&format!("/api/messaging/chats/{room}/messages/?since=2020-01-01T00:00:00Z"));
        let since = server.http.get(since).bearer_auth(&tokens.access);
        let url = format!("ws://{}/ws/chat/{room}/?token={}", server.address, tokens.access);
        let mut old_socket = Socket(tokio_tungstenite::connect_async(url).await.unwrap().0);
        old_socket.until("connection_success").await;
        let held = Self {
            socket: Socket::live(&server.url(""), &tokens.access).await,
            old_socket,
            stream: feed().header("accept", "text/event-stream").send().await.unwrap(),
            poll: tokio::spawn(async_status(feed())),
            old_poll: tokio::spawn(until_refused(since)),
        };
        for open in ["socket\"} 2", "stream\"} 1", "poll\"} 1"] {
            let line = format!("zas_connections{{rung=\"{open}");
            let is_open = async {
                while !server.app.metrics.text().contains(&line) {
                    yield_now().await
                }
            };
            timeout(PATIENCE, is_open).await.expect(open);
        }
        held
    }

    async fn ends(mut self) {
        assert_eq!(self.socket.until_closed().await, Some(CloseCode::Revoked.code()));
        assert_eq!(self.old_socket.until_closed().await, Some(4401));
        let mut streamed = Vec::new();
        while let Some(chunk) = self.stream.chunk().await.unwrap() {
            streamed.extend(chunk);
        }
        let last = format!("event:close\ndata:{}\n\n", CloseCode::Revoked.code());
        assert!(streamed.ends_with(last.as_bytes()), "the stream says why it ends");
        assert_eq!(self.poll.await.unwrap(), 401);
        self.old_poll.await.unwrap();
    }
}

/// As a client of the old contract asks, whose request is held for a second and a half: again and again.
async fn until_refused(request: reqwest::RequestBuilder) {
    while async_status(request.try_clone().unwrap()).await != 401 {}
}

async fn async_status(request: reqwest::RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_ends_a_session_cuts_all_that_it_has_open_and_refuses_it_at_once() {
    for end in End::ALL {
        let server = Server::start().await;
        let elsewhere = register(&server, "ana").await;
        let here = next_device(&server, "ana", PASSWORD).await;
        let held = Held::open(&server, &here).await;
        end.bring(&server, &here, &elsewhere).await;
        assert!(!is_let_in(&server, &here.access).await, "{end:?} refuses requests at once");
        assert_eq!(is_let_in(&server, &elsewhere.access).await, end.spares_others(), "{end:?}");
        timeout(CUT_WITHIN, held.ends()).await.unwrap_or_else(|_| panic!("{end:?} cuts all"));
    }
    let cut = End::ALL.len() as u64 * Held::COUNT;
    zas_tally::tried("P12", "connections held open, new and old contract, whose session ended", cut);
}

#[tokio::test]
async fn nobody_signs_out_the_device_of_another() {
    let server = Server::start().await;
    let (ana, luis) = (register(&server, "ana").await, register(&server, "luis").await);
    let url = server.url(&format!("/v1/me/devices/{}", ana.device));
    let answer = server.http.delete(url).bearer_auth(&luis.access).send().await.unwrap();
    assert_eq!(answer.status(), 404);
    let answer =
        server.http.delete(server.url("/v1/me/devices")).bearer_auth(&luis.access).send().await.unwrap();
    assert!(answer.status().is_success());
    assert!(is_let_in(&server, &ana.access).await && is_let_in(&server, &luis.access).await);
}

#[tokio::test]
async fn a_connection_ends_with_its_token_on_every_rung_unless_a_fresh_one_came_in_band() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let almost_over = zas_server::clock::now() - 3_596_000_000;
    let short = server.app.auth.open_device(ana.id, "phone", almost_over).await.unwrap();
    let heads = server.app.store.heads(ana.id).await.unwrap();
    let cursor: serde_json::Map<String, Value> =
        heads.iter().map(|head| (head.room.to_string(), json!([head.epoch, head.head]))).collect();
    let feed = || {
        let request = server.http.post(server.url("/v1/feed")).bearer_auth(&short.access);
        request.json(&json!({ "cursor": cursor }))
    };
    let mut ending = Socket::live(&server.url(""), &short.access).await;
    let mut going_on = Socket::live(&server.url(""), &short.access).await;
    let stream = feed().header("accept", "text/event-stream").send().await.unwrap();
    let poll = tokio::spawn(async_status(feed()));
    let fresh = post(&server, "/v1/auth/refresh", &json!({ "refresh": short.refresh })).await.1;
    going_on.say(json!({"type": "refresh", "token": fresh["access"]})).await;

    let code = CloseCode::TokenExpired.code();
    let all = async {
        assert_eq!(ending.until_closed().await, Some(code));
        assert!(stream.text().await.unwrap().ends_with(&format!("event:close\ndata:{code}\n\n")));
        assert_eq!(poll.await.unwrap(), 401);
    };
    timeout(PATIENCE, all).await.expect("each ends with its token");
    going_on.say(json!({"type": "ping", "n": 4})).await;
    assert_eq!(going_on.until("pong").await["n"], 4);
}
