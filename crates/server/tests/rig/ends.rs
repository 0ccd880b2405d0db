//! Whoever is signed out, disabled or removed is cut: every connection of theirs, on every rung (P12).

use std::time::Duration;

use reqwest::header::ACCEPT;
use tokio::time::timeout;
use zas_client::engine::Status;
use zas_client::{Client, EventBody, Happening, Options, mint};
use zas_protocol::rest::{FeedRequest, State, Tokens};
use zas_protocol::{CloseCode, Command, Cursor, Event, Hello};

use crate::people::{LADDER, SETTLED, register, sign_in};
use crate::support::Socket;
use crate::support::process::{PASSWORD, Running, Setup};

/// P12 says so.
const CUT_WITHIN: Duration = Duration::from_secs(5);

/// How somebody's session ends.
#[derive(Debug, Clone, Copy)]
enum End {
    SignOut,
    OnAnotherDevice,
    PasswordChange,
    OrderedSignOut,
    Disabling,
}

impl End {
    const ALL: [Self; 5] =
        [Self::SignOut, Self::OnAnotherDevice, Self::PasswordChange, Self::OrderedSignOut, Self::Disabling];

    /// Ends the session of `here`; `elsewhere` is another of the same person's.
    async fn bring(self, setup: &Setup, name: &str, here: &Tokens, elsewhere: &Tokens) {
        let http = reqwest::Client::new();
        let url = |path: &str| format!("{}{path}", setup.url());
        let answer = match self {
            Self::SignOut => {
                let form = serde_json::json!({ "refresh": here.refresh });
                http.post(url("/v1/auth/logout")).json(&form)
            }
            Self::OnAnotherDevice => {
                let devices = http.get(url("/v1/me/devices")).bearer_auth(&here.access).send().await.unwrap();
                let devices: serde_json::Value = devices.json().await.unwrap();
                let own = devices["devices"].as_array().unwrap().iter().find(|one| one["current"] == true);
                let path = format!("/v1/me/devices/{}", own.unwrap()["id"].as_str().unwrap());
                http.delete(url(&path)).bearer_auth(&elsewhere.access)
            }
            Self::PasswordChange => {
                let form = serde_json::json!({ "current": PASSWORD, "new": "otra frase de paso" });
                http.post(url("/v1/auth/password")).bearer_auth(&elsewhere.access).json(&form)
            }
            Self::OrderedSignOut => return setup.order(&["user", "sign-out", name]).await,
            Self::Disabling => return setup.order(&["user", "disable", name]).await,
        };
        assert_eq!(answer.send().await.unwrap().status(), 204, "{self:?}");
    }
}

/// The three rungs of one session, each held open.
struct Held {
    socket: Socket,
    stream: reqwest::Response,
    poll: tokio::task::JoinHandle<reqwest::Response>,
}

impl Held {
    async fn open(setup: &Setup, tokens: &Tokens) -> Self {
        let http = reqwest::Client::new();
        let state = http.get(format!("{}/v1/state", setup.url())).bearer_auth(&tokens.access);
        let state: State = state.send().await.unwrap().json().await.unwrap();
        let rooms = state.rooms.iter().map(|room| (room.id, (room.epoch, room.head)));
        let own = (state.own_log.room, (state.own_log.epoch, state.own_log.head));
        // With nothing missed, a poll is held until its time is up.
        let cursor: Cursor = rooms.chain([own]).collect();
        let hello = Hello { token: None, cursor: Some(cursor), seen: None };
        let request =
            FeedRequest { hello, wait_ms: None, gather_ms: None, linger_ms: None, signals: Vec::new() };
        let feed =
            || http.post(format!("{}/v1/feed", setup.url())).bearer_auth(&tokens.access).json(&request);
        let socket = Socket::live(&setup.url(), &tokens.access).await;
        let stream = feed().header(ACCEPT, "text/event-stream").send().await.unwrap();
        let poll = feed().send();
        let poll = tokio::spawn(async move { poll.await.unwrap() });
        for rung in ["socket", "stream", "poll"] {
            let name = format!("zas_connections{{rung=\"{rung}\"}}");
            let is_open = async { while setup.metric(&name).await < 1.0 {} };
            timeout(SETTLED, is_open).await.expect(rung);
        }
        Self { socket, stream, poll }
    }

