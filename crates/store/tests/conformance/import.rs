//! What moves in from another system.

use uuid::Uuid;
use zas_core::ledger::Write;
use zas_protocol::{
    Command, Event, EventBody, FileId, MessageId, Position, Prefs, Reaction, Role, RoomId, RoomKind, Seq,
    TxnId,
};
use zas_store::{AccountKept, FileKind, FileRow, Imported, OldAccount, PasswordHash};

use crate::world::{START, World};

fn old(world: &World, usernames: &[&str], email: &str) -> OldAccount {
    let user = world.new_user("nobody");
    OldAccount {
        id: user.id,
        usernames: usernames.iter().map(|name| ((*name).to_owned(), name.replace('_', ""))).collect(),
        email: email.to_owned(),
        display_name: "Ana de Antes".to_owned(),
        bio: "de antes".to_owned(),
        password_hash: PasswordHash("pbkdf2_sha256$1$a$b".to_owned()),
        active: true,
        last_seen: 7,
        at: START,
    }
}

pub(crate) async fn an_account_is_brought_once_and_follows_until_it_is_changed_here(mut world: World) {
    world.user("ana").await;
    let account = old(&world, &["ana", "ana_2"], "ana@example.org");
    let twin = OldAccount {
        usernames: vec![("ana_2".to_owned(), "x".to_owned()), ("tres".to_owned(), "y".to_owned())],
        ..old(&world, &[], "")
    };
    let kept = world.store.import_accounts(vec![account.clone(), twin.clone()]).await.unwrap();
    assert_eq!(kept, [AccountKept::Made("ana_2".to_owned()), AccountKept::Made("tres".to_owned())]);
    let row = world.store.user(account.id).await.unwrap().unwrap();
    assert_eq!(
        (row.user.display_name.as_str(), row.user.bio.as_str(), row.active),
        ("Ana de Antes", "de antes", true)
    );
    assert_eq!((row.password_hash.clone(), row.created_at), (account.password_hash.clone(), START));
    assert_eq!(world.store.last_seen(&[account.id]).await.unwrap(), [(account.id, 7)]);
    assert!(world.store.member(RoomId::own_log(account.id), account.id).await.unwrap().is_some());

    let again = OldAccount { display_name: "Otra".to_owned(), active: false, ..account.clone() };
    let kept = world.store.import_accounts(vec![again.clone(), twin]).await.unwrap();
    assert_eq!(kept, [AccountKept::Changed, AccountKept::Left]);
    world.reopen().await;
    let row = world.store.user(account.id).await.unwrap().unwrap();
    assert_eq!((row.user.display_name.as_str(), row.active), ("Otra", false));
    // Whoever has a password of ours is here for good.
    let ours = PasswordHash("$argon2id$x".to_owned());
    assert!(world.store.replace_password(account.id, &account.password_hash, ours.clone()).await.unwrap());
    assert_eq!(world.store.import_accounts(vec![account.clone()]).await.unwrap(), [AccountKept::Left]);
    let row = world.store.user(account.id).await.unwrap().unwrap();
    assert_eq!((row.user.display_name.as_str(), row.password_hash), ("Otra", ours));
    let nameless =
        OldAccount { usernames: vec![("ana".to_owned(), "ana".to_owned())], ..old(&world, &[], "") };
    assert!(world.store.import_accounts(vec![nameless]).await.is_err(), "nobody gets another's name");
}

