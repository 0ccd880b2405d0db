//! The SDK as browsers run it, in Node: people who talk through it while the program is killed. Its
//! program is `web/sdk/test/rig/person.mjs`, over the SDK that `npm run build -w web/sdk` makes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::timeout;
use zas_client::{Client, Options};
use zas_protocol::{RoomId, Seq, TxnId, UserId};

use crate::audit;
use crate::kill::draw;
use crate::people::{Acked, NO_LIMITS, SETTLED, Said, register};
use crate::support::process::{PASSWORD, Setup};

/// What a person says on a line.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line {
    Stored { text: String, txn_id: TxnId, seq: Seq },
    Failed { code: String },
    Drained,
    Timeline { rows: Vec<(Seq, String)>, rung: String },
}

/// What the SDK shows at the end, and by which rung it came.
struct Shown {
    rows: Vec<(Seq, String)>,
    rung: String,
}

struct Person {
    id: UserId,
    rung: &'static str,
    room: RoomId,
    child: Child,
    input: ChildStdin,
    lines: mpsc::UnboundedReceiver<Line>,
    acked: Acked,
}

const RUNGS: [&str; 3] = ["socket", "stream", "poll"];

fn place(rung: &str) -> Option<usize> {
    RUNGS.iter().position(|one| *one == rung)
}

fn script() -> PathBuf {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/sdk");
    assert!(sdk.join("dist/index.js").is_file(), "the SDK is not built: npm run build -w web/sdk");
    sdk.join("test/rig/person.mjs")
}

impl Person {
    fn start(setup: &Setup, id: UserId, name: &str, room: RoomId, rung: &'static str) -> Self {
        let mut node = Command::new("node");
        node.arg("--experimental-websocket").arg(script());
        node.args([&setup.url(), name, PASSWORD, &room.to_string(), rung]);
        let pipes = node.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pipes.spawn().expect("node 20.19 or later is installed");
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::unbounded_channel();
        let acked = Acked::default();
        let count = acked.clone();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let line: Line = serde_json::from_str(&line).expect("a person says lines of JSON");
                if matches!(line, Line::Stored { .. }) {
                    count.one();
                }
                let _ = sender.send(line);
            }
        });
        setup.log_from(child.stderr.take().unwrap());
        let input = child.stdin.take().unwrap();
        Self { id, rung, room, child, input, lines, acked }
    }

    /// Stops talking; all that was said, each stored.
    async fn stop_talking(&mut self) -> Vec<Said> {
        writeln!(self.input, "stop").unwrap();
        let mut said = Vec::new();
        loop {
            match timeout(SETTLED, self.lines.recv()).await.expect("the outbox drains").unwrap() {
                Line::Stored { text, txn_id, seq } => said.push(Said { room: self.room, text, txn_id, seq }),
                Line::Failed { code } => panic!("none is refused, and one was: {code}"),
                Line::Drained => return said,
                Line::Timeline { .. } => panic!("nobody asked for the timeline yet"),
            }
        }
    }

    /// Its timeline, once it holds everything up to `head`.
    async fn shows(&mut self, head: Seq) -> Shown {
        writeln!(self.input, "{head}").unwrap();
        match timeout(SETTLED, self.lines.recv()).await.expect("the timeline comes up to date").unwrap() {
            Line::Timeline { rows, rung } => Shown { rows, rung },
            _ => panic!("everything was settled"),
        }
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_sdk_showed_as_sent_survives_kills_once_and_in_order_on_every_rung() {
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::new(&folder.path().join("data")).arguments(&["--limit", NO_LIMITS]);
    let mut server = setup.start().await;
    let reader = register(&server.url, "reader").await;
    let reader = Client::with_tokens(&server.url, &reader, Options::default()).await.unwrap();
    let (mut ids, mut tokens) = (Vec::new(), Vec::new());
    for name in RUNGS {
        let own = register(&server.url, name).await;
        ids.push(own.me.user.id);
        tokens.push(own.access);
    }
    let room = reader.create_group("todos", ids.clone()).await.unwrap();
    let people = ids.into_iter().zip(RUNGS);
    let mut people: Vec<Person> =
        people.map(|(id, rung)| Person::start(&setup, id, rung, room, rung)).collect();
    for person in &people {
        person.acked.wait_for(1).await;
    }

    let kills = zas_tally::amount(4);
    let mut chance = zas_tally::seed(11).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    for _ in 0..kills {
        let somebody = usize::try_from(draw(&mut chance, people.len() as u64)).unwrap();
        people[somebody].acked.wait_for(1 + draw(&mut chance, 20)).await;
        server.kill();
        server = setup.start().await;
    }
    let mut said = Vec::new();
    for person in &mut people {
        said.push(person.stop_talking().await);
    }
    let log = audit::history(&reader, room).await;
    audit::is_gapless(&log);
    let texts: Vec<(Seq, String)> =
        log.iter().filter_map(|event| Some((event.seq, audit::text(event)?.to_owned()))).collect();
    for (person, said) in people.iter_mut().zip(&said) {
        audit::holds_what_was_acked(room, &log, person.id, said);
        let shown = person.shows(log.len() as Seq).await;
        // After a kill the rung below may have won the race.
        assert!(place(&shown.rung) >= place(person.rung), "{} is on {}", person.rung, shown.rung);
        assert!(shown.rows.len() >= said.len().min(1), "something is shown");
        // What was loaded is the end of the log, each message once and at its place.
        audit::is_same(&shown.rows, &texts[texts.len() - shown.rows.len()..]);
    }
    drop(people);
    assert_eq!(server.stop().await, Some(0));
    let names = ["a token", "another token", "a third token"];
    let secrets = names.into_iter().zip(tokens).chain([("a password", PASSWORD.to_owned())]);
    audit::is_discreet(&setup.log(), &secrets.collect());
    zas_tally::tried("P10", "kills of the program while the SDK sends on every rung", kills);
    let messages = said.iter().map(Vec::len).sum::<usize>() as u64;
    zas_tally::tried("P2", "messages that the SDK sent through kills, each there once", messages);
}
