//! What a session says of the places of a log: each of them, once and in order.

use std::sync::Arc;

use uuid::Uuid;
use zas_core::session::{Effect, Identity, Input, Log, Session, Settings};
use zas_protocol::rest::Page;
use zas_protocol::{DeviceId, Event, EventBody, Hello, MessageId, Micros, RoomId, Seq, ServerFrame, UserId};

const NOW: Micros = 1_000_000_000;
const ROOM: RoomId = RoomId(Uuid::from_u128(1));
const ANA: UserId = UserId(Uuid::from_u128(2));

fn event(seq: Seq) -> Event {
    let body = EventBody::text(MessageId(Uuid::from_u128(seq.into())), "hola".to_owned());
    Event { room: ROOM, seq, at: NOW, sender: Some(ANA), txn_id: None, body }
}

/// The places of the room that these effects tell of, `(from, to)` each, skips told apart by `true`.
fn told(effects: &[Effect]) -> Vec<(Seq, Seq, bool)> {
    let frames = effects.iter().filter_map(|effect| match effect {
        Effect::Send(bytes) => serde_json::from_slice::<ServerFrame>(bytes).ok(),
        _ => None,
    });
    frames
        .filter_map(|frame| match frame {
            ServerFrame::Event(event) => Some((event.seq, event.seq, false)),
            ServerFrame::Skip { from, to, .. } => Some((from, to, true)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_resume_tells_of_every_place_what_one_may_not_see_by_a_skip() {
    let identity = Identity { user: ANA, device: DeviceId(Uuid::from_u128(3)), expires_at: NOW * 2 };
    let hello = Hello { token: None, cursor: Some([(ROOM, (0, 3))].into()), seen: None };
    let mut effects = Vec::new();
    let mut session = Session::authenticated(Arc::new(Settings::default()), identity, hello, &mut effects);
    let logs = vec![Log { room: ROOM, epoch: 0, head: 11, from: 8, members: 2 }];
    session.handle(NOW, Input::Opened(logs), &mut effects);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Read { room: ROOM, after: 3, .. })));
    effects.clear();

    // Ana saw 4, was away for 5 to 7, and does not see the last place either.
    let events = vec![event(4), event(8), event(9), event(10)];
    let (skips, more_before) = (vec![(5, 7), (11, 11)], true);
    let page = Page {
        room: ROOM,
        epoch: 0,
        head: 11,
        from: 4,
        to: 11,
        events,
        skips,
        states: Vec::new(),
        more_before,
    };
    session.handle(NOW, Input::Page(page), &mut effects);
    assert_eq!(
        told(&effects),
        [(4, 4, false), (5, 7, true), (8, 8, false), (9, 9, false), (10, 10, false), (11, 11, true)]
    );
    assert!(session.is_synced());
}
