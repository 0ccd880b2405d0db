//! The program on a MariaDB of its own: people write, both programs are killed, and a backup is restored to
//! either engine.
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use std::path::Path;
use std::process::Output;

use support::PATIENCE;
use support::process::{PASSWORD, Setup, with_input, zas};
use tokio::time::timeout;
use zas_client::{Client, EventBody, Happening};
use zas_mariadb::Mariadb;
use zas_protocol::{Ack, Event, RoomId};

const DATABASE: &str = "ZAS_DATABASE_URL";

async fn run(data: &Path, url: &str, words: &[&str]) -> Output {
    let mut command = zas(data);
    command.env(DATABASE, url).args(words);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn make_account(data: &Path, url: &str, username: &str) {
    let mut command = zas(data);
    let email = format!("{username}@example.org");
    command.env(DATABASE, url);
    command.args(["admin", "user", "create", username, "--email", &email, "--password-stdin"]);
    let made = with_input(command, &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{made:?}");
}

async fn say(client: &Client, room: RoomId, text: &str) -> Ack {
    timeout(3 * PATIENCE, client.send(room, text).await.unwrap()).await.unwrap().unwrap()
}

async fn hears(happenings: &mut tokio::sync::mpsc::Receiver<Happening>, wanted: &str) {
    loop {
        let happening = timeout(PATIENCE, happenings.recv()).await.unwrap().unwrap();
        if let Happening::Event(Event { body: EventBody::Message { text, .. }, .. }) = happening
            && text == wanted
        {
            return;
        }
    }
}

async fn texts(url: &str, room: RoomId) -> Vec<String> {
    let client = Client::sign_in(url, "bob", PASSWORD).await.unwrap();
    let page = client.history(room, None).await.unwrap();
    let text = |event: Event| match event.body {
        EventBody::Message { text, .. } => Some(text),
        _ => None,
    };
    page.events.into_iter().filter_map(text).collect()
}

async fn readiness(url: &str) -> u16 {
    reqwest::get(format!("{url}/readyz")).await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_write_while_either_program_is_killed_and_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut database = Mariadb::start();
    let url = database.database();
    let before = run(&data, &url, &["doctor"]).await;
    let shown = String::from_utf8_lossy(&before.stdout).into_owned();
    assert!(shown.contains("engine MariaDB") && shown.contains("schema none yet"), "{shown}");
    for username in ["ada", "bob"] {
        make_account(&data, &url, username);
    }
    let setup = Setup::new(&data).environment(DATABASE, &url);
    let server = setup.start().await;
    assert_eq!(readiness(&server.url).await, 200);
    let ada = Client::sign_in(&server.url, "ada", PASSWORD).await.unwrap();
    let bob = Client::sign_in(&server.url, "bob", PASSWORD).await.unwrap();
    let room = ada.open_private(bob.me()).await.unwrap();
    let mut happenings = bob.happenings().await.unwrap();
    say(&ada, room, "uno").await;
    hears(&mut happenings, "uno").await;

    // Somebody else's server on the same database, and an order past the one that runs.
    let listed = run(&data, &url, &["admin", "user", "list"]).await;
    let refused = String::from_utf8_lossy(&listed.stderr).into_owned();
    assert!(!listed.status.success() && refused.contains("a server has zas0 open"), "{refused}");
    let doctor = run(&data, &url, &["doctor"]).await;
    let shown = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(shown.contains("engine MariaDB") && shown.contains("durability full"), "{shown}");

    // The database goes away and comes back: what was written meanwhile is delivered then, once.
    database.kill();
    assert_eq!(readiness(&server.url).await, 503);
    let waiting = ada.send(room, "dos").await.unwrap();
    database.start_again();
    timeout(3 * PATIENCE, waiting).await.unwrap().unwrap();
    hears(&mut happenings, "dos").await;
    let ready = async { while readiness(&server.url).await != 200 {} };
    timeout(PATIENCE, ready).await.unwrap();

    server.kill();
    let server = setup.start().await;
    say(&ada, room, "tres").await;
    hears(&mut happenings, "tres").await;
    assert_eq!(texts(&server.url, room).await, ["uno", "dos", "tres"]);
    assert_eq!(server.stop().await, Some(0));
    let log = setup.log();
    assert!(!log.contains("clave") && !log.contains("uno"), "{log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_either_engine_is_restored_to_the_other_by_the_same_commands() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
    let database = Mariadb::start();
    let url = database.database();
    for username in ["ada", "bob"] {
        make_account(&data, &url, username);
    }
    let setup = Setup::new(&data).environment(DATABASE, &url);
    let server = setup.start().await;
    let ada = Client::sign_in(&server.url, "ada", PASSWORD).await.unwrap();
    let bob = Client::sign_in(&server.url, "bob", PASSWORD).await.unwrap();
    let room = ada.open_private(bob.me()).await.unwrap();
    say(&ada, room, "uno").await;
    let folder_name = backup.to_string_lossy().into_owned();
    let made = run(&data, &url, &["backup", &folder_name]).await;
    assert!(made.status.success(), "{made:?}");
    let epoch = ada.room(room).await.unwrap().room.epoch;
    say(&ada, room, "perdido").await;
    let refused = run(&data, &url, &["restore", &folder_name]).await;
    assert!(!refused.status.success(), "not under a running server");
    assert_eq!(server.stop().await, Some(0));
    let refused = run(&data, &url, &["restore", &folder_name]).await;
    assert!(String::from_utf8_lossy(&refused.stderr).contains("left as it is"), "{refused:?}");

    // Into another database, then into a file, and from that file into a third database.
    let other = database.database();
    let restored = run(&data, &other, &["restore", &folder_name]).await;
    assert!(restored.status.success(), "{restored:?}");
    let setup = Setup::new(&data).environment(DATABASE, &other);
    let server = setup.start().await;
    let fresh = Client::sign_in(&server.url, "ada", PASSWORD).await.unwrap();
    assert!(fresh.room(room).await.unwrap().room.epoch > epoch, "clients see another history");
    say(&fresh, room, "dos").await;
    assert_eq!(texts(&server.url, room).await, ["uno", "dos"]);
    assert_eq!(server.stop().await, Some(0));

    let (in_file, second) = (folder.path().join("file"), folder.path().join("second"));
    let file_url = "sqlite:zas.sqlite";
    let restored = run(&in_file, file_url, &["restore", &folder_name]).await;
    assert!(restored.status.success(), "{restored:?}");
    let server = Setup::new(&in_file).start().await;
    assert_eq!(texts(&server.url, room).await, ["uno"]);
    assert_eq!(server.stop().await, Some(0));
    let second = second.to_string_lossy().into_owned();
    assert!(run(&in_file, file_url, &["backup", &second]).await.status.success());
    let third = database.database();
    assert!(run(&in_file, &third, &["restore", &second]).await.status.success());
    let server = Setup::new(&in_file).environment(DATABASE, &third).start().await;
    assert_eq!(texts(&server.url, room).await, ["uno"]);
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test]
async fn a_server_that_may_lose_something_is_refused_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let database = Mariadb::with(&["--innodb-flush-log-at-trx-commit=2"]);
    let url = database.database();
    let refused = run(&data, &url, &["serve", "--listen", "127.0.0.1:0"]).await;
    let why = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && why.contains("--database-undurable"), "{why}");
    let setup = Setup::new(&data).environment(DATABASE, &url).environment("ZAS_DATABASE_UNDURABLE", "true");
    let server = setup.start().await;
    assert_eq!(readiness(&server.url).await, 200);
    assert_eq!(server.stop().await, Some(0));
    assert!(setup.log().contains("may lose what it has acknowledged"));
    let doctor = run(&data, &url, &["doctor"]).await;
    let shown = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(!doctor.status.success() && shown.contains("degraded"), "{shown}");
}
