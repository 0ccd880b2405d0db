//! Runs `spec/scenarios`: the traces that this engine and the SDK's must both follow. Their
//! format is in the folder's README.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};
use zas_client::engine::{
    Effect, Engine, Entry, Fetch, FetchError, FetchId, Input, Progress, Row, Rung, Saved,
};
use zas_protocol::rest::{LogHead, Page};
use zas_protocol::{Ack, Command, Cursor, DeviceId, Nack, RoomId, ServerFrame, TxnId, UserId};

const JITTER: f64 = 0.5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[allow(dead_code, reason = "for readers")]
    title: String,
    me: UserId,
    #[serde(default = "socket")]
    rung: String,
    steps: Vec<Step>,
}

fn socket() -> String {
    "socket".to_owned()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    name: String,
    now: u64,
    input: Given,
    #[serde(default)]
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Given {
    Follow { logs: Vec<LogHead> },
    Connect {},
    Disconnect {},
    Reload {},
    Compose { command: Command },
    Frame { frame: ServerFrame },
    Posted { ack: Option<Ack>, nack: Option<Nack> },
    PostLost { txn_id: TxnId },
    Fetched { room: RoomId, page: Option<Page>, error: Option<String> },
    TokenRefreshed {},
    Retry { txn_id: TxnId },
    Discard { txn_id: TxnId },
    Older { room: RoomId },
    Tick {},
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Expected {
    frames: Vec<Value>,
    posts: Vec<Value>,
    fetches: Vec<Value>,
    needs_token: bool,
    hello: Option<Cursor>,
    cursor: Option<Cursor>,
    rows: Option<BTreeMap<RoomId, Vec<Value>>>,
}

/// One engine with what a driver keeps for it.
struct Rig {
    me: UserId,
    rung: Rung,
    engine: Engine,
    conn: u64,
    journal: BTreeMap<TxnId, Entry>,
    reads: BTreeMap<RoomId, FetchId>,
}

impl Rig {
    fn new(me: UserId, rung: Rung) -> Self {
        let engine = Engine::new(me, vec![rung], Saved::default());
        Self { me, rung, engine, conn: 0, journal: BTreeMap::new(), reads: BTreeMap::new() }
    }

    fn run(&mut self, now: u64, input: Given) -> Vec<Effect> {
        let input = match input {
            Given::Follow { logs } => Input::Heads { heads: logs },
            Given::Connect {} => return self.connect(now),
            Given::Disconnect {} => Input::Closed { conn: self.conn, code: None },
            Given::Reload {} => {
                let saved = Saved {
                    outbox: self.journal.values().cloned().collect(),
                    cursor: self.engine.saved().cursor,
                };
                self.engine = Engine::new(self.me, vec![self.rung], saved);
                return Vec::new();
            }
            Given::Compose { command } => {
                return self.engine.compose(now, command).expect("the outbox is not full");
            }
            Given::Frame { frame } => Input::Frame { conn: self.conn, frame },
            Given::Posted { ack: Some(ack), .. } => Input::Posted { answer: Ok(ack) },
            Given::Posted { nack, .. } => Input::Posted { answer: Err(nack.expect("an ack or a nack")) },
            Given::PostLost { txn_id } => Input::PostLost { txn_id },
            Given::Fetched { room, page, error } => {
                let page = page.ok_or_else(|| match error.as_deref() {
                    Some("later") => FetchError::Later,
                    Some("not_found") => FetchError::NotFound,
                    other => panic!("no such error: {other:?}"),
                });
                Input::Fetched { room, id: self.reads[&room], page }
            }
            Given::TokenRefreshed {} => Input::TokenRefreshed,
            Given::Retry { txn_id } => Input::Retry { txn_id },
            Given::Discard { txn_id } => return self.engine.discard(now, &txn_id).1,
            Given::Older { room } => Input::LoadOlder { room },
            Given::Tick {} => Input::Tick,
        };
        self.engine.handle(now, JITTER, input)
    }

    fn connect(&mut self, now: u64) -> Vec<Effect> {
        let mut effects = self.engine.handle(now, JITTER, Input::Start);
        effects.extend(self.engine.handle(now, JITTER, Input::Wake));
        let open = effects.iter().rev().find_map(|effect| match effect {
            Effect::Open { conn, .. } => Some(*conn),
            _ => None,
        });
        self.conn = open.expect("a connection is being opened");
        let welcome = ServerFrame::Welcome {
            user: self.me,
            device: DeviceId(self.me.0),
            node: "a".to_owned(),
            now: 0,
            ping_ms: 20_000,
            expires_at: 3_600_000_000,
        };
        for frame in [welcome, ServerFrame::Synced {}] {
            effects.extend(self.engine.handle(now, JITTER, Input::Frame { conn: self.conn, frame }));
        }
        effects
    }

    fn keep(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Save(entry) => {
                    self.journal.insert(entry.command.txn_id().clone(), entry.clone());
                }
                Effect::Forget(txn_id) => drop(self.journal.remove(txn_id)),
                Effect::Fetch { room, id, .. } => drop(self.reads.insert(*room, *id)),
                _ => {}
            }
        }
    }
}

