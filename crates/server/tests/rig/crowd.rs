//! Many at once: everyone comes back after a restart, more is asked than can be done, readers stop reading.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _, stream};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use zas_client::engine::Rung;
use zas_client::{Client, EventBody, Happening, Options, mint};
use zas_protocol::rest::Tokens;
use zas_protocol::{Command, Event, RoomId, TxnId};

use crate::audit;
use crate::days::{both_get_through, two_people};
use crate::people::{LADDER, NO_LIMITS, SETTLED, register};
use crate::support::process::{Running, Setup};

/// Whoever was connected hears what is said once the server is back.
async fn hears(happenings: &mut tokio::sync::mpsc::Receiver<Happening>, wanted: &str) -> usize {
    let mut times = 0;
    while times == 0 {
        if let Happening::Event(Event { body: EventBody::Message { text, .. }, .. }) =
            happenings.recv().await.expect("it goes on")
        {
            times += usize::from(text == wanted);
        }
    }
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_who_comes_back_at_once_is_caught_up_within_thirty_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let limits = format!("{NO_LIMITS},connections_per_user=10000,anonymous_sockets_per_address=64");
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", &limits]);
    let server = setup.start().await;
    let mut tokens = Vec::new();
    for name in ["ada", "bob", "eva", "leo"] {
        tokens.push(register(&server.url, name).await);
    }
    let ada = Client::with_tokens(&server.url, &tokens[0], Options::default()).await.unwrap();
    let members = tokens[1..].iter().map(|tokens| tokens.me.user.id).collect();
    let room = ada.create_group("todos", members).await.unwrap();
    let count = zas_tally::amount(200).min(2_000);
    let mut crowd = Vec::new();
    for n in 0..count {
        let tokens = &tokens[usize::try_from(n).unwrap() % tokens.len()];
        let client = Client::with_tokens(&server.url, tokens, Options::default()).await.unwrap();
        crowd.push((client.happenings().await.unwrap(), client));
    }
    ada.send(room, "antes").await.unwrap().await.unwrap();
    for (happenings, _) in &mut crowd {
        timeout(SETTLED, hears(happenings, "antes")).await.expect("all are connected");
    }
    server.kill();
    let after = ada.send(room, "después").await.unwrap();
    let server = setup.start().await;
    let back = async {
        after.await.unwrap();
        for (happenings, _) in &mut crowd {
            assert_eq!(hears(happenings, "después").await, 1);
        }
    };
    timeout(Duration::from_secs(30), back).await.expect("all are caught up within 30 s");
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P17", "clients back at once after a restart, caught up within 30 s", count);
}

