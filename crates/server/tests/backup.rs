//! A backup of the running program while people talk, restored in one command, and the clients that knew
//! more than it (P9, P23).
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use std::path::Path;
use std::process::Output;

use support::PATIENCE;
use support::process::{PASSWORD, Setup, make_account, zas};
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;
use zas_client::{Client, EventBody, Happening};
use zas_protocol::{Ack, Event, RoomId};

async fn say(client: &Client, room: RoomId, text: &str) -> Ack {
    timeout(PATIENCE, client.send(room, text).await.unwrap()).await.unwrap().unwrap()
}

async fn run(data: &Path, words: &[&str]) -> Output {
    let mut command = zas(data);
    command.args(words);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

/// The messages of a room that its page of history shows, with their places.
async fn messages(client: &Client, room: RoomId) -> Vec<(u64, String)> {
    let mut found = Vec::new();
    let mut before = None;
    loop {
        let page = client.history(room, before).await.unwrap();
        let texts = page.events.into_iter().filter_map(|event| match event.body {
            EventBody::Message { text, .. } => Some((event.seq, text)),
            _ => None,
        });
        found.splice(0..0, texts);
        if page.from <= 1 {
            return found;
        }
        before = Some(page.from);
    }
}

async fn hears(happenings: &mut Receiver<Happening>, wanted: &str) {
    loop {
        let happening = timeout(PATIENCE, happenings.recv()).await.unwrap().unwrap();
        if let Happening::Event(Event { body: EventBody::Message { text, .. }, .. }) = happening
            && text == wanted
        {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_acked_before_a_backup_is_restored_and_who_knew_more_follows_the_restored_history() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backup) = (folder.path().join("data"), folder.path().join("backup"));
    for username in ["ada", "bob"] {
        make_account(&data, username);
    }
    let limits = "commands_per_minute=60000,commands_burst=1000,reads_per_minute=60000";
    let setup = Setup::new(&data).arguments(&["--limit", limits]);
    let server = setup.start().await;
    let ada = Client::sign_in(&server.url, "ada", PASSWORD).await.unwrap();
    let bob = Client::sign_in(&server.url, "bob", PASSWORD).await.unwrap();
    let room = ada.open_private(bob.me()).await.unwrap();
    let mut happenings = bob.happenings().await.unwrap();

    let mut before = Vec::new();
    for n in 0..100 {
        before.push((say(&ada, room, &format!("antes {n}")).await.seq, format!("antes {n}")));
    }
    // Bob goes on while the backup is made: what it holds of that is as it may be, but without a hole.
    let talking = tokio::spawn({
        let bob = bob.clone();
        async move {
            for n in 0.. {
                say(&bob, room, &format!("mientras {n}")).await;
            }
        }
    });
    let made = run(&data, &["backup", &backup.to_string_lossy()]).await;
    talking.abort();
    assert!(made.status.success(), "{made:?}");
    let old_epoch = ada.room(room).await.unwrap().room.epoch;
    for n in 0..10 {
        say(&ada, room, &format!("perdido {n}")).await;
    }
    hears(&mut happenings, "perdido 9").await;
    // What is acked and has come back is nobody's to send again.
    while !(ada.saved().await.unwrap().outbox.is_empty() && bob.saved().await.unwrap().outbox.is_empty()) {
        tokio::task::yield_now().await;
    }

    let refused = run(&data, &["restore", "--replace", &backup.to_string_lossy()]).await;
    assert!(!refused.status.success(), "not under a running server");
    server.kill();
    let restored = run(&data, &["restore", "--replace", &backup.to_string_lossy()]).await;
    assert!(restored.status.success(), "{restored:?}");
    let server = setup.start().await;

    // Whoever was connected writes on; the other one hears it, once, in the history that there is now.
    let after = say(&ada, room, "después").await;
    hears(&mut happenings, "después").await;
    let fresh = Client::sign_in(&server.url, "bob", PASSWORD).await.unwrap();
    assert!(fresh.room(room).await.unwrap().room.epoch > old_epoch, "clients see another history");
    let all = messages(&fresh, room).await;
    assert_eq!(all[..before.len()], before[..], "all that was acked before is there, at its place");
    let during = all[before.len()..].iter().take_while(|(_, text)| text.starts_with("mientras"));
    for (n, (_, text)) in during.clone().enumerate() {
        assert_eq!(*text, format!("mientras {n}"));
    }
    let rest: Vec<&str> = all[before.len() + during.count()..].iter().map(|(_, text)| &**text).collect();
    assert_eq!(rest, ["después"], "and nothing of what came after the backup");
    assert_eq!(all.last().unwrap().0, after.seq);
    let places: Vec<u64> = all.iter().map(|(seq, _)| *seq).collect();
    assert!(places.windows(2).all(|two| two[0] < two[1]));
    assert_eq!(server.stop().await, Some(0));
    zas_tally::tried("P23", "backups of a running server under load, restored", 1);
}
