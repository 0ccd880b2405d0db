//! Every limit: one less passes, the limit passes, one more is refused; over the wire unless it shows
//! only further inside. The table below names the test of each, and a limit without one fails.
//!
//! To add a limit: its test here (or where it can be seen), its row in [`TESTED`].
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

#[path = "../support/mod.rs"]
mod support;

mod feed;
mod handshake;
mod rates;
mod rooms;
mod sizes;

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::json;
use support::{Person, Server};
use zas_core::ledger::Submission;
use zas_protocol::Limits;

/// Each limit, the file of its test below the repository's folder, and the test.
const TESTED: [(&str, &str, &str); 59] = [
    ("FRAME_BYTES", SIZES, "a_frame_of_64_kib_is_read_and_one_byte_more_closes_the_socket"),
    ("AUTH_FRAME_BYTES", HANDSHAKE, "a_first_frame_of_4_kib_is_read_and_one_byte_more_closes_the_socket"),
    ("ANONYMOUS_SOCKET_BYTES", HANDSHAKE, "a_socket_of_nobody_yet_sends_8_kib_in_all_and_no_more"),
    ("BODY_BYTES", SIZES, "a_body_of_256_kib_is_read_and_one_byte_more_is_refused"),
    ("ANONYMOUS_BODY_BYTES", SIZES, "a_stranger_s_body_of_8_kib_is_read_and_one_byte_more_is_refused"),
    ("JSON_DEPTH", SIZES, "json_nests_32_deep_and_no_deeper_on_every_way_in"),
    ("COMBINING_MARKS", SIZES, "a_character_carries_8_marks_and_no_more"),
    ("NAME_CHARS", SIZES, "a_name_has_60_characters_and_no_more"),
    ("BIO_CHARS", SIZES, "a_bio_has_300_characters_and_no_more"),
    ("DESCRIPTION_CHARS", SIZES, "a_description_has_500_characters_and_no_more"),
    ("FILE_NAME_BYTES", SHAPE, "a_file_s_name_has_255_bytes_and_keeps_its_ending"),
    ("GROUP_MEMBERS", ROOMS, "a_group_has_1000_members_and_no_more"),
    ("ROOMS_PER_USER", STORE, "a_person_is_in_so_many_rooms_and_no_more"),
    ("PAGE_EVENTS", ROOMS, "a_page_has_100_events_and_no_more"),
    ("SEARCH_RESULTS", ROOMS, "a_search_finds_20_people_and_no_more"),
    ("SERVER_BATCH", SERVER, "a_request_names_a_hundred_people_and_no_more"),
    ("UNREAD_CAP", STORE, "unread_are_counted_up_to_the_cap"),
    (
        "TYPING_EVERY_MS",
        "web/sdk/test/engine/typing.test.ts",
        "one's own is said every 3 s while keys are pressed",
    ),
    ("TYPING_TTL_MS", HUB, "typing_reaches_the_others_and_ends_by_itself"),
    ("SMALL_GROUP", STORE, "a_large_group_shows_ones_own_position_alone"),
    ("header_timeout_ms", HANDSHAKE, "headers_that_do_not_come_in_time_end_the_connection"),
    ("header_bytes", HANDSHAKE, "headers_of_16_kib_are_read_and_one_byte_more_is_refused"),
    ("body_timeout_ms", HANDSHAKE, "a_body_that_does_not_come_in_time_is_given_up"),
    (
        "body_bytes_per_second",
        "crates/server/src/body.rs",
        "so_many_bytes_give_a_body_a_second_more_and_one_less_does_not",
    ),
    ("auth_timeout_ms", HANDSHAKE, "a_socket_that_does_not_say_who_it_is_in_time_is_closed"),
    ("anonymous_sockets_per_address", HANDSHAKE, "sixty_four_sockets_may_be_unknown_and_the_next_one_waits"),
    ("commands_per_minute", RATES, "commands_come_back_at_their_rate"),
    ("commands_burst", RATES, "forty_commands_pass_at_once_and_no_more_over_all_transports"),
    ("reads_per_minute", RATES, "so_many_reads_pass_and_no_more"),
    ("sign_ins_per_minute", RATES, "so_many_sign_ins_pass_from_an_address_and_no_more"),
    ("server_requests_per_minute", SERVER, "so_many_requests_pass_with_a_key_and_no_more"),
    ("uploads_per_minute", RATES, "so_many_files_pass_and_no_more"),
    (
        "signals_per_minute",
        RATES,
        "so_many_signals_pass_over_all_transports_and_the_rest_is_dropped_silently",
    ),
    ("ping_ms", FEED, "a_client_is_told_how_often_to_ping_and_a_stream_hears_a_heartbeat"),
    ("dead_ms", FEED, "a_silent_socket_is_closed_once_its_time_is_up_and_a_ping_gives_it_more"),
    (
        "write_stall_ms",
        "crates/server/src/accept.rs",
        "a_write_ends_once_its_reader_has_read_nothing_for_too_long",
    ),
    ("queue_frames", MAILBOX, "a_full_mailbox_remembers_the_room_once_and_keeps_the_rest"),
    ("queue_bytes", MAILBOX, "bytes_count_as_well_as_frames_and_lost_state_is_said"),
    ("poll_ms", FEED, "a_poll_without_news_is_held_for_its_time_and_no_longer_whatever_is_asked"),
    ("poll_events", FEED, "a_poll_answers_with_100_events_and_no_more"),
    ("polls_per_device", FEED, "two_polls_of_a_device_are_held_and_no_more"),
    ("message_chars", SIZES, "a_message_has_4000_characters_and_no_more_on_every_transport"),
    ("avatar_bytes", SIZES, "an_avatar_of_5_mib_is_looked_at_and_one_byte_more_is_refused"),
    ("upload_bytes", SIZES, "a_file_of_25_mib_is_taken_and_one_byte_more_is_refused"),
    ("user_file_bytes", SIZES, "a_person_s_files_have_so_many_bytes_and_no_more"),
    ("image_pixels", PICTURE, "the_limit_is_on_pixels_and_is_read_before_decoding"),
    ("connections_per_user", FEED, "ten_connections_live_and_the_eleventh_closes_the_oldest"),
    ("resume_room_events", FEED, "a_resume_replays_1000_events_of_a_room_and_no_more"),
    ("resume_events", FEED, "a_resume_replays_so_many_events_of_all_rooms_and_no_more"),
    (
        "jwks_refetch_ms",
        "crates/server/tests/foreign_tokens.rs",
        "an_unknown_key_is_asked_for_once_in_a_while_however_many_tokens_name_one",
    ),
    ("webhook_retry_ms", WEBHOOKS, "an_address_that_fails_is_tried_again_with_the_same_id_and_in_order"),
    ("webhook_give_up_ms", WEBHOOKS, "an_event_that_is_too_old_is_passed_over_once_it_fails"),
    ("commit_queue", BATCH, "the_queue_takes_its_limit_and_refuses_the_next"),
    ("commit_batch", BATCH, "what_comes_during_a_commit_goes_together_up_to_the_batch"),
    ("upstream_connect_ms", UPSTREAM, "a_connection_that_does_not_come_about_in_time_is_told_apart"),
    ("upstream_answer_ms", UPSTREAM, "a_backend_that_does_not_begin_its_answer_in_time_is_told_apart"),
    ("upstream_idle_ms", UPSTREAM, "a_stream_of_the_backend_that_falls_silent_is_given_up"),
    (
        "upstream_header_bytes",
        UPSTREAM,
        "an_answer_s_headers_of_64_kib_are_read_and_one_byte_more_is_no_answer",
    ),
    ("upstream_requests", UPSTREAM, "a_backend_is_busy_with_so_many_requests_and_no_more"),
];

