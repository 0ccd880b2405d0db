//! A run: people with their devices, nodes, and a plan of what happens to them.

use zas_core::ledger::Submission;
use zas_protocol::{Command, DeviceId, Micros, RoomProfileChange, Signal, TxnId, UserId};
use zas_store::{Backup, Model, NewUser, PasswordHash, Secrets};

use crate::bug::Bug;
use crate::device::Device;
use crate::message::{Happening, ToDevice, ToNode};
use crate::net::Net;
use crate::node::Node;
use crate::oracle::{Held, Oracle, Violation, hold};
use crate::plan::{Op, Plan};
use crate::rng::Rng;
use crate::seen::Seen;
use crate::transcript::Transcript;

/// A restore takes so long at least; nothing that was sent before it arrives afterwards.
const RESTORE_TAKES: Micros = 3_000_000;
/// After the last operation the weather stays bad for this long.
const AFTERMATH: Micros = 7_000_000;
/// Within this, whoever is connected has heard what was there before, though its hint was lost (P8).
const HEARD_WITHIN: Micros = 5_000_000;
/// Then all is well, and within this everything must have come to rest.
const REST_WITHIN: Micros = 240_000_000;
/// How often it is looked at whether it has.
const LOOK_EVERY: Micros = 1_000_000;
/// More happenings than this are a run without end.
const HAPPENINGS: u64 = 3_000_000;

/// A run in progress.
struct World {
    net: Net,
    users: Vec<UserId>,
    devices: Vec<Device>,
    nodes: Vec<Node>,
    plan: Plan,
    backup: Option<(Backup, Oracle)>,
}

/// Runs a plan to its end.
///
/// # Errors
/// The first violation.
pub fn run(plan: &Plan, bug: Option<Bug>) -> Result<Seen, Violation> {
    let mut world = World::new(plan.clone(), bug)?;
    world.go()?;
    Ok(world.net.seen)
}

/// Runs a plan to its end, and keeps what one device's engine is given.
///
/// # Errors
/// The first violation.
pub fn record(plan: &Plan, device: usize) -> Result<Transcript, Violation> {
    // A transcript has one history, and says nothing of a journal that fails.
    let is_told = |op: Op| !matches!(op, Op::Restore { .. } | Op::JournalFails { .. });
    let steps = plan.steps.iter().filter(|step| is_told(step.op)).copied().collect();
    let mut world = World::new(Plan { steps, ..plan.clone() }, None)?;
    let device = device % world.devices.len();
    let recorded = &mut world.devices[device];
    recorded.transcript = Some(Transcript::new(plan.seed, recorded.user));
    world.go()?;
    let recorded = &mut world.devices[device];
    let mut transcript = recorded.transcript.take().ok_or_else(|| Violation("no transcript".to_owned()))?;
    transcript.finish(&world.net.oracle, &recorded.engine);
    Ok(transcript)
}

impl World {
    fn new(plan: Plan, bug: Option<Bug>) -> Result<Self, Violation> {
        let mut rng = Rng::new(plan.seed ^ 0x5eed);
        let mut entropy = rng.fork();
        let secrets = Secrets { fingerprint_key: [7; 32], entropy: Box::new(move || entropy.ten()) };
        let mut net = Net::new(rng, Model::new(secrets), plan.weather, bug);
        let users = (0..plan.weather.users).map(|n| account(&mut net, n)).collect::<Result<Vec<_>, _>>()?;
        first_group(&mut net, &users)?;
        let mut nodes: Vec<Node> = (0..plan.weather.nodes).map(|n| Node::new(&net, n)).collect();
        nodes.iter_mut().for_each(|node| node.start(&mut net));
        let mut devices = Vec::new();
        for (n, &user) in (0..plan.weather.devices).flat_map(|_| users.iter().enumerate()) {
            let index = devices.len();
            let id = DeviceId(uuid::Uuid::from_u128(0xd000 + 100 * n as u128 + index as u128));
            devices.push(Device::new(&mut net, index, user, id));
            let delay = net.micros(0, 400_000);
            net.after(delay, Happening::Device(index, 0, ToDevice::Boot));
        }
        for (index, step) in plan.steps.iter().enumerate() {
            net.after(Micros::try_from(step.at).unwrap_or(0) * 1_000, Happening::Step(index));
        }
        Ok(Self { net, users, devices, nodes, plan, backup: None })
    }

