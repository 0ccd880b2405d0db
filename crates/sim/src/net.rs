//! What everything in a run shares: the clock, what is on its way, the links between devices and
//! nodes, the store, the oracle, and chance.

use std::collections::BTreeMap;

use zas_client::engine::{ConnId, Millis, Rung};
use zas_core::session::{Identity, Log};
use zas_protocol::rest::Page;
use zas_protocol::{DeviceId, ErrorCode, Hello, Micros, RoomId, Seq, ServerFrame, UserId};
use zas_store::{Model, PageAt};

use crate::bug::Bug;
use crate::message::{Asked, Happening, ReadFailed, Request, ToDevice, ToNode};
use crate::oracle::Oracle;
use crate::plan::Weather;
use crate::rng::Rng;
use crate::seen::Seen;

/// How long an access token lives.
const TOKEN_LIFE: Micros = 40_000_000;
/// How long a signed-out device may go on hearing.
pub const REVOKED_WITHIN: Micros = 5_000_000;

/// Names a connection between a device and a node, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId(pub u64);

/// One connection.
#[derive(Debug)]
pub struct Link {
    /// Whose.
    pub device: usize,
    /// Which run of the device.
    pub life: u32,
    /// What the device calls it.
    pub conn: ConnId,
    /// To which node.
    pub node: usize,
    /// Which run of the node.
    pub node_life: u32,
    /// Since when.
    pub opened_at: Micros,
    /// Nothing passes any more, and neither end has been told.
    pub silent: bool,
    /// Arrivals keep their order: the last one up, the last one down.
    last_up: Micros,
    last_down: Micros,
}

/// What a device may do.
#[derive(Debug, Clone, Copy)]
struct Grant {
    user: UserId,
    generation: u32,
    revoked_at: Option<Micros>,
}

/// See the module.
pub struct Net {
    /// Time since the run began, in microseconds.
    pub now: Micros,
    queue: BTreeMap<(Micros, u64), Happening>,
    count: u64,
    /// Chance.
    pub rng: Rng,
    /// The store.
    pub model: Model,
    /// The judge.
    pub oracle: Oracle,
    /// What is wrong on purpose.
    pub bug: Option<Bug>,
    /// The weather.
    pub weather: Weather,
    /// Nothing goes wrong any more.
    pub calm: bool,
    /// Which nodes are up, in which run.
    pub nodes: Vec<Option<u32>>,
    /// Connections.
    pub links: BTreeMap<LinkId, Link>,
    next_link: u64,
    grants: BTreeMap<DeviceId, Grant>,
    /// Devices that read nothing, until when.
    pub slow: BTreeMap<usize, Micros>,
    /// Users who are told to slow down, until when.
    pub throttled: BTreeMap<UserId, Micros>,
    /// What was seen.
    pub seen: Seen,
}

impl Net {
    /// The start of a run.
    #[must_use]
    pub fn new(rng: Rng, model: Model, weather: Weather, bug: Option<Bug>) -> Self {
        Self {
            now: 0,
            queue: BTreeMap::new(),
            count: 0,
            rng,
            model,
            oracle: Oracle::default(),
            bug,
            weather,
            calm: false,
            nodes: vec![None; weather.nodes],
            links: BTreeMap::new(),
            next_link: 1,
            grants: BTreeMap::new(),
            slow: BTreeMap::new(),
            throttled: BTreeMap::new(),
            seen: Seen::default(),
        }
    }

    /// Whether this bug is planted.
    #[must_use]
    pub fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// True so many times in a thousand, while the weather is bad.
    pub fn bad_luck(&mut self, per_mille: u64) -> bool {
        !self.calm && self.rng.chance(per_mille)
    }

    /// How long something is on its way.
    pub fn delay(&mut self) -> Micros {
        let most = if self.calm { 5 } else { self.weather.delay_ms };
        self.micros(0, most * 1_000)
    }

    /// A random time of `low..=high` microseconds.
    pub fn micros(&mut self, low: u64, high: u64) -> Micros {
        Micros::try_from(self.rng.range(low, high)).unwrap_or(0)
    }

    /// Something happens after a while.
    pub fn after(&mut self, delay: Micros, happening: Happening) {
        self.count += 1;
        self.queue.insert((self.now + delay, self.count), happening);
    }

    /// What happens next, no later than `until`; the clock moves there.
    pub fn next(&mut self, until: Micros) -> Option<Happening> {
        let entry = self.queue.first_entry()?;
        if entry.key().0 > until {
            self.now = until;
            return None;
        }
        self.now = self.now.max(entry.key().0);
        Some(entry.remove())
    }

