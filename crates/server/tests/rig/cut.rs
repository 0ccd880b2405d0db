//! A whole session through a proxy that breaks a connection at one byte of it: for every byte, each way,
//! on every rung.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use tokio::time::timeout;
use zas_client::engine::Rung;
use zas_client::{Client, EventBody, Happening, Options, Sent, mint};
use zas_protocol::rest::Tokens;
use zas_protocol::{Ack, Command, ProfileChange, RoomId};

use crate::audit;
use crate::people::LADDER;
use crate::proxy::{Cut, Fault, Proxy, Way};
use crate::support::Server;
use crate::support::process::PASSWORD;

/// Sessions at a time.
const AT_ONCE: usize = 8;
/// A silent connection is given up after 35 s, and what was on it goes again.
const STUCK: Duration = Duration::from_secs(100);
const WAYS: [Way; 2] = [Way::Up, Way::Down];

/// Two people with a room; one of them goes through the proxy, the other does not.
struct Pair {
    name: String,
    direct: Client,
    room: RoomId,
}

struct World {
    server: Server,
    hash: zas_store::PasswordHash,
}

impl World {
    async fn new() -> Self {
        let server = Server::with(|config| config.limits.sign_ins_per_minute = 1_000_000).await;
        let form = serde_json::json!({
            "username": "first", "email": "first@example.org", "password": PASSWORD, "display_name": "First",
        });
        let made = server.http.post(server.url("/v1/auth/register")).json(&form).send().await.unwrap();
        assert!(made.status().is_success());
        let first = server.app.store.user_by_login("first").await.unwrap().unwrap();
        Self { server, hash: first.password_hash }
    }

    async fn pair(&self, name: &str) -> Pair {
        let one = self.server.person(name).await;
        self.server.app.store.set_password(one.id, self.hash.clone()).await.unwrap();
        let other = self.server.person(&format!("{name}z")).await;
        let room = self.server.private_room(&one, &other).await.parse().unwrap();
        let direct = self.server.url("");
        let direct = Client::with_access_token(&direct, &other.token, Options::default()).await.unwrap();
        Pair { name: name.to_owned(), direct, room }
    }
}

/// Tries as somebody would who reads "try again": many sign in here at once, and only so many passwords
/// are hashed at a time.
async fn until_answered(request: impl Fn() -> reqwest::RequestBuilder) -> reqwest::Response {
    loop {
        let answer = request().timeout(Duration::from_secs(5)).send().await;
        if let Ok(answer) = answer
            && let Ok(whole) = buffered(answer).await
            && whole.status() != 503
        {
            return whole;
        }
    }
}

/// An answer that is cut in its body is no answer.
async fn buffered(answer: reqwest::Response) -> reqwest::Result<reqwest::Response> {
    let status = answer.status();
    let body = answer.bytes().await?;
    Ok(http::Response::builder().status(status).body(body).unwrap().into())
}

async fn stored(sent: Sent) -> Ack {
    sent.await.expect("nothing is refused")
}

