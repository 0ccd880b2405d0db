//! Many connections, and the load they make.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use zas_protocol::TxnId;

use crate::audit::{Audit, Latency};
use crate::line::{Heard, Line};

/// Crowds so far: the names of their messages must differ, since the same people may be in two.
static CROWDS: AtomicU64 = AtomicU64::new(0);

/// Connections made from one address; each has some 28,000 ports.
const PER_ADDRESS: usize = 5_000;
/// Connections being made at a time.
const CONNECTING: usize = 64;
/// What is under way when a load ends has this long to arrive.
const TAIL: Duration = Duration::from_secs(20);
/// Positions are said at most this often, as the web client does.
const POSITIONS_EVERY: Duration = Duration::from_millis(500);
/// Heartbeats, as the server asks for by default.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Who connects, and where they write.
#[derive(Debug, Clone)]
pub struct Member {
    /// Their first frame.
    pub hello: String,
    /// The room they write to.
    pub room: String,
    /// How many others hear it.
    pub others: u64,
    /// Whether they write at all.
    pub writes: bool,
}

/// How messages are sent.
#[derive(Debug, Clone, Copy)]
pub enum Load {
    /// So many a second in all, at even distances whatever comes back.
    Rate(f64),
    /// So many of each writer under way at any time.
    Window(usize),
}

/// What a load came to.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// From when it was meant to be sent to its ack.
    pub ack: Latency,
    /// From when it was meant to be sent to another's hearing it.
    pub delivery: Latency,
    /// What became of every message.
    pub audit: Audit,
    /// How long it was sent for.
    pub took: Duration,
    /// Acks that came within that time.
    pub acked_in_time: u64,
    /// Deliveries that came within that time.
    pub delivered_in_time: u64,
}

impl Run {
    /// Durable messages a second.
    #[must_use]
    pub fn messages_a_second(&self) -> f64 {
        self.acked_in_time as f64 / self.took.as_secs_f64()
    }

    /// Deliveries a second.
    #[must_use]
    pub fn deliveries_a_second(&self) -> f64 {
        self.delivered_in_time as f64 / self.took.as_secs_f64()
    }
}

struct Shared {
    began: Instant,
    until: Option<Instant>,
    run: Run,
    /// Writers that are owed acks or that others are owed deliveries of.
    moved: Rc<Notify>,
}

enum Order {
    /// Send one that was due then.
    Send(Instant),
    /// Keep so many under way until then.
    Keep(usize, Instant),
}

/// Connections that are open.
pub struct Crowd {
    members: Vec<Member>,
    orders: Vec<mpsc::UnboundedSender<Order>>,
    tasks: Vec<JoinHandle<()>>,
    shared: Rc<RefCell<Shared>>,
    moved: Rc<Notify>,
}

fn source(n: usize) -> SocketAddr {
    let last = u8::try_from(1 + n / PER_ADDRESS).unwrap_or(u8::MAX);
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), 0)
}

impl Crowd {
    /// Connects everyone. With `positions` they say what they have received, as clients do.
    ///
    /// # Errors
    /// The first that could not connect.
    pub async fn connect(
        server: SocketAddr,
        path: &str,
        members: Vec<Member>,
        positions: bool,
        progress: impl Fn(usize),
    ) -> io::Result<Self> {
        let moved = Rc::new(Notify::new());
        let run = Run::default();
        let shared = Shared { began: Instant::now(), until: None, run, moved: moved.clone() };
        let shared = Rc::new(RefCell::new(shared));
        let mut crowd = Self { members, orders: Vec::new(), tasks: Vec::new(), shared, moved };
        let number = CROWDS.fetch_add(1, Ordering::Relaxed);
        let (mut opening, mut next, mut lines) = (FuturesUnordered::new(), 0, HashMap::new());
        while lines.len() < crowd.members.len() {
            while opening.len() < CONNECTING && next < crowd.members.len() {
                let (n, hello) = (next, crowd.members[next].hello.clone());
                opening.push(async move { (n, Line::open(server, source(n), path, &hello).await) });
                next += 1;
            }
            if let Some((n, line)) = opening.next().await {
                lines.insert(n, line?);
                progress(lines.len());
            }
        }
        for n in 0..crowd.members.len() {
            let (sender, orders) = mpsc::unbounded_channel();
            let Some(line) = lines.remove(&n) else { continue };
            let (shared, room) = (crowd.shared.clone(), crowd.members[n].room.clone());
            let mut voice = Voice::new(n, number, room, shared, positions);
            crowd.orders.push(sender);
            crowd.tasks.push(tokio::task::spawn_local(async move { voice.run(line, orders).await }));
        }
        Ok(crowd)
    }

