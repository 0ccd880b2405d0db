//! What is measured, and how. Each function makes its own servers, in folders that go with them.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tempfile::TempDir;
use zas_load::line::Line;
use zas_load::process::usage;
use zas_load::{Crowd, Load, Member, Run};

use super::child::{Cores, Server};
use super::report::{Audited, Budget, Figure, middle};
use super::world::{User, World, bare_members, hello, pair_members};
use super::{Options, RAISED};

const PATH: &str = "/v1/ws";
/// Messages under way, of all writers, when they go as fast as they can: enough for ten full commits, and
/// fewer than the queue of commits takes, since what is refused measures nothing.
const UNDER_WAY: usize = 3_000;
/// A load that leaves the generator room, in messages or deliveries a second: what each costs the server
/// is compared at it where the generator is what limits the bare loop.
const STEADY_MESSAGES: f64 = 5_000.0;
const STEADY_DELIVERIES: f64 = 30_000.0;
/// A generator that is busier than this limits what it measures.
const BUSY: f64 = 0.9;
/// How much of the bare loop Zas is to reach, by what it does or by what that costs.
const SHARE: f64 = 0.6;

/// A bench under way.
pub(super) struct Bench {
    pub(super) options: Options,
    cores: Cores,
    progress: bool,
    pub(super) figures: Vec<Figure>,
    pub(super) audit: Audited,
    raised: String,
}

pub(super) fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub(super) fn folder() -> Result<TempDir, String> {
    // Beside the data that a server here would have, so that the disk is the one that is meant.
    tempfile::Builder::new().prefix("zas-bench-").tempdir_in(".").map_err(said)
}

/// Latencies of some rounds together.
fn all(runs: &[Run], which: impl Fn(&Run) -> &zas_load::Latency) -> zas_load::Latency {
    let mut sum = zas_load::Latency::default();
    runs.iter().for_each(|run| sum.add(which(run)));
    sum
}

impl Bench {
    pub(super) fn new(options: Options, cores: Cores, progress: bool) -> Result<Self, String> {
        let raised = RAISED.join(",");
        Ok(Self { options, cores, progress, figures: Vec::new(), audit: Audited::default(), raised })
    }

    pub(super) fn done(self) -> (Vec<Figure>, Audited) {
        (self.figures, self.audit)
    }

    pub(super) fn say(&self, what: &str) {
        if self.progress {
            eprintln!("{what} …");
        }
    }

    fn zas(&self, data: &Path) -> Result<Server, String> {
        Server::start(
            &self.cores,
            &["serve", "--limit", &self.raised],
            data,
            self.options.database.as_deref(),
        )
    }

    fn bare(&self, data: &Path) -> Result<Server, String> {
        Server::start(&self.cores, &["bench", "--bare-loop"], data, self.options.database.as_deref())
    }

    async fn crowd(&self, server: &Server, members: Vec<Member>, positions: bool) -> Result<Crowd, String> {
        let (total, progress) = (members.len(), self.progress);
        let connected = |count: usize| {
            if progress && count.is_multiple_of(1_000) {
                eprintln!("  {count} of {total} connected");
            }
        };
        Crowd::connect(server.address, PATH, members, positions, connected).await.map_err(said)
    }

    /// A load on Zas; what became of its messages is audited. The bare loop's is not: it drops what a
    /// reader is too slow for.
    async fn run(&mut self, crowd: &Crowd, load: Load, time: Duration) -> Run {
        let run = crowd.run(load, time).await;
        self.audit.sent += run.audit.sent;
        self.audit.acked += run.audit.acked;
        self.audit.refused += run.audit.refused;
        self.audit.delivered += run.audit.delivered;
        self.audit.violations += run.audit.violations();
        run
    }

