//! Who is in, what they are, and what they have not read.

use zas_core::ledger::Submission;
use zas_protocol::limits::{ROOMS_PER_USER, SMALL_GROUP, UNREAD_CAP};
use zas_protocol::{Command, ErrorCode, Position, Role, RoomId, RoomKind, UserId};

use crate::logs::messages;
use crate::world::World;

fn read_to(user: UserId, read: u64) -> Position {
    Position { user, delivered: read, read, delivered_at: 1, read_at: 1 }
}

pub(crate) async fn unread_are_others_messages_above_the_read_position(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let room = world.group(&[ana, luis]).await;
    let first = world.send(luis, room, "uno").await;
    world.send(ana, room, "dos").await;
    let rename = Command::RenameRoom { txn_id: world.txn(), room, name: "otro".to_owned() };
    world.ok(ana, rename).await;
    let last = world.send(luis, room, "tres").await;
    assert_eq!(world.room(ana, room).await.unread, 2);
    assert_eq!(world.room(luis, room).await.unread, 1);
    world.store.put_positions(vec![(room, read_to(ana, first.seq))]).await.unwrap();
    let state = world.room(ana, room).await;
    assert_eq!(state.unread, 1);
    assert_eq!(state.last.map(|event| event.seq), Some(last.seq));
    assert_eq!(state.name.as_deref(), Some("otro"));

    world.add(ana, room, marta).await;
    let state = world.room(marta, room).await;
    assert_eq!((state.unread, state.last), (0, None));
    world.send(luis, room, "bienvenida").await;
    assert_eq!(world.room(marta, room).await.unread, 1);
}

pub(crate) async fn unread_are_counted_up_to_the_cap(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let cap = u64::from(UNREAD_CAP);
    world.store.append_bulk(room, messages(room, luis, 2..=cap, world.now())).await.unwrap();
    assert_eq!(world.room(ana, room).await.unread, UNREAD_CAP - 1);
    for more in 1..=2 {
        world.send(luis, room, "más").await;
        assert_eq!(world.room(ana, room).await.unread, UNREAD_CAP, "{more} more");
    }
}

pub(crate) async fn a_large_group_shows_ones_own_position_alone(world: World) {
    let mut people = Vec::new();
    for number in 0..=SMALL_GROUP {
        people.push(world.user(&format!("persona{number}")).await);
    }
    let (small, large) = (world.group(&people[..SMALL_GROUP]).await, world.group(&people).await);
    let read = people.iter().take(2).map(|&user| read_to(user, 1));
    let positions = read.flat_map(|position| [(small, position), (large, position)]).collect();
    world.store.put_positions(positions).await.unwrap();
    assert_eq!(world.room(people[0], small).await.positions.len(), 2);
    assert_eq!(world.room(people[0], large).await.positions, [read_to(people[0], 1)]);
    let members: Vec<_> = world.room(people[7], large).await.members.iter().map(|m| m.user).collect();
    let mut expected = vec![people[7]];
    expected.extend(people.iter().filter(|&&user| user != people[7]));
    assert_eq!(members, expected);
}

pub(crate) async fn a_list_of_rooms_names_oneself_alone_in_a_large_group(world: World) {
    let mut people = Vec::new();
    for number in 0..=SMALL_GROUP {
        people.push(world.user(&format!("persona{number}")).await);
    }
    let (small, large) = (world.group(&people[..SMALL_GROUP]).await, world.group(&people).await);
    let rooms = world.store.rooms(people[7]).await.unwrap();
    let listed = |room| {
        let listed = rooms.iter().find(|listed| listed.id == room).unwrap();
        assert_eq!(listed.members[0].user, people[7]);
        (listed.members.len(), listed.more_members as usize)
    };
    assert_eq!(listed(small), (SMALL_GROUP, 0));
    assert_eq!(listed(large), (1, SMALL_GROUP));
    let whole = world.room(people[7], large).await;
    assert_eq!((whole.members.len(), whole.more_members), (SMALL_GROUP + 1, 0));
}

pub(crate) async fn peers_share_a_small_room(world: World) {
    let mut people = Vec::new();
    for number in 0..=SMALL_GROUP {
        people.push(world.user(&format!("persona{number}")).await);
    }
    world.group(&people).await;
    assert_eq!(world.store.peers(people[0]).await.unwrap(), []);
    world.group(&people[..3]).await;
    world.private(people[0], people[1]).await;
    assert_eq!(world.store.peers(people[0]).await.unwrap(), people[1..3]);
}

