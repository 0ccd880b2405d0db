//! Who hears what, and what is remembered for those who come back.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod bench;

use bytes::Bytes;
use zas_core::hub::{
    FAN_OUT_EVERY, GRACE, PERSIST_EVERY, POLL_GRACE, REMEMBER, Rung, SessionKey, Stored, TYPISTS,
};
use zas_protocol::limits::SMALL_GROUP;
use zas_protocol::{Event, EventBody, Micros, Position, Presence, RoomId, RoomKind, ServerFrame};

use bench::*;

#[test]
fn an_event_reaches_every_session_that_follows_its_room_once() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    bench.connect(2, 1, &[room(1)]);
    bench.connect(3, 2, &[room(1), room(2)]);
    bench.connect(4, 3, &[room(2)]);
    bench.message(room(1), 1, 1);
    for session in [1, 2, 3] {
        assert_eq!(bench.hears(session), [Heard::Event(room(1), 1)], "{session}");
    }
    assert_eq!(bench.hears(4), []);
    bench.message(room(1), 1, 1);
    assert!(bench.heard.is_empty(), "a hint that repeats changes nothing");
    bench.detach(2);
    bench.message(room(1), 2, 1);
    assert_eq!(bench.hears(2), []);
    assert_eq!(bench.hears(1), [Heard::Event(room(1), 2)]);
}

#[test]
fn an_own_log_reaches_all_sessions_of_its_person_from_attaching_on() {
    let mut bench = Bench::new();
    let _ = bench.attach(1, 1, Rung::Lasting);
    bench.connect(2, 2, &[]);
    let own = RoomId::own_log(user(1));
    bench.commit(own, 5, 1, EventBody::PrefsChanged { prefs: Default::default() });
    assert_eq!(bench.hears(1), [Heard::Event(own, 5)]);
    assert_eq!(bench.hears(2), []);
}

#[test]
fn who_joins_hears_of_the_room_before_the_event_that_brings_them_in() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[]);
    bench.connect(2, 2, &[]);
    bench.connect(3, 2, &[]);
    let members = vec![user(1), user(2), user(9)];
    let body = EventBody::RoomCreated { room_kind: RoomKind::Group, name: None, members };
    bench.commit(room(1), 1, 1, body);
    for session in [1, 2, 3] {
        let heard = bench.hears(session);
        assert_eq!(heard[..2], [Heard::Follow(room(1), 0), Heard::Event(room(1), 1)], "{session}");
        assert_eq!(heard.len(), 3, "and who of them is here");
    }
    bench.connect(4, 4, &[]);
    bench.commit(room(1), 2, 1, EventBody::MemberAdded { user: user(4) });
    assert_eq!(bench.hears(4)[..2], [Heard::Follow(room(1), 1), Heard::Event(room(1), 2)]);
    let heard = bench.states(1);
    assert_eq!(presence_of(&heard), [(4, true)], "the others hear that they are here");
}

#[test]
fn who_is_removed_hears_that_and_nothing_after() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    bench.connect(2, 2, &[room(1)]);
    bench.commit(room(1), 8, 1, EventBody::MemberRemoved { user: user(2) });
    assert_eq!(bench.hears(2), [Heard::Event(room(1), 8), Heard::Unfollow(room(1))]);
    bench.message(room(1), 9, 1);
    bench.typing(1, room(1), true);
    bench.advance(1, room(1), 9, 9);
    bench.with(|hub, _, mut deliver| hub.profile_changed(user(1), 2, &mut deliver));
    assert_eq!(bench.hears(2), []);
    bench.detach(2);
    bench.heard.clear();
    bench.pass(GRACE + REMEMBER);
    assert_eq!(bench.hears(1), [], "nor do the others hear of them");
}

