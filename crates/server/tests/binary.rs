//! The program itself, as one starts it: what only `main` joins together (files on disk, the HTTP server
//! with its upgrades, signals, the command line).
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use std::os::unix::fs::PermissionsExt as _;

use support::PATIENCE;
use support::process::{PASSWORD, Setup, make_account, zas};
use tokio::time::timeout;
use zas_client::engine::{Rung, Status};
use zas_client::{Client, EventBody, Happening, Options};
use zas_protocol::Event;

#[tokio::test]
async fn two_people_talk_by_socket_and_a_sigterm_drains() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    make_account(&data, "ada");
    make_account(&data, "bob");
    let setup = Setup::new(&data);
    let server = setup.start().await;
    for path in ["/healthz", "/readyz"] {
        let answer = reqwest::get(format!("{}{path}", server.url)).await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
    }
    // The socket alone: on another rung a broken upgrade would not show.
    let options = Options { rungs: vec![Rung::Socket], ..Options::default() };
    let bob = Client::sign_in_with(&server.url, "bob", PASSWORD, options).await.unwrap();
    let mut happenings = bob.happenings().await.unwrap();

    let mut send = zas(&data);
    send.env("ZAS_PASSWORD", PASSWORD);
    send.args(["send", "--url", &server.url, "--login", "ada@example.org", "@bob", "hola desde aquí"]);
    let sent = tokio::task::spawn_blocking(move || send.output().unwrap()).await.unwrap();
    assert!(sent.status.success(), "{sent:?}");
    loop {
        match timeout(PATIENCE, happenings.recv()).await.unwrap().unwrap() {
            Happening::Event(Event { body: EventBody::Message { text, .. }, .. }) => {
                assert_eq!(text, "hola desde aquí");
                break;
            }
            Happening::Status(Status::Live(rung)) => assert_eq!(rung, Rung::Socket),
            _ => {}
        }
    }
    assert_eq!(server.stop().await, Some(0));
    assert!(!setup.log().contains('\u{1b}'), "a log that is no terminal's has no colours");
}

#[test]
fn what_the_first_start_makes_is_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    make_account(&data, "ada");
    let mut seen = 0;
    let mut folders = vec![data];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", entry.path().display());
                seen += 1;
            }
        }
    }
    assert!(seen >= 3, "keys and database were looked at, {seen} files");
}

#[test]
fn a_refusal_at_the_prompt_is_one_sentence_and_a_status() {
    let folder = tempfile::tempdir().unwrap();
    let mut nobody = zas(folder.path());
    nobody.args(["send", "@bob", "hola"]);
    let refused = nobody.output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("--login"), "{said}");

    let mut wrong = zas(folder.path());
    wrong.args(["config", "check", "--listen", "nowhere"]);
    assert!(!wrong.output().unwrap().status.success());
}

#[test]
fn the_settings_and_the_doctor_show_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    make_account(&data, "ada");
    for arguments in [&["config", "dump"][..], &["config", "check"], &["doctor", "--listen", "127.0.0.1:0"]] {
        let answer = zas(&data).args(arguments).output().unwrap();
        assert!(answer.status.success(), "{arguments:?}: {answer:?}");
        let said = String::from_utf8(answer.stdout).unwrap();
        assert!(!said.trim().is_empty());
        for key in std::fs::read_dir(data.join("keys")).unwrap() {
            let key = std::fs::read(key.unwrap().path()).unwrap();
            let key = String::from_utf8_lossy(&key).trim().to_owned();
            assert!(!said.contains(&key), "{arguments:?} shows a key");
        }
    }
}