    /// Waits until each has ended as a session that is over does.
    async fn ends(mut self) {
        assert_eq!(self.socket.until_closed().await, Some(CloseCode::Revoked.code()));
        let mut streamed = Vec::new();
        while let Some(chunk) = self.stream.chunk().await.unwrap() {
            streamed.extend(chunk);
        }
        let last = format!("event:close\ndata:{}\n\n", CloseCode::Revoked.code());
        assert!(streamed.ends_with(last.as_bytes()), "the stream says why it ends");
        assert_eq!(self.poll.await.unwrap().status(), 401);
    }
}

async fn start(folder: &tempfile::TempDir) -> (Setup, Running) {
    let setup = Setup::new(&folder.path().join("data")).with_metrics();
    let server = setup.start().await;
    (setup, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_over_is_cut_on_every_rung_within_five_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let (setup, server) = start(&folder).await;
    for (n, end) in End::ALL.into_iter().enumerate() {
        let name = format!("person{n}");
        let elsewhere = register(&setup.url(), &name).await;
        let here = sign_in(&setup.url(), &name).await;
        let held = Held::open(&setup, &here).await;
        end.bring(&setup, &name, &here, &elsewhere).await;
        let state = reqwest::Client::new().get(format!("{}/v1/state", setup.url())).bearer_auth(&here.access);
        assert_eq!(state.send().await.unwrap().status(), 401, "{end:?} refuses requests at once");
        timeout(CUT_WITHIN, held.ends()).await.unwrap_or_else(|_| panic!("{end:?} cuts all"));
    }
    assert_eq!(server.stop().await, Some(0));
    let cut = (End::ALL.len() * LADDER.len()) as u64;
    zas_tally::tried("P12", "connections held open whose session ended, by five ways", cut);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_removed_hears_so_at_once_and_nothing_later_on_every_rung() {
    let folder = tempfile::tempdir().unwrap();
    let (setup, server) = start(&folder).await;
    let (ada, bob) = (register(&setup.url(), "ada").await, register(&setup.url(), "bob").await);
    let bob_id = bob.me.user.id;
    let ada = Client::with_tokens(&setup.url(), &ada, Options::default()).await.unwrap();
    let private = ada.open_private(bob_id).await.unwrap();
    for rung in LADDER {
        let room = ada.create_group("todos", vec![bob_id]).await.unwrap();
        let options = Options { rungs: vec![rung], ..Options::default() };
        let client = Client::with_tokens(&setup.url(), &bob, options).await.unwrap();
        let mut happenings = client.happenings().await.unwrap();
        while happenings.recv().await.unwrap() != Happening::Status(Status::Live(rung)) {}
        let remove = Command::RemoveMember { txn_id: mint(), room, user: bob_id };
        ada.send(room, "antes").await.unwrap().await.unwrap();
        ada.command(remove).await.unwrap().await.unwrap();
        ada.send(room, "después").await.unwrap().await.unwrap();
        // What comes last shows that what came between did not.
        ada.send(private, "aparte").await.unwrap().await.unwrap();
        let mut heard = Vec::new();
        let mut is_told = false;
        let all = async {
            while !is_told || !heard.contains(&"aparte".to_owned()) {
                match happenings.recv().await.unwrap() {
                    Happening::Event(Event { body: EventBody::Message { text, .. }, .. }) => heard.push(text),
                    Happening::Event(Event { body: EventBody::Left { left, .. }, .. }) => {
                        is_told |= left == room;
                    }
                    _ => {}
                }
            }
        };
        timeout(CUT_WITHIN, all).await.expect("it is heard at once");
        assert!(!heard.contains(&"después".to_owned()), "by {rung:?}: {heard:?}");
        assert!(client.history(room, None).await.is_err(), "and history is closed");
        client.close().await.unwrap();
    }
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P12", "removals of a member who is connected", LADDER.len() as u64);
}
