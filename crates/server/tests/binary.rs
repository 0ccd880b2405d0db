//! The program itself, as one starts it: what only `main` joins together (files on disk, the HTTP server
//! with its upgrades, signals, the command line).
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;
use zas_client::engine::{Rung, Status};
use zas_client::{Client, EventBody, Happening, Options};
use zas_protocol::Event;

const PATIENCE: Duration = Duration::from_secs(20);
const PASSWORD: &str = "una frase de paso";

fn zas(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zas"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ZAS_")) {
        command.env_remove(name);
    }
    command.arg("--data").arg(data).args(["--metrics-listen", "off"]).stdin(Stdio::null());
    command
}

fn with_input(mut command: Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn make_account(data: &Path, username: &str) {
    let mut command = zas(data);
    let email = format!("{username}@example.org");
    command.args(["admin", "user", "create", username, "--email", &email, "--password-stdin"]);
    let made = with_input(command, &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{made:?}");
}

/// A running server; killed if a test leaves it.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    async fn start(data: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = zas(data);
        let mut child = command
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let url = format!("http://127.0.0.1:{port}");
        let running = Self { child, url };
        let announced = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            while !line.contains("listening") {
                line.clear();
                assert!(log.read_line(&mut line).unwrap() > 0, "the server ended before it listened");
            }
            // Goes on reading, so that the server never waits for its log.
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
            line
        });
        let line = timeout(PATIENCE, announced).await.unwrap().unwrap();
        assert!(!line.contains('\u{1b}'), "a log that is no terminal's has no colours: {line:?}");
        running
    }

    async fn stop(mut self) -> Option<i32> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        let ended = tokio::task::spawn_blocking(move || self.child.wait().unwrap().code());
        timeout(PATIENCE, ended).await.unwrap().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

#[tokio::test]
async fn two_people_talk_by_socket_and_a_sigterm_drains() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    make_account(&data, "ada");
    make_account(&data, "bob");
    let server = Running::start(&data).await;
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