    /// Rooms of two: acks when idle and with a thousand people, and how many messages a second.
    pub(super) async fn messages(&mut self) -> Result<(), String> {
        let people = self.options.count(400, 1_000) / 2 * 2;
        self.say("Rooms of two people");
        let (zas_data, bare_data) = (folder()?, folder()?);
        let mut world = World::open(zas_data.path(), self.options.database.as_deref()).await?;
        let users = world.users(people).await?;
        let rooms = world.pairs(&users).await?;
        world.close().await;
        let (zas, bare) = (self.zas(zas_data.path())?, self.bare(bare_data.path())?);

        self.say("  one pair, nobody else: from sending to the ack");
        let (mut idle, mut idle_bare) = (Vec::new(), Vec::new());
        {
            let pair = self.crowd(&zas, pair_members(&users[..2], &rooms[..1]), true).await?;
            let bare_pair = self.crowd(&bare, bare_members(2, 2, 1), false).await?;
            for _ in 0..3 {
                let time = self.options.time(1.0, 4.0);
                idle.push(self.run(&pair, Load::Rate(50.0), time).await);
                idle_bare.push(bare_pair.run(Load::Rate(50.0), time).await);
            }
        }
        let (ack, ack_bare) = (all(&idle, |run| &run.ack), all(&idle_bare, |run| &run.ack));
        self.figures.push(
            Figure::new("ack_idle_p50", "ack, idle, median", ack.within(0.5), "ms")
                .beside(ack_bare.within(0.5))
                .budget(Budget::TimesAtMost(1.5)),
        );
        self.figures.push(
            Figure::new("ack_idle_p99", "ack, idle, p99", ack.within(0.99), "ms")
                .beside(ack_bare.within(0.99)),
        );
        let delivery = all(&idle, |run| &run.delivery);
        self.figures.push(
            Figure::new("delivery_idle_p99", "the other hears it, idle, p99", delivery.within(0.99), "ms")
                .beside(all(&idle_bare, |run| &run.delivery).within(0.99))
                .budget(Budget::AtMost(50.0)),
        );

        let crowd = self.crowd(&zas, pair_members(&users, &rooms), true).await?;
        self.say(&format!("  {people} people connected, 200 messages a second"));
        let loaded = self.run(&crowd, Load::Rate(200.0), self.options.time(3.0, 15.0)).await;
        let what = format!("ack with {people} people, 200 a second, p99");
        self.figures.push(
            Figure::new("ack_load_p99", what, loaded.ack.within(0.99), "ms").budget(Budget::AtMost(50.0)),
        );
        let what = format!("the other hears it, {people} people, p99");
        self.figures.push(
            Figure::new("delivery_load_p99", what, loaded.delivery.within(0.99), "ms")
                .budget(Budget::AtMost(50.0)),
        );

        let bare_crowd = self.crowd(&bare, bare_members(people, 2, 1), false).await?;
        let work = Work {
            of: "messages",
            rounds: if self.options.quick { 3 } else { 7 },
            window: (UNDER_WAY / people).max(1),
            steady: STEADY_MESSAGES,
            a_message: 1.0,
            rate: Run::messages_a_second,
            count: |run| run.audit.acked,
        };
        let race = self.race((&zas, &crowd), (&bare, &bare_crowd), &work).await?;
        self.figures.extend(race.figures(
            ("messages_a_second", "durable messages a second, rooms of two".to_owned()),
            ("cpu_a_message", format!("server's processor time a message, {STEADY_MESSAGES} a second")),
        ));
        Ok(())
    }

    /// Lets Zas and the bare loop do the same work in turns.
    async fn race(
        &mut self,
        (zas, crowd): (&Server, &Crowd),
        (bare, bare_crowd): (&Server, &Crowd),
        work: &Work,
    ) -> Result<Race, String> {
        let &Work { of, rounds, window, steady, a_message, rate, count } = work;
        let mut race = Race::default();
        for round in 1..=rounds {
            self.say(&format!("  as many {of} as go, round {round} of {rounds}"));
            let (load, time) = (Load::Window(window), self.options.time(0.8, 4.0));
            race.fast.push(rate(&self.run(crowd, load, time).await));
            let generator = Generator::watch()?;
            let run = bare_crowd.run(load, time).await;
            race.busy.push(generator.busy()?);
            race.fast_bare.push(rate(&run));
        }
        for round in 1..=rounds {
            self.say(&format!("  {steady} {of} a second, round {round} of {rounds}"));
            let (load, time) = (Load::Rate(steady / a_message), self.options.time(0.6, 4.0));
            let before = zas.usage()?;
            let run = self.run(crowd, load, time).await;
            race.cost.push(micros_each(zas.usage()?.cpu - before.cpu, count(&run)));
            let before = bare.usage()?;
            let run = bare_crowd.run(load, time).await;
            race.cost_bare.push(micros_each(bare.usage()?.cpu - before.cpu, count(&run)));
        }
        Ok(race)
    }

