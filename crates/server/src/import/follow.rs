//! What the app still writes, fetched as it comes. Its tables may have no index on a time, so nothing is asked
//! that would read all of `messages` at once. A look reads all rooms, whose last activity says where something
//! was said; the new messages of those; and one stretch more of the way through all messages, which finds what
//! has become of old ones. Nobody waits for either: what a look misses is found at the switch at the latest.

use std::collections::BTreeMap;

use zas_protocol::Micros;
use zas_store::django::{OldMember, OldPlace, OldRoom, id};

use super::reading::Job;
use super::{Import, ImportError};

/// Messages of a stretch.
const STRETCH: u32 = 2_000;
/// Messages of rooms in which something was said that are read through in a look, about. A room that has more
/// is read through alone, and then rests.
const THROUGH: u64 = 20_000;
/// How far back is looked: what is committed late has an earlier time, and clocks differ.
const OVERLAP: Micros = 300_000_000;

/// How far it is.
pub(super) struct Following {
    /// Each room as it was when its messages were last read, by key.
    rooms: BTreeMap<String, OldRoom>,
    /// Up to when that was.
    read_at: BTreeMap<String, Micros>,
    /// How many messages each has.
    sizes: BTreeMap<String, u64>,
    /// Large rooms that are left alone, up to this look.
    rest: BTreeMap<String, u64>,
    /// What is to be read.
    due: BTreeMap<String, Due>,
    /// Looks so far.
    looks: u64,
    /// The last message of the stretch before; none at the beginning of the way.
    after: Option<String>,
    /// When all was read before the first look.
    began: Micros,
    /// What was touched since then is new to this way.
    since: Micros,
    /// When this way began.
    way_began: Micros,
}

/// What is to be read of a room.
#[derive(Default)]
struct Due {
    /// What was said since it was last read.
    said: bool,
    /// Messages that have changed.
    places: Vec<OldPlace>,
}

impl Following {
    /// All was read at `began`, when these rooms were so.
    pub(super) fn new(rooms: Vec<OldRoom>, sizes: BTreeMap<String, u64>, began: Micros) -> Self {
        Self {
            rooms: rooms.into_iter().map(|room| (room.key.clone(), room)).collect(),
            read_at: BTreeMap::new(),
            sizes,
            rest: BTreeMap::new(),
            due: BTreeMap::new(),
            looks: 0,
            after: None,
            began,
            since: began,
            way_began: began,
        }
    }

    fn read_at(&self, room: &str) -> Micros {
        self.read_at.get(room).copied().unwrap_or(self.began)
    }

    fn said_in(&mut self, room: &str) {
        self.due.entry(room.to_owned()).or_default().said = true;
    }

    fn touched(&mut self, room: String, place: OldPlace) {
        // One that may be new is brought with those that were said before it.
        let may_be_new = place.at.is_none_or(|at| at >= self.read_at(&room) - OVERLAP);
        let due = self.due.entry(room).or_default();
        due.said |= may_be_new;
        due.places.push(place);
    }

    /// What this look reads, by room: those first that have waited longest.
    fn take(&mut self) -> BTreeMap<String, Due> {
        let mut keys: Vec<String> = self.due.keys().cloned().collect();
        keys.sort_by_key(|key| self.read_at(key));
        let (mut taken, mut left) = (BTreeMap::new(), THROUGH);
        for key in keys {
            let said = self.due.get(&key).is_some_and(|due| due.said);
            let size = if said { self.sizes.get(&key).copied().unwrap_or_default() } else { 0 };
            let rests = said && self.rest.get(&key).is_some_and(|&until| until > self.looks);
            let too_much = size > left && left < THROUGH;
            if rests || too_much {
                continue;
            }
            left = left.saturating_sub(size);
            self.rest.insert(key.clone(), self.looks + size / THROUGH + 1);
            if let Some(due) = self.due.remove(&key) {
                taken.insert(key, due);
            }
        }
        taken
    }
}

impl Import<'_> {
    /// Fetches what is new, or some of it.
    pub(super) async fn look(&mut self, following: &mut Following) -> Result<(), ImportError> {
        let now = self.django()?.begin().await.map_err(ImportError::Old)?;
        following.looks += 1;
        let rooms = self.django()?.rooms().await.map_err(ImportError::Old)?;
        for room in &rooms {
            if following.rooms.get(&room.key) != Some(room) {
                following.said_in(&room.key);
            }
        }
        if following.after.is_none() {
            following.way_began = now;
        }
        let (after, since) = (following.after.take(), following.since - OVERLAP);
        let stretch = self.django()?.stretch(after.as_deref(), STRETCH, since).await;
        let stretch = stretch.map_err(ImportError::Old)?;
        for (room, place) in stretch.touched {
            following.touched(room, place);
        }
        following.after = stretch.last;
        if following.after.is_none() {
            following.since = following.way_began;
        }
        let due = following.take();
        self.fetch(following, &rooms, due, now).await
    }

    async fn fetch(
        &mut self,
        following: &mut Following,
        rooms: &[OldRoom],
        mut due: BTreeMap<String, Due>,
        now: Micros,
    ) -> Result<(), ImportError> {
        let rooms: Vec<&OldRoom> = rooms.iter().filter(|room| due.contains_key(&room.key)).collect();
        if rooms.is_empty() {
            return Ok(());
        }
        let keys: Vec<&str> = rooms.iter().map(|room| room.key.as_str()).collect();
        let mut members: BTreeMap<String, Vec<OldMember>> = BTreeMap::new();
        for member in self.django()?.members_of(&keys).await.map_err(ImportError::Old)? {
            members.entry(member.room.clone()).or_default().push(member);
        }
        self.newcomers(members.values().flatten().map(|member| member.user.as_str())).await?;
        let mut jobs = Vec::with_capacity(rooms.len());
        for room in &rooms {
            let Due { said, mut places } = due.remove(&room.key).unwrap_or_default();
            if said {
                let since = following.read_at(&room.key) - OVERLAP;
                let new = self.django()?.places_since(&room.key, since).await.map_err(ImportError::Old)?;
                *following.sizes.entry(room.key.clone()).or_default() += new.len() as u64;
                places.extend(new);
                following.read_at.insert(room.key.clone(), now);
                following.rooms.insert(room.key.clone(), (*room).clone());
            }
            places.sort_by(|a, b| (a.at, a.id, &a.key).cmp(&(b.at, b.id, &b.key)));
            places.dedup();
            jobs.push(Job::Some(room.key.clone(), places));
        }
        let mut reading = self.read(jobs)?;
        for room in rooms {
            let members: &[OldMember] = members.get(&room.key).map_or(&[], Vec::as_slice);
            self.room(room, members, &mut reading).await?;
        }
        self.django = Some(reading.end().await?);
        self.flush().await
    }

    /// Accounts of those of these people that nobody has asked for yet.
    async fn newcomers(&mut self, keys: impl Iterator<Item = &str>) -> Result<(), ImportError> {
        let mut new: Vec<&str> =
            keys.filter(|key| id(key).is_some() && !self.people.contains_key(*key)).collect();
        new.sort_unstable();
        new.dedup();
        if new.is_empty() {
            return Ok(());
        }
        let users = self.django()?.users_of(&new).await.map_err(ImportError::Old)?;
        self.accounts(&users).await
    }
}
