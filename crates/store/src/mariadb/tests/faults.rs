//! Answers that never come, locks that others hold, connections and servers that go away.

use sqlx::raw_sql;
use zas_mariadb::{Proxy, url_at};

use super::*;

/// No operation takes longer, whatever the server does (P20).
const NO_HANG: Duration = Duration::from_secs(5);

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(NO_HANG, work).await.expect("nothing hangs")
}

#[tokio::test]
async fn a_commit_whose_answer_is_lost_is_unknown_and_then_found() {
    let server = Mariadb::start();
    server.database();
    let proxy = Proxy::to(server.address());
    let store = store(&url_at(proxy.address(), "zas0")).await;
    let room = room(&store).await;
    proxy.lose_the_next_answer();
    assert_eq!(commit(&store, message(room, "a", 1)).await, Err(StoreError::Unknown));
    // The server may still be at it; then it is not to be told.
    let found = loop {
        match store.txn(ANA, &txn("a")).await {
            Err(StoreError::Unknown) => {}
            found => break found.unwrap(),
        }
    };
    let ack = found.expect("it was committed");
    assert_eq!(ack.seq, 2);
    assert_eq!(commit(&store, message(room, "a", 1)).await.unwrap().unwrap().ack, ack);
    assert_eq!(names(&store, room).await, ["a"]);
}

#[tokio::test]
async fn a_commit_that_is_lost_on_its_way_is_unknown_and_then_not_there() {
    let server = Mariadb::start();
    server.database();
    let proxy = Proxy::to(server.address());
    let store = store(&url_at(proxy.address(), "zas0")).await;
    let room = room(&store).await;
    proxy.lose_the_next_commit();
    assert_eq!(commit(&store, message(room, "a", 1)).await, Err(StoreError::Unknown));
    let found = loop {
        match store.txn(ANA, &txn("a")).await {
            Err(StoreError::Unknown) => {}
            found => break found.unwrap(),
        }
    };
    assert_eq!(found, None);
    assert_eq!(commit(&store, message(room, "a", 1)).await.unwrap().unwrap().ack.seq, 2);
    assert_eq!(names(&store, room).await, ["a"]);
}

#[tokio::test]
async fn while_a_transaction_is_open_what_became_of_it_is_not_told() {
    let server = Mariadb::start();
    server.database();
    let proxy = Proxy::to(server.address());
    let store = store(&url_at(proxy.address(), "zas0")).await;
    let room = room(&store).await;
    proxy.let_the_server_wait();
    assert_eq!(commit(&store, message(room, "a", 1)).await, Err(StoreError::Unknown));
    assert_eq!(in_time(store.txn(ANA, &txn("a"))).await, Err(StoreError::Unknown));
    assert_eq!(store.txn(ANA, &txn("b")).await, Ok(None), "of another it is known");
    // The next to write ends the connection that the server holds for nobody.
    assert_eq!(in_time(commit(&store, message(room, "b", 1))).await.unwrap().unwrap().ack.seq, 2);
    assert_eq!(store.txn(ANA, &txn("a")).await, Ok(None));
    assert_eq!(commit(&store, message(room, "a", 1)).await.unwrap().unwrap().ack.seq, 3);
    assert_eq!(names(&store, room).await, ["b", "a"]);
}

