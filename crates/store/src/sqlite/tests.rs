//! What only a file can do: be cut off, full, read-only, or somebody else's.

mod faults;
mod power;
mod workload;

use std::path::Path;

use uuid::Uuid;
use zas_protocol::Command;

use super::*;

const NOW: Micros = 1_700_000_000_000_000;

fn secrets() -> Secrets {
    let mut next = 0_u64;
    let entropy = move || {
        next += 1;
        let mut bytes = [0; 10];
        bytes[2..].copy_from_slice(&next.to_be_bytes());
        bytes
    };
    Secrets { fingerprint_key: [7; 32], entropy: Box::new(entropy) }
}

fn store(path: &Path) -> SqliteStore {
    SqliteStore::open(path, secrets(), Options::default()).unwrap()
}

const ANA: UserId = UserId(Uuid::from_u128(1));
const LUIS: UserId = UserId(Uuid::from_u128(2));

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

/// Two people, and the room of both.
async fn room(store: &SqliteStore) -> RoomId {
    for (id, name) in [(ANA, "ana"), (LUIS, "luis")] {
        store.create_user(person(id, name)).await.unwrap();
    }
    let command = Command::OpenPrivate { txn_id: TxnId::new("open").unwrap(), user: LUIS };
    commit(store, command).await.unwrap().unwrap().ack.room
}

async fn commit(store: &SqliteStore, command: Command) -> Result<Outcome, StoreError> {
    let batch = vec![Submission { user: ANA, command }];
    Ok(store.commit(batch, NOW).await?.remove(0))
}

fn message(room: RoomId, txn: &str, bytes: usize) -> Command {
    Command::text(TxnId::new(txn).unwrap(), room, None, "x".repeat(bytes))
}

/// Runs on the writer's own connection, outside of a transaction.
async fn on_writer<T: Send + 'static>(
    store: &SqliteStore,
    work: impl FnOnce(&mut Connection) -> T + Send + 'static,
) -> T {
    store.writer.run(work).await.unwrap()
}

/// The files as a kill would leave them.
fn image(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        std::fs::copy(name(from), name(to)).unwrap();
    }
}

#[tokio::test]
async fn killed_before_the_commit_nothing_is_there_and_after_it_all_is() {
    let folder = tempfile::tempdir().unwrap();
    let (path, before, after) =
        (folder.path().join("zas.db"), folder.path().join("before.db"), folder.path().join("after.db"));
    let store = store(&path);
    let room = room(&store).await;
    let batch: Vec<_> =
        (0..256).map(|n| Submission { user: ANA, command: message(room, &format!("t{n}"), 4_000) }).collect();
    let (sent, copied, images) = (batch.clone(), path.clone(), (before.clone(), after.clone()));
    on_writer(&store, move |connection| {
        // A small cache, so that half of the transaction is in the file before the commit.
        connection.pragma_update(None, "cache_size", 10).unwrap();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
        stage(&transaction, &sent, NOW, 1, &mut secrets()).unwrap();
        image(&copied, &images.0);
        transaction.commit().unwrap();
        image(&copied, &images.1);
    })
    .await;
    let size = |path: &Path| std::fs::metadata(format!("{}-wal", path.display())).unwrap().len();
    assert!(size(&before) > 500_000, "the image holds what is not committed");

    let restarted = self::store(&before);
    assert_eq!(restarted.member(room, ANA).await.unwrap().unwrap().head, 1);
    assert_eq!(restarted.txn(ANA, batch[0].command.txn_id()).await.unwrap(), None);
    let outcomes = restarted.commit(batch.clone(), NOW).await.unwrap();
    assert_eq!(outcomes[255].as_ref().unwrap().ack.seq, 257);

    let restarted = self::store(&after);
    assert_eq!(restarted.member(room, ANA).await.unwrap().unwrap().head, 257);
    assert_eq!(commit(&restarted, batch[9].command.clone()).await.unwrap().unwrap().ack.seq, 11);
}

