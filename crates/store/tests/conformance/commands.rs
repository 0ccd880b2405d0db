//! Once, in order, whole.

use zas_core::ledger::Submission;
use zas_protocol::{Command, ErrorCode, EventBody, Prefs, ProfileChange, RoomPrefs};

use crate::world::World;

pub(crate) async fn the_same_command_again_gets_the_same_answer(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let command = world.message(room, "hola");
    let first = world.ok(ana, command.clone()).await;
    world.send(luis, room, "qué tal").await;
    let again = world.ok(ana, command.clone()).await;
    assert_eq!(again.ack, first.ack);
    assert_eq!(again.writes, []);

    // Both in one batch too, and what it comes after does not make it another.
    let Command::Send { txn_id, room, text, .. } = world.message(room, "dos veces") else { unreachable!() };
    let after = Some(command.txn_id().clone());
    let one = Command::text(txn_id.clone(), room, None, text.clone());
    let other = Command::text(txn_id, room, after, text);
    let batch = [one, other].map(|command| Submission { user: ana, command }).to_vec();
    let outcomes = world.store.commit(batch, world.now()).await.unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().ack, outcomes[1].as_ref().unwrap().ack);
    assert_eq!(world.room(ana, room).await.head, 4);
    assert_eq!(world.store.txn(ana, command.txn_id()).await.unwrap(), Some(first.ack));
    assert_eq!(world.store.txn(luis, command.txn_id()).await.unwrap(), None);
}

pub(crate) async fn the_same_name_for_something_else_is_a_conflict_naming_the_first(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let (room, other) = (world.private(ana, luis).await, world.private(ana, marta).await);
    let command = world.message(room, "hola");
    let first = world.ok(ana, command.clone()).await.ack;
    let txn_id = command.txn_id().clone();
    for command in [
        Command::text(txn_id.clone(), room, None, "otra".to_owned()),
        Command::text(txn_id.clone(), other, None, "hola".to_owned()),
        Command::SetPrefs { txn_id, prefs: Prefs::default() },
    ] {
        let refusal = world.submit(ana, command).await.unwrap_err();
        assert_eq!(refusal.code, ErrorCode::TxnConflict);
        assert_eq!(refusal.first.as_deref(), Some(&first));
    }
    assert_eq!(world.room(ana, room).await.head, 2);
}

pub(crate) async fn a_refused_command_does_not_use_its_name_up(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let room = world.group(&[ana, luis]).await;
    let command = world.message(room, "¿se puede?");
    assert_eq!(world.refused(marta, command.clone()).await, ErrorCode::NotFound);
    assert_eq!(world.store.txn(marta, command.txn_id()).await.unwrap(), None);
    world.add(ana, room, marta).await;
    let ack = world.ok(marta, command).await.ack;
    assert_eq!(ack.seq, 3);
}

pub(crate) async fn another_person_may_use_the_same_name(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let command = world.message(room, "igual");
    let first = world.ok(ana, command.clone()).await.ack;
    let second = world.ok(luis, command).await.ack;
    assert_eq!((first.seq, second.seq), (2, 3));
}

pub(crate) async fn a_message_waits_for_the_one_before_it(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let first = world.message(room, "uno");
    let second = Command::text(world.txn(), room, Some(first.txn_id().clone()), "dos".to_owned());
    assert_eq!(world.refused(ana, second.clone()).await, ErrorCode::RetryInOrder);
    let batch = [first, second].map(|command| Submission { user: ana, command }).to_vec();
    let outcomes = world.store.commit(batch, world.now()).await.unwrap();
    let seqs: Vec<_> = outcomes.into_iter().map(|outcome| outcome.unwrap().ack.seq).collect();
    assert_eq!(seqs, [2, 3]);
}