#[tokio::test]
async fn connections_that_are_cut_between_operations_are_not_noticed() {
    let server = Mariadb::start();
    server.database();
    let proxy = Proxy::to(server.address());
    let store = store(&url_at(proxy.address(), "zas0")).await;
    let room = room(&store).await;
    for round in 0..3 {
        proxy.cut();
        assert_eq!(store.rooms(ANA).await.unwrap().len(), 1);
        let stored = in_time(commit(&store, message(room, &format!("t{round}"), 1))).await.unwrap().unwrap();
        assert_eq!(stored.ack.seq, 2 + round);
        store.health().await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_restarts_between_batches_is_not_noticed() {
    let mut server = Mariadb::start();
    let store = store(&server.database()).await;
    let room = room(&store).await;
    server.stop();
    let away = in_time(commit(&store, message(room, "away", 1))).await;
    assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
    assert!(matches!(in_time(store.rooms(ANA)).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(in_time(store.health()).await, Err(StoreError::Unavailable(_))));
    for round in 0..2 {
        server.start_again();
        let stored = commit(&store, message(room, &format!("t{round}"), 1)).await.unwrap().unwrap();
        assert_eq!(stored.ack.seq, 2 + round);
        assert_eq!(store.rooms(ANA).await.unwrap()[0].head, 2 + round);
        store.health().await.unwrap();
        server.stop();
    }
}

#[tokio::test]
async fn a_paused_server_is_told_of_in_time_and_all_goes_on_when_it_does() {
    let server = Mariadb::start();
    let store = store(&server.database()).await;
    let room = room(&store).await;
    assert!(commit(&store, message(room, "before", 1)).await.unwrap().is_ok());
    server.pause();
    let name = txn("a");
    let (written, read, told) = in_time(async {
        tokio::join!(commit(&store, message(room, "a", 1)), store.rooms(ANA), store.txn(ANA, &name))
    })
    .await;
    for failed in [written.map(drop), read.map(drop), told.map(drop), in_time(store.health()).await] {
        assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");
    }
    server.resume();
    assert_eq!(in_time(commit(&store, message(room, "a", 1))).await.unwrap().unwrap().ack.seq, 3);
    assert_eq!(names(&store, room).await, ["before", "a"]);
}

/// Of two transactions that wait for each other the server ends the one that has written less.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_the_server_ends_for_another_runs_again() {
    let server = Mariadb::start();
    let url = server.database();
    let store = shared(&url).await;
    let room = room(&store).await;
    server.execute("CREATE TABLE zas0.heavy (n INT PRIMARY KEY)");
    let mut other = Server::parse(&url).unwrap().connect(Role::Writer).await.unwrap();
    let deadlocks = || server.ask("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'");
    let before = deadlocks();
    for sql in ["START TRANSACTION", "INSERT INTO heavy SELECT seq FROM seq_1_to_2000"] {
        raw_sql(sql).execute(&mut other).await.unwrap();
    }
    raw_sql("UPDATE users SET bio = 'x' WHERE username = 'luis'").execute(&mut other).await.unwrap();
    // It locks its rooms and waits for the person; and the other for the rooms.
    let command = Command::CreateGroup {
        txn_id: txn("group"),
        name: "g".to_owned(),
        members: vec![LUIS],
        profile: None,
    };
    let batch =
        vec![Submission { user: ANA, command: message(room, "a", 1) }, Submission { user: ANA, command }];
    let waits = tokio::spawn(async move { (store.commit(batch, NOW).await, store) });
    while server.ask("SELECT count(*) FROM information_schema.innodb_lock_waits").trim() == "0" {
        tokio::task::yield_now().await;
    }
    raw_sql("SELECT id FROM rooms WHERE kind = 'private' FOR UPDATE").execute(&mut other).await.unwrap();
    raw_sql("COMMIT").execute(&mut other).await.unwrap();
    let (outcomes, store) = waits.await.unwrap();
    assert!(outcomes.unwrap().iter().all(Result::is_ok));
    assert_ne!(deadlocks(), before, "they did wait for each other");
    assert_eq!(names(&store, room).await, ["a"]);
    assert_eq!(store.rooms(LUIS).await.unwrap().len(), 2);
}

/// A lock that is not let go ends the attempt, not the patience of those behind.
#[tokio::test]
async fn a_lock_that_another_keeps_is_busy_in_time() {
    let server = Mariadb::start();
    let url = server.database();
    let store = shared(&url).await;
    let room = room(&store).await;
    let mut other = Server::parse(&url).unwrap().connect(Role::Writer).await.unwrap();
    for sql in ["START TRANSACTION", "SELECT id FROM rooms WHERE kind = 'private' FOR UPDATE"] {
        raw_sql(sql).execute(&mut other).await.unwrap();
    }
    let refused = in_time(commit(&store, message(room, "a", 1))).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert_eq!(store.rooms(ANA).await.unwrap()[0].head, 1, "readers wait for nobody");
    raw_sql("ROLLBACK").execute(&mut other).await.unwrap();
    assert!(in_time(commit(&store, message(room, "a", 1))).await.unwrap().is_ok());
}

/// The same name at two processes at once, as a client does that changes its node: the index decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_name_at_two_processes_at_once_is_stored_once() {
    let server = Mariadb::start();
    let url = server.database();
    let (one, other) = (shared(&url).await, shared(&url).await);
    let room = room(&one).await;
    for round in 0..30 {
        let name = format!("t{round}");
        // Two rooms are locked apart, so that only the index can tell: in its own log and in the room.
        let (first, second) = tokio::join!(
            commit(&one, message(room, &name, 1)),
            commit(&other, Command::SetPrefs { txn_id: txn(&name), prefs: Default::default() })
        );
        let stored = [first.unwrap().is_ok(), second.unwrap().is_ok()];
        assert_eq!(stored.iter().filter(|stored| **stored).count(), 1, "{name}");
        let same = tokio::join!(
            commit(&one, message(room, &format!("s{round}"), 1)),
            commit(&other, message(room, &format!("s{round}"), 1))
        );
        assert_eq!(same.0.unwrap().unwrap().ack, same.1.unwrap().unwrap().ack);
    }
    let messages = names(&one, room).await;
    assert_eq!(messages.iter().filter(|name| name.starts_with('s')).count(), 30);
}
