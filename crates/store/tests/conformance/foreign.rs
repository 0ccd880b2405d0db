//! Other systems: their people, their keys, and what they are told.

use uuid::Uuid;
use zas_core::policy::SERVER;
use zas_protocol::{Command, ErrorCode, EventBody, Role, RoomId, RoomKind, UserId};
use zas_store::{
    AccountState, ApiKeyRow, CreateUserError, Identified, NewIdentity, PasswordHash, StoreError,
};

use crate::world::World;

fn subject(world: &World, subject: &str, usernames: &[&str]) -> NewIdentity {
    let user = world.new_user("nobody");
    NewIdentity {
        issuer: "backend".to_owned(),
        subject: subject.to_owned(),
        id: user.id,
        usernames: usernames.iter().map(|name| ((*name).to_owned(), name.replace('_', ""))).collect(),
        email: String::new(),
        display_name: String::new(),
        at: user.at,
    }
}

pub(crate) async fn a_subject_is_one_account_however_often_and_at_once_it_is_asked_for(mut world: World) {
    assert_eq!(world.store.identity("backend", "42").await.unwrap(), None);
    let asked: Vec<_> = (0..8).map(|_| subject(&world, "42", &["ana", "user_42"])).collect();
    let asked = asked.into_iter().map(|new| {
        let store = world.store.clone();
        tokio::spawn(async move { store.create_identity(new).await.unwrap() })
    });
    let asked: Vec<_> = asked.collect();
    let mut found = Vec::new();
    for task in asked {
        found.push(task.await.unwrap());
    }
    let first = found[0].clone();
    assert!(found.iter().all(|one| *one == first), "{found:?}");
    let Identified { user, username, state } = first.clone();
    assert_eq!((username.as_str(), state), ("ana", AccountState { active: true, signed_out_at: 0 }));
    assert_eq!(world.store.count_users().await.unwrap(), 1);
    assert!(world.store.member(RoomId::own_log(user), user).await.unwrap().is_some(), "it has its own log");
    world.reopen().await;
    assert_eq!(world.store.identity("backend", "42").await.unwrap(), Some(first));
    assert_eq!(world.store.identity("elsewhere", "42").await.unwrap(), None);
    assert_eq!(world.store.identity("backend", "4").await.unwrap(), None);
    let mut other = subject(&world, "42", &["ana", "user_42"]);
    other.issuer = "elsewhere".to_owned();
    let other = world.store.create_identity(other).await.unwrap();
    assert_ne!(other.user, user, "the same subject of another issuer is somebody else");
    assert_eq!(other.username, "user_42");
}

pub(crate) async fn an_account_that_is_there_becomes_the_subjects(world: World) {
    let ana = world.user("ana").await;
    let new = NewIdentity { id: ana, ..subject(&world, "uuid of ana", &["other"]) };
    let found = world.store.create_identity(new).await.unwrap();
    assert_eq!((found.user, found.username.as_str()), (ana, "ana"));
    assert_eq!(world.store.count_users().await.unwrap(), 1);
    let row = world.store.user(ana).await.unwrap().unwrap();
    assert_eq!((row.email.as_str(), row.password_hash.0.as_str()), ("ana@example.org", "$argon2id$"));
    world.store.set_active(ana, false).await.unwrap();
    let found = world.store.identity("backend", "uuid of ana").await.unwrap().unwrap();
    assert!(!found.state.active);
}

