//! A copy holds everything, on either engine.

use zas_protocol::{Prefs, ProfileChange, Reaction};

use super::*;
use crate::sqlite::{SqliteStore, backup as file};

/// Somebody who left and came back, somebody who read, a picture, settings: a row in every table.
async fn furnish(store: &MariaStore) -> RoomId {
    let room = room(store).await;
    let marta = UserId(Uuid::from_u128(3));
    store.create_user(person(marta, "marta")).await.unwrap();
    let group = Command::CreateGroup {
        txn_id: txn("group"),
        name: "g".to_owned(),
        members: vec![LUIS, marta],
        profile: None,
    };
    let group = commit(store, group).await.unwrap().unwrap().ack.room;
    let picture = FileRow {
        id: FileId(Uuid::from_u128(9)),
        user: ANA,
        kind: crate::rows::FileKind::Avatar,
        media_type: "image/png".to_owned(),
        bytes: 7,
        width: 1,
        height: 2,
        at: NOW,
        name: String::new(),
        message: None,
    };
    store.put_file(picture.clone()).await.unwrap();
    let said = commit(store, message(group, "said", 3)).await.unwrap().unwrap().ack.message.unwrap();
    let profile = ProfileChange { avatar: Some(picture.id), ..ProfileChange::default() };
    for command in [
        message(room, "a", 3),
        Command::RemoveMember { txn_id: txn("out"), room: group, user: marta },
        message(group, "b", 3),
        Command::AddMember { txn_id: txn("in"), room: group, user: marta },
        message(group, "c", 3),
        Command::EditMessage { txn_id: txn("edit"), room: group, message: said, text: "otra".to_owned() },
        Command::React { txn_id: txn("react"), room: group, message: said, reaction: Some(Reaction::Love) },
        Command::SetProfile { txn_id: txn("profile"), profile },
        Command::SetPrefs { txn_id: txn("prefs"), prefs: Prefs::default() },
        Command::SetRoomPrefs { txn_id: txn("muted"), room: group, prefs: Default::default() },
    ] {
        commit(store, command).await.unwrap().unwrap();
    }
    let identity = NewIdentity {
        issuer: "django".to_owned(),
        subject: "7".to_owned(),
        id: UserId(Uuid::from_u128(4)),
        usernames: vec![("user_7".to_owned(), "user7".to_owned())],
        email: String::new(),
        display_name: String::new(),
        at: NOW,
    };
    store.create_identity(identity).await.unwrap();
    store.set_signed_out(ANA, NOW).await.unwrap();
    let key = ApiKeyRow { name: "backend".to_owned(), hash: [3; 32], created_at: NOW };
    store.put_api_key(key).await.unwrap();
    store.begin_webhook("backend").await.unwrap();
    let position = Position { user: LUIS, delivered: 2, read: 1, delivered_at: NOW, read_at: NOW };
    store.put_positions(vec![(room, position)]).await.unwrap();
    let device = DeviceRow {
        id: DeviceId(Uuid::from_u128(5)),
        user: ANA,
        name: "móvil".to_owned(),
        refresh_jti: "jti".to_owned(),
        refresh_issued_at: NOW,
        created_at: NOW,
        last_used_at: NOW,
    };
    store.create_device(device).await.unwrap();
    group
}

/// What people see of it.
async fn seen(store: &dyn Store, group: RoomId) -> String {
    let mut seen = Vec::new();
    for user in [ANA, LUIS, UserId(Uuid::from_u128(3))] {
        seen.push(format!("{:?}", store.user(user).await.unwrap()));
        seen.push(format!("{:?}", store.me(user).await.unwrap()));
        seen.push(format!("{:?}", store.devices(user).await.unwrap()));
        seen.push(format!("{:?}", store.messages(user, group, 0, 10).await.unwrap()));
        for mut room in store.rooms(user).await.unwrap() {
            let mut page = store.page(user, room.id, PageAt::Newest, 100).await.unwrap().unwrap();
            (room.epoch, page.epoch) = (0, 0);
            seen.push(format!("{room:?} {page:?}"));
        }
    }
    seen.push(format!("{:?}", store.file(FileId(Uuid::from_u128(9))).await.unwrap()));
    seen.push(format!("{:?}", store.identity("django", "7").await.unwrap()));
    seen.push(format!("{:?}", store.account_state(ANA).await.unwrap()));
    seen.push(format!("{:?}", store.api_keys().await.unwrap()));
    seen.push(format!("{:?}", store.webhook_place("backend", group).await.unwrap()));
    seen.join("\n")
}

