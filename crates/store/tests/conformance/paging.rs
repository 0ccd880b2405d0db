//! Every place of a log is an event or in a skip, from wherever one comes. [`World::page`] checks
//! that for each page.

use zas_protocol::{RoomId, UserId};
use zas_store::PageAt;

use crate::logs::messages;
use crate::world::World;

/// A private room of 250 events.
async fn long_room(world: &World) -> (UserId, RoomId) {
    let (ana, luis) = (world.user("ana").await, world.user("luis").await);
    let room = world.private(ana, luis).await;
    world.store.append_bulk(room, messages(room, luis, 2..=250, world.now())).await.unwrap();
    (ana, room)
}

pub(crate) async fn pages_meet_without_gap_or_overlap_both_ways(world: World) {
    let (ana, room) = long_room(&world).await;
    for limit in [1, 7, 100] {
        let mut page = world.page(ana, room, PageAt::Newest, limit).await;
        assert_eq!((page.to, page.head), (250, 250));
        let mut seen = page.events.len();
        while page.more_before {
            let before = world.page(ana, room, PageAt::Before(page.from), limit).await;
            assert_eq!(before.to, page.from - 1);
            seen += before.events.len();
            page = before;
        }
        assert_eq!((page.from, seen), (1, 250), "limit {limit}");

        let mut after = 0;
        let mut seen = 0;
        while after < 250 {
            let page = world.page(ana, room, PageAt::After(after), limit).await;
            assert_eq!(page.from, after + 1);
            (after, seen) = (page.to, seen + page.events.len());
        }
        assert_eq!((after, seen), (250, 250), "limit {limit}");
    }
}

pub(crate) async fn a_page_around_a_place_holds_it(world: World) {
    let (ana, room) = long_room(&world).await;
    for (seq, limit, expected) in [
        (100, 1, (100, 100)),
        (100, 2, (100, 101)),
        (100, 7, (97, 103)),
        (100, 100, (51, 150)),
        (1, 10, (1, 6)),
        (250, 10, (246, 250)),
        (900, 10, (246, 250)),
    ] {
        let page = world.page(ana, room, PageAt::Around(seq), limit).await;
        assert_eq!((page.from, page.to), expected, "around {seq}, {limit}");
        assert_eq!(page.more_before, expected.0 > 1);
    }
}

pub(crate) async fn edges_are_covered_and_empty(world: World) {
    let (ana, room) = long_room(&world).await;
    for (at, expected) in [
        (PageAt::After(250), (251, 250)),
        (PageAt::After(9_000), (251, 250)),
        (PageAt::Before(1), (1, 0)),
        (PageAt::Before(0), (1, 0)),
        (PageAt::Around(0), (1, 5)),
        (PageAt::Before(9_000), (241, 250)),
        (PageAt::After(0), (1, 10)),
    ] {
        let page = world.page(ana, room, at, 10).await;
        assert_eq!((page.from, page.to), expected, "{at:?}");
        assert_eq!(page.head, 250);
        assert!(!page.more_before || page.from > 1, "{at:?}");
    }
    let lonely = world.user("sola").await;
    for at in [PageAt::Newest, PageAt::After(0), PageAt::Before(5), PageAt::Around(3)] {
        let page = world.page(lonely, RoomId::own_log(lonely), at, 10).await;
        assert_eq!((page.from, page.to, page.head), (1, 0, 0), "{at:?}");
    }
}

pub(crate) async fn who_joins_later_sees_from_there_on(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let room = world.group(&[ana, luis]).await;
    for text in ["uno", "dos", "tres"] {
        world.send(ana, room, text).await;
    }
    let joined = world.add(ana, room, marta).await.seq;
    world.send(ana, room, "hola, Marta").await;
    let page = world.page(marta, room, PageAt::Newest, 2).await;
    assert_eq!((page.from, page.to, page.more_before), (joined, joined + 1, false));
    let page = world.page(marta, room, PageAt::Newest, 10).await;
    assert_eq!((page.from, page.skips, page.events.len()), (1, vec![(1, joined - 1)], 2));
    let page = world.page(marta, room, PageAt::After(2), 1).await;
    assert_eq!((page.from, page.to, page.skips), (3, joined, vec![(3, joined - 1)]));
    let page = world.page(marta, room, PageAt::Before(joined), 10).await;
    assert_eq!((page.from, page.to, page.events.len(), page.more_before), (1, joined - 1, 0, false));
    assert_eq!(world.room(marta, room).await.from, joined);
}