    /// How many are connected.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How many have lost their connection.
    #[must_use]
    pub fn gone(&self) -> usize {
        self.tasks.iter().filter(|task| task.is_finished()).count()
    }

    /// Makes a load for so long, waits for what is under way, and says what came of it.
    pub async fn run(&self, load: Load, time: Duration) -> Run {
        let began = Instant::now();
        let until = began + time;
        {
            let mut shared = self.shared.borrow_mut();
            let last = std::mem::take(&mut shared.run.audit);
            shared.run = Run { audit: last.fresh(), ..Run::default() };
            (shared.began, shared.until) = (began, Some(until));
        }
        let writers: Vec<usize> = (0..self.members.len()).filter(|&n| self.members[n].writes).collect();
        match load {
            Load::Rate(rate) => {
                let step = Duration::from_secs_f64(1.0 / rate);
                let mut due = began;
                for n in 0.. {
                    if due >= until {
                        break;
                    }
                    sleep_until(due).await;
                    // Counted with the order: one that a voice has not read yet is under way too, and the
                    // run must not end, nor the next begin, before it is answered.
                    if self.orders[writers[n % writers.len()]].send(Order::Send(due)).is_ok() {
                        self.shared.borrow_mut().run.audit.sent += 1;
                    }
                    due += step;
                }
            }
            Load::Window(count) => {
                for &writer in &writers {
                    let _ = self.orders[writer].send(Order::Keep(count, until));
                }
                sleep_until(until).await;
            }
        }
        let arrived = async {
            while !self.has_arrived() {
                let _ = timeout(Duration::from_millis(20), self.moved.notified()).await;
            }
        };
        let _ = timeout(TAIL, arrived).await;
        let mut shared = self.shared.borrow_mut();
        shared.until = None;
        shared.run.took = time;
        let owed = self.owed(&shared.run.audit);
        shared.run.audit.end(owed);
        shared.run.clone()
    }

    fn owed(&self, audit: &Audit) -> u64 {
        let others = self.members.iter().find(|member| member.writes).map_or(0, |member| member.others);
        audit.acked * others
    }

    fn has_arrived(&self) -> bool {
        let shared = self.shared.borrow();
        let audit = &shared.run.audit;
        audit.acked + audit.refused >= audit.sent && audit.delivered >= self.owed(audit)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// What one connection does.
struct Voice {
    me: usize,
    crowd: u64,
    room: String,
    shared: Rc<RefCell<Shared>>,
    /// What is under way: its number, and when it was meant to be sent.
    under_way: VecDeque<(u64, Instant)>,
    sent: u64,
    keep: Option<(usize, Instant)>,
    /// Until when nothing new is sent, since the server asked for that.
    rest: Instant,
    positions: bool,
    /// The furthest place received, and whether it was said.
    received: u64,
    said: u64,
}

impl Voice {
    fn new(me: usize, crowd: u64, room: String, shared: Rc<RefCell<Shared>>, positions: bool) -> Self {
        let under_way = VecDeque::new();
        Self {
            me,
            crowd,
            room,
            shared,
            under_way,
            sent: 0,
            keep: None,
            rest: Instant::now(),
            positions,
            received: 0,
            said: 0,
        }
    }

    async fn run(&mut self, mut line: Line, mut orders: mpsc::UnboundedReceiver<Order>) {
        let spread = Duration::from_millis(self.me as u64 * 7 % 500);
        let mut positions = tokio::time::interval_at(Instant::now() + spread, POSITIONS_EVERY);
        // Spread over the interval, as those of people who came by and by are.
        let first = PING_EVERY.mul_f64((self.me % 997) as f64 / 997.0);
        let mut pings = tokio::time::interval_at(Instant::now() + first, PING_EVERY);
        loop {
            let mut frames = Vec::new();
            let (rest, is_short) = (self.rest, self.is_short());
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Send(due)) => frames.push(self.message(due)),
                    Some(Order::Keep(count, until)) => {
                        self.keep = Some((count, until));
                        self.fill(&mut frames);
                    }
                    None => return,
                },
                heard = line.hear(|heard| self.hear(heard)) => match heard {
                    Ok(()) => self.fill(&mut frames),
                    Err(_) => return,
                },
                _ = positions.tick(), if self.positions && self.received > self.said => {
                    self.said = self.received;
                    frames.push(format!(
                        r#"{{"type":"positions","advances":[{{"room":"{}","delivered":{}}}]}}"#,
                        self.room, self.received
                    ));
                }
                () = sleep_until(rest), if is_short => self.fill(&mut frames),
                _ = pings.tick() => frames.push(r#"{"type":"ping"}"#.to_owned()),
            }
            for frame in frames {
                if line.say(frame).await.is_err() {
                    return;
                }
            }
        }
    }

