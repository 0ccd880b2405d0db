//! Which rung is tried when, what ends a connection and what does not, and when tokens are
//! renewed; by a virtual clock.

use zas_client::engine::connection::{
    CONNECT_MS, DEAD_MS, HOLDS_MS, PROBE_MS, REFRESH_AHEAD_MS, RUNG_MS, WAKE_MS,
};
use zas_client::engine::outbox::ENTRIES;
use zas_client::engine::{
    BACKOFF_MAX_MS, BACKOFF_MIN_MS, Effect, Engine, Input, OutboxFull, Rung, Saved, Status, backoff,
};
use zas_protocol::{CloseCode, Command, DeviceId, ErrorCode, RoomId, ServerFrame, TxnId, UserId};

const ME: UserId = UserId(uuid::Uuid::from_u128(1));
const HOUR_MS: u64 = 3_600_000;

struct Rig {
    engine: Engine,
    now: u64,
}

impl Rig {
    fn new() -> Self {
        let rungs = vec![Rung::Socket, Rung::Stream, Rung::Poll];
        Self { engine: Engine::new(ME, rungs, Saved::default()), now: 0 }
    }

    fn input(&mut self, input: Input) -> Vec<Effect> {
        self.engine.handle(self.now, 0.5, input)
    }

    fn at(&mut self, now: u64) -> Vec<Effect> {
        self.now = now;
        self.input(Input::Tick)
    }

    fn frame(&mut self, conn: u64, frame: ServerFrame) -> Vec<Effect> {
        self.input(Input::Frame { conn, frame })
    }

    fn welcome(&mut self, conn: u64) -> Vec<Effect> {
        let welcome = ServerFrame::Welcome {
            user: ME,
            device: DeviceId(ME.0),
            node: "a".to_owned(),
            now: 5,
            ping_ms: 20_000,
            expires_at: 5 + HOUR_MS as i64 * 1_000,
        };
        self.frame(conn, welcome)
    }

    fn live(&mut self, rung: Rung) -> u64 {
        let mut opened = opened(&self.input(Input::Start));
        while opened.last().is_some_and(|&(_, tried)| tried != rung) {
            let next = self.now + RUNG_MS;
            opened.extend(self::opened(&self.at(next)));
        }
        let (conn, _) = opened.pop().expect("a rung is tried");
        self.welcome(conn);
        self.frame(conn, ServerFrame::Synced {});
        assert_eq!(self.engine.status(), Status::Live(rung));
        conn
    }

    fn closed(&mut self, conn: u64, code: CloseCode) -> Vec<Effect> {
        self.input(Input::Closed { conn, code: Some(code.code()) })
    }
}

fn opened(effects: &[Effect]) -> Vec<(u64, Rung)> {
    let open = |effect: &Effect| match effect {
        Effect::Open { conn, rung, .. } => Some((*conn, *rung)),
        _ => None,
    };
    effects.iter().filter_map(open).collect()
}

fn closes(effects: &[Effect]) -> Vec<u64> {
    let close = |effect: &Effect| match effect {
        Effect::Close { conn } => Some(*conn),
        _ => None,
    };
    effects.iter().filter_map(close).collect()
}

#[test]
fn a_rung_without_a_welcome_gets_the_next_one_beside_it_and_the_first_to_say_it_wins() {
    let mut rig = Rig::new();
    assert_eq!(opened(&rig.input(Input::Start)), [(1, Rung::Socket)]);
    assert!(opened(&rig.at(RUNG_MS - 1)).is_empty());
    assert_eq!(opened(&rig.at(RUNG_MS)), [(2, Rung::Stream)]);
    assert_eq!(opened(&rig.at(2 * RUNG_MS)), [(3, Rung::Poll)]);
    assert_eq!(closes(&rig.welcome(2)), [1, 3]);
    assert_eq!(rig.engine.status(), Status::Syncing(Rung::Stream));
    assert!(rig.welcome(3).is_empty(), "what a loser says is ignored");
    assert_eq!(rig.engine.status(), Status::Syncing(Rung::Stream));
}