pub(crate) async fn a_batch_answers_in_order_and_each_sees_those_before(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let room = world.group(&[ana, luis]).await;
    let batch = vec![
        Submission { user: marta, command: world.message(room, "todavía no") },
        Submission { user: ana, command: Command::AddMember { txn_id: world.txn(), room, user: marta } },
        Submission { user: marta, command: world.message(room, "ya") },
        Submission { user: ana, command: Command::RemoveMember { txn_id: world.txn(), room, user: marta } },
        Submission { user: marta, command: world.message(room, "ya no") },
        Submission { user: luis, command: world.message(room, "adiós") },
    ];
    let outcomes = world.store.commit(batch, world.now()).await.unwrap();
    let answers: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| outcome.map(|decided| decided.ack.seq).map_err(|refusal| refusal.code))
        .collect();
    let unseen = Err(ErrorCode::NotFound);
    assert_eq!(answers, [unseen, Ok(2), Ok(3), Ok(4), unseen, Ok(5)]);
    assert_eq!(world.room(luis, room).await.head, 5);
    assert_eq!(world.store.commit(Vec::new(), world.now()).await.unwrap(), []);
}

pub(crate) async fn two_who_open_at_once_get_one_room(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let open = |user, other| {
        let (store, txn_id, now) = (world.store.clone(), world.txn(), world.now());
        let batch = vec![Submission { user, command: Command::OpenPrivate { txn_id, user: other } }];
        tokio::spawn(async move { store.commit(batch, now).await.unwrap().remove(0).unwrap() })
    };
    let (one, other) = (open(ana, luis), open(luis, ana));
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    assert_eq!(one.ack.room, other.ack.room);
    assert_eq!([&one, &other].iter().filter(|decided| decided.writes.is_empty()).count(), 1);
    assert_eq!(world.store.rooms(ana).await.unwrap().len(), 1);
    assert_eq!(world.events(luis, one.ack.room).await.len(), 1);
    assert_eq!(world.private(luis, ana).await, one.ack.room);
}

pub(crate) async fn a_disabled_account_changes_nothing(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    assert!(world.store.set_active(luis, false).await.unwrap());
    assert_eq!(world.refused(luis, world.message(room, "hola")).await, ErrorCode::Revoked);
    assert!(world.store.set_active(luis, true).await.unwrap());
    world.send(luis, room, "hola").await;
}

pub(crate) async fn settings_and_profile_are_kept(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let prefs = Prefs { theme: Some("dark".to_owned()), volume: 5, ..Prefs::default() };
    let room_prefs = RoomPrefs { color: Some("ocean".to_owned()), muted: true, ..RoomPrefs::default() };
    for muted in [false, true] {
        let prefs = RoomPrefs { muted, ..room_prefs.clone() };
        world.ok(ana, Command::SetRoomPrefs { txn_id: world.txn(), room, prefs }).await;
    }
    world.ok(ana, Command::SetPrefs { txn_id: world.txn(), prefs: prefs.clone() }).await;
    let rename = ProfileChange { display_name: Some("Ana Ruiz".to_owned()), ..ProfileChange::default() };
    let about = ProfileChange { bio: Some("Fotógrafa".to_owned()), ..ProfileChange::default() };
    for profile in [rename, about] {
        world.ok(ana, Command::SetProfile { txn_id: world.txn(), profile }).await;
    }
    let me = world.store.me(ana).await.unwrap().unwrap();
    assert_eq!(me.prefs, prefs);
    assert_eq!((me.user.display_name.as_str(), me.user.bio.as_str()), ("Ana Ruiz", "Fotógrafa"));
    assert_eq!(me.user.profile_rev, 2);
    assert_eq!(world.store.users(&[ana]).await.unwrap(), [me.user]);
    assert_eq!(world.room(ana, room).await.prefs, room_prefs);
    assert_eq!(world.room(luis, room).await.prefs, RoomPrefs::default());
    let own_log = world.events(ana, zas_protocol::RoomId::own_log(ana)).await;
    assert!(matches!(own_log[3].body, EventBody::PrefsChanged { .. }), "{own_log:?}");
    assert_eq!(own_log.len(), 6);
}
