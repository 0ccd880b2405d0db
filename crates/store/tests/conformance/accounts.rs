//! Accounts, devices and files.

use uuid::Uuid;
use zas_protocol::{Command, DeviceId, ErrorCode, FileId, ProfileChange, Role, RoomId, RoomKind, UserId};
use zas_store::{
    CreateUserError, DeviceRow, DeviceState, FileKind, FileRow, NewUser, PasswordHash, REFRESH_GRACE_MS,
    Rotation,
};

use crate::world::World;

const NOBODY: UserId = UserId(Uuid::nil());

pub(crate) async fn an_account_has_its_own_log(world: World) {
    let new = NewUser { admin: true, ..world.new_user("ana") };
    let made = world.store.create_user(new.clone()).await.unwrap();
    assert_eq!((made.user.id, made.admin, made.active, made.created_at), (new.id, true, true, new.at));
    assert_eq!(world.store.user(new.id).await.unwrap(), Some(made.clone()));
    let me = world.store.me(new.id).await.unwrap().unwrap();
    assert_eq!((me.user, me.email, me.admin), (made.user, new.email, true));
    let own_log = world.store.member(RoomId::own_log(new.id), new.id).await.unwrap().unwrap();
    assert_eq!((own_log.kind, own_log.role), (RoomKind::OwnLog, Role::Owner));
    assert_eq!((own_log.head, own_log.from, own_log.members), (0, 1, 1));
    assert_eq!(world.store.rooms(new.id).await.unwrap(), []);
    assert_eq!(world.store.count_users().await.unwrap(), 1);
    assert!(!format!("{:?}", world.store.user(new.id).await).contains("argon2"));
}

pub(crate) async fn names_and_emails_are_unique(world: World) {
    let ana = world.new_user("ana");
    world.store.create_user(ana.clone()).await.unwrap();
    let again = NewUser {
        skeleton: "otra".to_owned(),
        email: "otra@example.org".to_owned(),
        ..world.new_user("ana")
    };
    let alike = NewUser { skeleton: "ana".to_owned(), ..world.new_user("ana_") };
    let same_email = NewUser { email: ana.email, ..world.new_user("luis") };
    for (new, expected) in [
        (again, CreateUserError::UsernameTaken),
        (alike, CreateUserError::UsernameTaken),
        (same_email, CreateUserError::EmailTaken),
    ] {
        let id = new.id;
        assert_eq!(world.store.create_user(new).await, Err(expected));
        assert_eq!(world.store.heads(id).await.unwrap(), []);
    }
    assert_eq!(world.store.count_users().await.unwrap(), 1);
}

pub(crate) async fn a_login_is_a_username_or_an_email(world: World) {
    let ana = world.user("ana").await;
    for login in ["ana", "ana@example.org"] {
        let found = world.store.user_by_login(login).await.unwrap().unwrap();
        assert_eq!((found.user.id, found.password_hash.0.as_str()), (ana, "$argon2id$"));
    }
    assert_eq!(world.store.user_by_login("luis").await.unwrap(), None);
}

pub(crate) async fn account_settings_change_and_absence_is_told(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let hash = PasswordHash("otra".to_owned());
    assert!(world.store.set_password(ana, hash.clone()).await.unwrap());
    assert!(world.store.set_admin(ana, true).await.unwrap());
    assert!(world.store.set_active(ana, false).await.unwrap());
    let row = world.store.user(ana).await.unwrap().unwrap();
    assert_eq!((row.password_hash, row.admin, row.active), (hash.clone(), true, false));
    let other = world.store.user(luis).await.unwrap().unwrap();
    assert_eq!((other.admin, other.active), (false, true));
    assert!(!world.store.set_password(NOBODY, hash).await.unwrap());
    assert!(!world.store.set_admin(NOBODY, true).await.unwrap());
    assert!(!world.store.set_active(NOBODY, true).await.unwrap());
    assert_eq!(world.store.user(NOBODY).await.unwrap(), None);
    assert_eq!(world.store.me(NOBODY).await.unwrap(), None);
    let found = world.store.users(&[luis, NOBODY, ana, luis]).await.unwrap();
    assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [ana, luis]);
}

