//! What only a server can do: be another than it should be, be shared, and be taken away. Each test has
//! a server of its own.

mod copies;
mod faults;
mod load;
mod migrations;
mod plans;

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;
use zas_mariadb::Mariadb;
use zas_protocol::Command;

use super::*;

const NOW: Micros = 1_700_000_000_000_000;
const ANA: UserId = UserId(Uuid::from_u128(1));
const LUIS: UserId = UserId(Uuid::from_u128(2));

/// Different each time, also for another process.
fn secrets() -> Secrets {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let entropy = || {
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        bytes
    };
    Secrets { fingerprint_key: [7; 32], entropy: Box::new(entropy) }
}

async fn store(url: &str) -> MariaStore {
    MariaStore::open(url, secrets(), Options::default()).await.unwrap()
}

/// One of several processes on a database.
async fn shared(url: &str) -> MariaStore {
    MariaStore::open(url, secrets(), Options { sole: false, ..Options::default() }).await.unwrap()
}

fn person(id: UserId, name: &str) -> NewUser {
    NewUser {
        id,
        username: name.to_owned(),
        skeleton: name.to_owned(),
        email: name.to_owned(),
        display_name: name.to_owned(),
        password_hash: PasswordHash(String::new()),
        admin: false,
        at: NOW,
    }
}

fn txn(name: &str) -> TxnId {
    TxnId::new(name).unwrap()
}

/// Two people, and the room of both.
async fn room(store: &MariaStore) -> RoomId {
    for (id, name) in [(ANA, "ana"), (LUIS, "luis")] {
        store.create_user(person(id, name)).await.unwrap();
    }
    let command = Command::OpenPrivate { txn_id: txn("open"), user: LUIS };
    commit(store, command).await.unwrap().unwrap().ack.room
}

async fn commit(store: &MariaStore, command: Command) -> Result<Outcome, StoreError> {
    let batch = vec![Submission { user: ANA, command }];
    Ok(store.commit(batch, NOW).await?.remove(0))
}

fn message(room: RoomId, name: &str, bytes: usize) -> Command {
    Command::text(txn(name), room, None, "x".repeat(bytes))
}

/// The names of a room's messages, in order.
async fn names(store: &MariaStore, room: RoomId) -> Vec<String> {
    let (mut names, mut after) = (Vec::new(), 0);
    loop {
        let page = store.page(ANA, room, PageAt::After(after), 500).await.unwrap().unwrap();
        for event in page.events.iter().filter(|event| event.body.message().is_some()) {
            names.push(event.txn_id.as_ref().unwrap().as_str().to_owned());
        }
        after = page.to;
        if page.to == page.head {
            return names;
        }
    }
}

#[tokio::test]
async fn a_server_that_may_lose_what_it_acknowledged_is_refused_or_called_degraded() {
    let server = Mariadb::with(&["--innodb-flush-log-at-trx-commit=2"]);
    let url = server.database();
    let refused = MariaStore::open(&url, secrets(), Options::default()).await.err();
    let Some(StoreError::Other(sentence)) = refused else { panic!("{refused:?}") };
    assert!(sentence.contains("innodb_flush_log_at_trx_commit is 2, not 1"), "{sentence}");
    let forced = Options { undurable: true, ..Options::default() };
    let store = MariaStore::open(&url, secrets(), forced).await.unwrap();
    let report = store.report().await.unwrap();
    let durability = &report.iter().find(|(name, _)| *name == "durability").unwrap().1;
    assert!(durability.starts_with("degraded: "), "{durability}");
    assert_eq!(look(&url).await.unwrap(), report);
    store.close().await;

    server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1");
    let store = self::store(&url).await;
    assert!(store.report().await.unwrap().contains(&("durability", "full".to_owned())));
    // It is asked at each new connection, since a server may come back as another.
    server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0");
    store.set_admin(ANA, true).await.unwrap();
    for id in server.ask("SELECT id FROM information_schema.processlist WHERE user = 'zas'").lines() {
        server.execute(&format!("KILL {id}"));
    }
    let refused = store.set_admin(ANA, true).await;
    assert!(matches!(refused, Err(StoreError::Other(_))), "{refused:?}");
}