fn row(row: &Row<'_>) -> Value {
    let mut value = json!({ "state": match row.progress {
        Some(Progress::Queued) => "queued",
        Some(Progress::InFlight) => "in_flight",
        Some(Progress::Failed { .. }) => "failed",
        Some(Progress::Acked { .. }) | None => "stored",
    }});
    let fields = value.as_object_mut().expect("an object");
    fields.extend(row.txn_id.map(|txn_id| ("txn_id".to_owned(), json!(txn_id))));
    fields.extend(row.seq.map(|seq| ("seq".to_owned(), json!(seq))));
    fields.extend(row.text.map(|text| ("text".to_owned(), json!(text))));
    if row.deleted {
        fields.insert("deleted".to_owned(), json!(true));
    }
    if let Some(state) = row.state {
        fields.extend(state.edited_at.map(|at| ("edited".to_owned(), json!(at / 1_000))));
        fields.extend(state.mine.map(|mine| ("mine".to_owned(), json!(mine))));
        if !state.reactions.is_empty() {
            fields.insert("reactions".to_owned(), json!(state.reactions));
        }
    }
    if let Some(Progress::Failed { code }) = row.progress {
        fields.insert("code".to_owned(), json!(code));
    }
    value
}

fn list(effects: &[Effect], pick: impl Fn(&Effect) -> Option<Value>) -> Vec<Value> {
    effects.iter().filter_map(pick).collect()
}

fn check(file: &str, scenario: Scenario) {
    let rung = match scenario.rung.as_str() {
        "socket" => Rung::Socket,
        "stream" => Rung::Stream,
        other => panic!("{file}: no such rung: {other}"),
    };
    let mut rig = Rig::new(scenario.me, rung);
    for Step { name, now, input, expect } in scenario.steps {
        let at = format!("{file}, at {now}: {name}");
        let hello = rig.engine.hello().cursor;
        let effects = rig.run(now, input);
        rig.keep(&effects);
        let frames = list(&effects, |effect| match effect {
            Effect::Send(command) => Some(json!(command)),
            _ => None,
        });
        let posts = list(&effects, |effect| match effect {
            Effect::Post(command) => Some(json!(command)),
            _ => None,
        });
        let fetches = list(&effects, |effect| match effect {
            Effect::Fetch { room, fetch: Fetch::After(seq), .. } => Some(json!({"room": room, "after": seq})),
            Effect::Fetch { room, fetch: Fetch::Before(seq), .. } => {
                Some(json!({"room": room, "before": seq}))
            }
            Effect::Fetch { room, fetch: Fetch::Newest, .. } => Some(json!({"room": room, "newest": true})),
            _ => None,
        });
        assert_eq!(frames, expect.frames, "frames; {at}");
        assert_eq!(posts, expect.posts, "posts; {at}");
        assert_eq!(fetches, expect.fetches, "fetches; {at}");
        assert_eq!(effects.contains(&Effect::RefreshToken), expect.needs_token, "needs_token; {at}");
        if let Some(cursor) = expect.hello {
            assert_eq!(hello, Some(cursor), "hello; {at}");
        }
        if let Some(cursor) = expect.cursor {
            assert_eq!(rig.engine.hello().cursor, Some(cursor), "cursor; {at}");
        }
        for (room, expected) in expect.rows.into_iter().flatten() {
            let rows: Vec<_> = rig.engine.rows(room).iter().map(row).collect();
            assert_eq!(rows, expected, "rows; {at}");
        }
    }
}

#[test]
fn every_scenario_is_followed_step_by_step() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    assert!(files.len() >= 10, "the scenarios are in {}", folder.display());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        check(&name, serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")));
    }
}
