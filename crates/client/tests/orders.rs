//! Whatever order acks, echoes, pages, cuts and reloads come in, and whatever is lost on the way:
//! each message is stored once, in the order composed, and the screen shows exactly the log.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use zas_client::engine::{Effect, Engine, Entry, Fetch, FetchError, Input, Progress, Rung, Saved};
use zas_protocol::rest::{LogHead, Page};
use zas_protocol::{
    Ack, Command, DeviceId, ErrorCode, Event, EventBody, MessageId, Nack, RoomId, ServerFrame, TxnId, UserId,
};

const fn id(n: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(n)
}

fn name(prefix: &str, n: usize) -> TxnId {
    TxnId::new(&format!("{prefix}{n}")).expect("letters and digits")
}

const ME: UserId = UserId(id(1));
const BO: UserId = UserId(id(2));
const ROOM: RoomId = RoomId(id(9));
const PAGE: u64 = 3;

#[derive(Debug, Clone)]
enum Step {
    Compose,
    Other,
    /// Something on its way arrives; which, by index.
    Deliver(prop::sample::Index),
    /// Something on its way is lost.
    Lose(prop::sample::Index),
    Cut,
    Reload,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Compose),
        1 => Just(Step::Other),
        10 => any::<prop::sample::Index>().prop_map(Step::Deliver),
        3 => any::<prop::sample::Index>().prop_map(Step::Lose),
        1 => Just(Step::Cut),
        1 => Just(Step::Reload),
        4 => (1_u64..3_000).prop_map(Step::Wait),
    ]
}

/// Something on its way.
enum Wire {
    Command { command: Command, post: bool },
    Back(Input),
}

/// A server of one room, and one client with a journal.
struct World {
    rung: Rung,
    now: u64,
    engine: Engine,
    journal: BTreeMap<TxnId, Entry>,
    wire: Vec<Wire>,
    conn: Option<u64>,
    log: Vec<Event>,
    composed: Vec<TxnId>,
    /// What the client was told of, in order, through all its lives.
    arrived: Vec<u64>,
}