const SIZES: &str = "crates/server/tests/limits/sizes.rs";
const HANDSHAKE: &str = "crates/server/tests/limits/handshake.rs";
const ROOMS: &str = "crates/server/tests/limits/rooms.rs";
const RATES: &str = "crates/server/tests/limits/rates.rs";
const FEED: &str = "crates/server/tests/limits/feed.rs";
const SERVER: &str = "crates/server/tests/server_api.rs";
const WEBHOOKS: &str = "crates/server/tests/webhooks.rs";
const MAILBOX: &str = "crates/server/src/feed/mailbox.rs";
const PICTURE: &str = "crates/server/src/files/picture.rs";
const SHAPE: &str = "crates/core/tests/shape.rs";
const HUB: &str = "crates/core/tests/hub/main.rs";
const STORE: &str = "crates/store/tests/conformance/members.rs";
const UPSTREAM: &str = "crates/server/tests/upstream/silent.rs";
const BATCH: &str = "crates/core/tests/batch.rs";

/// One less, the limit, one more.
const AROUND: [isize; 3] = [-1, 0, 1];

/// `limit` and its two neighbours, each with whether it is within.
fn around(limit: usize) -> impl Iterator<Item = (usize, bool)> {
    AROUND.into_iter().map(move |step| (limit.checked_add_signed(step).unwrap(), step <= 0))
}

impl Server {
    /// Messages `1..=count` of a person, put into the store without a transport's limits.
    async fn fill(&self, person: &Person, room: &str, count: usize) {
        for n in 1..=count {
            let txn_id = format!("fill-{room}-{n}");
            let command = json!({"type": "send", "txn_id": txn_id, "room": room, "text": n.to_string()});
            self.submit(person, command).await;
        }
    }

    /// A command given to the store itself.
    async fn submit(&self, person: &Person, command: serde_json::Value) -> zas_protocol::Ack {
        let submission = Submission { user: person.id, command: serde_json::from_value(command).unwrap() };
        let mut results = self.app.store.commit(vec![submission], zas_server::clock::now()).await.unwrap();
        results.pop().unwrap().unwrap().ack
    }
}

#[test]
fn no_limit_is_without_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let source = read("crates/protocol/src/limits.rs");
    let constants = source.lines().filter_map(|line| line.strip_prefix("pub const "));
    let constants = constants.map(|line| line.split(':').next().unwrap().to_owned());
    let fields = serde_json::to_value(Limits::default()).unwrap();
    let limits: BTreeSet<String> = constants.chain(fields.as_object().unwrap().keys().cloned()).collect();
    let tested: BTreeSet<String> = TESTED.iter().map(|(limit, ..)| (*limit).to_owned()).collect();
    assert_eq!(limits, tested);
    for (limit, file, test) in TESTED {
        assert!(read(file).contains(test), "the test of {limit} is not in {file}: {test}");
    }
}