    fn go(&mut self) -> Held {
        let last = self.plan.steps.last().map_or(0, |step| step.at);
        self.pass_until(Micros::try_from(last).unwrap_or(0) * 1_000 + AFTERMATH)?;
        self.calm()?;
        let end = self.net.now + REST_WITHIN;
        self.tails_are_heard()?;
        loop {
            self.pass_until(self.net.now + LOOK_EVERY)?;
            match self.at_rest() {
                Ok(()) => break,
                Err(violation) if self.net.now >= end => return Err(violation),
                Err(_) => {}
            }
        }
        self.net.oracle.nothing_lost()?;
        self.store_agrees()
    }

    fn pass_until(&mut self, until: Micros) -> Held {
        let mut count = 0;
        while let Some(happening) = self.net.next(until) {
            count += 1;
            hold(count < HAPPENINGS, || "something happens without end".to_owned())?;
            match happening {
                Happening::Step(index) => self.operate(self.plan.steps[index].op)?,
                Happening::Device(index, life, what) => {
                    let device = &mut self.devices[index];
                    // A sign-in is its user's, not its process's.
                    if device.life == life || matches!(what, ToDevice::SignIn) {
                        device.take(&mut self.net, what)?;
                    }
                }
                Happening::Node(index, life, what) => {
                    let node = &mut self.nodes[index];
                    match what {
                        ToNode::Start if !node.up => node.start(&mut self.net),
                        what if node.up && node.life == life => node.take(&mut self.net, what)?,
                        ToNode::Commit(batch) => node.commit_orphaned(&mut self.net, &batch)?,
                        ToNode::Ask(asked) => self.net.answer_lost(&asked),
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    /// What is durable reaches whoever is connected in seconds, also if its hint was lost.
    fn tails_are_heard(&mut self) -> Held {
        let since = self.net.now;
        let heads = self.net.oracle.heads();
        self.pass_until(since + HEARD_WITHIN)?;
        let mut well = self.devices.iter().filter(|device| device.is_well_since(&self.net, since));
        well.try_for_each(|device| device.has_heard(&self.net, &heads))
    }

    /// Nothing goes wrong any more: nodes come back, people sign in again.
    fn calm(&mut self) -> Held {
        self.net.calm = true;
        for node in &mut self.nodes {
            if !node.up {
                node.start(&mut self.net);
            }
        }
        for device in &mut self.devices {
            if self.net.revoked_at(device.id).is_some() {
                device.take(&mut self.net, ToDevice::SignIn)?;
            }
        }
        Ok(())
    }

    /// All is sent, all is shown, and everyone's positions are known where they should be.
    fn at_rest(&self) -> Held {
        self.devices.iter().try_for_each(|device| device.is_complete(&self.net))?;
        self.positions_agree()
    }

    /// On one node the hub knows how far everyone is, and nobody believes otherwise.
    fn positions_agree(&self) -> Held {
        let [node] = &self.nodes[..] else { return Ok(()) };
        for device in &self.devices {
            device.believes_what_is(&self.net)?;
            for room in self.net.oracle.rooms_of(device.user) {
                let known = node.positions(&self.net, room);
                let (delivered, read) = device.engine.positions().own(room);
                let at_hub = known.get(&device.user).map_or((0, 0), |at| (at.delivered, at.read));
                hold(delivered <= at_hub.0 && read <= at_hub.1, || {
                    format!(
                        "P7: device {} received and read up to {delivered} and {read} of {room}, the hub says {at_hub:?}",
                        device.index
                    )
                })?;
                for heard in device.engine.positions().of(room) {
                    let at_hub = known.get(&heard.user).map_or(heard.delivered, |at| at.delivered);
                    // What a node knew, and had not written when it died, is said again by who kept it.
                    let is_kept = self.devices.iter().all(|one| one.user != heard.user || !one.was_cleared);
                    let same = heard.delivered == at_hub || (heard.delivered > at_hub && !is_kept);
                    hold(same || !self.net.oracle.is_in(room, heard.user), || {
                        format!(
                            "P7: device {} heard that {} received {} of {room}, the hub says {at_hub}",
                            device.index, heard.user, heard.delivered
                        )
                    })?;
                }
            }
        }
        Ok(())
    }

    /// The store holds what the oracle saw being committed, for ever.
    fn store_agrees(&self) -> Held {
        for &user in &self.users {
            for room in self.net.oracle.rooms_of(user) {
                let head = self.net.model.heads(user).iter().find(|log| log.room == room).map(|log| log.head);
                hold(head == Some(self.net.head(room)), || format!("P1: the head of {room} is {head:?}"))?;
                let page = self.net.model.page(user, room, zas_store::PageAt::After(0), u32::MAX);
                for event in page.ok().flatten().iter().flat_map(|page| &page.events) {
                    self.net.oracle.shown(user, event)?;
                }
            }
        }
        Ok(())
    }

    fn operate(&mut self, op: Op) -> Held {
        let (net, devices, nodes) = (&mut self.net, &mut self.devices, &mut self.nodes);
        let (device_count, node_count, user_count) =
            (devices.len() as u64, nodes.len() as u64, self.users.len() as u64);
        let nth_device = |n: u64| (n % device_count) as usize;
        let nth_node = |n: u64| (n % node_count) as usize;
        let nth_user = |n: u64| self.users[(n % user_count) as usize];
        let room_of = |device: &Device, n: u64| {
            let rooms = device.rooms();
            (!rooms.is_empty()).then(|| rooms[(n % rooms.len() as u64) as usize])
        };
        match op {
            Op::Send { device, room } => send(net, &mut devices[nth_device(device)], room, 1)?,
            Op::Burst { device, room, count } => send(net, &mut devices[nth_device(device)], room, count)?,
            Op::Add { device, room, user } => {
                let (device, user) = (&mut devices[nth_device(device)], nth_user(user));
                if let Some(room) = room_of(device, room) {
                    device.compose(net, |txn_id| Command::AddMember { txn_id, room, user })?;
                }
            }
            Op::Remove { device, room, user } => {
                let (device, user) = (&mut devices[nth_device(device)], nth_user(user));
                if let Some(room) = room_of(device, room) {
                    device.compose(net, |txn_id| Command::RemoveMember { txn_id, room, user })?;
                }
            }
            Op::Bounce { device, room, user } => {
                let (device, user) = (&mut devices[nth_device(device)], nth_user(user));
                if let Some(room) = room_of(device, room) {
                    device.compose(net, |txn_id| Command::RemoveMember { txn_id, room, user })?;
                    device.compose(net, |txn_id| Command::AddMember { txn_id, room, user })?;
                }
            }
            Op::Leave { device, room } => {
                let device = &mut devices[nth_device(device)];
                if let Some(room) = room_of(device, room) {
                    device.compose(net, |txn_id| Command::LeaveRoom { txn_id, room })?;
                }
            }
            Op::Create { device } => {
                let members = self.users.clone();
                let name = "a group".to_owned();
                devices[nth_device(device)].compose(net, |txn_id| Command::CreateGroup {
                    txn_id,
                    name,
                    members,
                    profile: None,
                })?;
            }
            Op::OpenPrivate { device, user } => {
                let user = nth_user(user);
                devices[nth_device(device)].compose(net, |txn_id| Command::OpenPrivate { txn_id, user })?;
            }
            Op::Rename { device, room } => {
                let device = &mut devices[nth_device(device)];
                if let Some(room) = room_of(device, room) {
                    let name = format!("name {room}").chars().take(20).collect();
                    device.compose(net, |txn_id| Command::RenameRoom { txn_id, room, name })?;
                    let description = Some(format!("about {room}"));
                    let profile = RoomProfileChange { description, avatar: None };
                    device.compose(net, |txn_id| Command::SetRoomProfile { txn_id, room, profile })?;
                }
            }
            Op::Change { device, room, message, what } => {
                let device = &mut devices[nth_device(device)];
                if let Some(room) = room_of(device, room) {
                    device.change(net, room, message, what)?;
                }
            }
            Op::Reload { device } => devices[nth_device(device)].reload(net)?,
            Op::Die { device, after } => {
                devices[nth_device(device)].dies_after = usize::try_from(after).ok();
            }
            Op::Cut { device, lossy } => {
                let device = nth_device(device);
                for link in net.links_where(|link| link.device == device) {
                    net.cut(link, lossy);
                }
            }
            Op::HalfOpen { device } => net.silence(nth_device(device)),
            Op::Offline { device, ms } => {
                let device = nth_device(device);
                devices[device].offline_until = net.now + micros(ms);
                net.silence(device);
            }
            Op::NoSockets { device, ms } => {
                devices[nth_device(device)].no_sockets_until = net.now + micros(ms);
            }
            Op::SlowReader { device, ms } => {
                net.slow.insert(nth_device(device), net.now + micros(ms));
            }
            Op::SignOut { device } => {
                let device = &devices[nth_device(device)];
                net.sign_out(device.id);
                net.seen.note("devices signed out");
                nodes.iter_mut().for_each(|node| node.revoke(net, device.user, device.id));
                let delay = net.micros(1_000_000, 8_000_000);
                net.after(delay, Happening::Device(device.index, device.life, ToDevice::SignIn));
            }
            Op::Crash { node, down_ms } => {
                let index = nth_node(node);
                nodes[index].crash(net);
                net.after(micros(down_ms), Happening::Node(index, 0, ToNode::Start));
            }
            Op::Stop { node } => {
                let index = nth_node(node);
                if nodes[index].up {
                    nodes[index].drain(net);
                    net.after(3_000_000, Happening::Node(index, nodes[index].life, ToNode::Stop));
                }
            }
            Op::ClockJump { node, seconds } => nodes[nth_node(node)].jumped += seconds * 1_000_000,
            Op::Throttle { user, ms } => {
                net.throttled.insert(nth_user(user), net.now + micros(ms));
            }
            Op::Deaf { node, ms } => nodes[nth_node(node)].deaf_until = net.now + micros(ms),
            Op::Backup => self.backup = Some((net.model.backup(), net.oracle.clone())),
            Op::Restore { down_ms } => self.restore(down_ms),
            Op::JournalFails { device, ms } => {
                devices[nth_device(device)].journal_fails_until = net.now + micros(ms);
            }
            Op::ClearStorage { device } => devices[nth_device(device)].clear_storage(net)?,
            Op::Type { device, room, on } => {
                let device = &mut devices[nth_device(device)];
                if let Some(room) = room_of(device, room) {
                    device.say(net, Signal::Typing { room, on });
                }
            }
            Op::Read { device, room } => {
                let device = &mut devices[nth_device(device)];
                if let Some(room) = room_of(device, room) {
                    device.read(net, room)?;
                }
            }
        }
        Ok(())
    }
}

impl World {
    /// What is on its way is lost with the servers, and what they had not backed up with their disk.
    fn restore(&mut self, down_ms: u64) {
        let Some((backup, former)) = self.backup.clone() else { return };
        let net = &mut self.net;
        net.seen.note("backups restored");
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.crash(net);
            net.after(RESTORE_TAKES + micros(down_ms), Happening::Node(index, 0, ToNode::Start));
        }
        net.drop_commits();
        for device in &mut self.devices {
            device.offline_until = device.offline_until.max(net.now + RESTORE_TAKES);
        }
        net.model.restore(backup, !net.has(Bug::HistoryKept));
        let devices = &self.devices;
        let waits = |(user, txn_id): &(UserId, TxnId)| {
            devices.iter().any(|device| device.user == *user && device.keeps(txn_id))
        };
        net.oracle.restored(former, waits);
    }
}

fn send(net: &mut Net, device: &mut Device, room: u64, count: u64) -> Held {
    let rooms = device.rooms();
    if rooms.is_empty() {
        return Ok(());
    }
    let room = rooms[(room % rooms.len() as u64) as usize];
    for _ in 0..count {
        device.compose(net, |txn_id| {
            let text = txn_id.to_string();
            Command::text(txn_id, room, None, text)
        })?;
    }
    Ok(())
}

fn micros(ms: u64) -> Micros {
    Micros::try_from(ms).unwrap_or(0) * 1_000
}

fn account(net: &mut Net, n: usize) -> Result<UserId, Violation> {
    let id = UserId(uuid::Uuid::from_u128(0xa000 + n as u128));
    let username = format!("user{n}");
    let user = NewUser {
        id,
        skeleton: username.clone(),
        email: format!("{username}@example.com"),
        display_name: username.clone(),
        username,
        password_hash: PasswordHash(String::new()),
        admin: false,
        at: 0,
    };
    net.model.create_user(user).map_err(|error| Violation(error.to_string()))?;
    net.oracle.account(id);
    Ok(id)
}

/// Everybody is in one group from the start.
fn first_group(net: &mut Net, users: &[UserId]) -> Held {
    let txn_id = TxnId::new("first").map_err(|error| Violation(error.to_string()))?;
    let command = Command::CreateGroup {
        txn_id: txn_id.clone(),
        name: "all".to_owned(),
        members: users.to_vec(),
        profile: None,
    };
    let submission = Submission { user: users[0], command };
    let outcomes = net.model.commit(&[submission], 1).map_err(|error| Violation(error.to_string()))?;
    for outcome in outcomes {
        let decided = outcome.map_err(|refusal| Violation(refusal.to_string()))?;
        net.oracle.committed(users[0], &txn_id, &decided)?;
    }
    Ok(())
}
