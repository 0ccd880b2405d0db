//! The program while its machine's clock is set (P21). The clock is libfaketime's, preloaded: it moves
//! the wall clock of one process and leaves alone what counts from the machine's start.
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use std::path::Path;
use std::process::Command;

use support::PATIENCE;
use support::process::{PASSWORD, Setup, make_account};
use tokio::time::timeout;
use zas_client::engine::{Rung, Status};
use zas_client::{Client, EventBody, Happening, Options};
use zas_protocol::{Event, Micros};

const DAY: Micros = 86_400_000_000;

/// Debian's package `faketime` has it.
fn libfaketime() -> String {
    let found = Command::new("find").args(["/usr/lib", "-name", "libfaketime.so.1"]).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    found.lines().next().expect("libfaketime is installed").to_owned()
}

fn set_clock(file: &Path, days: i32) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, format!("{days:+}d\n")).unwrap();
    std::fs::rename(beside, file).unwrap();
}

#[tokio::test]
async fn a_clock_set_by_a_day_while_people_talk_moves_the_times_shown_and_cuts_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (data, clock) = (folder.path().join("data"), folder.path().join("clock"));
    for username in ["ada", "bob"] {
        make_account(&data, username);
    }
    set_clock(&clock, 0);
    let setup = Setup::new(&data)
        .environment("LD_PRELOAD", &libfaketime())
        .environment("FAKETIME_TIMESTAMP_FILE", &clock.to_string_lossy())
        .environment("FAKETIME_NO_CACHE", "1")
        .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let server = setup.start().await;
    let mut days = Vec::new();
    for rung in [Rung::Socket, Rung::Stream, Rung::Poll] {
        let options = || Options { rungs: vec![rung], ..Options::default() };
        let ada = Client::sign_in_with(&server.url, "ada", PASSWORD, options()).await.unwrap();
        let bob = Client::sign_in_with(&server.url, "bob", PASSWORD, options()).await.unwrap();
        let room = ada.open_private(bob.me()).await.unwrap();
        let mut happenings = bob.happenings().await.unwrap();
        let mut statuses = Vec::new();
        for set in [0, 1, -1] {
            set_clock(&clock, set);
            let sent = ada.send(room, &format!("{rung:?} {set}")).await.unwrap();
            timeout(PATIENCE, sent).await.unwrap().unwrap();
            let at = loop {
                match timeout(PATIENCE, happenings.recv()).await.unwrap().unwrap() {
                    Happening::Event(Event { body: EventBody::Message { .. }, at, .. }) => break at,
                    Happening::Status(status) => statuses.push(status),
                    _ => {}
                }
            };
            days.push((set, at));
        }
        set_clock(&clock, 0);
        if rung == Rung::Poll {
            // Each poll shows its token, whose expiry is the wall clock's: a fresh one goes on.
            continue;
        }
        let live = statuses.iter().filter(|status| **status == Status::Live(rung)).count();
        assert_eq!(live, 1, "one connection carried it all by {rung:?}: {statuses:?}");
    }
    let at = |n: usize| days[n].1;
    assert!((at(1) - at(0) - DAY).abs() < DAY / 2, "the time shown is the clock's");
    // Later events stay later, so that a clock set back shows the last time and a little.
    assert!(days.windows(2).all(|two| two[0].1 < two[1].1), "{days:?}");
    zas_tally::tried("P21", "days that a clock was set by, while people talked", 6);
    assert_eq!(server.stop().await, Some(0));
}