#[tokio::test]
async fn a_server_with_a_binary_log_is_as_durable_as_both() {
    let server = Mariadb::with(&["--log-bin", "--sync-binlog=0", "--server-id=1"]);
    let url = server.database();
    let refused = MariaStore::open(&url, secrets(), Options::default()).await.err();
    assert!(matches!(&refused, Some(StoreError::Other(why)) if why.contains("sync_binlog")), "{refused:?}");
    server.execute("SET GLOBAL sync_binlog = 1");
    let store = store(&url).await;
    let room = room(&store).await;
    assert!(commit(&store, message(room, "a", 1)).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_has_let_go() {
    let server = Mariadb::start();
    let url = server.database();
    let first = store(&url).await;
    let second = MariaStore::open(&url, secrets(), Options::default()).await;
    assert_eq!(second.err(), Some(StoreError::InUse("zas0".to_owned())));
    // Another database of the server is nobody's.
    store(&server.database()).await.close().await;
    first.close().await;
    assert_eq!(store(&url).await.count_users().await, Ok(0));
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why_and_the_password_is_not_told() {
    let server = Mariadb::start();
    server.database();
    for (url, why) in [
        (server.url("zas0").replace("una%20clave", "secreto"), "lets us not in"),
        (server.url("zas_not_there"), "lets us not in"),
        (zas_mariadb::url_at(([127, 0, 0, 1], 1).into(), "zas0"), "unavailable"),
    ] {
        let refused = MariaStore::open(&url, secrets(), Options::default()).await.err().unwrap();
        let sentence = refused.to_string();
        assert!(matches!(refused, StoreError::Unavailable(_)) && sentence.contains(why), "{sentence}");
        assert!(!sentence.contains("secreto") && !sentence.contains("clave"), "{sentence}");
    }
}

#[tokio::test]
async fn a_read_only_server_says_so_and_reads_go_on() {
    let server = Mariadb::start();
    let store = store(&server.database()).await;
    let room = room(&store).await;
    server.execute("SET GLOBAL read_only = 1");
    assert_eq!(commit(&store, message(room, "a", 1)).await, Err(StoreError::ReadOnly));
    assert_eq!(store.rooms(LUIS).await.unwrap()[0].head, 1);
    assert_eq!(store.txn(ANA, &txn("a")).await, Ok(None));
    server.execute("SET GLOBAL read_only = 0");
    assert_eq!(commit(&store, message(room, "a", 1)).await.unwrap().unwrap().ack.seq, 2);
}

/// All tables in one file of so many megabytes.
fn of_size(megabytes: u32) -> [String; 2] {
    let file = format!("--innodb-data-file-path=ibdata1:5M:autoextend:max:{megabytes}M");
    [file, "--innodb-file-per-table=0".to_owned()]
}

#[tokio::test]
async fn a_full_server_refuses_loses_nothing_and_goes_on_when_there_is_room() {
    let settings = |megabytes| of_size(megabytes);
    let (small, large) = (settings(24), settings(64));
    let mut server = Mariadb::with(&small.each_ref().map(String::as_str));
    let store = store(&server.database()).await;
    let room = room(&store).await;
    let mut stored = 1;
    let refused = loop {
        let batch = (0..64)
            .map(|n| Submission { user: ANA, command: message(room, &format!("t{stored}-{n}"), 4_000) })
            .collect();
        match store.commit(batch, NOW).await {
            Ok(outcomes) => stored = outcomes.last().unwrap().as_ref().unwrap().ack.seq,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, StoreError::Full);
    assert_eq!(refused.code(), zas_protocol::ErrorCode::StorageFull);
    assert_eq!(store.rooms(LUIS).await.unwrap()[0].head, stored);
    server.stop();
    server.start_again_with(&large.each_ref().map(String::as_str));
    let again = commit(&store, message(room, "again", 4_000)).await.unwrap().unwrap();
    assert_eq!(again.ack.seq, stored + 1);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let server = Mariadb::start();
    let options = Options { write_queue: 1, read_queue: 1, ..Options::default() };
    let store = MariaStore::open(&server.database(), secrets(), options).await.unwrap();
    server.pause();
    let held = tokio::join!(store.set_admin(ANA, true), store.set_admin(ANA, true));
    assert!(matches!(held.0, Err(StoreError::Unavailable(_))), "{held:?}");
    assert_eq!(held.1, Err(StoreError::Busy));
    server.resume();
    assert_eq!(store.set_admin(ANA, true).await, Ok(false));
}