#[test]
fn a_rung_that_fails_at_once_gets_the_next_one_at_once_and_then_it_waits() {
    let mut rig = Rig::new();
    rig.input(Input::Start);
    assert_eq!(opened(&rig.input(Input::Closed { conn: 1, code: None })), [(2, Rung::Stream)]);
    assert_eq!(opened(&rig.input(Input::Closed { conn: 2, code: None })), [(3, Rung::Poll)]);
    rig.input(Input::Closed { conn: 3, code: None });
    assert_eq!(rig.engine.status(), Status::Waiting { until: BACKOFF_MIN_MS / 2 });
    assert_eq!(rig.engine.next_deadline(), Some(BACKOFF_MIN_MS / 2));
    assert_eq!(opened(&rig.at(BACKOFF_MIN_MS / 2)), [(4, Rung::Socket)]);
}

#[test]
fn an_attempt_that_hears_nothing_is_given_up() {
    let mut rig = Rig::new();
    rig.input(Input::Start);
    rig.at(RUNG_MS);
    rig.at(2 * RUNG_MS);
    assert_eq!(closes(&rig.at(CONNECT_MS)), [1, 2, 3]);
    assert!(matches!(rig.engine.status(), Status::Waiting { .. }));
}

#[test]
fn the_wait_doubles_with_full_jitter_up_to_its_limit() {
    assert_eq!(backoff(0, 0.0), 0);
    assert_eq!(backoff(0, 1.0), BACKOFF_MIN_MS);
    assert_eq!(backoff(3, 1.0), 8 * BACKOFF_MIN_MS);
    assert_eq!(backoff(u32::MAX, 1.0), BACKOFF_MAX_MS);
    assert_eq!(backoff(u32::MAX, 0.5), BACKOFF_MAX_MS / 2);
}

#[test]
fn a_close_code_says_whether_to_come_back() {
    for code in CloseCode::ALL {
        let mut rig = Rig::new();
        let conn = rig.live(Rung::Socket);
        let effects = rig.closed(conn, code);
        let renews = effects.contains(&Effect::RefreshToken);
        match code {
            CloseCode::TokenExpired | CloseCode::Unauthenticated | CloseCode::Revoked => {
                assert!(renews, "{code:?}");
                assert_eq!(rig.engine.status(), Status::Connecting { attempt: 1 });
            }
            _ if code.code() >= 4_500 => {
                assert!(!renews, "{code:?}");
                assert_eq!(rig.engine.status(), Status::Closed(code.code()));
            }
            _ => {
                assert!(!renews, "{code:?}");
                assert!(matches!(rig.engine.status(), Status::Waiting { .. }), "{code:?}");
            }
        }
    }
}

#[test]
fn a_session_that_ended_is_renewed_once_and_then_left_to_its_user() {
    let mut rig = Rig::new();
    let conn = rig.live(Rung::Socket);
    rig.closed(conn, CloseCode::Revoked);
    rig.input(Input::TokenRefused { code: Some(ErrorCode::Revoked) });
    assert_eq!(rig.engine.status(), Status::NeedsAuth);
    assert_eq!(rig.engine.next_deadline(), None);
    assert_eq!(opened(&rig.input(Input::Start)).len(), 1, "signed in again");
}

#[test]
fn a_fresh_token_that_is_refused_too_is_not_asked_for_in_a_loop() {
    let mut rig = Rig::new();
    let conn = rig.live(Rung::Socket);
    rig.closed(conn, CloseCode::Unauthenticated);
    let (conn, _) = opened(&rig.input(Input::TokenRefreshed))[0];
    rig.closed(conn, CloseCode::Unauthenticated);
    assert!(opened(&rig.input(Input::TokenRefreshed)).is_empty());
    assert!(matches!(rig.engine.status(), Status::Waiting { .. }));
}

#[test]
fn a_token_is_renewed_before_it_expires_and_presented_in_band() {
    let mut rig = Rig::new();
    let conn = rig.live(Rung::Socket);
    let due = HOUR_MS - REFRESH_AHEAD_MS;
    let mut now = 0;
    while now < due - 10_000 {
        now += 10_000;
        assert!(!rig.at(now).contains(&Effect::RefreshToken), "too early at {now}");
        rig.frame(conn, ServerFrame::Pong { n: 0 });
    }
    assert!(rig.at(due).contains(&Effect::RefreshToken));
    assert!(!rig.at(due + 1).contains(&Effect::RefreshToken), "asked for once");
    assert_eq!(rig.input(Input::TokenRefreshed), [Effect::PresentToken { conn }]);
    assert_eq!(rig.engine.status(), Status::Live(Rung::Socket));
}

