//! The tables of `spec/protocol.md` are those of the code, row by row.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

use std::collections::BTreeSet;

use zas_protocol::close::{CloseCode, OnClose, on_close};
use zas_protocol::{ErrorCode, Limits, Retry, limits};

/// The cells of every row of the table below a heading, code marks and separators left out.
fn table(heading: &str) -> BTreeSet<Vec<String>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../spec/protocol.md");
    let page = std::fs::read_to_string(path).unwrap();
    let rows: BTreeSet<Vec<String>> = page
        .lines()
        .skip_while(|line| line.trim_start_matches('#').trim() != heading)
        .skip(1)
        .skip_while(|line| !line.starts_with('|'))
        .take_while(|line| line.starts_with('|'))
        .skip(2)
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect())
        .collect();
    assert!(!rows.is_empty(), "no table below \"{heading}\"");
    rows
}

/// The first cells of each row, where the rest is prose.
fn cells(heading: &str, count: usize) -> BTreeSet<Vec<String>> {
    table(heading).into_iter().map(|row| row[..count].to_vec()).collect()
}

#[test]
fn the_page_names_every_refusal_with_its_status_and_whether_to_retry() {
    let code: BTreeSet<Vec<String>> = ErrorCode::ALL
        .iter()
        .map(|code| {
            let retry = match code.retry() {
                Retry::Never => "never",
                Retry::Later => "later",
                Retry::Refreshed => "refreshed",
                Retry::InOrder => "in_order",
            };
            vec![code.name().to_owned(), code.status().to_string(), retry.to_owned()]
        })
        .collect();
    assert_eq!(cells("Refusals", 3), code);
}

#[test]
fn the_page_names_every_close_code_with_what_a_client_does() {
    let code: BTreeSet<Vec<String>> = CloseCode::ALL
        .iter()
        .map(|code| {
            let what = match on_close(code.code()) {
                OnClose::Reconnect => "reconnect",
                OnClose::RefreshThenReconnect => "refresh, then reconnect",
                OnClose::Stop => "stop",
            };
            vec![code.code().to_string(), code.reason().to_owned(), what.to_owned()]
        })
        .collect();
    assert_eq!(cells("Close codes", 3), code);
}

#[test]
fn the_page_gives_the_limits_in_force() {
    let set = Limits::default();
    let seconds = |ms: u64| format!("{} s", ms / 1_000);
    let kib = |bytes: usize| format!("{} KiB", bytes / 1_024);
    let code: BTreeSet<Vec<String>> = [
        ("first frame", kib(limits::AUTH_FRAME_BYTES)),
        ("time for the first frame", seconds(set.auth_timeout_ms)),
        ("all frames before their sender is known", kib(limits::ANONYMOUS_SOCKET_BYTES)),
        ("frame", kib(limits::FRAME_BYTES)),
        ("body of a request", kib(limits::BODY_BYTES)),
        ("body before its sender is known", kib(limits::ANONYMOUS_BODY_BYTES)),
        (
            "time for a body to arrive",
            format!(
                "{}, and 1 s for each {} KiB",
                seconds(set.body_timeout_ms),
                set.body_bytes_per_second / 1_024
            ),
        ),
        (
            "a file, all files of one user",
            format!("{} MiB, {} GiB", set.upload_bytes >> 20, set.user_file_bytes >> 30),
        ),
        ("bytes of a file's name", limits::FILE_NAME_BYTES.to_string()),
        ("pixels of an image", format!("{},000,000", set.image_pixels / 1_000_000)),
        // Nobody sets this one (`files::sweep` of the server).
        ("a file waits for its message", "24 h".to_owned()),
        ("characters of a message", set.message_chars.to_string()),
        ("commands a minute, at once", format!("{}, {}", set.commands_per_minute, set.commands_burst)),
        ("reads a minute", set.reads_per_minute.to_string()),
        ("signals a minute", set.signals_per_minute.to_string()),
        ("files to send a minute", set.uploads_per_minute.to_string()),
        ("ping", seconds(set.ping_ms)),
        ("dead after silence of", seconds(set.dead_ms)),
        ("held poll", seconds(set.poll_ms)),
        ("events of one poll", set.poll_events.to_string()),
        ("events of one page", limits::PAGE_EVENTS.to_string()),
        (
            "events that a resume replays: of a room, in all",
            format!("{}, {}", set.resume_room_events, set.resume_events),
        ),
        ("connections of one user", set.connections_per_user.to_string()),
        (
            "typing: said every, ends after",
            format!("{}, {}", seconds(limits::TYPING_EVERY_MS), seconds(limits::TYPING_TTL_MS)),
        ),
    ]
    .into_iter()
    .map(|(what, value)| vec![what.to_owned(), value])
    .collect();
    assert_eq!(cells("Limits", 2), code);
}
