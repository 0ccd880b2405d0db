//! Who talks: each with a client of their own on a rung of their own, which lives through whatever
//! happens to the server.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use zas_client::engine::Rung;
use zas_client::{Client, Happening, Options, Sent};
use zas_protocol::rest::Tokens;
use zas_protocol::{Event, RoomId, Seq, TxnId, UserId};

use crate::support::process::PASSWORD;

/// The longest that a message may take to be settled, faults and all.
pub(crate) const SETTLED: Duration = Duration::from_secs(60);
/// Messages of one person that may be unsettled.
const WINDOW: usize = 8;

/// For where it is no matter how much people write and miss: those limits are other tests'.
pub(crate) const NO_LIMITS: &str = "commands_per_minute=60000,commands_burst=1000,reads_per_minute=60000,\
                                    signals_per_minute=60000,resume_room_events=1000000,\
                                    resume_events=1000000";
/// The rungs as a client has them unless told otherwise.
pub(crate) const LADDER: [Rung; 3] = [Rung::Socket, Rung::Stream, Rung::Poll];

/// In every message: no log may show it.
pub(crate) const CANARY: &str = "canario-en-el-texto";

/// One message and what became of it.
pub(crate) struct Said {
    pub(crate) room: RoomId,
    pub(crate) text: String,
    pub(crate) txn_id: TxnId,
    pub(crate) seq: Seq,
}

/// What is read off a person's feed, in its order.
#[derive(Default)]
pub(crate) struct Feed {
    pub(crate) events: Vec<Event>,
    /// Stretches that were too much to send. A rig that causes none must see none.
    pub(crate) jumps: Vec<(RoomId, Seq, Seq)>,
}

/// How many of somebody's messages are stored, as far as they know.
#[derive(Clone)]
pub(crate) struct Acked(watch::Sender<u64>);

impl Default for Acked {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Acked {
    pub(crate) fn one(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// Waits for `more` of them.
    pub(crate) async fn wait_for(&self, more: u64) {
        let mut count = self.0.subscribe();
        let goal = *count.borrow() + more;
        let reached = count.wait_for(|count| *count >= goal);
        timeout(SETTLED, reached).await.expect("messages go on being stored").unwrap();
    }
}

/// Somebody who is connected.
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    pub(crate) tokens: Tokens,
    feed: JoinHandle<Feed>,
    stop: watch::Sender<bool>,
    talk: Option<JoinHandle<Vec<Said>>>,
    pub(crate) acked: Acked,
}

/// Makes an account and signs it in.
pub(crate) async fn register(url: &str, name: &str) -> Tokens {
    let body = serde_json::json!({
        "username": name, "email": format!("{name}@example.org"), "display_name": name, "password": PASSWORD,
    });
    let url = format!("{url}/v1/auth/register");
    let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
    assert!(answer.status().is_success(), "{name} registers");
    answer.json().await.unwrap()
}

/// Signs somebody in who has the rigs' password.
pub(crate) async fn sign_in(url: &str, name: &str) -> Tokens {
    let body = serde_json::json!({ "login": name, "password": PASSWORD });
    let answer =
        reqwest::Client::new().post(format!("{url}/v1/auth/login")).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{name} signs in");
    answer.json().await.unwrap()
}

impl Person {
    /// Connects and notes down what comes from here on.
    pub(crate) async fn connect(url: &str, name: &'static str, tokens: Tokens, rungs: &[Rung]) -> Self {
        let rungs = rungs.to_vec();
        let options = Options { rungs, ..Options::default() };
        let client = Client::with_tokens(url, &tokens, options).await.unwrap();
        let mut happenings = client.happenings().await.unwrap();
        let feed = tokio::spawn(async move {
            let mut feed = Feed::default();
            while let Some(happening) = happenings.recv().await {
                match happening {
                    Happening::Event(event) => feed.events.push(event),
                    Happening::Jumped { room, from, to } => feed.jumps.push((room, from, to)),
                    Happening::Replaced { .. } | Happening::Heard(_) | Happening::Status(_) => {}
                }
            }
            feed
        });
        Self {
            name,
            client,
            tokens,
            feed,
            stop: watch::channel(false).0,
            talk: None,
            acked: Acked::default(),
        }
    }

    pub(crate) fn id(&self) -> UserId {
        self.client.me()
    }

    /// Talks in these rooms by turns until told to stop.
    pub(crate) fn talk(&mut self, rooms: Vec<RoomId>) {
        let (client, name, stopped) = (self.client.clone(), self.name, self.stop.subscribe());
        let acked = self.acked.clone();
        self.talk = Some(tokio::spawn(async move {
            let (mut said, mut waiting) = (Vec::new(), VecDeque::new());
            for n in 0_usize.. {
                if *stopped.borrow() {
                    break;
                }
                let (room, text) = (rooms[n % rooms.len()], format!("{CANARY} {name} {n}"));
                let sent = client.send(room, &text).await.unwrap();
                waiting.push_back((room, text, sent));
                if waiting.len() >= WINDOW {
                    said.push(settle(waiting.pop_front().unwrap(), &acked).await);
                }
            }
            for message in waiting {
                said.push(settle(message, &acked).await);
            }
            said
        }));
    }

    /// Stops talking; all that was said, each stored.
    pub(crate) async fn stop_talking(&mut self) -> Vec<Said> {
        self.stop.send_replace(true);
        self.talk.take().expect("is talking").await.unwrap()
    }

    /// Waits until all that this person wrote has left the outbox, then disconnects; what came.
    pub(crate) async fn leave(self) -> Feed {
        let drained = async {
            while !self.client.saved().await.unwrap().outbox.is_empty() {
                tokio::task::yield_now().await;
            }
        };
        timeout(SETTLED, drained).await.expect("the outbox drains");
        self.client.close().await.unwrap();
        self.feed.await.unwrap()
    }
}

async fn settle((room, text, sent): (RoomId, String, Sent), acked: &Acked) -> Said {
    let ack = timeout(SETTLED, sent).await.expect("a message is settled").expect("none is refused");
    acked.one();
    Said { room, text, txn_id: ack.txn_id, seq: ack.seq }
}