#[test]
fn a_connection_that_falls_silent_is_dead_and_one_that_answers_is_not() {
    let mut rig = Rig::new();
    let conn = rig.live(Rung::Socket);
    assert!(rig.at(20_000).contains(&Effect::Ping { conn, n: 1 }));
    rig.frame(conn, ServerFrame::Pong { n: 1 });
    rig.at(20_000 + DEAD_MS - 1);
    assert_eq!(rig.engine.status(), Status::Live(Rung::Socket));
    assert_eq!(closes(&rig.at(20_000 + DEAD_MS)), [conn]);
    assert!(matches!(rig.engine.status(), Status::Waiting { .. }));
}

#[test]
fn after_waking_up_a_ping_has_two_seconds() {
    let mut rig = Rig::new();
    let conn = rig.live(Rung::Socket);
    rig.now = 1_000;
    assert_eq!(rig.input(Input::Wake), [Effect::Ping { conn, n: 1 }]);
    rig.at(1_000 + WAKE_MS - 1);
    assert_eq!(rig.engine.status(), Status::Live(Rung::Socket));
    assert_eq!(closes(&rig.at(1_000 + WAKE_MS)), [conn]);
    assert_eq!(opened(&rig.input(Input::Wake)).len(), 1, "and waking up does not wait");
}

#[test]
fn a_draining_server_says_when_to_come_back() {
    let mut rig = Rig::new();
    let conn = rig.live(Rung::Socket);
    rig.frame(conn, ServerFrame::Drain { delay_ms: 7_000 });
    rig.closed(conn, CloseCode::Drain);
    assert_eq!(rig.engine.status(), Status::Waiting { until: 7_000 });
}

#[test]
fn a_poll_follows_the_one_before_and_is_held_shorter_where_holds_are_cut() {
    let mut rig = Rig::new();
    let conn = rig.live(Rung::Poll);
    let next = |effects: &[Effect]| match effects {
        [Effect::Open { conn, rung: Rung::Poll, wait_ms }] => (*conn, *wait_ms),
        other => panic!("not one poll: {other:?}"),
    };
    let (conn, wait) = next(&rig.input(Input::PollAnswered { conn }));
    assert_eq!(wait, HOLDS_MS[0]);
    let (conn, wait) = next(&rig.input(Input::Closed { conn, code: None }));
    assert_eq!(wait, HOLDS_MS[1]);
    rig.input(Input::Closed { conn, code: None });
    assert!(matches!(rig.engine.status(), Status::Waiting { .. }), "two in a row are an outage");
}

#[test]
fn the_top_rung_is_tried_again_beside_a_lower_one_and_takes_over() {
    let mut rig = Rig::new();
    let lower = rig.live(Rung::Stream);
    let since = rig.now;
    assert!(opened(&rig.at(since + PROBE_MS - 1)).is_empty());
    let (probe, rung) = opened(&rig.at(since + PROBE_MS))[0];
    assert_eq!(rung, Rung::Socket);
    assert_eq!(rig.engine.status(), Status::Live(Rung::Stream), "what works goes on meanwhile");
    rig.input(Input::Closed { conn: probe, code: None });
    let again = rig.now + 2 * PROBE_MS;
    rig.input(Input::Heard { conn: lower });
    rig.at(again - DEAD_MS + 1_000);
    rig.input(Input::Heard { conn: lower });
    let (probe, _) = opened(&rig.at(again))[0];
    assert_eq!(closes(&rig.welcome(probe)), [lower]);
    assert_eq!(rig.engine.status(), Status::Syncing(Rung::Socket));
}

#[test]
fn an_outbox_takes_so_many_and_no_more() {
    let mut rig = Rig::new();
    let command = |n: usize| {
        Command::text(
            TxnId::new(&format!("t{n}")).expect("letters and digits"),
            RoomId(ME.0),
            None,
            "a".to_owned(),
        )
    };
    for n in 0..ENTRIES {
        assert!(rig.engine.compose(0, command(n)).is_ok());
    }
    assert_eq!(rig.engine.compose(0, command(ENTRIES)), Err(OutboxFull));
    assert_eq!(rig.engine.outbox().waiting(), ENTRIES);
}