/// Signs in, subscribes, sends, edits the profile, goes away, resumes, signs out.
async fn session(pair: &Pair, url: &str, rung: Rung) {
    let http = reqwest::Client::new();
    let form = serde_json::json!({ "login": pair.name, "password": PASSWORD });
    let answer = until_answered(|| http.post(format!("{url}/v1/auth/login")).json(&form)).await;
    let tokens: Tokens = answer.json().await.unwrap();

    let connect = |saved| {
        let tokens = &tokens;
        async move {
            let mut saved = Some(saved);
            loop {
                let options =
                    Options { rungs: vec![rung], saved: saved.clone().unwrap(), ..Options::default() };
                match Client::with_tokens(url, tokens, options).await {
                    Ok(client) => return client,
                    Err(error) => assert!(error.code().is_none(), "{error}"),
                }
                saved = saved.take();
            }
        }
    };
    let client = connect(zas_client::engine::Saved::default()).await;
    let mut happenings = client.happenings().await.unwrap();
    let one = client.send(pair.room, "one").await.unwrap();
    let profile = ProfileChange { display_name: Some("Another".to_owned()), ..ProfileChange::default() };
    let edit = client.command(Command::SetProfile { txn_id: mint(), profile }).await.unwrap();
    let two = client.send(pair.room, "two").await.unwrap();
    let (one, edit, two) = (stored(one).await, stored(edit).await, stored(two).await);
    assert!(one.seq < two.seq && edit.seq > 0);
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.extend(text(happenings.recv().await.expect("it goes on")));
    }
    let saved = client.close().await.unwrap();
    stored(pair.direct.send(pair.room, "meanwhile").await.unwrap()).await;
    let client = connect(saved).await;
    let mut happenings = client.happenings().await.unwrap();
    stored(client.send(pair.room, "three").await.unwrap()).await;
    while heard.len() < 4 {
        heard.extend(text(happenings.recv().await.expect("it goes on")));
    }
    assert_eq!(heard, ["one", "two", "meanwhile", "three"], "each once and in order");

    let refresh = serde_json::json!({ "refresh": tokens.refresh });
    let answer = until_answered(|| http.post(format!("{url}/v1/auth/logout")).json(&refresh)).await;
    assert_eq!(answer.status(), 204);
    let answer = until_answered(|| http.get(format!("{url}/v1/state")).bearer_auth(&tokens.access)).await;
    assert_eq!(answer.status(), 401, "the session is over");
}

fn text(happening: Happening) -> Option<String> {
    match happening {
        Happening::Event(event) => match event.body {
            EventBody::Message { text, .. } => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// A session with a cut, and the audit of what is stored; whether the cut came.
async fn with_cut(world: &World, name: &str, rung: Rung, cut: Option<Cut>) -> (bool, [u64; 2]) {
    let pair = world.pair(name).await;
    let proxy = Proxy::start(world.server.address, cut).await;
    timeout(STUCK, session(&pair, &proxy.url(), rung))
        .await
        .unwrap_or_else(|_| panic!("stuck by {rung:?} with {cut:?}"));
    let log = audit::history(&pair.direct, pair.room).await;
    audit::is_gapless(&log);
    let texts: Vec<&str> = log.iter().filter_map(audit::text).collect();
    assert_eq!(texts, ["one", "two", "meanwhile", "three"], "by {rung:?} with {cut:?}");
    let me = world.server.app.store.user_by_login(name).await.unwrap().unwrap();
    assert_eq!(me.user.display_name, "Another");
    (proxy.has_cut(), WAYS.map(|way| proxy.passed(way)))
}

/// `each` places in each way and on each rung; how many cuts came.
async fn cut_at_places(each: u64, faults: &'static [Fault]) -> u64 {
    let world = Arc::new(World::new().await);
    let mut cuts = Vec::new();
    for rung in LADDER {
        let (_, length) = with_cut(&world, &format!("whole_{rung:?}").to_lowercase(), rung, None).await;
        for way in WAYS {
            let length = length[way as usize];
            let count = each.min(length);
            for n in 0..count {
                let at = (n * length / count + zas_tally::seed(0)) % length;
                let fault = faults[usize::try_from(n).unwrap() % faults.len()];
                cuts.push((rung, Cut { way, at, fault }));
            }
        }
    }
    let world = &world;
    let came =
        stream::iter(cuts.into_iter().enumerate())
            .map(|(n, (rung, cut))| async move {
                with_cut(world, &format!("person_{n}"), rung, Some(cut)).await.0
            })
            .buffer_unordered(AT_ONCE.max(if faults == [Fault::Silence] { 64 } else { 0 }))
            .fold(0, |sum, came| async move { sum + u64::from(came) })
            .await;
    assert!(came > 0, "cuts come");
    came
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_cut_at_any_byte_loses_doubles_and_holds_up_nothing() {
    let cuts = cut_at_places(zas_tally::amount(24), &[Fault::Reset, Fault::Close]).await;
    zas_tally::tried("P7", "sessions cut at one byte by a reset or a close", cuts);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_falls_silent_at_any_byte_loses_doubles_and_holds_up_nothing() {
    let cuts = cut_at_places(zas_tally::amount(4), &[Fault::Silence]).await;
    zas_tally::tried("P7", "sessions that fell silent at one byte", cuts);
}
