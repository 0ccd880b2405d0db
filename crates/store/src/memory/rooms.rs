//! Rooms and logs of the model. What each does is said at [`crate::Store`].

use zas_protocol::limits::{SMALL_GROUP, UNREAD_CAP};
use zas_protocol::rest::{Member, Page, Room};
use zas_protocol::{Event, EventBody, MessageId, Micros, Position, RoomId, RoomKind, Seq, UserId};

use super::model::{Model, RoomState};
use crate::error::StoreError;
use crate::paging::{self, Plan, Stay};
use crate::rows::{Membership, PageAt, RoomHead};

impl RoomState {
    pub(super) fn stays(&self, user: UserId) -> Vec<Stay> {
        let members = self.members.get(&user).map(Vec::as_slice).unwrap_or_default();
        members.iter().map(|member| member.stay).collect()
    }

    fn events(&self, (low, high): (Seq, Seq)) -> impl DoubleEndedIterator<Item = &Event> {
        self.log[low as usize - 1..high as usize].iter().map(|(event, _)| event)
    }

    /// The messages that somebody may see, above a place, newest first.
    fn messages<'a>(&'a self, stays: &'a [Stay], above: Seq) -> impl Iterator<Item = &'a Event> {
        paging::visible(stays, above + 1, self.head())
            .rev()
            .flat_map(|piece| self.events(piece).rev())
            .filter(|event| matches!(event.body, EventBody::Message { .. }))
    }
}

impl Model {
    /// The rooms that somebody is in, own log included, by room.
    pub(super) fn rooms_of(&self, user: UserId) -> impl Iterator<Item = (RoomId, &RoomState)> {
        let all = (user, RoomId(uuid::Uuid::nil()))..=(user, RoomId(uuid::Uuid::max()));
        self.joined.range(all).filter_map(|&(_, id)| Some((id, self.rooms.get(&id)?)))
    }

    /// Where each log that somebody follows stands, by room.
    #[must_use]
    pub fn heads(&self, user: UserId) -> Vec<RoomHead> {
        self.rooms_of(user)
            .map(|(id, room)| RoomHead {
                room: id,
                epoch: self.epoch,
                head: room.head(),
                from: room.stays(user).first().map_or(1, |stay| stay.from),
                members: room.count(),
            })
            .collect()
    }

    /// Every room that somebody is in, newest activity first.
    #[must_use]
    pub fn rooms(&self, user: UserId) -> Vec<Room> {
        let mut rooms: Vec<Room> =
            self.rooms_of(user).filter_map(|(id, room)| self.summary(user, id, room)).collect();
        for room in &mut rooms {
            if room.members.len() > SMALL_GROUP {
                room.more_members = u32::try_from(room.members.len() - 1).unwrap_or(u32::MAX);
                room.members.truncate(1);
            }
        }
        rooms.sort_by_key(|room| (-room.last_at, room.id));
        rooms
    }

    /// A room that somebody is in.
    #[must_use]
    pub fn room(&self, user: UserId, id: RoomId) -> Option<Room> {
        self.summary(user, id, self.rooms.get(&id)?)
    }

    fn summary(&self, user: UserId, id: RoomId, room: &RoomState) -> Option<Room> {
        room.current(user).filter(|_| room.kind != RoomKind::OwnLog)?;
        let stays = room.stays(user);
        let mut members: Vec<_> = room.roster().collect();
        members.sort_by_key(|(member, membership)| (*member != user, membership.stay.from, *member));
        let read = room.positions.get(&user).map_or(0, |position| position.read);
        let unread = room
            .messages(&stays, read)
            .filter(|event| event.sender != Some(user))
            .take(UNREAD_CAP as usize)
            .count();
        let small = members.len() <= SMALL_GROUP;
        let last = room.messages(&stays, 0).next().cloned();
        let last_state = last.as_ref().and_then(|event| room.state(user, event.seq));
        Some(Room {
            id,
            kind: room.kind,
            name: room.name.clone(),
            description: room.description.clone(),
            avatar: room.avatar,
            epoch: self.epoch,
            head: room.head(),
            from: stays.first()?.from,
            last_at: room.last_at(),
            members: members.iter().map(|&(user, member)| Member { user, role: member.role }).collect(),
            more_members: 0,
            last,
            last_state,
            unread: u32::try_from(unread).unwrap_or(UNREAD_CAP),
            positions: self
                .positions(id)
                .into_iter()
                .filter(|position| small || position.user == user)
                .collect(),
            prefs: self.room_prefs.get(&(user, id)).cloned().unwrap_or_default(),
        })
    }