#[test]
fn what_happens_between_reading_and_following_is_put_right() {
    let mut bench = Bench::new();
    let _ = bench.attach(1, 1, Rung::Lasting);
    // The store is read here; then, before the session follows:
    bench.message(room(1), 7, 2);
    bench.commit(room(2), 4, 2, EventBody::MemberRemoved { user: user(1) });
    bench.commit(room(3), 6, 2, EventBody::MemberRemoved { user: user(1) });
    bench.commit(room(3), 7, 2, EventBody::MemberAdded { user: user(1) });
    assert_eq!(
        bench.hears(1),
        [
            Heard::Unfollow(room(2)),
            Heard::Unfollow(room(3)),
            Heard::Follow(room(3), 6),
            Heard::Event(room(3), 7),
            Heard::State(ServerFrame::Presence {
                of: vec![bench.hub.presence(user(1)).unwrap()],
                rev: bench.hub.revision()
            }),
        ]
    );
    let logs = bench.follow(1, vec![log(room(1), 6, 2), log(room(2), 3, 2), log(room(3), 5, 3)]);
    let seen: Vec<_> = logs.iter().map(|log| (log.room, log.head)).collect();
    assert_eq!(seen, [(room(1), 7), (room(3), 7)]);
    bench.heard.clear();
    bench.message(room(2), 5, 2);
    assert_eq!(bench.hears(1), []);
}

#[test]
fn one_connection_too_many_replaces_the_oldest_lasting_one() {
    let mut bench = Bench::new();
    assert_eq!(bench.attach(1, 1, Rung::Poll), None);
    for session in 2..=4 {
        assert_eq!(bench.attach(session, 1, Rung::Lasting), None, "{session}");
    }
    assert_eq!(bench.attach(5, 1, Rung::Lasting), Some(2));
    assert_eq!(bench.attach(6, 1, Rung::Lasting), Some(3), "the one told to go is not told again");
    assert_eq!(bench.attach(7, 1, Rung::Poll), None);
    assert_eq!(bench.attach(8, 2, Rung::Lasting), None, "each user has their own");
    bench.detach(2);
    bench.detach(3);
    let left: Vec<u64> = bench.hub.sessions_of(user(1)).map(|(_, &handle)| handle).collect();
    assert_eq!(left, [1, 4, 5, 6, 7]);
    let of_device: Vec<u64> = bench.hub.sessions_of_device(user(1), device(15)).map(|(_, &h)| h).collect();
    assert_eq!(of_device, [5]);
}

#[test]
fn heads_are_of_followed_rooms_that_moved_within_a_minute() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1), room(2)]);
    bench.connect(2, 2, &[room(3)]);
    bench.message(room(1), 4, 2);
    bench.message(room(3), 1, 2);
    bench.pass(REMEMBER / 2);
    bench.message(room(2), 9, 2);
    let heads = |bench: &Bench| bench.hub.heads(bench.now, SessionKey(1)).into_iter().collect::<Vec<_>>();
    assert_eq!(heads(&bench), [(room(1), 4), (room(2), 9)]);
    bench.pass(REMEMBER / 2 + 1);
    assert_eq!(heads(&bench), [(room(2), 9)]);
}

#[test]
fn the_first_advance_goes_out_at_once_and_the_next_ones_together() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    bench.connect(2, 2, &[room(1)]);
    bench.advance(1, room(1), 5, 3);
    assert_eq!(bench.positions(2), [[(1, 5, 3)]]);
    assert_eq!(bench.positions(1), [[(1, 5, 3)]], "one's other devices hear it, too");
    bench.advance(1, room(1), 6, 0);
    bench.advance(2, room(1), 6, 6);
    bench.advance(1, room(1), 7, 7);
    assert!(bench.heard.is_empty());
    bench.pass(FAN_OUT_EVERY - 1);
    assert!(bench.heard.is_empty());
    bench.pass(1);
    assert_eq!(bench.positions(2), [[(1, 7, 7), (2, 6, 6)]]);
    bench.pass(FAN_OUT_EVERY);
    bench.advance(2, room(1), 8, 0);
    assert_eq!(bench.positions(1), [vec![(1, 7, 7), (2, 6, 6)], vec![(2, 8, 6)]], "read stays");
}

#[test]
fn positions_only_ever_advance_and_read_implies_delivered() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    bench.advance(1, room(1), 0, 9);
    let at = bench.now;
    bench.pass(FAN_OUT_EVERY);
    bench.heard.clear();
    bench.advance(1, room(1), 4, 4);
    bench.advance(1, room(1), 0, 0);
    assert!(bench.heard.is_empty());
    let known = Position { user: user(1), delivered: 9, read: 9, delivered_at: at, read_at: at };
    assert_eq!(bench.hub.positions(room(1)), [known]);
}

