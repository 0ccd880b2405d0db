//! What a client makes of a server whose backup was restored: another history, with nothing of the former
//! one mixed in.

use uuid::Uuid;
use zas_client::engine::{Effect, Engine, Input, Rung, Saved};
use zas_protocol::rest::{LogHead, Page};
use zas_protocol::{
    Ack, Command, DeviceId, Epoch, Event, EventBody, RoomId, Seq, ServerFrame, TxnId, UserId,
};

const ME: UserId = UserId(Uuid::from_u128(1));
const OTHER: UserId = UserId(Uuid::from_u128(2));
const ROOM: RoomId = RoomId(Uuid::from_u128(3));
const OWN: RoomId = RoomId::own_log(ME);

struct Rig {
    engine: Engine,
    conn: u64,
}

impl Rig {
    /// Live, with the room and one's own log followed from these heads of history 1.
    fn new(heads: [(RoomId, Seq); 2]) -> Self {
        let mut rig = Self { engine: Engine::new(ME, vec![Rung::Socket], Saved::default()), conn: 0 };
        let heads = heads.map(|(room, head)| LogHead { room, epoch: 1, head }).to_vec();
        rig.input(Input::Heads { heads });
        for effect in rig.input(Input::Start) {
            if let Effect::Open { conn, .. } = effect {
                rig.conn = conn;
            }
        }
        let (node, device) = ("a".to_owned(), DeviceId(ME.0));
        rig.hear(ServerFrame::Welcome {
            user: ME,
            device,
            node,
            now: 0,
            ping_ms: 20_000,
            expires_at: 1 << 40,
        });
        rig.hear(ServerFrame::Synced {});
        rig
    }

    fn input(&mut self, input: Input) -> Vec<Effect> {
        self.engine.handle(0, 0.5, input)
    }

    fn hear(&mut self, frame: ServerFrame) -> Vec<Effect> {
        self.input(Input::Frame { conn: self.conn, frame })
    }

    fn resync(&mut self, room: RoomId, epoch: Epoch, head: Seq) -> Vec<Effect> {
        self.hear(ServerFrame::Resync { room, epoch, head })
    }

    /// Answers the newest page that one of these effects asks for.
    fn newest(&mut self, effects: &[Effect], room: RoomId, epoch: Epoch, events: Vec<Event>) -> Vec<Effect> {
        let id = effects.iter().find_map(|effect| match effect {
            Effect::Fetch { room: of, id, .. } if *of == room => Some(*id),
            _ => None,
        });
        let (from, to) =
            (events.first().map_or(1, |event| event.seq), events.last().map_or(0, |event| event.seq));
        let page = Page {
            room,
            epoch,
            head: to,
            from,
            to,
            events,
            skips: Vec::new(),
            states: Vec::new(),
            more_before: from > 1,
        };
        self.input(Input::Fetched { room, id: id.expect("a page is asked for"), page: Ok(page) })
    }

    fn follows(&self, room: RoomId) -> bool {
        self.engine.timeline(room).is_some_and(|log| log.position().is_some())
    }
}

fn event(room: RoomId, seq: Seq, sender: UserId, body: EventBody) -> Event {
    Event { room, seq, at: seq as i64, sender: Some(sender), txn_id: None, body }
}

fn name(text: &str) -> TxnId {
    TxnId::new(text).expect("a name")
}

#[test]
fn a_room_that_the_restored_history_lacks_is_left() {
    let mut rig = Rig::new([(OWN, 4), (ROOM, 7)]);
    assert!(rig.follows(ROOM));
    rig.resync(OWN, 2, 3);
    assert!(!rig.engine.timeline(ROOM).is_some_and(|log| log.is_gone()), "it may still be named");
    rig.hear(ServerFrame::Synced {});
    assert!(rig.engine.timeline(ROOM).is_some_and(|log| log.is_gone()));
    assert_eq!(rig.engine.hello().cursor.and_then(|mut cursor| cursor.remove(&ROOM)), None);
}

#[test]
fn a_room_that_the_restored_history_has_goes_on_in_it() {
    let mut rig = Rig::new([(OWN, 4), (ROOM, 7)]);
    assert!(rig.resync(OWN, 2, 3).contains(&Effect::Replaced { room: ROOM }), "no log is of two histories");
    let asked = rig.resync(ROOM, 2, 5);
    rig.hear(ServerFrame::Synced {});
    let renamed = EventBody::RoomRenamed { name: "otra".to_owned() };
    rig.newest(&asked, ROOM, 2, vec![event(ROOM, 5, OTHER, renamed)]);
    assert_eq!(rig.engine.timeline(ROOM).and_then(|log| log.position()), Some((2, 5)));
}

