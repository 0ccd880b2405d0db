//! Bad days: the disk is full, the program stands still or is told to go, somebody comes back after a day
//! offline, everyone comes back at once.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::timeout;
use zas_client::engine::Rung;
use zas_client::{Client, EventBody, Happening, Options, mint};
use zas_protocol::{Event, RoomId};

use crate::audit;
use crate::people::{Person, SETTLED, register};
use crate::support::process::{Running, Setup};

const LADDER: [Rung; 3] = [Rung::Socket, Rung::Stream, Rung::Poll];
/// How fast one may write is another test's.
const NO_HURRY: &str = "commands_per_minute=60000,commands_burst=1000,reads_per_minute=60000,\
                        signals_per_minute=60000,resume_room_events=1000000,resume_events=1000000";

/// Two people who talk, on the ladder and by long-poll.
async fn two_people(server: &Running) -> (Vec<Person>, RoomId) {
    let mut people = Vec::new();
    for (name, rungs) in [("ada", &LADDER[..]), ("leo", &[Rung::Poll])] {
        let tokens = register(&server.url, name).await;
        people.push(Person::connect(&server.url, name, tokens, rungs).await);
    }
    let room = people[0].client.open_private(people[1].id()).await.unwrap();
    for person in &mut people {
        person.talk(vec![room]);
    }
    (people, room)
}

async fn both_get_through(people: &[Person], messages: u64) {
    for person in people {
        person.acked.wait_for(messages).await;
    }
}

async fn status(url: &str) -> Option<u16> {
    Some(reqwest::get(url).await.ok()?.status().as_u16())
}

/// Takes all that is left of a disk; what it holds is given back when it is dropped.
struct Hog(PathBuf);

impl Hog {
    fn fill(path: PathBuf) -> Self {
        let mut file = File::create(&path).unwrap();
        for piece in [64 * 1024, 4 * 1024, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
        Self(path)
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_refuses_writes_serves_reads_and_goes_on_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", NO_HURRY]);
    let setup = setup.on_a_small_disk(24 * 1024 * 1024);
    let server = setup.start().await;
    let (people, room) = two_people(&server).await;
    let http = reqwest::Client::new();
    let disk = PathBuf::from(format!("/proc/{}/root", server.pid()));
    let disk = disk.join(setup.data.strip_prefix("/").unwrap());
    let times = zas_tally::amount(3);
    for _ in 0..times {
        both_get_through(&people, 20).await;
        let hog = Hog::fill(disk.join("hog"));
        let refused = async {
            loop {
                let send = serde_json::json!({
                    "type": "send", "txn_id": mint(), "room": room, "text": "x".repeat(3_000),
                });
                let post =
                    http.post(format!("{}/v1/commands", server.url)).bearer_auth(&people[0].tokens.access);
                let asked = Instant::now();
                let answer = post.json(&send).send().await.unwrap();
                if answer.status() != 200 {
                    return (asked.elapsed(), answer);
                }
            }
        };
        let (after, answer) = timeout(SETTLED, refused).await.expect("a full disk is noticed");
        assert!(after < Duration::from_secs(1), "P19 says within a second, and it took {after:?}");
        assert_eq!(answer.status(), 507);
        assert!(answer.headers().contains_key("retry-after"));
        let said: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(said["code"], "storage_full", "{said}");
        let state = http.get(format!("{}/v1/state", server.url)).bearer_auth(&people[0].tokens.access);
        assert_eq!(state.send().await.unwrap().status(), 200, "reads go on");
        drop(hog);
    }
    both_get_through(&people, 20).await;
    // What the probe wrote is no one's talk, so the audit is of the log and of what was acked.
    let (mut all, mut people) = (Vec::new(), people);
    for person in &mut people {
        all.extend(person.stop_talking().await);
    }
    let log = audit::history(&people[0].client, room).await;
    audit::is_gapless(&log);
    for said in all {
        let seq = usize::try_from(said.ack.seq).unwrap();
        assert_eq!(audit::text(&log[seq - 1]), Some(&*said.text), "what was acked is there");
    }
    for person in people {
        person.leave().await;
    }
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P19", "disks filled up while people talk, and given back", times);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_stands_still_for_a_while_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", NO_HURRY]);
    let server = setup.start().await;
    let (people, room) = two_people(&server).await;
    let times = zas_tally::amount(2);
    for _ in 0..times {
        both_get_through(&people, 5).await;
        server.signal(Signal::STOP);
        // As long as it takes a client to send again what nobody acks.
        tokio::time::sleep(Duration::from_millis(3_000)).await;
        server.signal(Signal::CONT);
    }
    both_get_through(&people, 5).await;
    let messages = audit::whole(people, &[(room, &["ada", "leo"])]).await;
    assert!(messages > 0);
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P2", "standstills of the program (SIGSTOP) while people talk", times);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_told_to_go_finishes_what_it_took_and_is_gone_within_thirty_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", NO_HURRY]);
    let mut server = setup.start().await;
    let (people, room) = two_people(&server).await;
    let times = zas_tally::amount(3);
    for _ in 0..times {
        both_get_through(&people, 10).await;
        let ready = format!("{}/readyz", server.url);
        server.signal(Signal::TERM);
        let unready = async { while status(&ready).await == Some(200) {} };
        timeout(Duration::from_secs(1), unready).await.expect("not ready at once");
        let ended = timeout(Duration::from_secs(30), server.ended()).await.expect("gone in 30 s");
        assert_eq!(ended, Some(0));
        server = setup.start().await;
    }
    both_get_through(&people, 10).await;
    audit::whole(people, &[(room, &["ada", "leo"])]).await;
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P18", "drains (SIGTERM) while people talk", times);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outbox_of_two_hundred_is_paced_by_the_servers_limit_and_none_fails() {
    let folder = tempfile::tempdir().unwrap();
    let limits = "commands_per_minute=2400,commands_burst=40,reads_per_minute=60000";
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", limits]);
    let server = setup.start().await;
    let (ada, bob) = (register(&server.url, "ada").await, register(&server.url, "bob").await);
    let client = Client::with_tokens(&server.url, &ada, Options::default()).await.unwrap();
    let room = client.open_private(bob.me.user.id).await.unwrap();
    server.kill();
    let mut sent = Vec::new();
    for n in 0..200 {
        sent.push(client.send(room, &format!("sin red {n}")).await.unwrap());
    }
    let server = setup.start().await;
    let mut last = 0;
    for outcome in sent {
        let ack = timeout(SETTLED, outcome).await.expect("all go out").expect("none fails");
        assert!(ack.seq > last, "in order");
        last = ack.seq;
    }
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P16", "messages out of an outbox of 200, paced by the rate limit", 200);
}

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
    let limits = format!("{NO_HURRY},connections_per_user=10000,anonymous_sockets_per_address=64");
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