pub(crate) async fn names_that_are_taken_make_way_and_who_has_no_email_is_not_found_by_one(world: World) {
    let ana = world.user("ana").await;
    let make = async |new| world.store.create_identity(new).await;
    let one =
        make(NewIdentity { email: "ana@example.org".to_owned(), ..subject(&world, "1", &["ana", "luis"]) });
    let one = one.await.unwrap();
    assert_eq!(one.username, "luis");
    let row = world.store.user(one.user).await.unwrap().unwrap();
    assert_eq!((row.email.as_str(), row.user.display_name.as_str()), ("", "luis"), "the email is somebody's");
    assert_eq!(row.password_hash, PasswordHash::none());
    assert_eq!(world.store.me(one.user).await.unwrap().unwrap().email, "");
    // What looks like somebody's is kept all the same, and looks like nobody's to those after it.
    let alike = make(subject(&world, "2", &["a_na"])).await.unwrap();
    assert_eq!(alike.username, "a_na");
    let eva = subject(&world, "3", &["eva"]);
    let eva = NewIdentity { email: "eva@example.org".into(), display_name: "Eva".into(), ..eva };
    let eva = make(eva).await.unwrap();
    let row = world.store.user_by_login("eva@example.org").await.unwrap().unwrap();
    assert_eq!((row.user.id, row.user.display_name.as_str()), (eva.user, "Eva"));
    assert_eq!(make(subject(&world, "4", &["ana", "luis"])).await, Err(CreateUserError::UsernameTaken));
    assert_eq!(world.store.identity("backend", "4").await.unwrap(), None);
    for login in [String::new(), "none".to_owned(), format!("none:{}", one.user), "!".to_owned()] {
        assert_eq!(world.store.user_by_login(&login).await.unwrap(), None, "{login:?}");
    }
    let again = zas_store::NewUser { skeleton: "eva".to_owned(), ..world.new_user("e_va") };
    assert_eq!(world.store.create_user(again).await, Err(CreateUserError::UsernameTaken));
    assert_eq!(world.store.user(ana).await.unwrap().unwrap().user.username, "ana");
}

pub(crate) async fn a_sign_out_of_foreign_tokens_is_remembered_and_never_goes_back(mut world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    assert!(world.store.set_signed_out(ana, 70).await.unwrap());
    assert!(world.store.set_signed_out(ana, 60).await.unwrap());
    assert!(!world.store.set_signed_out(UserId(Uuid::nil()), 60).await.unwrap());
    world.reopen().await;
    let state = |signed_out_at| Some(AccountState { active: true, signed_out_at });
    assert_eq!(world.store.account_state(ana).await.unwrap(), state(70));
    assert_eq!(world.store.account_state(luis).await.unwrap(), state(0));
    assert_eq!(world.store.account_state(UserId(Uuid::nil())).await.unwrap(), None);
    let found = world.store.create_identity(NewIdentity { id: ana, ..subject(&world, "1", &["x"]) });
    assert_eq!(found.await.unwrap().state.signed_out_at, 70);
}

pub(crate) async fn keys_are_kept_by_name_and_forgotten(mut world: World) {
    let key = |name: &str, byte| ApiKeyRow { name: name.to_owned(), hash: [byte; 32], created_at: 7 };
    assert!(world.store.put_api_key(key("shop", 1)).await.unwrap());
    assert!(world.store.put_api_key(key("backend", 2)).await.unwrap());
    assert!(!world.store.put_api_key(key("shop", 3)).await.unwrap());
    world.reopen().await;
    assert_eq!(world.store.api_keys().await.unwrap(), [key("backend", 2), key("shop", 1)]);
    assert!(world.store.remove_api_key("shop").await.unwrap());
    assert!(!world.store.remove_api_key("shop").await.unwrap());
    assert_eq!(world.store.api_keys().await.unwrap(), [key("backend", 2)]);
}

pub(crate) async fn a_webhook_begins_at_the_ends_and_keeps_its_places(mut world: World) {
    let (ana, luis, eva) = (world.user("ana").await, world.user("luis").await, world.user("eva").await);
    let old = world.private(ana, luis).await;
    world.send(ana, old, "before").await;
    world.store.begin_webhook("shop").await.unwrap();
    assert_eq!(world.store.webhook_due("shop", 9).await.unwrap(), []);
    let said = world.send(ana, old, "after").await;
    let new = world.private(ana, eva).await;
    let mut due = vec![(old, said.seq - 1), (new, 0)];
    due.sort_unstable();
    assert_eq!(world.store.webhook_due("shop", 9).await.unwrap(), due, "no own log is among them");
    assert_eq!(world.store.webhook_due("shop", 1).await.unwrap(), due[..1]);
    world.store.advance_webhook("shop", vec![(old, said.seq), (new, 1)]).await.unwrap();
    world.store.advance_webhook("shop", vec![(old, 1), (new, 0)]).await.unwrap();
    world.store.begin_webhook("shop").await.unwrap();
    assert_eq!(world.store.webhook_place("shop", old).await.unwrap(), said.seq);
    assert_eq!(world.store.webhook_place("shop", RoomId(Uuid::nil())).await.unwrap(), 0);
    world.reopen().await;
    assert_eq!(world.store.webhook_due("shop", 9).await.unwrap(), []);
    let more = world.send(luis, old, "more").await;
    assert_eq!(world.store.webhook_due("shop", 9).await.unwrap(), [(old, more.seq - 1)]);
    world.store.begin_webhook("other").await.unwrap();
    assert_eq!(world.store.webhook_due("other", 9).await.unwrap(), []);
    let unknown = world.store.advance_webhook("nobody", vec![(old, 1)]).await;
    assert!(matches!(unknown, Err(StoreError::Other(_))), "{unknown:?}");
}