    /// Rooms of a hundred and of a thousand: how many deliveries a second.
    pub(super) async fn groups(&mut self) -> Result<(), String> {
        for size in [100, 1_000] {
            let size = self.options.count(size, size);
            self.say(&format!("A room of {size} people"));
            let (zas_data, bare_data) = (folder()?, folder()?);
            let mut world = World::open(zas_data.path(), self.options.database.as_deref()).await?;
            let users = world.users(size).await?;
            let room = world.group(&users).await?.to_string();
            world.close().await;
            let (zas, bare) = (self.zas(zas_data.path())?, self.bare(bare_data.path())?);
            let writers = 4.min(size);
            let members = users.iter().enumerate().map(|(n, user)| Member {
                hello: hello(user),
                room: room.clone(),
                others: size as u64 - 1,
                writes: n < writers,
            });
            let crowd = self.crowd(&zas, members.collect(), true).await?;
            let bare_crowd = self.crowd(&bare, bare_members(size, size, writers), false).await?;
            let work = Work {
                of: "deliveries",
                rounds: if self.options.quick { 3 } else { 5 },
                window: 2,
                steady: STEADY_DELIVERIES,
                a_message: (size as f64 - 1.0).max(1.0),
                rate: Run::deliveries_a_second,
                count: |run| run.audit.delivered,
            };
            let race = self.race((&zas, &crowd), (&bare, &bare_crowd), &work).await?;
            self.figures.extend(race.figures(
                (&format!("deliveries_{size}"), format!("deliveries a second, a room of {size}")),
                (&format!("cpu_{size}"), format!("server's processor time a delivery, a room of {size}")),
            ));
        }
        Ok(())
    }

    /// What it costs to be connected and do nothing.
    pub(super) async fn idle(&mut self) -> Result<(), String> {
        let people = self.options.count(2_000, 9_000) / 2 * 2;
        self.say(&format!("{people} people who do nothing"));
        let data = folder()?;
        let mut world = World::open(data.path(), self.options.database.as_deref()).await?;
        let users = world.users(people).await?;
        let rooms = world.pairs(&users).await?;
        world.close().await;
        let zas = self.zas(data.path())?;
        // The first ones pay for what is made once.
        let first = self.crowd(&zas, pair_members(&users[..100.min(people)], &rooms), true).await?;
        let before = zas.usage()?;
        let rest = &users[first.len()..];
        let crowd = self.crowd(&zas, pair_members(rest, &rooms[first.len() / 2..]), true).await?;
        tokio::time::sleep(self.options.time(2.0, 5.0)).await;
        let settled = zas.usage()?;
        let (time, watched) = (self.options.time(5.0, 20.0), Instant::now());
        tokio::time::sleep(time).await;
        let spent = zas.usage()?.cpu - settled.cpu;
        if crowd.gone() > 0 {
            return Err(format!("{} of them lost their connection", crowd.gone()));
        }
        let count = crowd.len().max(1) as f64;
        let kib = settled.rss_kib.saturating_sub(before.rss_kib) as f64 / count;
        let what = format!("memory of an idle connection, {people} of them");
        self.figures.push(Figure::new("idle_kib", what, kib, "KiB").budget(Budget::AtMost(9.0)));
        let everyone = count + first.len() as f64;
        let cpu = spent.as_secs_f64() * 1e6 / watched.elapsed().as_secs_f64() / everyone;
        self.figures.push(
            Figure::new("idle_cpu", "processor time of an idle connection a second", cpu, "µs")
                .budget(Budget::AtMost(5.0)),
        );
        Ok(())
    }