#[test]
fn positions_are_written_once_a_second_with_the_time_of_the_advance() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    for read in 1..=50 {
        bench.advance(1, room(1), read, read);
        bench.pass(PERSIST_EVERY / 50);
    }
    assert_eq!(bench.writes.len(), 1);
    let written = bench.writes[0].positions.clone();
    let last = bench.now - PERSIST_EVERY / 50;
    let position = Position { user: user(1), delivered: 50, read: 50, delivered_at: last, read_at: last };
    assert_eq!(written, [(room(1), position)]);
    bench.pass(10 * PERSIST_EVERY);
    assert_eq!(bench.writes.len(), 1, "what did not change is not written again");
    bench.advance(1, room(1), 51, 0);
    let writes = bench.hub.shut_down(bench.now);
    assert_eq!(writes.positions.len(), 1, "the end of a node writes what is left");
    assert_eq!(writes.last_seen, [(user(1), bench.now)]);
}

#[test]
fn in_a_large_group_one_hears_ones_own_position_and_no_presence() {
    for (members, large) in [(SMALL_GROUP - 1, false), (SMALL_GROUP, false), (SMALL_GROUP + 1, true)] {
        let members = u32::try_from(members).unwrap();
        let mut bench = Bench::new();
        for session in 1..=3_u64 {
            let _ = bench.attach(session, u128::from(session.min(2)), Rung::Lasting);
            bench.follow(session, vec![log(room(1), 9, members)]);
        }
        assert_eq!(presence_of(&bench.states(1)).is_empty(), large, "{members}");
        bench.heard.clear();
        bench.advance(2, room(1), 9, 9);
        assert_eq!(bench.positions(1).is_empty(), large, "{members}");
        assert_eq!(bench.positions(2), [[(2, 9, 9)]]);
        assert_eq!(bench.positions(3), [[(2, 9, 9)]]);
        let whole = bench.since(1, &[room(1)], None);
        assert_eq!(whole.is_empty(), large, "{members}: {whole:?}");
        assert!(!bench.since(2, &[room(1)], None).is_empty());
    }
}

#[test]
fn typing_reaches_the_others_and_ends_by_itself() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    bench.connect(2, 1, &[room(1)]);
    bench.connect(3, 2, &[room(1)]);
    bench.typing(1, room(1), true);
    let heard = |on, rev| ServerFrame::Typing { room: room(1), user: user(1), on, rev };
    assert_eq!(bench.states(3), [heard(true, bench.hub.revision())]);
    assert!(bench.heard.is_empty(), "not one's own sessions");
    bench.pass(TTL / 2);
    bench.typing(1, room(1), true);
    assert_eq!(bench.states(3), [heard(true, bench.hub.revision())], "said again it lasts longer");
    bench.pass(TTL - 1);
    assert_eq!(bench.states(3), []);
    bench.pass(1);
    assert_eq!(bench.states(3), [heard(false, bench.hub.revision())]);
    bench.typing(1, room(1), false);
    assert_eq!(bench.states(3), [], "who does not type cannot stop");
    bench.typing(1, room(1), true);
    bench.typing(1, room(1), false);
    assert_eq!(bench.states(3).len(), 2);
}

#[test]
fn a_message_ends_the_typing_of_who_wrote_it() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    bench.connect(2, 2, &[room(1)]);
    bench.typing(1, room(1), true);
    bench.typing(2, room(1), true);
    bench.message(room(1), 1, 1);
    bench.heard.clear();
    bench.pass(2 * TTL);
    assert_eq!(bench.states(2), [], "nothing is said of it later");
    assert_eq!(bench.states(1).len(), 1, "the other's went on");
}

#[test]
fn no_more_people_type_at_once_than_the_limit() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    for who in 2..=(TYPISTS as u128 + 10) {
        bench.typing(who, room(1), true);
    }
    assert_eq!(bench.states(1).len(), TYPISTS);
}

