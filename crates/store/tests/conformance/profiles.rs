//! How groups show themselves: by whose word, and with what picture.

use uuid::Uuid;
use zas_core::ledger::Submission;
use zas_protocol::{
    Command, ErrorCode, EventBody, FileId, ProfileChange, Role, RoomId, RoomProfileChange, UserId,
};
use zas_store::{FileKind, FileRow};

use crate::world::World;

fn says(description: &str) -> RoomProfileChange {
    RoomProfileChange { description: Some(description.to_owned()), ..RoomProfileChange::default() }
}

fn wears(avatar: Option<FileId>) -> RoomProfileChange {
    RoomProfileChange { avatar: Some(avatar), ..RoomProfileChange::default() }
}

fn set(world: &World, room: RoomId, profile: RoomProfileChange) -> Command {
    Command::SetRoomProfile { txn_id: world.txn(), room, profile }
}

async fn upload(world: &World, user: UserId, n: u128, kind: FileKind) -> FileRow {
    let file = FileRow {
        id: FileId(Uuid::from_u128(n)),
        user,
        kind,
        name: String::new(),
        media_type: "image/png".to_owned(),
        bytes: 300,
        width: 64,
        height: 64,
        at: world.now(),
        message: None,
    };
    world.store.put_file(file.clone()).await.unwrap();
    file
}

pub(crate) async fn a_group_shows_itself_as_who_may_rename_it_says(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let (room, private) = (world.group(&[ana, luis]).await, world.private(ana, luis).await);
    assert_eq!(
        (world.room(luis, room).await.description, world.room(luis, room).await.avatar),
        (String::new(), None)
    );
    for (user, room, code) in [
        (luis, room, ErrorCode::Forbidden),
        (marta, room, ErrorCode::NotFound),
        (ana, private, ErrorCode::Forbidden),
    ] {
        assert_eq!(world.refused(user, set(&world, room, says("mía"))).await, code);
    }
    let make_admin = Command::SetRole { txn_id: world.txn(), room, user: luis, role: Role::Admin };
    world.ok(ana, make_admin).await;
    let done = world.ok(luis, set(&world, room, says("los jueves\na las ocho"))).await;
    assert_eq!(world.room(ana, room).await.description, "los jueves\na las ocho");
    let event = done.events().next().unwrap();
    assert_eq!(event.body, EventBody::RoomProfileChanged { profile: says("los jueves\na las ocho") });
    assert_eq!((event.sender, event.seq), (Some(luis), world.room(ana, room).await.head));

    let picture = upload(&world, ana, 1, FileKind::RoomAvatar).await;
    world.ok(ana, set(&world, room, wears(Some(picture.id)))).await;
    let shown = world.room(luis, room).await;
    assert_eq!((shown.description.as_str(), shown.avatar), ("los jueves\na las ocho", Some(picture.id)));
    world.ok(ana, set(&world, room, says(""))).await;
    let shown = world.room(luis, room).await;
    assert_eq!((shown.description.as_str(), shown.avatar), ("", Some(picture.id)));
}

pub(crate) async fn a_picture_is_one_groups_alone_and_goes_with_the_next(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let (room, other) = (world.group(&[ana, luis]).await, world.group(&[ana, luis]).await);
    let first = upload(&world, ana, 1, FileKind::RoomAvatar).await;
    for foreign in [
        upload(&world, luis, 2, FileKind::RoomAvatar).await,
        upload(&world, ana, 3, FileKind::Avatar).await,
        upload(&world, ana, 4, FileKind::Attachment).await,
    ] {
        assert_eq!(world.refused(ana, set(&world, room, wears(Some(foreign.id)))).await, ErrorCode::NotFound);
    }
    let oneself = ProfileChange { avatar: Some(first.id), ..ProfileChange::default() };
    let oneself = Command::SetProfile { txn_id: world.txn(), profile: oneself };
    assert_eq!(world.refused(ana, oneself).await, ErrorCode::NotFound);

    let done = world.ok(ana, set(&world, room, wears(Some(first.id)))).await;
    assert_eq!(world.store.file(first.id).await.unwrap().unwrap().message, Some((room, done.ack.seq)));
    for room in [room, other] {
        assert_eq!(world.refused(ana, set(&world, room, wears(Some(first.id)))).await, ErrorCode::NotFound);
    }
    assert_eq!(world.store.forget_files(0, 10).await.unwrap(), []);

    let (second, third) = (
        upload(&world, ana, 5, FileKind::RoomAvatar).await,
        upload(&world, ana, 6, FileKind::RoomAvatar).await,
    );
    let batch = [&second, &third]
        .map(|file| Submission { user: ana, command: set(&world, room, wears(Some(file.id))) });
    let outcomes = world.store.commit(batch.to_vec(), world.now()).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(world.room(luis, room).await.avatar, Some(third.id));
    for gone in [&first, &second] {
        assert_eq!(world.store.file(gone.id).await.unwrap(), None, "nobody fetches it any more");
    }
    let mut forgotten = world.store.forget_files(0, 10).await.unwrap();
    forgotten.sort_unstable();
    assert_eq!(forgotten, [first.id, second.id]);

    world.ok(ana, set(&world, room, wears(None))).await;
    assert_eq!(world.room(luis, room).await.avatar, None);
    assert_eq!(world.store.forget_files(0, 10).await.unwrap(), [third.id]);
    world.ok(ana, set(&world, room, wears(None))).await;

    let loose = upload(&world, ana, 7, FileKind::RoomAvatar).await;
    let mut forgotten = world.store.forget_files(loose.at + 1, 10).await.unwrap();
    forgotten.sort_unstable();
    assert_eq!(forgotten, [FileId(Uuid::from_u128(2)), FileId(Uuid::from_u128(4)), loose.id]);
}

pub(crate) async fn a_group_is_made_with_its_profile_or_not_at_all(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let picture = upload(&world, ana, 1, FileKind::RoomAvatar).await;
    let create = |profile| Command::CreateGroup {
        txn_id: world.txn(),
        name: "viaje".to_owned(),
        members: vec![luis],
        profile: Some(profile),
    };
    assert_eq!(world.refused(ana, create(wears(Some(FileId(Uuid::nil()))))).await, ErrorCode::NotFound);
    assert_eq!(world.store.rooms(ana).await.unwrap(), []);
    let profile = RoomProfileChange { avatar: Some(Some(picture.id)), ..says("en mayo") };
    let done = world.ok(ana, create(profile.clone())).await;
    let shown = world.room(luis, done.ack.room).await;
    assert_eq!((shown.description.as_str(), shown.avatar, shown.head), ("en mayo", Some(picture.id), 2));
    let events = world.events(luis, done.ack.room).await;
    assert_eq!(events[1].body, EventBody::RoomProfileChanged { profile });
    assert_eq!((events[1].sender, &events[1].txn_id), (Some(ana), &None));
}