pub(crate) async fn a_log_is_read_above_a_place_whoever_may_see_it(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    for text in ["one", "two", "three"] {
        world.send(ana, room, text).await;
    }
    let seqs = async |after, limit| {
        let events = world.store.log_after(room, after, limit).await.unwrap();
        events.iter().map(|event| event.seq).collect::<Vec<_>>()
    };
    assert_eq!(seqs(0, 9).await, [1, 2, 3, 4]);
    assert_eq!(seqs(1, 2).await, [2, 3]);
    assert_eq!(seqs(4, 9).await, [0; 0]);
    assert_eq!(world.store.log_after(RoomId(Uuid::nil()), 0, 9).await.unwrap(), []);
}

pub(crate) async fn a_roster_names_who_is_in_now(world: World) {
    let (ana, luis, eva) = (world.user("ana").await, world.user("luis").await, world.user("eva").await);
    let room = world.group(&[ana, luis, eva]).await;
    world.ok(ana, Command::RemoveMember { txn_id: world.txn(), room, user: eva }).await;
    let roster = world.store.roster(room).await.unwrap().unwrap();
    let members: Vec<_> = roster.members.iter().map(|member| (member.user, member.role)).collect();
    assert_eq!((roster.kind, members), (RoomKind::Group, vec![(ana, Role::Owner), (luis, Role::Member)]));
    assert_eq!(world.store.roster(RoomId(Uuid::nil())).await.unwrap(), None);
}

pub(crate) async fn the_server_does_what_an_owner_may_and_passes_an_owners_role_on(world: World) {
    let (ana, luis, eva) = (world.user("ana").await, world.user("luis").await, world.user("eva").await);
    let room = world.group(&[ana, luis]).await;
    let add = || Command::AddMember { txn_id: world.txn(), room, user: eva };
    assert_eq!(world.refused(SERVER, add()).await, ErrorCode::Revoked, "it has no account yet");
    let new = NewIdentity { id: SERVER, ..subject(&world, "server", &["system"]) };
    world.store.create_identity(new).await.unwrap();
    world.ok(SERVER, add()).await;
    world.send(SERVER, room, "welcome").await;
    let aside = world.private(ana, luis).await;
    world.send(SERVER, aside, "to two").await;
    let outside = RoomId::own_log(ana);
    assert_eq!(world.refused(SERVER, world.message(outside, "x")).await, ErrorCode::NotFound);
    let role = async |user, role| {
        world.submit(SERVER, Command::SetRole { txn_id: world.txn(), room, user, role }).await
    };
    role(luis, Role::Admin).await.unwrap();
    assert_eq!(role(ana, Role::Member).await.unwrap_err().code, ErrorCode::Forbidden, "a group has an owner");
    let named = role(eva, Role::Owner).await.unwrap();
    let events: Vec<_> = named.events().map(|event| (event.sender, event.body.clone())).collect();
    let changed = |user, role| (Some(SERVER), EventBody::RoleChanged { user, role });
    assert_eq!(events, [changed(eva, Role::Owner), changed(ana, Role::Admin)]);
    let remove =
        async |user| world.submit(SERVER, Command::RemoveMember { txn_id: world.txn(), room, user }).await;
    let removed = remove(eva).await.unwrap();
    let bodies: Vec<_> =
        removed.events().filter(|event| event.room == room).map(|event| event.body.clone()).collect();
    let heir = EventBody::RoleChanged { user: ana, role: Role::Owner };
    assert_eq!(bodies, [heir, EventBody::MemberRemoved { user: eva }], "the admin of longest standing");
    remove(luis).await.unwrap();
    assert_eq!(remove(ana).await.unwrap_err().code, ErrorCode::Forbidden, "nobody is left to own it");
    let roster = world.store.roster(room).await.unwrap().unwrap();
    assert_eq!(roster.members.iter().map(|member| member.user).collect::<Vec<_>>(), [ana]);
}