    /// Coming back: one who missed a thousand events, and everyone after a restart.
    pub(super) async fn resume(&mut self) -> Result<(), String> {
        let people = self.options.count(500, 2_000) / 2 * 2;
        self.say("Coming back");
        let data = folder()?;
        let mut world = World::open(data.path(), self.options.database.as_deref()).await?;
        let users = world.users(people).await?;
        let rooms = world.pairs(&users).await?;
        let epoch = world.epoch();
        world.past(rooms[0], users[1].id, 1_000).await?;
        for pair in 1..rooms.len() {
            world.past(rooms[pair], users[2 * pair].id, 5).await?;
        }
        world.close().await;
        let began = Instant::now();
        let zas = self.zas(data.path())?;
        self.say(&format!("  {} people at once after a restart, each five events behind", people - 2));
        let back = |n: usize| {
            let hello = with_cursor(&users[n], &rooms[n / 2].to_string(), epoch, 1);
            let from = std::net::SocketAddr::from(([127, 0, 1, 1], 0));
            async move { Line::open(zas.address, from, PATH, &hello).await }
        };
        let lines = try_join_all((2..people).map(back)).await.map_err(said)?;
        let took = began.elapsed();
        let what = format!("{} people back after a restart, the program's start included", lines.len());
        self.figures.push(Figure::new("restart", what, took.as_secs_f64(), "s").budget(Budget::AtMost(30.0)));
        drop(lines);

        self.say("  one who missed 1,000 events");
        let mut times = Vec::new();
        for _ in 0..self.options.count(10, 30) {
            let began = Instant::now();
            drop(back(0).await.map_err(said)?);
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        let (value, spread) = middle(&times);
        self.figures.push(
            Figure::new("catch_up", "caught up after missing 1,000 events", value, "ms")
                .between(spread)
                .budget(Budget::AtMost(1_000.0)),
        );
        Ok(())
    }

    /// Whether a message costs more where many are stored.
    pub(super) async fn stored(&mut self) -> Result<(), String> {
        let mut costs = HashMap::new();
        let many = self.options.count(200_000, 5_000_000) as u64;
        for stored in [1_000, many] {
            self.say(&format!("{stored} messages stored"));
            let data = folder()?;
            let mut world = World::open(data.path(), self.options.database.as_deref()).await?;
            let users = world.users(20).await?;
            let rooms = world.pairs(&users).await?;
            for (pair, &room) in rooms.iter().enumerate() {
                world.past(room, users[2 * pair].id, stored / rooms.len() as u64).await?;
            }
            world.close().await;
            let zas = self.zas(data.path())?;
            let crowd = self.crowd(&zas, pair_members(&users, &rooms), true).await?;
            self.run(&crowd, Load::Rate(500.0), self.options.time(0.5, 2.0)).await;
            let before = zas.usage()?;
            let run = self.run(&crowd, Load::Rate(500.0), self.options.time(2.0, 8.0)).await;
            let spent = zas.usage()?.cpu - before.cpu;
            costs.insert(stored, micros_each(spent, run.audit.acked));
        }
        let (few, much) = (costs[&1_000], costs[&many]);
        self.figures.push(Figure::new(
            "cpu_few_stored",
            "server's processor time a message, 1,000 stored",
            few,
            "µs",
        ));
        let what = format!("the same, {many} stored (in place of the bare loop: 1,000)");
        self.figures.push(Figure::new("cpu_many_stored", what, much, "µs").beside(few));
        Ok(())
    }
}

/// What the two of a race do.
struct Work {
    /// What is counted, in words.
    of: &'static str,
    rounds: usize,
    /// Messages of each writer under way when they go as fast as they can.
    window: usize,
    /// How many of what is counted a second, at the load that both bear.
    steady: f64,
    /// How many of what is counted a message makes.
    a_message: f64,
    rate: fn(&Run) -> f64,
    count: fn(&Run) -> u64,
}

/// Zas and the bare loop, in turns: as fast as they go, and at a load that both bear.
#[derive(Default)]
struct Race {
    fast: Vec<f64>,
    fast_bare: Vec<f64>,
    /// How much of its core the generator used while the bare loop went as fast as it could.
    busy: Vec<f64>,
    cost: Vec<f64>,
    cost_bare: Vec<f64>,
}

impl Race {
    /// The budget is on what was done; where the generator could not ask for more, on what it cost.
    fn figures(&self, fast: (&str, String), cost: (&str, String)) -> [Figure; 2] {
        let ((busy, _), (bare, _), (cost_bare, _)) =
            (middle(&self.busy), middle(&self.fast_bare), middle(&self.cost_bare));
        let busy_too = format!("{} (generator {:.0} % busy)", fast.1, busy * 100.0);
        let (value, spread) = middle(&self.fast);
        let done = Figure::new(fast.0, busy_too, value, "1/s").between(spread).beside(bare);
        let (value, spread) = middle(&self.cost);
        let spent = Figure::new(cost.0, cost.1, value, "µs").between(spread).beside(cost_bare);
        if busy < BUSY {
            [done.budget(Budget::ShareAtLeast(SHARE)), spent]
        } else {
            [done, spent.budget(Budget::TimesAtMost(1.0 / SHARE))]
        }
    }
}

/// This process, which makes the load.
struct Generator(Instant, Duration);

impl Generator {
    fn cpu() -> Result<Duration, String> {
        usage(std::process::id()).map(|usage| usage.cpu).map_err(said)
    }

    fn watch() -> Result<Self, String> {
        Ok(Self(Instant::now(), Self::cpu()?))
    }

    /// The share of one core that it has used since.
    fn busy(&self) -> Result<f64, String> {
        Ok((Self::cpu()? - self.1).as_secs_f64() / self.0.elapsed().as_secs_f64())
    }
}

fn micros_each(spent: Duration, count: u64) -> f64 {
    spent.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// How a client begins that holds a room up to `seq`.
fn with_cursor(user: &User, room: &str, epoch: zas_protocol::Epoch, seq: u64) -> String {
    format!(r#"{{"type":"hello","token":"{}","cursor":{{"{room}":[{epoch},{seq}]}}}}"#, user.token)
}