#[test]
fn one_is_there_from_the_first_session_until_some_time_after_the_last() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    let _ = bench.attach(2, 2, Rung::Lasting);
    bench.follow(2, vec![log(room(1), 0, 2), log(room(2), 0, 2)]);
    assert_eq!(presence_of(&bench.states(1)), [(2, true)]);
    let _ = bench.attach(3, 2, Rung::Lasting);
    bench.follow(3, vec![log(room(1), 0, 2)]);
    bench.detach(2);
    bench.pass(GRACE);
    assert_eq!(bench.states(1), [], "another session is still there");
    bench.detach(3);
    bench.pass(GRACE - 1);
    let _ = bench.attach(4, 2, Rung::Lasting);
    bench.follow(4, vec![log(room(1), 0, 2)]);
    bench.pass(2 * GRACE);
    assert_eq!(bench.states(1), [], "a reload is no coming and going");
    bench.detach(4);
    let left_at = bench.now;
    bench.pass(GRACE);
    assert_eq!(
        bench.states(1),
        [ServerFrame::Presence {
            of: vec![Presence { user: user(2), online: false, last_seen: left_at, profile_rev: 1 }],
            rev: bench.hub.revision(),
        }]
    );
    assert_eq!(bench.writes.last().unwrap().last_seen, [(user(2), left_at)]);
}

#[test]
fn who_polls_is_there_between_two_polls() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    for poll in 2..10 {
        let _ = bench.attach(poll, 2, Rung::Poll);
        bench.follow(poll, vec![log(room(1), 0, 2)]);
        bench.pass(2_000_000);
        bench.detach(poll);
        bench.pass(POLL_GRACE - 1);
    }
    assert_eq!(presence_of(&bench.states(1)), [(2, true)], "told once");
    bench.pass(1);
    assert_eq!(presence_of(&bench.states(1)), [(2, false)]);
}

#[test]
fn presence_is_told_once_however_many_rooms_are_shared() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1), room(2), room(3)]);
    bench.connect(2, 2, &[room(1), room(2), room(3)]);
    bench.connect(3, 3, &[room(4)]);
    bench.with(|hub, _, mut deliver| hub.profile_changed(user(2), 7, &mut deliver));
    let states = bench.states(1);
    assert!(matches!(&states[..], [ServerFrame::Presence { of, .. }] if of[0].profile_rev == 7));
    assert_eq!(bench.states(3), []);
    bench.with(|hub, _, mut deliver| hub.profile_changed(user(2), 7, &mut deliver));
    assert_eq!(bench.states(1), [], "the same version is no news");
}

#[test]
fn who_comes_back_hears_what_changed_and_no_more() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    bench.connect(2, 2, &[room(1)]);
    bench.connect(3, 3, &[room(1)]);
    bench.advance(2, room(1), 3, 3);
    bench.pass(FAN_OUT_EVERY);
    let seen = bench.hub.revision();
    assert_eq!(bench.since(1, &[room(1)], Some(seen)), []);
    bench.detach(1);
    bench.typing(2, room(1), true);
    bench.advance(3, room(1), 4, 0);
    bench.advance(3, room(1), 5, 0);
    bench.detach(3);
    bench.pass(GRACE);
    let missed = bench.since(1, &[room(1)], Some(seen));
    let ServerFrame::Typing { user: typist, on, rev: 0, .. } = missed[0] else { panic!("{missed:?}") };
    assert_eq!((typist, on), (user(2), false), "who stopped meanwhile");
    let ServerFrame::Positions { of, rev: 0, .. } = &missed[1] else { panic!("{missed:?}") };
    assert_eq!(of.iter().map(|p| (p.user, p.delivered)).collect::<Vec<_>>(), [(user(3), 5)]);
    assert_eq!(presence_of(&missed), [(3, false)]);
    let ServerFrame::Presence { rev, .. } = missed[2] else { panic!("{missed:?}") };
    assert_eq!(rev, bench.hub.revision(), "only the last frame says that all is heard");
    assert_eq!(bench.since(1, &[room(1)], Some(rev)), []);
    assert_eq!(bench.since(1, &[room(2)], Some(seen)), [], "of other rooms nothing");
}