pub(crate) async fn roles_decide_who_may_do_what(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let room = world.group(&[ana, luis]).await;
    let add = || Command::AddMember { txn_id: world.txn(), room, user: marta };
    assert_eq!(world.refused(luis, add()).await, ErrorCode::Forbidden);
    let role = |user, role| Command::SetRole { txn_id: world.txn(), room, user, role };
    world.ok(ana, role(luis, Role::Admin)).await;
    world.ok(luis, add()).await;
    assert_eq!(world.refused(luis, add()).await, ErrorCode::AlreadyMember);
    let standing = world.store.member(room, luis).await.unwrap().unwrap();
    assert_eq!((standing.kind, standing.role, standing.from), (RoomKind::Group, Role::Admin, 1));
    assert_eq!((standing.head, standing.members), (3, 3));
    world.ok(ana, role(luis, Role::Owner)).await;
    let roles: Vec<_> = world.room(luis, room).await.members.iter().map(|m| (m.user, m.role)).collect();
    assert_eq!(roles, [(luis, Role::Owner), (ana, Role::Admin), (marta, Role::Member)]);
    world.remove(luis, room, ana).await;
    assert_eq!(world.store.room(ana, room).await.unwrap(), None);
    assert_eq!(world.store.member(room, ana).await.unwrap(), None);
    assert_eq!(world.store.member(room, marta).await.unwrap().unwrap().members, 2);
}

pub(crate) async fn the_owners_role_passes_on_when_they_leave(world: World) {
    let people = [world.user("ana").await, world.user("luis").await, world.user("marta").await];
    let [ana, luis, marta] = people;
    let room = world.group(&people).await;
    let leave = || Command::LeaveRoom { txn_id: world.txn(), room };
    let make_admin = Command::SetRole { txn_id: world.txn(), room, user: marta, role: Role::Admin };
    world.ok(ana, make_admin).await;
    world.ok(ana, leave()).await;
    assert_eq!(world.store.member(room, marta).await.unwrap().unwrap().role, Role::Owner);
    world.ok(marta, leave()).await;
    assert_eq!(world.store.member(room, luis).await.unwrap().unwrap().role, Role::Owner);
    world.ok(luis, leave()).await;
    assert_eq!(world.store.rooms(luis).await.unwrap(), []);
    assert_eq!(world.refused(luis, leave()).await, ErrorCode::NotFound);
}

pub(crate) async fn a_person_is_in_so_many_rooms_and_no_more(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let group = |user: UserId, members: Vec<UserId>| {
        let command =
            Command::CreateGroup { txn_id: world.txn(), name: "grupo".to_owned(), members, profile: None };
        Submission { user, command }
    };
    let almost = (1..ROOMS_PER_USER).map(|_| group(ana, vec![luis])).collect();
    let made = world.store.commit(almost, world.now()).await.unwrap();
    assert!(made.iter().all(Result::is_ok));
    let last = world.private(luis, marta).await;
    let wide = world.group(&[ana, marta]).await;
    let add = || Command::AddMember { txn_id: world.txn(), room: wide, user: luis };
    let open = || Command::OpenPrivate { txn_id: world.txn(), user: luis };
    for (who, one_more) in [(ana, add()), (ana, open()), (marta, group(marta, vec![luis]).command)] {
        assert_eq!(world.refused(who, one_more).await, ErrorCode::TooManyRooms);
    }
    world.ok(marta, open()).await;
    assert_eq!(world.private(marta, luis).await, last, "the room that is there is found");
    let left = made[0].as_ref().unwrap().ack.room;
    world.remove(ana, left, luis).await;
    world.ok(ana, add()).await;
    assert_eq!(world.store.rooms(luis).await.unwrap().len(), ROOMS_PER_USER);
}

pub(crate) async fn heads_name_every_room_and_the_own_log(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let group = world.group(&[ana, luis]).await;
    let private = world.private(luis, marta).await;
    world.send(ana, group, "hola").await;
    world.add(ana, group, marta).await;
    let epoch = world.store.epoch();
    let heads = world.store.heads(marta).await.unwrap();
    let mut expected = [(RoomId::own_log(marta), 2, 1, 1), (group, 3, 3, 3), (private, 1, 1, 2)];
    expected.sort_unstable();
    let found: Vec<_> = heads.iter().map(|log| (log.room, log.head, log.from, log.members)).collect();
    assert_eq!(found, expected);
    assert!(heads.iter().all(|log| log.epoch == epoch));
    world.remove(ana, group, marta).await;
    assert_eq!(world.store.heads(marta).await.unwrap().len(), 2);
    let rooms: Vec<_> = world.store.rooms(luis).await.unwrap().iter().map(|room| room.id).collect();
    assert_eq!(rooms, [group, private]);
}
