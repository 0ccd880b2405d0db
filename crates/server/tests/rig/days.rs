//! Bad days: the disk is full, the program stands still or is told to go, somebody comes back after a day
//! offline.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::time::timeout;
use zas_client::engine::Rung;
use zas_client::{Client, Options, mint};
use zas_protocol::rest::Tokens;
use zas_protocol::{CloseCode, Command, RoomId};

use crate::audit;
use crate::people::{LADDER, NO_LIMITS, Person, SETTLED, register};
use crate::support::Socket;
use crate::support::process::{Running, Setup};

/// Two people who talk, on the ladder and by long-poll; a third is in the room and is silent.
pub(crate) async fn two_people(server: &Running) -> (Vec<Person>, RoomId, Tokens) {
    let mut people = Vec::new();
    for (name, rungs) in [("ada", &LADDER[..]), ("leo", &[Rung::Poll])] {
        let tokens = register(&server.url, name).await;
        people.push(Person::connect(&server.url, name, tokens, rungs).await);
    }
    let silent = register(&server.url, "mia").await;
    let members = vec![people[1].id(), silent.me.user.id];
    let room = people[0].client.create_group("todos", members).await.unwrap();
    for person in &mut people {
        person.talk(vec![room]);
    }
    (people, room, silent)
}

pub(crate) async fn both_get_through(people: &[Person], messages: u64) {
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
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", NO_LIMITS]);
    let setup = setup.on_a_small_disk(64 * 1024 * 1024);
    let server = setup.start().await;
    let (people, room, mia) = two_people(&server).await;
    let http = reqwest::Client::new();
    let disk = PathBuf::from(format!("/proc/{}/root", server.pid()));
    let disk = disk.join(setup.data.strip_prefix("/").unwrap());
    let times = zas_tally::amount(3);
    for _ in 0..times {
        both_get_through(&people, 20).await;
        let hog = Hog::fill(disk.join("hog"));
        let refused = async {
            loop {
                let send = Command::text(mint(), room, None, "x".repeat(3_000));
                let asked = Instant::now();
                let post = http.post(format!("{}/v1/commands", server.url)).bearer_auth(&mia.access);
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
        let state = http.get(format!("{}/v1/state", server.url)).bearer_auth(&mia.access);
        assert_eq!(state.send().await.unwrap().status(), 200, "reads go on");
        drop(hog);
    }
    both_get_through(&people, 20).await;
    audit::whole(people, &[(room, &["ada", "leo"])]).await;
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P19", "disks filled up while people talk, and given back", times);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_stands_still_for_a_while_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", NO_LIMITS]);
    let server = setup.start().await;
    let (people, room, _) = two_people(&server).await;
    let times = zas_tally::amount(2);
    for n in 0..times {
        both_get_through(&people, 5).await;
        server.signal(Signal::STOP);
        // Beyond the time after which a client sends again what nobody acks; every third time beyond
        // that of a request.
        tokio::time::sleep(Duration::from_secs(if n % 3 == 2 { 12 } else { 3 })).await;
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
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", NO_LIMITS]);
    let mut server = setup.start().await;
    let (people, room, mia) = two_people(&server).await;
    let times = zas_tally::amount(1);
    for _ in 0..times {
        both_get_through(&people, 10).await;
        let mut sockets = Vec::new();
        for _ in 0..6 {
            sockets.push(Socket::live(&server.url, &mia.access).await);
        }
        let ready = format!("{}/readyz", server.url);
        server.signal(Signal::TERM);
        let unready = async { while status(&ready).await == Some(200) {} };
        timeout(Duration::from_secs(1), unready).await.expect("not ready at once");
        let mut delays = BTreeSet::new();
        for socket in &mut sockets {
            delays.insert(socket.until("drain").await["delay_ms"].as_u64().unwrap());
        }
        for socket in &mut sockets {
            assert_eq!(socket.until_closed().await, Some(CloseCode::Drain.code()), "each closed in its turn");
        }
        assert!(delays.len() > 1, "clients come back spread, not all after {delays:?} ms");
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