    /// Whether more are to be under way than are.
    fn is_short(&self) -> bool {
        self.keep.is_some_and(|(count, _)| self.under_way.len() < count)
    }

    /// As many as are to be under way.
    fn fill(&mut self, frames: &mut Vec<String>) {
        let Some((count, until)) = self.keep else { return };
        let now = Instant::now();
        if now >= until {
            self.keep = None;
            return;
        }
        while self.under_way.len() < count && now >= self.rest {
            let frame = self.message(now);
            frames.push(frame);
            self.shared.borrow_mut().run.audit.sent += 1;
        }
    }

    fn message(&mut self, due: Instant) -> String {
        self.sent += 1;
        self.under_way.push_back((self.sent, due));
        let began = self.shared.borrow().began;
        let since = u64::try_from((due - began).as_nanos()).unwrap_or(u64::MAX);
        let txn_id = name(self.crowd, self.me, self.sent);
        let mut frame = String::with_capacity(192);
        // The text says who sent it, as which, and when it was meant to be sent.
        let _ = write!(
            frame,
            r#"{{"type":"send","txn_id":"{}","room":"{}","text":"{} {} {since} una frase de largo medio"}}"#,
            txn_id.as_str(),
            self.room,
            self.me,
            self.sent
        );
        frame
    }

    fn hear(&mut self, heard: &Heard<'_>) {
        let mut shared = self.shared.borrow_mut();
        let now = Instant::now();
        let in_time = shared.until.is_some_and(|until| now < until);
        match &*heard.kind {
            "ack" => {
                let n = heard.txn_id.as_deref().and_then(nth);
                while let Some((first, due)) = self.under_way.pop_front() {
                    shared.run.ack.note(now - due);
                    shared.run.audit.acked += 1;
                    shared.run.acked_in_time += u64::from(in_time);
                    if Some(first) >= n {
                        break;
                    }
                }
                shared.moved.notify_one();
            }
            "nack" => {
                let Some(n) = heard.txn_id.as_deref().and_then(nth) else { return };
                self.under_way.retain(|&(under_way, _)| under_way != n);
                self.rest = now + Duration::from_millis(heard.retry_after_ms.unwrap_or(0));
                shared.run.audit.refuse(self.me, n);
                shared.moved.notify_one();
            }
            "event" => {
                self.received = self.received.max(heard.seq.unwrap_or(0));
                let Some(text) = &heard.text else { return };
                let mut words = text.split(' ').map(str::parse::<u64>);
                let (Some(Ok(sender)), Some(Ok(n)), Some(Ok(since))) =
                    (words.next(), words.next(), words.next())
                else {
                    return;
                };
                let sender = usize::try_from(sender).unwrap_or(usize::MAX);
                if sender != self.me && heard.room.as_deref() == Some(&*self.room) {
                    let due = shared.began + Duration::from_nanos(since);
                    shared.run.delivery.note(now.saturating_duration_since(due));
                    shared.run.delivered_in_time += u64::from(in_time);
                    shared.run.audit.deliver(self.me, sender, n);
                    shared.moved.notify_one();
                }
            }
            _ => {}
        }
    }
}

/// The name of a sender's `n`th message: begins with the time, as our clients' do, and ends with `n`.
fn name(crowd: u64, sender: usize, n: u64) -> TxnId {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut rest = [0; 10];
    rest[..2].copy_from_slice(&(crowd as u16).to_be_bytes());
    rest[2..4].copy_from_slice(&(sender as u16).to_be_bytes());
    rest[4..].copy_from_slice(&n.to_be_bytes()[2..]);
    TxnId::mint(i64::try_from(now.as_micros()).unwrap_or(0), rest)
}

/// Which of its sender's messages has this name.
fn nth(name: &str) -> Option<u64> {
    u64::from_str_radix(name.rsplit_once('-')?.1, 16).ok()
}