    // Links

    /// A connection of a device to some node that is up, with its first frame on its way.
    pub fn connect(
        &mut self,
        (device, life): (usize, u32),
        conn: ConnId,
        rung: Rung,
        hello: Hello,
        token: String,
        wait_ms: Millis,
    ) -> Option<LinkId> {
        let (node, node_life) = self.some_node()?;
        let link = LinkId(self.next_link);
        self.next_link += 1;
        let (last_up, last_down) = (self.now, self.now);
        let (opened_at, silent) = (self.now, false);
        let held = Link { device, life, conn, node, node_life, opened_at, silent, last_up, last_down };
        self.links.insert(link, held);
        self.up(link, ToNode::Open { link, rung, hello, token, wait_ms });
        Some(link)
    }

    fn some_node(&mut self) -> Option<(usize, u32)> {
        let up: Vec<(usize, u32)> =
            self.nodes.iter().enumerate().filter_map(|(node, life)| Some((node, (*life)?))).collect();
        if up.is_empty() { None } else { Some(up[self.rng.index(up.len())]) }
    }

    /// From the device to the node, in order.
    pub fn up(&mut self, link: LinkId, what: ToNode) {
        let delay = self.delay();
        let now = self.now;
        let Some(held) = self.links.get_mut(&link).filter(|held| !held.silent) else { return };
        held.last_up = held.last_up.max(now + delay);
        let (wait, node, life) = (held.last_up - now, held.node, held.node_life);
        self.after(wait, Happening::Node(node, life, what));
    }

    /// From the node to the device, in order.
    pub fn down(&mut self, link: LinkId, what: impl FnOnce(ConnId) -> ToDevice) {
        let delay = self.delay();
        let now = self.now;
        let Some(held) = self.links.get_mut(&link).filter(|held| !held.silent) else { return };
        held.last_down = held.last_down.max(now + delay);
        let (wait, device, life, what) = (held.last_down - now, held.device, held.life, what(held.conn));
        self.after(wait, Happening::Device(device, life, what));
    }

    /// A connection ends: what is on its way may still arrive, or not; each end hears of it.
    pub fn cut(&mut self, link: LinkId, lossy: bool) {
        let Some(held) = self.links.remove(&link) else { return };
        if lossy {
            self.queue.retain(|_, happening| match happening {
                Happening::Node(_, _, ToNode::Text(of, _)) => *of != link,
                Happening::Device(device, life, ToDevice::Frame(conn, _)) => {
                    (*device, *life, *conn) != (held.device, held.life, held.conn)
                }
                _ => true,
            });
        }
        let after = held.last_up.max(held.last_down).max(self.now) - self.now;
        let (up, down) = (after + self.delay(), after + self.delay());
        self.after(up, Happening::Node(held.node, held.node_life, ToNode::Gone(link)));
        self.after(down, Happening::Device(held.device, held.life, ToDevice::Closed(held.conn, None)));
    }

    /// Nothing passes on a device's connections any more, and neither end is told.
    pub fn silence(&mut self, device: usize) {
        self.links.values_mut().filter(|link| link.device == device).for_each(|link| link.silent = true);
    }

    /// The connections of a device, or of a node.
    pub fn links_where(&self, of: impl Fn(&Link) -> bool) -> Vec<LinkId> {
        self.links.iter().filter(|(_, link)| of(link)).map(|(&id, _)| id).collect()
    }

    // Requests

    /// A request of a device to some node; lost ones are noticed after a while.
    pub fn ask(&mut self, asked: Asked) {
        if let Request::Post(_) = asked.request {
            self.seen.note("commands posted");
        }
        let lost = self.bad_luck(self.weather.request_lost);
        match self.some_node().filter(|_| !lost) {
            Some((node, life)) => {
                let delay = self.delay();
                self.after(delay, Happening::Node(node, life, ToNode::Ask(asked)));
            }
            None => self.answer_lost(&asked),
        }
    }

    /// The answer to a request, unless it is lost.
    pub fn answer(&mut self, asked: &Asked, answer: ToDevice) {
        if self.bad_luck(self.weather.request_lost) {
            return self.answer_lost(asked);
        }
        let delay = self.delay();
        self.after(delay, Happening::Device(asked.device, asked.life, answer));
    }

    /// There will be no answer to a request.
    pub fn answer_lost(&mut self, asked: &Asked) {
        let wait = self.micros(500_000, 3_000_000);
        if let Some(lost) = asked.request.lost() {
            self.after(wait, Happening::Device(asked.device, asked.life, lost));
        }
    }