    /// Somebody's standing in a room they are in.
    #[must_use]
    pub fn member(&self, id: RoomId, user: UserId) -> Option<Membership> {
        let room = self.rooms.get(&id)?;
        let member = room.current(user)?;
        Some(Membership {
            kind: room.kind,
            epoch: self.epoch,
            head: room.head(),
            members: room.count(),
            role: member.role,
            from: member.stay.from,
            joined_at: member.joined_at,
        })
    }

    /// A page of a log; `None` for who is not in the room.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a place that should hold an event holds none.
    pub fn page(&self, user: UserId, id: RoomId, at: PageAt, limit: u32) -> Result<Option<Page>, StoreError> {
        let Some(room) = self.rooms.get(&id).filter(|room| room.current(user).is_some()) else {
            return Ok(None);
        };
        let (stays, head) = (room.stays(user), room.head());
        let plan = Plan::new(at, limit, head);
        let below = plan.down.map(|(top, limit)| {
            let pieces = paging::visible(&stays, 1, top).rev();
            pieces.flat_map(|piece| room.events(piece).rev()).take(limit).cloned().collect()
        });
        let above = plan.up.map(|(bottom, limit)| {
            let pieces = paging::visible(&stays, bottom, head);
            pieces.flat_map(|piece| room.events(piece)).take(limit).cloned().collect()
        });
        let (below, above) = (below.unwrap_or_default(), above.unwrap_or_default());
        let mut page = paging::assemble((id, self.epoch, head), &stays, plan, below, above)?;
        page.states = page.events.iter().filter_map(|event| room.state(user, event.seq)).collect();
        Ok(Some(page))
    }

    pub(super) fn messages(
        &self,
        user: UserId,
        id: RoomId,
        skip: u64,
        limit: u32,
    ) -> Option<(u64, Vec<Event>)> {
        let room = self.rooms.get(&id).filter(|room| room.current(user).is_some())?;
        let stays = room.stays(user);
        let all = room.messages(&stays, 0).count() as u64;
        let page = room.messages(&stays, 0).skip(skip as usize).take(limit as usize).cloned().collect();
        Some((all, page))
    }

    pub(super) fn seq_at(&self, id: RoomId, at: Micros) -> Seq {
        let log = self.rooms.get(&id).map(|room| &room.log[..]).unwrap_or_default();
        log.partition_point(|(event, _)| event.at <= at) as Seq
    }

    pub(super) fn event_by_message(&self, message: MessageId) -> Option<Event> {
        let &(room, seq) = self.messages.get(&message)?;
        self.rooms.get(&room)?.log.get(seq as usize - 1).map(|(event, _)| event.clone())
    }

    /// Advances positions, as [`crate::Store::put_positions`] does.
    ///
    /// # Errors
    /// [`StoreError::Other`] when a room or a person is not there.
    pub fn put_positions(&mut self, positions: &[(RoomId, Position)]) -> Result<(), StoreError> {
        let known = |(room, position): &(RoomId, Position)| {
            self.rooms.contains_key(room) && self.accounts.contains_key(&position.user)
        };
        if !positions.iter().all(known) {
            return Err(StoreError::Other("constraint failed".to_owned()));
        }
        for (room, new) in positions {
            let Some(room) = self.rooms.get_mut(room) else { continue };
            let held = room.positions.entry(new.user).or_insert(*new);
            if new.delivered > held.delivered {
                (held.delivered, held.delivered_at) = (new.delivered, new.delivered_at);
            }
            if new.read > held.read {
                (held.read, held.read_at) = (new.read, new.read_at);
            }
        }
        Ok(())
    }

    /// The positions of a room's members, by user.
    #[must_use]
    pub fn positions(&self, room: RoomId) -> Vec<Position> {
        let Some(room) = self.rooms.get(&room) else { return Vec::new() };
        room.positions.values().filter(|position| room.current(position.user).is_some()).copied().collect()
    }

    pub(super) fn append_bulk(&mut self, id: RoomId, events: Vec<Event>) -> Result<(), StoreError> {
        let room = self.rooms.get(&id).ok_or_else(|| StoreError::Other(format!("there is no room {id}")))?;
        for (event, seq) in events.iter().zip(room.head() + 1..) {
            if event.room != id || event.seq != seq {
                return Err(StoreError::Other(format!("an event does not belong at {seq} of room {id}")));
            }
        }
        for event in events {
            let fingerprint = event.txn_id.is_some().then_some([0; 16]);
            self.append(event, fingerprint);
        }
        Ok(())
    }
}