#[test]
fn who_came_in_late_in_the_former_history_hears_of_being_removed_early_in_the_next() {
    let mut rig = Rig::new([(OWN, 4), (ROOM, 7)]);
    rig.hear(ServerFrame::Event(event(ROOM, 8, OTHER, EventBody::MemberAdded { user: ME })));
    rig.resync(OWN, 2, 3);
    let asked = rig.resync(ROOM, 2, 2);
    rig.hear(ServerFrame::Synced {});
    rig.newest(&asked, ROOM, 2, vec![event(ROOM, 2, OTHER, EventBody::MemberAdded { user: OTHER })]);
    assert!(rig.follows(ROOM));
    rig.hear(ServerFrame::Event(event(ROOM, 3, OTHER, EventBody::MemberRemoved { user: ME })));
    assert!(!rig.follows(ROOM));
}

#[test]
fn who_comes_into_a_room_again_after_a_restore_holds_nothing_of_the_former_history() {
    let mut rig = Rig::new([(OWN, 4), (ROOM, 7)]);
    rig.hear(ServerFrame::Event(event(ROOM, 8, OTHER, EventBody::RoomRenamed { name: "antes".to_owned() })));
    rig.resync(OWN, 2, 3);
    // Not in the room when the connection opened, so it is not named; then one is added to it.
    let asked = rig.hear(ServerFrame::Event(event(ROOM, 5, OTHER, EventBody::MemberAdded { user: ME })));
    rig.hear(ServerFrame::Synced {});
    rig.newest(&asked, ROOM, 2, vec![event(ROOM, 5, OTHER, EventBody::MemberAdded { user: ME })]);
    assert_eq!(rig.engine.timeline(ROOM).and_then(|log| log.position()), Some((2, 5)));
    let held: Vec<Seq> =
        rig.engine.timeline(ROOM).into_iter().flat_map(|log| log.events()).map(|e| e.seq).collect();
    assert_eq!(held, [5]);
}

#[test]
fn what_came_of_an_unknown_room_before_a_restore_is_not_added_to_what_comes_after() {
    let mut rig = Rig::new([(OWN, 4), (RoomId(Uuid::from_u128(9)), 1)]);
    let asked = rig.hear(ServerFrame::Event(event(
        ROOM,
        2,
        OTHER,
        EventBody::RoomRenamed { name: "antes".to_owned() },
    )));
    assert!(matches!(asked[..], [Effect::Fetch { .. }]));
    let asked = rig.resync(ROOM, 2, 1);
    rig.newest(&asked, ROOM, 2, vec![event(ROOM, 1, OTHER, EventBody::MemberAdded { user: ME })]);
    assert_eq!(rig.engine.timeline(ROOM).and_then(|log| log.position()), Some((2, 1)));
}

#[test]
fn a_room_left_while_ones_own_log_was_not_followed_is_known_to_be_left_by_the_first_state() {
    let saved = Saved { outbox: Vec::new(), cursor: [(ROOM, (1, 7))].into() };
    let mut engine = Engine::new(ME, vec![Rung::Socket], saved);
    let _ = engine.handle(0, 0.5, Input::Heads { heads: vec![LogHead { room: OWN, epoch: 1, head: 4 }] });
    assert!(engine.timeline(ROOM).is_some_and(|log| log.is_gone()));
}

#[test]
fn what_was_acked_in_the_former_history_alone_goes_out_again() {
    let mut rig = Rig::new([(OWN, 4), (ROOM, 7)]);
    let command = Command::text(name("m"), ROOM, None, "hola".to_owned());
    rig.engine.compose(0, command.clone()).expect("there is room");
    rig.hear(ServerFrame::Ack(Ack { txn_id: name("m"), room: ROOM, seq: 8, at: 8, message: None }));
    assert_eq!(rig.engine.outbox().waiting(), 0);
    let sent = rig.resync(ROOM, 2, 20);
    assert!(sent.contains(&Effect::Send(command)), "{sent:?}");
}

#[test]
fn what_arrived_before_a_restart_is_said_to_have_arrived() {
    let cursor = [(ROOM, (1, 7)), (OWN, (1, 4))].into();
    let saved = Saved { outbox: Vec::new(), cursor };
    let engine = Engine::new(ME, vec![Rung::Socket], saved.clone());
    assert_eq!(engine.positions().own(ROOM), (7, 0));
    assert_eq!(engine.positions().own(OWN), (0, 0));
    let silent = Engine::new(ME, vec![Rung::Socket], saved).with_receipts(false);
    assert_eq!(silent.positions().own(ROOM), (0, 0));
}