    /// No commit that is under way is made any more.
    pub fn drop_commits(&mut self) {
        self.queue.retain(|_, happening| !matches!(happening, Happening::Node(_, _, ToNode::Commit(_))));
    }

    // Sessions of devices

    /// A device is signed in from now on; its access token.
    pub fn sign_in(&mut self, device: DeviceId, user: UserId) -> String {
        let generation = self.grants.get(&device).map_or(0, |grant| grant.generation + 1);
        self.grants.insert(device, Grant { user, generation, revoked_at: None });
        self.token(device, generation)
    }

    fn token(&self, device: DeviceId, generation: u32) -> String {
        format!("{device} {generation} {}", self.now + TOKEN_LIFE)
    }

    /// A device is signed out.
    pub fn sign_out(&mut self, device: DeviceId) {
        let now = self.now;
        if let Some(grant) = self.grants.get_mut(&device) {
            grant.revoked_at.get_or_insert(now);
        }
    }

    /// Since when a device is signed out.
    #[must_use]
    pub fn revoked_at(&self, device: DeviceId) -> Option<Micros> {
        self.grants.get(&device)?.revoked_at
    }

    /// Whom a token names, with the time it still lives. A `stale` one is good enough to be
    /// refreshed.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`], [`ErrorCode::Revoked`].
    pub fn identify(&self, token: &str, stale: bool) -> Result<Identity, ErrorCode> {
        let mut parts = token.split(' ');
        let (device, generation, until) = (parts.next(), parts.next(), parts.next());
        let device: DeviceId = device.and_then(|id| id.parse().ok()).ok_or(ErrorCode::Unauthenticated)?;
        let generation: u32 = generation.and_then(|n| n.parse().ok()).ok_or(ErrorCode::Unauthenticated)?;
        let until: Micros = until.and_then(|at| at.parse().ok()).ok_or(ErrorCode::Unauthenticated)?;
        let grant = self.grants.get(&device).ok_or(ErrorCode::Unauthenticated)?;
        if grant.revoked_at.is_some() || grant.generation != generation {
            return Err(ErrorCode::Revoked);
        }
        if until <= self.now && !stale {
            return Err(ErrorCode::Unauthenticated);
        }
        Ok(Identity { user: grant.user, device, expires_at: until - self.now })
    }

    /// A fresh token for the old one.
    ///
    /// # Errors
    /// As [`Net::identify`].
    pub fn refresh(&self, token: &str) -> Result<String, ErrorCode> {
        let identity = self.identify(token, true)?;
        let grant = self.grants.get(&identity.device).ok_or(ErrorCode::Unauthenticated)?;
        Ok(self.token(identity.device, grant.generation))
    }

    // The store

    /// A page as the store reads it.
    ///
    /// # Errors
    /// [`ReadFailed`] in bad weather.
    pub fn page(
        &mut self,
        user: UserId,
        room: RoomId,
        at: PageAt,
        limit: u32,
    ) -> Result<Option<Page>, ReadFailed> {
        if self.bad_luck(self.weather.read_fails) {
            return Err(ReadFailed);
        }
        let at = match at {
            PageAt::After(seq) if self.has(Bug::CursorOffByOne) => PageAt::After(seq + 1),
            at => at,
        };
        let page = self.model.page(user, room, at, limit).map_err(|_| ReadFailed)?;
        if self.has(Bug::MembershipIgnored)
            && let Some(mut page) = page
        {
            let whole = self.oracle.after(room, page.from - 1);
            page.events = whole.into_iter().filter(|event| event.seq <= page.to).collect();
            page.skips = Vec::new();
            return Ok(Some(page));
        }
        Ok(page)
    }

    /// Where a person's logs stand.
    #[must_use]
    pub fn heads(&self, user: UserId) -> Vec<Log> {
        let heads = self.model.heads(user).into_iter();
        heads
            .map(|head| Log {
                room: head.room,
                epoch: head.epoch,
                head: head.head,
                from: head.from,
                members: head.members,
            })
            .collect()
    }

    /// Notes what a frame to a client shows that the run reaches.
    pub fn note_frame(&mut self, frame: &ServerFrame) {
        match frame {
            ServerFrame::Resync { .. } => self.seen.note("resyncs"),
            ServerFrame::Skip { .. } => self.seen.note("skips"),
            ServerFrame::Nack(nack) if nack.code.is_final() => self.seen.note("commands refused for good"),
            _ => {}
        }
    }

    /// The last place of a log, as the store says it.
    #[must_use]
    pub fn head(&self, room: RoomId) -> Seq {
        self.oracle.head(room)
    }
}