pub(crate) async fn a_password_is_replaced_only_while_it_is_the_one_known(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let [old, new, late] = ["Vieja$aB==", "nueva", "tarde"].map(|text| PasswordHash(text.to_owned()));
    let kept = world.store.user(luis).await.unwrap().unwrap().password_hash;
    assert!(world.store.set_password(ana, old.clone()).await.unwrap());
    let other_case = PasswordHash("vieja$Ab==".to_owned());
    assert!(!world.store.replace_password(ana, &other_case, late.clone()).await.unwrap());
    assert!(world.store.replace_password(ana, &old, new.clone()).await.unwrap());
    assert!(!world.store.replace_password(ana, &old, late.clone()).await.unwrap());
    assert!(!world.store.replace_password(NOBODY, &old, late).await.unwrap());
    assert_eq!(world.store.user(ana).await.unwrap().unwrap().password_hash, new);
    assert_eq!(world.store.user(luis).await.unwrap().unwrap().password_hash, kept);
}

async fn named(world: &World, username: &str, display_name: &str) -> UserId {
    let new = NewUser { display_name: display_name.to_owned(), ..world.new_user(username) };
    world.store.create_user(new).await.unwrap().user.id
}

async fn search(world: &World, query: &str, not: UserId, limit: u32) -> Vec<String> {
    let found = world.store.search_users(query, not, limit).await.unwrap();
    found.into_iter().map(|user| user.username).collect()
}

pub(crate) async fn search_ranks_usernames_then_names_then_words(world: World) {
    named(&world, "zoe", "Garza Blanca").await;
    named(&world, "gara", "Zoila").await;
    named(&world, "pepe", "José Ángel Garrido").await;
    let me = named(&world, "garfio", "Garfio").await;
    let disabled = named(&world, "garbo", "Garbo").await;
    world.store.set_active(disabled, false).await.unwrap();
    assert_eq!(search(&world, "GAR", me, 10).await, ["gara", "zoe", "pepe"]);
    assert_eq!(search(&world, "gar", me, 2).await, ["gara", "zoe"]);
    assert_eq!(search(&world, "angel gar", me, 10).await, ["pepe"]);
    assert_eq!(search(&world, "JÓSE", me, 10).await, ["pepe"]);
    assert_eq!(search(&world, "rrido", me, 10).await, [""; 0]);
    assert_eq!(search(&world, "", me, 2).await, ["gara", "pepe"]);
    let rename = ProfileChange { display_name: Some("Ulises".to_owned()), ..ProfileChange::default() };
    world.ok(me, Command::SetProfile { txn_id: world.txn(), profile: rename }).await;
    assert_eq!(search(&world, "ulises", NOBODY, 10).await, ["garfio"]);
}

pub(crate) async fn search_takes_wildcards_as_they_are(world: World) {
    named(&world, "a_b", "uno 100% puro").await;
    named(&world, "axb", "uno 100x puro").await;
    assert_eq!(search(&world, "a_", NOBODY, 10).await, ["a_b"]);
    assert_eq!(search(&world, "100%", NOBODY, 10).await, ["a_b"]);
    assert_eq!(search(&world, "%", NOBODY, 10).await, [""; 0]);
    assert_eq!(search(&world, "\\", NOBODY, 10).await, [""; 0]);
}

async fn device(world: &World, user: UserId, jti: &str) -> DeviceId {
    let at = world.now();
    let id = DeviceId(Uuid::from_u128(u128::from(world.number()) + 1));
    let row = DeviceRow {
        id,
        user,
        name: jti.to_uppercase(),
        refresh_jti: jti.to_owned(),
        refresh_issued_at: at,
        created_at: at,
        last_used_at: at,
    };
    world.store.create_device(row).await.unwrap();
    id
}

pub(crate) async fn a_refresh_token_rotates_replays_for_a_while_and_reuse_signs_out(world: World) {
    let ana = world.user("ana").await;
    let id = device(&world, ana, "a").await;
    let rotate = |presented: &'static str, next: &'static str, now| {
        let store = world.store.clone();
        async move { store.rotate_refresh(id, presented, next, now, REFRESH_GRACE_MS).await.unwrap() }
    };
    let start = 1_000_000_000;
    let end = start + REFRESH_GRACE_MS * 1_000;
    let replayed = Rotation::Replayed { user: ana, refresh_jti: "b".to_owned(), refresh_issued_at: start };
    assert_eq!(rotate("a", "b", start).await, Rotation::Rotated { user: ana });
    assert_eq!(rotate("a", "x", start + 1).await, replayed);
    assert_eq!(rotate("a", "x", end - 1).await, replayed);
    assert_eq!(rotate("b", "c", end).await, Rotation::Rotated { user: ana });
    assert_eq!(world.store.devices(ana).await.unwrap()[0].last_used_at, end);
    // Used up two times ago: no grace, whatever the time.
    assert_eq!(rotate("a", "x", end + 1).await, Rotation::Reused { user: ana });
    assert_eq!(rotate("c", "d", end + 2).await, Rotation::Gone);
    assert_eq!(world.store.device(id).await.unwrap(), None);

    let late = device(&world, ana, "k").await;
    let again =
        |presented, next, now| world.store.rotate_refresh(late, presented, next, now, REFRESH_GRACE_MS);
    assert_eq!(again("k", "l", start).await.unwrap(), Rotation::Rotated { user: ana });
    assert_eq!(again("k", "m", end).await.unwrap(), Rotation::Reused { user: ana });
}

