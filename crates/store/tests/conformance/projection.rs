//! Who has a state and hears the events after it has the next state: the promise that a client
//! lives by, for every command.

use std::collections::{BTreeMap, BTreeSet};

use zas_protocol::rest::{Member, Room};
use zas_protocol::{
    Command, Event, EventBody, MessageState, Prefs, ProfileChange, Reaction, Role, RoomId, RoomKind,
    RoomPrefs, RoomProfileChange, UserId,
};

use crate::world::World;

type State = BTreeMap<RoomId, Room>;

/// What a person's rooms are, in a form that does not tell orders apart that mean nothing.
async fn state(world: &World, user: UserId) -> State {
    let rooms = world.store.rooms(user).await.unwrap();
    rooms.into_iter().map(|room| (room.id, sorted(room))).collect()
}

fn sorted(mut room: Room) -> Room {
    room.members.sort_by_key(|member| member.user);
    room
}

/// What an event does to one person's rooms. A room that is joined later is fetched, as clients do.
async fn hear(world: &World, user: UserId, state: &mut State, event: &Event) {
    if event.room == RoomId::own_log(user) {
        match &event.body {
            EventBody::Joined { joined, .. } if !state.contains_key(joined) => {
                state.insert(*joined, sorted(world.room(user, *joined).await));
            }
            EventBody::Left { left, .. } => drop(state.remove(left)),
            EventBody::RoomPrefsChanged { about, prefs } => {
                state.get_mut(about).unwrap().prefs = prefs.clone();
            }
            _ => {}
        }
        return;
    }
    if let EventBody::RoomCreated { room_kind, name, members } = &event.body
        && members.contains(&user)
    {
        let role = |member: &UserId| match room_kind {
            RoomKind::Group if Some(*member) == event.sender => Role::Owner,
            _ => Role::Member,
        };
        let room = Room {
            id: event.room,
            kind: *room_kind,
            name: name.clone(),
            description: String::new(),
            avatar: None,
            epoch: world.store.epoch(),
            head: 0,
            from: 1,
            last_at: 0,
            members: members.iter().map(|member| Member { user: *member, role: role(member) }).collect(),
            more_members: 0,
            last: None,
            last_state: None,
            unread: 0,
            positions: Vec::new(),
            prefs: RoomPrefs::default(),
        };
        state.insert(event.room, sorted(room));
    }
    let Some(room) = state.get_mut(&event.room) else { return };
    (room.head, room.last_at) = (event.seq, event.at);
    match &event.body {
        EventBody::Message { .. } => {
            room.unread += u32::from(event.sender != Some(user));
            (room.last, room.last_state) = (Some(event.clone()), None);
        }
        body if body.changes().is_some() => {
            let Some(last) = room.last.as_mut().filter(|last| body.changes() == Some(last.seq)) else {
                return;
            };
            let state = room.last_state.get_or_insert(MessageState::unchanged(last).unwrap());
            state.apply(event, user);
            if state.deleted_at.is_some() {
                last.body = last.body.erased();
            }
        }
        EventBody::RoomRenamed { name } => room.name = Some(name.clone()),
        EventBody::RoomProfileChanged { profile } => {
            room.avatar = profile.avatar.unwrap_or(room.avatar);
            room.description = profile.description.clone().unwrap_or(std::mem::take(&mut room.description));
        }
        EventBody::MemberAdded { user } => {
            room.members.push(Member { user: *user, role: Role::Member });
            room.members.sort_by_key(|member| member.user);
        }
        EventBody::MemberRemoved { user } => room.members.retain(|member| member.user != *user),
        EventBody::RoleChanged { user, role } => {
            let member = room.members.iter_mut().find(|member| member.user == *user);
            member.unwrap().role = *role;
        }
        _ => {}
    }
}

pub(crate) async fn state_before_and_events_make_state_after(world: World) {
    let people = [
        world.user("ana").await,
        world.user("luis").await,
        world.user("marta").await,
        world.user("eva").await,
    ];
    let [ana, luis, marta, eva] = people;
    let txn_id = || world.txn();
    let mut tried = BTreeSet::new();
    let mut states: BTreeMap<UserId, State> = people.iter().map(|&user| (user, State::new())).collect();
    let mut step = async |user: UserId, command: Command| {
        let kind = serde_json::to_value(&command).unwrap()["type"].as_str().unwrap().to_owned();
        let decided = world.ok(user, command).await;
        for (&person, known) in &mut states {
            for event in decided.events() {
                hear(&world, person, known, event).await;
            }
            assert_eq!(*known, state(&world, person).await, "after {kind}");
        }
        tried.insert(kind);
        decided.ack.room
    };

    let private = step(ana, Command::OpenPrivate { txn_id: txn_id(), user: luis }).await;
    step(luis, world.message(private, "hola")).await;
    let said = world.store.rooms(ana).await.unwrap()[0].last.as_ref().unwrap().body.message().unwrap();
    let (room, message) = (private, said);
    let text = "¡hola!".to_owned();
    step(luis, Command::EditMessage { txn_id: txn_id(), room, message, text }).await;
    for reaction in [Some(Reaction::Like), Some(Reaction::Love), None, Some(Reaction::Fire)] {
        step(ana, Command::React { txn_id: txn_id(), room, message, reaction }).await;
    }
    step(luis, Command::React { txn_id: txn_id(), room, message, reaction: Some(Reaction::Fire) }).await;
    step(luis, Command::DeleteMessage { txn_id: txn_id(), room, message }).await;
    step(ana, Command::OpenPrivate { txn_id: txn_id(), user: luis }).await;
    let create = Command::CreateGroup {
        txn_id: txn_id(),
        name: "viaje".to_owned(),
        members: vec![luis, eva],
        profile: None,
    };
    let room = step(ana, create).await;
    step(eva, world.message(room, "¿cuándo?")).await;
    step(ana, Command::RenameRoom { txn_id: txn_id(), room, name: "viaje a Cádiz".to_owned() }).await;
    let profile = RoomProfileChange { description: Some("¡en mayo!".to_owned()), avatar: None };
    step(ana, Command::SetRoomProfile { txn_id: txn_id(), room, profile }).await;
    step(ana, Command::AddMember { txn_id: txn_id(), room, user: marta }).await;
    step(marta, world.message(room, "¡en mayo!")).await;
    step(ana, Command::SetRole { txn_id: txn_id(), room, user: eva, role: Role::Admin }).await;
    step(ana, Command::RemoveMember { txn_id: txn_id(), room, user: marta }).await;
    step(eva, world.message(room, "sin Marta")).await;
    step(eva, Command::AddMember { txn_id: txn_id(), room, user: marta }).await;
    step(ana, Command::SetRole { txn_id: txn_id(), room, user: eva, role: Role::Owner }).await;
    let prefs = RoomPrefs { muted: true, ..RoomPrefs::default() };
    step(luis, Command::SetRoomPrefs { txn_id: txn_id(), room, prefs }).await;
    step(luis, Command::SetPrefs { txn_id: txn_id(), prefs: Prefs::default() }).await;
    let profile = ProfileChange { bio: Some("de viaje".to_owned()), ..ProfileChange::default() };
    step(luis, Command::SetProfile { txn_id: txn_id(), profile }).await;
    step(eva, Command::LeaveRoom { txn_id: txn_id(), room }).await;
    step(luis, Command::LeaveRoom { txn_id: txn_id(), room }).await;

    assert_eq!(tried, Command::TYPES.iter().map(|&name| name.to_owned()).collect());
}