pub(crate) async fn a_room_moves_in_with_all_that_became_of_its_messages(mut world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let (room, file) = (RoomId(Uuid::from_u128(9)), FileId(Uuid::from_u128(11)));
    let message = |seq: Seq| MessageId(Uuid::from_u128(100 + u128::from(seq)));
    let event =
        |seq: Seq, body| Event { room, seq, at: START + seq as i64, sender: Some(ana), txn_id: None, body };
    let append = |seq: Seq, body| Write::Append { event: event(seq, body), fingerprint: None };
    let said = |seq: Seq| append(seq, EventBody::text(message(seq), format!("m{seq}")));
    let members = vec![ana, luis];
    let created =
        EventBody::RoomCreated { room_kind: RoomKind::Group, name: Some("Antes".to_owned()), members };
    let start = |user, role| Write::StartMembership { room, user, role, from: 1, at: START };
    let row = FileRow {
        id: file,
        user: ana,
        kind: FileKind::Attachment,
        name: "foto.jpg".to_owned(),
        media_type: "image/jpeg".to_owned(),
        bytes: 0,
        width: 0,
        height: 0,
        at: START,
        message: Some((room, 2)),
    };
    let seen = Position { user: luis, delivered: 3, read: 3, delivered_at: 1, read_at: 1 };
    let first = Imported {
        writes: vec![
            Write::CreateRoom {
                room,
                kind: RoomKind::Group,
                name: Some("Antes".to_owned()),
                pair: None,
                at: START,
            },
            append(1, created),
            start(ana, Role::Owner),
            start(luis, Role::Member),
            said(2),
            Write::EditMessage { room, of: 2, rev: 2, text: "otra".to_owned(), at: START },
            said(3),
            Write::EraseMessage { room, of: 3, rev: 3, at: START },
            said(4),
            Write::SetReaction { room, of: 4, rev: 4, user: luis, reaction: Some(Reaction::Fire), at: START },
        ],
        files: vec![(row, "/media/foto.jpg".to_owned())],
        times: vec![(room, 3, 5)],
        positions: vec![(room, seen)],
    };
    world.store.import(first.clone()).await.unwrap();
    assert!(world.store.import(first).await.is_err(), "what is there is not there twice");
    world.store.import(Imported { writes: vec![said(5)], ..Imported::default() }).await.unwrap();
    world.reopen().await;
    let roster = world.store.roster(room).await.unwrap().unwrap();
    assert_eq!((roster.head, roster.last_at, roster.members.len()), (5, START + 5, 2));
    let states = world.store.states(luis, room, &[2, 3, 4, 5]).await.unwrap();
    assert_eq!(states.len(), 3, "{states:?}");
    assert_eq!((states[0].text.as_deref(), states[1].deleted_at), (Some("otra"), Some(START)));
    assert_eq!(states[2].mine, Some(Reaction::Fire));
    let page = world.events(luis, room).await;
    assert!(
        matches!(&page[2].body, EventBody::Message { erased: true, text, .. } if text.is_empty()),
        "{page:?}"
    );
    assert_eq!(world.store.said_at(room, 1, 5).await.unwrap(), [(3, 5)]);
    assert_eq!(world.store.said_at(room, 4, 5).await.unwrap(), []);
    assert_eq!(world.store.file_origin(file).await.unwrap().as_deref(), Some("/media/foto.jpg"));
    assert_eq!(world.store.file_origin(FileId(Uuid::nil())).await.unwrap(), None);
    let places = world.store.places(&[message(5), MessageId(Uuid::nil()), message(2)]).await.unwrap();
    assert_eq!(places, [(message(5), room, 5), (message(2), room, 2)]);
    let state = world.room(luis, room).await;
    assert_eq!((state.unread, state.positions.len()), (2, 1), "{state:?}");
    // It goes on as any room does, and from then on somebody has written into it here.
    assert_eq!(world.store.commanded("import-").await.unwrap(), []);
    let name = TxnId::new("import-1").unwrap();
    world.ok(ana, Command::text(name, room, None, "importado".to_owned())).await;
    assert_eq!(world.store.commanded("import-").await.unwrap(), [], "an import's own commands do not count");
    let prefs = Command::SetPrefs { txn_id: TxnId::new("p").unwrap(), prefs: Prefs::default() };
    world.ok(ana, prefs).await;
    assert_eq!(world.store.commanded("import-").await.unwrap(), [], "own logs do not count");
    assert_eq!(world.send(luis, room, "y sigue").await.seq, 7);
    assert_eq!(world.store.commanded("import-").await.unwrap(), [room]);
    assert_eq!(world.store.commanded("").await.unwrap(), [], "every name begins with nothing");
}