pub(crate) async fn a_disabled_account_refreshes_nothing(world: World) {
    let ana = world.user("ana").await;
    let id = device(&world, ana, "a").await;
    assert_eq!(world.store.device(id).await.unwrap(), Some(DeviceState { user: ana, active: true }));
    world.store.set_active(ana, false).await.unwrap();
    assert_eq!(world.store.device(id).await.unwrap(), Some(DeviceState { user: ana, active: false }));
    let rotated = world.store.rotate_refresh(id, "a", "b", world.now(), REFRESH_GRACE_MS).await.unwrap();
    assert_eq!(rotated, Rotation::Gone);
}

pub(crate) async fn devices_are_listed_and_revoked(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let ids =
        [device(&world, ana, "a").await, device(&world, ana, "b").await, device(&world, ana, "c").await];
    let other = device(&world, luis, "d").await;
    let listed: Vec<_> = world.store.devices(ana).await.unwrap().into_iter().map(|row| row.id).collect();
    assert_eq!(listed, [ids[2], ids[1], ids[0]]);
    assert_eq!(world.store.revoke_device(ids[0]).await.unwrap(), Some(ana));
    assert_eq!(world.store.revoke_device(ids[0]).await.unwrap(), None);
    assert_eq!(world.store.revoke_devices(ana, Some(ids[2])).await.unwrap(), [ids[1]]);
    assert_eq!(world.store.revoke_devices(ana, None).await.unwrap(), [ids[2]]);
    assert_eq!(world.store.devices(ana).await.unwrap(), []);
    assert!(world.store.device(other).await.unwrap().is_some());
}

pub(crate) async fn last_seen_never_goes_back(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    world.store.put_last_seen(vec![(ana, 50), (NOBODY, 50)]).await.unwrap();
    world.store.put_last_seen(vec![(ana, 40)]).await.unwrap();
    assert_eq!(world.store.last_seen(&[luis, ana, NOBODY]).await.unwrap(), [(ana, 50)]);
}

pub(crate) async fn files_are_kept_and_an_avatar_must_be_ones_own(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let file = FileRow {
        id: FileId(Uuid::from_u128(5)),
        user: ana,
        kind: FileKind::Avatar,
        name: String::new(),
        media_type: "image/png".to_owned(),
        bytes: 1_234,
        width: 512,
        height: 256,
        at: world.now(),
        message: None,
    };
    world.store.put_file(file.clone()).await.unwrap();
    assert!(world.store.put_file(file.clone()).await.is_err());
    assert_eq!(world.store.file(file.id).await.unwrap(), Some(file.clone()));
    assert_eq!(world.store.file(FileId(Uuid::nil())).await.unwrap(), None);
    let wear = || {
        let profile = ProfileChange { avatar: Some(file.id), ..ProfileChange::default() };
        Command::SetProfile { txn_id: world.txn(), profile }
    };
    assert_eq!(world.refused(luis, wear()).await, ErrorCode::NotFound);
    world.ok(ana, wear()).await;
    assert_eq!(world.store.users(&[ana]).await.unwrap()[0].avatar, Some(file.id));
}

pub(crate) async fn accounts_are_listed_in_pages_disabled_ones_too(world: World) {
    let mut people = Vec::new();
    for name in ["ana", "luis", "marta"] {
        people.push(world.user(name).await);
    }
    people.sort_unstable();
    world.store.set_active(people[1], false).await.unwrap();
    let page = async |after, limit| {
        let rows = world.store.accounts(after, limit).await.unwrap();
        rows.into_iter().map(|row| (row.user.id, row.active)).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, [(people[0], true), (people[1], false)]);
    assert_eq!(page(Some(people[1]), 2).await, [(people[2], true)]);
    assert_eq!(page(Some(people[2]), 2).await, []);
}
