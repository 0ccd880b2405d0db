//! What happens in a run: operations at their times, drawn from the seed. A plan is JSON, so that
//! a failure can be read, replayed and made smaller.
//!
//! To add an operation: a variant of [`Op`], its weight in [`Plan::draw`], its arm in
//! `World::operate`.

use serde::{Deserialize, Serialize};

use crate::rng::Rng;

/// One thing that somebody does, or that goes wrong. Numbers name devices, users, rooms and
/// nodes by index, modulo how many there are.
#[allow(missing_docs, reason = "the fields say what they are; the variants are documented")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// A device sends a message to a room its user knows.
    Send { device: u64, room: u64 },
    /// A burst of messages, as fast as they can be written.
    Burst { device: u64, room: u64, count: u64 },
    /// A device adds a user to a group.
    Add { device: u64, room: u64, user: u64 },
    /// A device removes a user from a group.
    Remove { device: u64, room: u64, user: u64 },
    /// A device removes a user from a group and adds them again at once.
    Bounce { device: u64, room: u64, user: u64 },
    /// A device leaves a group.
    Leave { device: u64, room: u64 },
    /// A device makes a group with everybody.
    Create { device: u64 },
    /// A device opens the private room with a user.
    OpenPrivate { device: u64, user: u64 },
    /// A device renames a group.
    Rename { device: u64, room: u64 },
    /// The page or process is loaded anew.
    Reload { device: u64 },
    /// The process dies while it carries out what its engine asked for, after so many effects.
    Die { device: u64, after: u64 },
    /// All connections of a device are cut.
    Cut { device: u64, lossy: bool },
    /// All connections of a device fall silent, both ends believing in them.
    HalfOpen { device: u64 },
    /// A device has no network for a while.
    Offline { device: u64, ms: u64 },
    /// Sockets do not get through for a while.
    NoSockets { device: u64, ms: u64 },
    /// A device reads nothing for a while.
    SlowReader { device: u64, ms: u64 },
    /// A device is signed out.
    SignOut { device: u64 },
    /// A node dies at once, and comes back with another clock.
    Crash { node: u64, down_ms: u64 },
    /// A node stops in good order, and comes back.
    Stop { node: u64 },
    /// A node's wall clock jumps.
    ClockJump { node: u64, seconds: i64 },
    /// A user is told to slow down for a while.
    Throttle { user: u64, ms: u64 },
    /// A node hears nothing of the others for a while.
    Deaf { node: u64, ms: u64 },
    /// A backup is taken.
    Backup,
    /// The last backup is restored: all nodes stop, and come back with another history.
    Restore { down_ms: u64 },
    /// A device's journal takes nothing for a while.
    JournalFails { device: u64, ms: u64 },
    /// All that a device kept is cleared, and it starts anew.
    ClearStorage { device: u64 },
    /// A device's user types, or stops.
    Type { device: u64, room: u64, on: bool },
    /// A device's user sees all that there is in a room.
    Read { device: u64, room: u64 },
    /// A device edits, deletes or reacts to a message that it holds, the newest by 0.
    Change { device: u64, room: u64, message: u64, what: u64 },
}

/// An operation and when it happens, in milliseconds of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: u64,
    /// What.
    pub op: Op,
}

/// How bad the weather is; chances in a thousand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weather {
    /// Nodes that share the store.
    pub nodes: usize,
    /// People.
    pub users: usize,
    /// Devices of each.
    pub devices: usize,
    /// The longest that anything is on its way, in milliseconds.
    pub delay_ms: u64,
    /// A hint between nodes is lost.
    pub hint_lost: u64,
    /// A hint comes twice.
    pub hint_twice: u64,
    /// A request or its answer is lost.
    pub request_lost: u64,
    /// A commit fails and is rolled back.
    pub commit_fails: u64,
    /// A commit is lost: done or not, nobody knows.
    pub commit_lost: u64,
    /// A read of the store fails.
    pub read_fails: u64,
    /// Frames that a connection's mailbox holds.
    pub mailbox: usize,
    /// Commands that share a commit.
    pub batch: usize,
    /// Events of a room that a resume replays.
    pub resume: u64,
    /// Events of a page that a client reads.
    pub page: u32,
}

/// A whole run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What all chance is drawn from.
    pub seed: u64,
    /// The weather.
    pub weather: Weather,
    /// What happens, in order of time.
    pub steps: Vec<Step>,
}

impl Weather {
    fn draw(rng: &mut Rng) -> Self {
        let calm = rng.chance(150);
        let mut bad = |most: u64| if calm { 0 } else { rng.below(most + 1) };
        Self {
            hint_lost: bad(600),
            hint_twice: bad(300),
            request_lost: bad(200),
            commit_fails: bad(150),
            commit_lost: bad(150),
            read_fails: bad(100),
            nodes: rng.range(1, 3) as usize,
            users: rng.range(2, 4) as usize,
            devices: rng.range(1, 2) as usize,
            delay_ms: [5, 40, 400][rng.index(3)],
            mailbox: rng.range(2, 40) as usize,
            batch: rng.range(1, 8) as usize,
            resume: rng.range(5, 80),
            page: rng.range(2, 30) as u32,
        }
    }
}

impl Plan {
    /// The plan of a seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let weather = Weather::draw(&mut rng);
        let mut at = 500;
        let steps = (0..rng.range(20, 90))
            .map(|_| {
                let most = if rng.chance(100) { 4_000 } else { 400 };
                at += rng.below(most);
                Step { at, op: Op::draw(&mut rng) }
            })
            .collect();
        Self { seed, weather, steps }
    }
}

impl Op {
    fn draw(rng: &mut Rng) -> Self {
        let (device, user, room, node) = (rng.below(100), rng.below(100), rng.below(100), rng.below(100));
        let ms = rng.range(100, 6_000);
        match rng.below(136) {
            0..32 => Self::Send { device, room },
            32..36 => Self::Bounce { device, room, user },
            36..42 => Self::Burst { device, room, count: rng.range(2, 24) },
            42..47 => Self::Add { device, room, user },
            47..52 => Self::Remove { device, room, user },
            52..54 => Self::Leave { device, room },
            54..56 => Self::Create { device },
            56..59 => Self::OpenPrivate { device, user },
            59..60 => Self::Rename { device, room },
            60..66 => Self::Reload { device },
            66..70 => Self::Die { device, after: rng.below(4) },
            70..77 => Self::Cut { device, lossy: rng.chance(500) },
            77..80 => Self::HalfOpen { device },
            80..83 => Self::Offline { device, ms },
            83..86 => Self::NoSockets { device, ms: ms * 4 },
            86..89 => Self::SlowReader { device, ms },
            89..91 => Self::SignOut { device },
            91..94 => Self::Crash { node, down_ms: ms },
            94..95 => Self::Stop { node },
            95..97 => Self::ClockJump { node, seconds: rng.below(172_800) as i64 - 86_400 },
            97..98 => Self::Throttle { user, ms },
            98..100 => Self::Deaf { node, ms },
            100..102 => Self::Backup,
            102..103 => Self::Restore { down_ms: ms },
            103..105 => Self::JournalFails { device, ms },
            105..106 => Self::ClearStorage { device },
            106..112 => Self::Type { device, room, on: rng.chance(700) },
            112..116 => Self::Read { device, room },
            _ => Self::Change { device, room, message: rng.below(6), what: rng.below(100) },
        }
    }
}