#[tokio::test]
async fn a_full_disk_refuses_writes_serves_reads_and_heals_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder.path().join("zas.db"));
    let room = room(&store).await;
    let limit = |pages: i64| {
        on_writer(&store, move |connection| {
            let set = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], set).unwrap()
        })
    };
    limit(1).await;
    let mut stored = 1;
    let refused = loop {
        match commit(&store, message(room, &format!("t{stored}"), 4_000)).await {
            Ok(outcome) => stored = outcome.unwrap().ack.seq,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, StoreError::Full);
    assert_eq!(refused.code(), zas_protocol::ErrorCode::StorageFull);
    assert_eq!(store.rooms(LUIS).await.unwrap()[0].head, stored);
    store.health().await.unwrap();
    limit(1_000_000).await;
    let again = commit(&store, message(room, &format!("t{stored}"), 4_000)).await.unwrap().unwrap();
    assert_eq!(again.ack.seq, stored + 1);
}

#[tokio::test]
async fn a_read_only_database_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder.path().join("zas.db"));
    let room = room(&store).await;
    on_writer(&store, |connection| connection.pragma_update(None, "query_only", true).unwrap()).await;
    assert_eq!(commit(&store, message(room, "a", 1)).await, Err(StoreError::ReadOnly));
    on_writer(&store, |connection| connection.pragma_update(None, "query_only", false).unwrap()).await;
    assert!(commit(&store, message(room, "a", 1)).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_second_process_is_refused_until_the_first_has_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zas.db");
    let first = store(&path);
    let second = SqliteStore::open(&path, secrets(), Options::default());
    assert!(matches!(second.err(), Some(StoreError::InUse(_))));
    first.close().await;
    assert_eq!(store(&path).count_users().await.unwrap(), 0);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("zas.db");
    let text = "not a database, but somebody's letter. ".repeat(100);
    std::fs::write(&path, &text).unwrap();
    let refused = SqliteStore::open(&path, secrets(), Options::default()).err();
    assert!(matches!(refused, Some(StoreError::Corrupt(_))), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_a_job_that_dies_takes_nothing_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { write_queue: 1, ..Options::default() };
    let store = SqliteStore::open(&folder.path().join("zas.db"), secrets(), options).unwrap();
    let (started, running) = std::sync::mpsc::channel();
    let (release, held) = std::sync::mpsc::channel::<()>();
    let mut busy = Box::pin(store.writer.run(move |_| {
        started.send(()).unwrap();
        held.recv().unwrap();
    }));
    assert!(poll_once(&mut busy).is_pending());
    running.recv().unwrap();
    let mut queued = Box::pin(store.writer.run(|_| panic!("a bug")));
    assert!(poll_once(&mut queued).is_pending());
    assert_eq!(store.set_admin(ANA, true).await, Err(StoreError::Busy));
    release.send(()).unwrap();
    busy.await.unwrap();
    let died: Result<(), StoreError> = queued.await;
    assert_eq!(died, Err(StoreError::Unknown));
    assert_eq!(store.set_admin(ANA, true).await, Ok(false));
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> std::task::Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

/// What is read or written for each message must not grow with the log.
#[tokio::test]
async fn no_statement_of_a_room_reads_a_table_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder.path().join("zas.db"));
    on_writer(&store, |connection| {
        for sql in
            rooms::STATEMENTS.iter().flatten().copied().chain(logs::STATEMENTS).chain(changes::STATEMENTS)
        {
            let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            for parameter in 1..=explain.parameter_count() {
                explain.raw_bind_parameter(parameter, 1).unwrap();
            }
            let mut rows = explain.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let step: String = row.get(3).unwrap();
                // Rows that one subquery hands to another are no table.
                let scan = step.starts_with("SCAN") && !step.starts_with("SCAN (subquery");
                assert!(!scan, "{step}: {sql}");
            }
        }
    })
    .await;
}