#[test]
fn a_revision_that_is_not_remembered_brings_everything_over_what_is_stored() {
    let mut bench = Bench::new();
    bench.connect(1, 1, &[room(1)]);
    bench.connect(2, 2, &[room(1)]);
    bench.advance(2, room(1), 8, 2);
    for unknown in [None, Some(0), Some(bench.hub.revision() + 1)] {
        if let Some(seen) = unknown {
            assert!(!bench.hub.remembers(seen));
        }
        let at = |user, delivered, read| Position { user, delivered, read, delivered_at: 1, read_at: 1 };
        let gone = |user| Presence { user, online: false, last_seen: 5, profile_rev: 1 };
        let stored = Stored {
            positions: vec![(room(1), at(user(2), 4, 4)), (room(9), at(user(3), 1, 1))],
            presence: vec![gone(user(2)), gone(user(3))],
        };
        let frames = bench.hub.state_since(user(1), &[room(1), room(9)], unknown, &stored);
        let frames: Vec<ServerFrame> = frames.iter().map(|b| serde_json::from_slice(b).unwrap()).collect();
        let ServerFrame::Positions { of, .. } = &frames[0] else { panic!("{frames:?}") };
        assert_eq!((of[0].delivered, of[0].read), (8, 4), "the further in each respect");
        assert!(matches!(&frames[1], ServerFrame::Positions { room: of, .. } if *of == room(9)));
        assert_eq!(presence_of(&frames), [(2, true), (3, false)]);
    }
}

#[test]
fn once_everyone_is_gone_nothing_is_left_and_older_revisions_are_not_remembered() {
    let mut bench = Bench::new();
    let before = bench.hub.revision();
    bench.connect(1, 1, &[room(1)]);
    bench.connect(2, 2, &[room(1)]);
    bench.message(room(1), 1, 1);
    bench.typing(2, room(1), true);
    bench.advance(2, room(1), 1, 1);
    bench.advance(7, room(5), 1, 1);
    assert!(bench.hub.remembers(before));
    bench.detach(1);
    bench.detach(2);
    bench.pass(GRACE + 3 * REMEMBER);
    assert!(!bench.hub.remembers(before));
    assert!(bench.hub.remembers(bench.hub.revision()));
    assert_eq!(bench.hub.next_deadline(), None);
    assert!(bench.hub.is_empty());
    let debug = format!("{:?}", bench.hub);
    assert!(debug.contains("people: {}, rooms: {}"), "{debug}");
    assert!(debug.contains("unwritten: {}"), "{debug}");
}

#[test]
fn a_room_that_nobody_follows_costs_nothing() {
    let mut bench = Bench::new();
    for n in 0..100 {
        bench.message(room(n), 1, 1);
        bench.typing(1, room(n), true);
    }
    assert_eq!(bench.hub.next_deadline(), None);
    bench.with(|hub, now, mut deliver| {
        let event = Event {
            room: room(1),
            seq: 2,
            at: now,
            sender: None,
            txn_id: None,
            body: EventBody::MemberAdded { user: user(8) },
        };
        hub.committed(now, &event, Bytes::new(), &mut deliver);
    });
    assert!(format!("{:?}", bench.hub).contains("rooms: {}"));
}

#[test]
fn a_clock_set_a_day_forward_or_back_moves_the_times_shown_and_nothing_else() {
    const DAY: Micros = 86_400_000_000;
    for set in [DAY, -DAY] {
        let mut bench = Bench::new();
        bench.connect(1, 1, &[room(1)]);
        bench.connect(2, 2, &[room(1)]);
        bench.message(room(1), 1, 1);
        bench.typing(1, room(1), true);
        bench.advance(2, room(1), 1, 0);
        bench.heard.clear();

        bench.ahead = set;
        bench.message(room(1), 2, 1);
        bench.pass(FAN_OUT_EVERY - 1);
        bench.advance(2, room(1), 2, 2);
        assert!(bench.states(1).is_empty(), "the fan-out's pause goes on");
        bench.pass(1);
        let [ServerFrame::Positions { of, .. }] = &bench.states(1)[..] else { panic!("one fan-out") };
        assert_eq!(of[0].read_at, BOOT + FAN_OUT_EVERY - 1 + set, "the time shown is the clock's");
        bench.detach(2);
        bench.pass(GRACE - 1);
        assert_eq!(presence_of(&bench.states(1)), [], "the grace of who went goes on");
        bench.pass(1);
        assert_eq!(presence_of(&bench.states(1)), [(2, false)]);
    }
}