impl World {
    fn new(rung: Rung) -> Self {
        let mut world = Self {
            rung,
            now: 0,
            engine: Engine::new(ME, vec![rung], Saved::default()),
            journal: BTreeMap::new(),
            wire: Vec::new(),
            conn: None,
            log: Vec::new(),
            composed: Vec::new(),
            arrived: Vec::new(),
        };
        world.input(Input::Heads { heads: vec![LogHead { room: ROOM, epoch: 0, head: 0 }] });
        world.input(Input::Start);
        world
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Compose => {
                let txn_id = name("t", self.composed.len());
                self.composed.push(txn_id.clone());
                let text = txn_id.to_string();
                let command = Command::text(txn_id, ROOM, None, text);
                let effects = self.engine.compose(self.now, command).expect("the outbox is not full");
                self.carry_out(effects);
            }
            Step::Other => {
                self.append(BO, name("b", self.log.len()));
            }
            Step::Deliver(index) if !self.wire.is_empty() => {
                let item = self.wire.remove(index.index(self.wire.len()));
                self.deliver(item);
            }
            Step::Lose(index) if !self.wire.is_empty() => {
                let item = self.wire.remove(index.index(self.wire.len()));
                self.lose(item);
            }
            Step::Deliver(_) | Step::Lose(_) => {}
            Step::Cut => {
                if let Some(conn) = self.conn.take() {
                    self.forget_socket();
                    self.input(Input::Closed { conn, code: None });
                }
            }
            Step::Reload => {
                let saved = Saved {
                    outbox: self.journal.values().cloned().collect(),
                    cursor: self.engine.saved().cursor,
                };
                self.engine = Engine::new(ME, vec![self.rung], saved);
                self.conn = None;
                self.wire.retain(|wire| matches!(wire, Wire::Command { post: true, .. }));
                self.input(Input::Start);
            }
            Step::Wait(ms) => {
                let until = self.now + ms;
                while let Some(due) = self.engine.next_deadline().filter(|&due| due <= until) {
                    self.now = self.now.max(due);
                    self.input(Input::Tick);
                }
                self.now = until;
            }
        }
        self.check();
    }

    /// No longer loses anything, until nothing more happens.
    fn settle(&mut self) {
        for _ in 0..10_000 {
            if self.wire.is_empty() {
                if self.engine.outbox().waiting() == 0 && self.held() == self.log.len() as u64 {
                    return;
                }
                // A head ahead of what came, as a heartbeat says it.
                if let Some(conn) = self.conn {
                    let heads = BTreeMap::from([(ROOM, self.log.len() as u64)]);
                    self.input(Input::Frame { conn, frame: ServerFrame::Heads { heads } });
                }
                let due = self.engine.next_deadline().expect("something is to be done");
                self.now = self.now.max(due);
                self.input(Input::Tick);
            } else {
                let item = self.wire.remove(0);
                self.deliver(item);
            }
        }
        panic!("it does not come to rest");
    }

    fn held(&self) -> u64 {
        self.engine.timeline(ROOM).map_or(0, |log| log.held().1)
    }

    fn input(&mut self, input: Input) {
        let effects = self.engine.handle(self.now, 0.5, input);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Open { conn, .. } => self.open(conn),
                Effect::Close { .. } => {
                    self.conn = None;
                    self.forget_socket();
                }
                Effect::Send(command) => self.wire.push(Wire::Command { command, post: false }),
                Effect::Post(command) => self.wire.push(Wire::Command { command, post: true }),
                Effect::Fetch { room, id, fetch } => {
                    let page = Ok(self.page(fetch));
                    self.wire.push(Wire::Back(Input::Fetched { room, id, page }));
                }
                Effect::Save(entry) => drop(self.journal.insert(entry.command.txn_id().clone(), entry)),
                Effect::Forget(txn_id) => drop(self.journal.remove(&txn_id)),
                Effect::Arrived(event) => self.arrived.push(event.seq),
                _ => {}
            }
        }
    }

    /// The connection says welcome at once; what was missed is on its way.
    fn open(&mut self, conn: u64) {
        let cursor = self.engine.hello().cursor.unwrap_or_default();
        self.conn = Some(conn);
        let welcome = ServerFrame::Welcome {
            user: ME,
            device: DeviceId(id(3)),
            node: "a".to_owned(),
            now: 0,
            ping_ms: 20_000,
            expires_at: i64::MAX,
        };
        self.input(Input::Frame { conn, frame: welcome });
        let sent = cursor.get(&ROOM).map_or(0, |&(_, seq)| seq);
        for event in self.log.iter().skip(sent as usize).cloned() {
            self.wire.push(Wire::Back(Input::Frame { conn, frame: ServerFrame::Event(event) }));
        }
        self.wire.push(Wire::Back(Input::Frame { conn, frame: ServerFrame::Synced {} }));
    }

    fn forget_socket(&mut self) {
        self.wire.retain(|wire| {
            !matches!(
                wire,
                Wire::Command { post: false, .. } | Wire::Back(Input::Frame { .. } | Input::Closed { .. })
            )
        });
    }

    fn deliver(&mut self, item: Wire) {
        match item {
            Wire::Back(input) => self.input(input),
            Wire::Command { command, post } => {
                let answer = self.commit(&command);
                let back = match (post, answer) {
                    (true, answer) => Input::Posted { answer },
                    (false, answer) => {
                        let Some(conn) = self.conn else { return };
                        let frame = answer.map_or_else(ServerFrame::Nack, ServerFrame::Ack);
                        Input::Frame { conn, frame }
                    }
                };
                self.wire.push(Wire::Back(back));
            }
        }
    }

    fn lose(&mut self, item: Wire) {
        let lost = match item {
            Wire::Command { command, post: true } => Input::PostLost { txn_id: command.txn_id().clone() },
            Wire::Back(Input::Posted { answer }) => {
                let txn_id = answer.map_or_else(|nack| nack.txn_id, |ack| ack.txn_id);
                Input::PostLost { txn_id }
            }
            Wire::Back(Input::Fetched { room, id, .. }) => {
                Input::Fetched { room, id, page: Err(FetchError::Later) }
            }
            Wire::Back(input @ Input::PostLost { .. }) => input,
            Wire::Command { post: false, .. } | Wire::Back(_) => return,
        };
        self.wire.push(Wire::Back(lost));
    }

    fn commit(&mut self, command: &Command) -> Result<Ack, Nack> {
        let Command::Send { txn_id, after, .. } = command else { panic!("only messages are sent here") };
        let stored = |txn_id: &TxnId| {
            let of_me = |event: &&Event| event.sender == Some(ME) && event.txn_id.as_ref() == Some(txn_id);
            self.log.iter().find(of_me).map(|event| event.seq)
        };
        let seq = match stored(txn_id) {
            Some(seq) => seq,
            None if after.as_ref().is_some_and(|after| stored(after).is_none()) => {
                let code = ErrorCode::RetryInOrder;
                return Err(Nack { txn_id: txn_id.clone(), code, retry_after_ms: None, first: None });
            }
            None => self.append(ME, txn_id.clone()),
        };
        Ok(Ack { txn_id: txn_id.clone(), room: ROOM, seq, at: 0, message: None })
    }

    fn append(&mut self, sender: UserId, txn_id: TxnId) -> u64 {
        let seq = self.log.len() as u64 + 1;
        let body = EventBody::text(MessageId(id(u128::from(seq))), txn_id.to_string());
        let event = Event { room: ROOM, seq, at: 0, sender: Some(sender), txn_id: Some(txn_id), body };
        self.log.push(event.clone());
        if let Some(conn) = self.conn {
            self.wire.push(Wire::Back(Input::Frame { conn, frame: ServerFrame::Event(event) }));
        }
        seq
    }

    fn page(&self, fetch: Fetch) -> Page {
        let head = self.log.len() as u64;
        let (from, to) = match fetch {
            Fetch::Newest => (head.saturating_sub(PAGE) + 1, head),
            Fetch::After(seq) => (seq + 1, (seq + PAGE).min(head)),
            Fetch::Before(seq) => (seq.saturating_sub(PAGE).max(1), seq - 1),
        };
        let events = self.log.iter().filter(|event| (from..=to).contains(&event.seq)).cloned().collect();
        Page {
            room: ROOM,
            epoch: 0,
            head,
            from,
            to,
            events,
            skips: Vec::new(),
            states: Vec::new(),
            more_before: from > 1,
        }
    }

    /// What holds at every step.
    fn check(&self) {
        let rows = self.engine.rows(ROOM);
        let mut keys = BTreeSet::new();
        for row in &rows {
            assert!(keys.insert((row.sender, row.txn_id)), "a row twice: {row:?}");
        }
        let stored: Vec<_> = rows.iter().filter(|row| row.progress.is_none()).collect();
        for pair in stored.windows(2) {
            assert_eq!(pair[0].seq.map(|seq| seq + 1), pair[1].seq, "what is held has no hole");
        }
        for (composed, txn_id) in self.composed.iter().enumerate() {
            let shown = rows.iter().any(|row| row.txn_id == Some(txn_id) && row.sender == Some(ME));
            let seen_before =
                self.log[..self.held() as usize].iter().any(|event| event.txn_id.as_ref() == Some(txn_id));
            assert!(shown || seen_before, "message {composed} is neither shown nor stored");
        }
        let expected: Vec<u64> = (1..=self.arrived.len() as u64).collect();
        assert_eq!(self.arrived, expected, "each event once and in order");
    }

    /// What holds at rest.
    fn check_at_rest(&self) {
        let own: Vec<_> = self.log.iter().filter(|event| event.sender == Some(ME)).collect();
        let names: Vec<_> = own.iter().filter_map(|event| event.txn_id.clone()).collect();
        assert_eq!(names, self.composed, "each once, in the order composed");
        assert_eq!(self.arrived.len(), self.log.len());
        let rows = self.engine.rows(ROOM);
        let tail = &self.log[self.log.len() - rows.len()..];
        for (row, event) in rows.iter().zip(tail) {
            assert_eq!(row.progress, None::<&Progress>);
            assert_eq!(
                (row.seq, row.sender, row.txn_id),
                (Some(event.seq), event.sender, event.txn_id.as_ref())
            );
        }
        assert!(self.journal.is_empty(), "nothing is left to be sent: {:?}", self.journal);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_what_happens_ends_in_the_same_timeline(
        steps in prop::collection::vec(step(), 1..120),
        socket in any::<bool>(),
    ) {
        let mut world = World::new(if socket { Rung::Socket } else { Rung::Stream });
        for step in &steps {
            world.run(step);
        }
        world.settle();
        world.check();
        world.check_at_rest();
    }
}