#[tokio::test]
async fn a_copy_holds_everything_and_starts_another_history_on_either_engine() {
    let server = Mariadb::start();
    let url = server.database();
    let first = store(&url).await;
    let group = furnish(&first).await;
    let before = seen(&first, group).await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("zas.sqlite");
    backup::snapshot(&url, &copy).await.unwrap();
    let contents = file::examine(&copy).unwrap();
    assert_eq!((contents.users, contents.epoch), (4, first.epoch()));
    let epoch = file::renew_epoch(&copy, 1_000).unwrap();

    let other = server.database();
    assert_eq!(backup::fill(&other, &copy).await.unwrap().finish().await, Ok(epoch));
    let second = store(&other).await;
    assert_eq!(second.epoch(), epoch);
    assert_eq!(seen(&second, group).await, before);
    let again = commit(&second, message(group, "c", 3)).await.unwrap().unwrap();
    assert_eq!(again.writes, [], "names are known on");
    let third = SqliteStore::open(&copy, secrets(), crate::sqlite::Options::default()).unwrap();
    assert_eq!(third.epoch(), epoch);
    assert_eq!(seen(&third, group).await, before);
}

#[tokio::test]
async fn a_database_that_has_something_or_somebody_is_left_as_it_is() {
    let server = Mariadb::start();
    let url = server.database();
    let first = store(&url).await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("zas.sqlite");
    backup::snapshot(&url, &copy).await.unwrap();
    assert_eq!(backup::fill(&url, &copy).await.err(), Some(StoreError::InUse("zas0".to_owned())));
    first.create_user(person(ANA, "ana")).await.unwrap();
    first.close().await;
    let refused = backup::fill(&url, &copy).await.err();
    assert!(matches!(&refused, Some(StoreError::Other(why)) if why.contains("left as it is")), "{refused:?}");
    assert_eq!(store(&url).await.count_users().await, Ok(1));
}

#[tokio::test]
async fn a_restore_that_was_cut_off_opens_for_nobody_and_is_done_again() {
    let server = Mariadb::start();
    let url = server.database();
    let first = store(&url).await;
    let group = furnish(&first).await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("zas.sqlite");
    backup::snapshot(&url, &copy).await.unwrap();
    let other = server.database();
    drop(backup::fill(&other, &copy).await.unwrap());
    let refused = MariaStore::open(&other, secrets(), Options::default()).await.err();
    assert!(matches!(&refused, Some(StoreError::Other(why)) if why.contains("restore")), "{refused:?}");
    backup::fill(&other, &copy).await.unwrap().finish().await.unwrap();
    assert_eq!(seen(&store(&other).await, group).await, seen(&first, group).await);
}

#[tokio::test]
async fn no_table_and_no_column_is_left_out_of_a_copy() {
    let server = Mariadb::start();
    store(&server.database()).await;
    let there = server.ask(
        "SELECT table_name, column_name FROM information_schema.columns
         WHERE table_schema = 'zas0' AND table_name NOT IN ('migrations', 'others')",
    );
    let mut there: Vec<(String, String)> = there
        .lines()
        .map(|line| line.split_once('\t').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap())
        .collect();
    let mut copied = backup::copied();
    there.sort_unstable();
    copied.sort_unstable();
    assert_eq!(copied, there);
}
