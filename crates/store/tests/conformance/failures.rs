//! What fails leaves nothing, what is acked stays.

use zas_core::ledger::Submission;
use zas_protocol::Command;
use zas_store::{PageAt, StoreError};

use crate::world::World;

pub(crate) async fn a_bad_row_undoes_its_batch_and_its_neighbours_pass_alone(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let room = world.group(&[ana, luis]).await;
    world.refuse_text("veneno");
    let batch: Vec<Submission> = vec![
        Submission { user: ana, command: world.message(room, "antes") },
        Submission { user: ana, command: Command::AddMember { txn_id: world.txn(), room, user: marta } },
        Submission { user: luis, command: world.message(room, "veneno") },
        Submission { user: luis, command: world.message(room, "después") },
    ];
    let before = (world.room(ana, room).await, world.store.heads(marta).await.unwrap());
    for _again in 0..2 {
        let failed = world.store.commit(batch.clone(), world.now()).await;
        assert!(matches!(failed, Err(StoreError::Other(_))), "{failed:?}");
        assert_eq!((world.room(ana, room).await, world.store.heads(marta).await.unwrap()), before);
    }
    let mut seqs = Vec::new();
    for submission in batch {
        let outcome = world.store.commit(vec![submission], world.now()).await;
        seqs.push(outcome.ok().map(|mut outcomes| outcomes.remove(0).unwrap().ack.seq));
    }
    assert_eq!(seqs, [Some(2), Some(3), None, Some(4)]);
    assert_eq!(world.events(ana, room).await.len(), 4);
}

pub(crate) async fn all_is_there_after_reopening(mut world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let command = world.message(room, "para siempre");
    let first = world.ok(ana, command.clone()).await.ack;
    let before = (
        world.store.rooms(luis).await.unwrap(),
        world.store.heads(luis).await.unwrap(),
        world.page(luis, room, PageAt::Newest, 10).await,
        world.store.user(ana).await.unwrap(),
        world.store.epoch(),
    );
    world.reopen().await;
    let after = (
        world.store.rooms(luis).await.unwrap(),
        world.store.heads(luis).await.unwrap(),
        world.page(luis, room, PageAt::Newest, 10).await,
        world.store.user(ana).await.unwrap(),
        world.store.epoch(),
    );
    assert_eq!(after, before);
    assert_eq!(world.ok(ana, command).await.ack, first);
    assert_eq!(world.send(luis, room, "y sigue").await.seq, first.seq + 1);
}

pub(crate) async fn a_closed_store_says_so(world: World) {
    let ana = world.user("ana").await;
    world.store.health().await.unwrap();
    assert!(!world.store.report().await.unwrap().is_empty());
    world.store.close().await;
    let closed = |error: StoreError| matches!(error, StoreError::Unavailable(_));
    assert!(closed(world.store.health().await.unwrap_err()));
    assert!(closed(world.store.rooms(ana).await.unwrap_err()));
    assert!(closed(world.store.commit(Vec::new(), world.now()).await.unwrap_err()));
    world.store.close().await;
}
