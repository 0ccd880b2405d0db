//! Gapless, in commit order, as it was written.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;
use zas_core::ledger::Submission;
use zas_protocol::{Event, EventBody, MessageId, Position, RoomId, TxnId};
use zas_store::StoreError;

use crate::world::{START, World};

/// When a command was given and when it was acked, by one clock that all writers share.
struct Acked {
    sent: u64,
    acked: u64,
    seq: u64,
}

pub(crate) async fn concurrent_writers_leave_no_gap_and_what_was_acked_is_below_what_is_sent_after(
    world: World,
) {
    const WRITERS: u64 = 32;
    const EACH: u64 = 20;
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let moments = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (store, moments, now) = (world.store.clone(), moments.clone(), world.now());
            let user = if writer % 2 == 0 { ana } else { luis };
            tokio::spawn(async move {
                let mut acked = Vec::new();
                for number in 0..EACH {
                    let txn_id = TxnId::new(&format!("{writer}-{number}")).unwrap();
                    let command =
                        zas_protocol::Command::text(txn_id, room, None, format!("{writer}: {number}"));
                    let sent = moments.fetch_add(1, Ordering::SeqCst);
                    let outcome = store.commit(vec![Submission { user, command }], now).await;
                    let seq = outcome.unwrap().remove(0).unwrap().ack.seq;
                    acked.push(Acked { sent, acked: moments.fetch_add(1, Ordering::SeqCst), seq });
                }
                acked
            })
        })
        .collect();
    let mut all = Vec::new();
    for writer in writers {
        all.extend(writer.await.unwrap());
    }
    let events = world.events(ana, room).await;
    let seqs: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=WRITERS * EACH + 1).collect::<Vec<_>>());
    assert!(events.is_sorted_by(|one, next| one.at < next.at));
    for one in &all {
        for other in &all {
            assert!(one.acked > other.sent || one.seq < other.seq);
        }
    }
}

pub(crate) async fn times_rise_within_a_room_though_the_clock_goes_back(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    world.send(ana, room, "hoy").await;
    world.set_clock(START - 86_400_000_000);
    world.send(luis, room, "ayer").await;
    world.send(ana, room, "ayer también").await;
    world.set_clock(START + 86_400_000_000);
    let last = world.send(luis, room, "mañana").await;
    let times: Vec<_> = world.events(ana, room).await.iter().map(|event| event.at).collect();
    assert_eq!(times[2..4], [times[1] + 1, times[1] + 2]);
    assert_eq!(times[4], START + 86_400_000_000);
    assert_eq!(world.room(ana, room).await.last_at, last.at);
}

pub(crate) async fn any_text_comes_back_as_it_was(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let texts = [
        "𝄞 👩‍👩‍👧‍👦 🇪🇸",
        "\u{10FFFF}\u{1}\u{7f}",
        "'); DROP TABLE events; --",
        "\"\\n\" {}",
        "a\nb\tc",
        "e\u{301}",
    ];
    for text in texts {
        world.send(ana, room, text).await;
    }
    let events = world.events(luis, room).await;
    let read: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.body {
            EventBody::Message { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(read, texts);
}

pub(crate) async fn a_message_is_found_by_its_id(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let ack = world.send(ana, room, "aquí").await;
    let found = world.store.event_by_message(ack.message.unwrap()).await.unwrap().unwrap();
    assert_eq!((found.room, found.seq, found.at, found.txn_id), (room, ack.seq, ack.at, Some(ack.txn_id)));
    assert_eq!(world.store.event_by_message(MessageId(Uuid::nil())).await.unwrap(), None);
}

pub(crate) async fn bulk_goes_on_at_the_head_or_not_at_all(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let start = world.now();
    world.store.append_bulk(room, messages(room, luis, 2..=300, start)).await.unwrap();
    let state = world.room(ana, room).await;
    assert_eq!((state.head, state.unread, state.last_at), (300, 299, start + 300));
    for wrong in [messages(room, luis, 300..=301, start), messages(room, luis, 302..=302, start)] {
        let refused = world.store.append_bulk(room, wrong).await;
        assert!(matches!(refused, Err(StoreError::Other(_))), "{refused:?}");
    }
    let nowhere = RoomId(Uuid::nil());
    assert!(world.store.append_bulk(nowhere, messages(nowhere, luis, 1..=1, start)).await.is_err());
    assert_eq!(world.send(ana, room, "sigue").await.seq, 301);
}

/// Messages of one sender, one microsecond apart.
pub(crate) fn messages(
    room: RoomId,
    sender: zas_protocol::UserId,
    seqs: std::ops::RangeInclusive<u64>,
    start: i64,
) -> Vec<Event> {
    seqs.map(|seq| Event {
        room,
        seq,
        at: start + seq as i64,
        sender: Some(sender),
        txn_id: None,
        body: EventBody::text(
            MessageId(Uuid::from_u128(room.0.as_u128() ^ u128::from(seq))),
            format!("{seq}"),
        ),
    })
    .collect()
}

pub(crate) async fn positions_only_ever_advance(world: World) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    let at =
        |delivered, read, time| Position { user: luis, delivered, read, delivered_at: time, read_at: time };
    let put = |positions: Vec<Position>| {
        world.store.put_positions(positions.into_iter().map(|position| (room, position)).collect())
    };
    put(vec![at(5, 2, 10)]).await.unwrap();
    put(vec![at(4, 3, 20), at(5, 3, 30)]).await.unwrap();
    put(vec![at(1, 1, 40)]).await.unwrap();
    let merged = Position { user: luis, delivered: 5, read: 3, delivered_at: 10, read_at: 20 };
    assert_eq!(world.store.positions(room).await.unwrap(), [merged]);
    assert_eq!(world.room(ana, room).await.positions, [merged]);
    let nowhere = vec![(room, at(9, 9, 50)), (RoomId(Uuid::nil()), at(9, 9, 50))];
    assert!(world.store.put_positions(nowhere).await.is_err());
    assert_eq!(world.store.positions(room).await.unwrap(), [merged]);
}