pub(crate) async fn what_happened_between_two_stays_is_skipped(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let room = world.group(&[ana, luis, marta]).await;
    world.send(luis, room, "con Marta").await;
    let removed = world.remove(ana, room, marta).await.seq;
    for text in ["sin", "ella"] {
        world.send(luis, room, text).await;
    }
    let back = world.add(ana, room, marta).await.seq;
    world.send(luis, room, "otra vez").await;
    assert_eq!((removed, back), (3, 6));

    let hidden = vec![(4, 5)];
    let page = world.page(marta, room, PageAt::Newest, 10).await;
    assert_eq!((page.from, page.to, &page.skips), (1, 7, &hidden));
    let page = world.page(marta, room, PageAt::Newest, 3).await;
    assert_eq!((page.from, page.to, &page.skips, page.more_before), (3, 7, &hidden, true));
    let page = world.page(marta, room, PageAt::After(3), 1).await;
    assert_eq!((page.from, page.to, &page.skips), (4, 6, &hidden));
    let page = world.page(marta, room, PageAt::Around(5), 2).await;
    assert_eq!((page.from, page.to, page.skips.len()), (3, 6, 1));
    let page = world.page(marta, room, PageAt::Before(6), 1).await;
    assert_eq!((page.from, page.to, &page.skips), (3, 5, &hidden));

    let state = world.room(marta, room).await;
    assert_eq!((state.from, state.unread), (1, 2));
    assert_eq!(state.last.map(|event| event.seq), Some(7));
    assert_eq!(world.page(luis, room, PageAt::Newest, 10).await.skips, []);
}

pub(crate) async fn who_is_not_in_reads_nothing(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let room = world.group(&[ana, luis]).await;
    let none = |user| {
        let store = world.store.clone();
        async move {
            for at in [PageAt::Newest, PageAt::After(0), PageAt::Before(2), PageAt::Around(1)] {
                assert_eq!(store.page(user, room, at, 10).await.unwrap(), None);
            }
            assert_eq!(store.room(user, room).await.unwrap(), None);
            assert_eq!(store.member(room, user).await.unwrap(), None);
        }
    };
    none(marta).await;
    world.remove(ana, room, luis).await;
    none(luis).await;
    let (own_log, nowhere) = (RoomId::own_log(ana), RoomId(uuid::Uuid::max()));
    for elsewhere in [own_log, nowhere] {
        assert_eq!(world.store.page(luis, elsewhere, PageAt::Newest, 10).await.unwrap(), None);
    }
    assert_eq!(world.store.room(ana, own_log).await.unwrap(), None);
}

pub(crate) async fn messages_are_counted_and_paged_within_ones_stays(world: World) {
    let (ana, luis, marta) = (world.user("ana").await, world.user("luis").await, world.user("marta").await);
    let room = world.group(&[ana, luis, marta]).await;
    let mut seen = vec![world.send(luis, room, "uno").await.seq, world.send(ana, room, "dos").await.seq];
    world.remove(ana, room, marta).await;
    let hidden = world.send(luis, room, "sin Marta").await.seq;
    assert_eq!(world.store.messages(marta, room, 0, 10).await.unwrap(), None);
    world.add(ana, room, marta).await;
    seen.extend([world.send(luis, room, "tres").await.seq, world.send(ana, room, "cuatro").await.seq]);
    seen.reverse();
    let page = async |user, skip, limit| {
        let (all, events) = world.store.messages(user, room, skip, limit).await.unwrap().unwrap();
        (all, events.iter().map(|event| event.seq).collect::<Vec<_>>())
    };
    for (skip, limit) in [(0, 10), (0, 3), (1, 1), (1, 2), (2, 2), (3, 5), (4, 1), (9, 1)] {
        let expected = seen.iter().skip(skip).take(limit).copied().collect();
        let found = page(marta, skip as u64, limit as u32).await;
        assert_eq!(found, (4, expected), "skip {skip}, limit {limit}");
    }
    let (all, events) = page(luis, 0, 10).await;
    assert_eq!((all, events.contains(&hidden)), (5, true));
}

pub(crate) async fn a_time_finds_the_last_place_not_later(world: World) {
    let (ana, room) = long_room(&world).await;
    let events = world.events(ana, room).await;
    for event in &events {
        for (at, expected) in [(event.at - 1, event.seq - 1), (event.at, event.seq)] {
            assert_eq!(world.store.seq_at(room, at).await.unwrap(), expected, "{at}");
        }
    }
    assert_eq!(world.store.seq_at(room, i64::MAX).await.unwrap(), 250);
    assert_eq!(world.store.seq_at(RoomId(uuid::Uuid::max()), i64::MAX).await.unwrap(), 0);
}