/// One message by POST: its name, and how it was answered.
async fn post(
    http: &reqwest::Client,
    url: &str,
    token: &str,
    room: RoomId,
    text: String,
) -> (TxnId, reqwest::Response) {
    let txn_id = mint();
    let send = Command::text(txn_id.clone(), room, None, text);
    let answer = http.post(format!("{url}/v1/commands")).bearer_auth(token).json(&send).send().await.unwrap();
    (txn_id, answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_can_be_done_is_refused_in_time_and_service_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let limits = format!("{NO_LIMITS},commit_queue=16,commit_batch=4");
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", &limits]);
    let server = setup.start().await;
    let (people, room, mia) = two_people(&server).await;
    let http = reqwest::Client::new();
    let asked = zas_tally::amount(3_000);
    // More at once than the queue holds, several times over.
    let answers = stream::iter(0..asked).map(|n| post(&http, &server.url, &mia.access, room, n.to_string()));
    let answers: Vec<_> = timeout(
        Duration::from_secs(30) * u32::try_from(asked.div_ceil(3_000)).unwrap(),
        answers.buffer_unordered(128).collect(),
    )
    .await
    .expect("nobody waits for long");
    let (mut stored, mut refused) = (BTreeSet::new(), 0_u64);
    for (txn_id, answer) in answers {
        match answer.status().as_u16() {
            200 => assert!(stored.insert(txn_id)),
            429 | 503 => {
                assert!(answer.headers().contains_key("retry-after"));
                refused += 1;
            }
            other => panic!("overload is answered by {other}"),
        }
    }
    assert!(refused > 0, "it was too much");
    timeout(Duration::from_secs(30), both_get_through(&people, 20)).await.expect("recovered within 30 s");
    let log = audit::history(&people[0].client, room).await;
    let of_mia = log.iter().filter(|event| event.sender == Some(mia.me.user.id));
    let there: BTreeSet<TxnId> = of_mia.filter_map(|event| event.txn_id.clone()).collect();
    assert!(there == stored, "what was refused is not there, and what was acked is");
    audit::whole(people, &[(room, &["ada", "leo"])]).await;
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P16", "requests refused while more was asked than can be done", refused);
    zas_tally::tried("P6", "outcomes under overload held against the log", asked);
}

/// A connection whose client asks for the feed and then reads nothing.
async fn stopped_reader(server: &Running, tokens: &Tokens, rung: Rung) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    // The kernel takes little for it, so that it is the server who has to wait.
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let address = server.url.trim_start_matches("http://");
    let mut stream = socket.connect(address.parse().unwrap()).await.unwrap();
    if rung == Rung::Socket {
        let url = format!("ws://{address}/v1/ws");
        let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        let hello = serde_json::json!({ "type": "hello", "token": tokens.access, "cursor": {} });
        socket.send(Message::text(hello.to_string())).await.unwrap();
        return socket.into_inner();
    }
    let request = format!(
        "POST /v1/feed HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\naccept: text/event-stream\r\n\
         content-type: application/json\r\ncontent-length: 13\r\n\r\n{{\"cursor\":{{}}}}",
        tokens.access
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Kilobytes of memory that the program holds.
fn resident(server: &Running) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_stop_cost_a_mebibyte_at_most_hold_nobody_up_and_are_cut() {
    let folder = tempfile::tempdir().unwrap();
    let limits = format!("{NO_LIMITS},connections_per_user=1000,write_stall_ms=5000");
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", &limits]).with_metrics();
    let server = setup.start().await;
    let (people, room, mia) = two_people(&server).await;
    let http = reqwest::Client::new();
    let flood = async |count: u64| {
        let long = "x".repeat(3_900);
        let sends = stream::iter(0..count).map(|_| post(&http, &server.url, &mia.access, room, long.clone()));
        let stored =
            sends.buffer_unordered(8).filter(|(_, answer)| std::future::ready(answer.status() == 200));
        assert_eq!(stored.count().await as u64, count);
    };
    // What serving costs anyway is not the readers'.
    flood(1_500).await;
    let (before, readers) = (resident(&server), zas_tally::amount(8).min(200));
    let mut stopped = Vec::new();
    for n in 0..readers {
        let rung = LADDER[usize::try_from(n % 2).unwrap()];
        stopped.push(stopped_reader(&server, &mia, rung).await);
    }
    let open = async || {
        let socket = setup.metric("zas_connections{rung=\"socket\"}").await;
        socket + setup.metric("zas_connections{rung=\"stream\"}").await
    };
    while open().await < f64::from(u32::try_from(readers).unwrap()) {}
    flood(1_500).await;
    both_get_through(&people, 20).await;
    let cost = resident(&server).saturating_sub(before);
    assert!(cost <= readers * 1024, "{readers} stopped readers cost {cost} KiB");
    // One connection is ada's own.
    let cut = async {
        while open().await > 1.0 {
            both_get_through(&people, 5).await;
        }
    };
    timeout(SETTLED, cut).await.expect("they are cut");
    drop(stopped);
    audit::whole(people, &[(room, &["ada", "leo"])]).await;
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P14", "readers that stopped while others talked", readers);
}
