//! Many who write, while the server is killed, paused and cut off again and again. What was acknowledged
//! is there once and in its place; what is unknown is settled by asking.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use tokio::sync::Notify;
use zas_mariadb::{Proxy, url_at};
use zas_tally::{amount, tried};

use super::*;

/// No operation takes longer, whatever the server does (P20).
const NO_HANG: Duration = Duration::from_secs(5);
/// And within this all goes on after it.
const BACK: Duration = Duration::from_secs(10);

/// Acknowledgements by name, for all writers.
#[derive(Default)]
struct Acks {
    seqs: Mutex<BTreeMap<String, u64>>,
    came: Notify,
}

impl Acks {
    fn add(&self, name: &str, seq: u64) {
        self.seqs.lock().unwrap().insert(name.to_owned(), seq);
        self.came.notify_one();
    }

    fn len(&self) -> usize {
        self.seqs.lock().unwrap().len()
    }

    /// Waits until so many more are acknowledged; one waits at a time.
    async fn more(&self, count: usize) {
        let from = self.len();
        while self.len() < from + count {
            self.came.notified().await;
        }
    }
}

/// Writes batch after batch, each until it is acknowledged, as the committer does.
async fn write(store: &MariaStore, room: RoomId, who: usize, over: &AtomicBool, acks: &Acks) -> u64 {
    let mut unknown = 0;
    for round in 0.. {
        if over.load(Ordering::Acquire) {
            break;
        }
        let names: Vec<String> = (0..4).map(|n| format!("w{who}-{round}-{n}")).collect();
        let batch: Vec<Submission> =
            names.iter().map(|name| Submission { user: ANA, command: message(room, name, 100) }).collect();
        loop {
            let done = tokio::time::timeout(NO_HANG, store.commit(batch.clone(), NOW)).await;
            match done.expect("nothing hangs") {
                Ok(outcomes) => {
                    for (name, outcome) in names.iter().zip(outcomes) {
                        acks.add(name, outcome.unwrap().ack.seq);
                    }
                    break;
                }
                Err(StoreError::Unknown) => {
                    unknown += 1;
                    for name in &names {
                        settle(store, name, acks).await;
                    }
                }
                Err(StoreError::Unavailable(_) | StoreError::Busy) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    unknown
}

/// Asks until it is told; what it is told is for ever.
async fn settle(store: &MariaStore, name: &str, acks: &Acks) {
    loop {
        let told = tokio::time::timeout(NO_HANG, store.txn(ANA, &txn(name))).await;
        match told.expect("nothing hangs") {
            Ok(Some(ack)) => {
                return acks.add(name, ack.seq);
            }
            Ok(None) => return,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn goes_on(store: &MariaStore) {
    let again = async {
        while store.set_admin(ANA, false).await.is_err() || store.rooms(ANA).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BACK, again).await.expect("it is back in time");
}

/// Has `writers` write while `trouble` goes on, and looks at what is there then.
async fn under_load(
    server: &mut Mariadb,
    url: &str,
    mut trouble: impl AsyncFnMut(&mut Mariadb, &MariaStore, &Acks),
) -> (usize, u64) {
    let store = Arc::new(store(url).await);
    let room = room(&store).await;
    let (over, acks) = (Arc::new(AtomicBool::new(false)), Arc::new(Acks::default()));
    let writers: Vec<_> = (0..4)
        .map(|who| {
            let (store, over, acks) = (store.clone(), over.clone(), acks.clone());
            tokio::spawn(async move { write(&store, room, who, &over, &acks).await })
        })
        .collect();
    trouble(server, &store, &acks).await;
    over.store(true, Ordering::Release);
    let mut unknown = 0;
    for writer in writers {
        unknown += writer.await.unwrap();
    }
    let acks = acks.seqs.lock().unwrap().clone();
    let stored: Vec<String> = names(&store, room).await;
    let places: BTreeMap<&str, u64> = stored.iter().map(String::as_str).zip(2..).collect();
    assert_eq!(places.len(), stored.len(), "nothing is there twice");
    for (name, seq) in &acks {
        assert_eq!(places.get(name.as_str()), Some(seq), "{name} was acknowledged");
    }
    (acks.len(), unknown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_was_acked_survives_kills_of_the_server_under_load() {
    let mut server = Mariadb::start();
    let url = server.database();
    let kills = amount(4);
    let (acked, unknown) = under_load(&mut server, &url, async |server, store, acks| {
        for round in 0..kills {
            acks.more(20 + 13 * round as usize % 40).await;
            server.kill();
            server.start_again();
            goes_on(store).await;
        }
    })
    .await;
    tried("P20", "kills of a database server under load", kills);
    tried("P1", "events acknowledged by a database server that was killed", acked as u64);
    tried("P6", "commits of unknown outcome on a database server that was killed", unknown);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_paused_under_load_loses_and_doubles_nothing() {
    let mut server = Mariadb::start();
    let url = server.database();
    let pauses = amount(2);
    under_load(&mut server, &url, async |server, store, acks| {
        for _ in 0..pauses {
            acks.more(30).await;
            server.pause();
            // Long enough that everyone who waits for it gives up.
            while store.rooms(ANA).await.is_ok() {}
            while store.set_admin(ANA, false).await.is_ok() {}
            server.resume();
            goes_on(store).await;
        }
    })
    .await;
    tried("P20", "pauses of a database server under load", pauses);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_lost_at_the_commit_under_load_lose_and_double_nothing() {
    let mut server = Mariadb::start();
    server.database();
    let proxy = Proxy::to(server.address());
    let cuts = amount(30);
    let url = url_at(proxy.address(), "zas0");
    let (_, unknown) = under_load(&mut server, &url, async |_, store, acks| {
        for round in 0..cuts {
            acks.more(8).await;
            match round % 4 {
                0 => proxy.lose_the_next_answer(),
                1 => proxy.lose_the_next_commit(),
                2 => proxy.let_the_server_wait(),
                _ => proxy.cut(),
            }
        }
        goes_on(store).await;
    })
    .await;
    assert!(unknown > 0, "a COMMIT was lost");
    tried("P6", "connections to a database server cut at a COMMIT", cuts);
}
