//! The schema, from any version and after any cut.

use sqlx::raw_sql;

use super::*;
use crate::migrate::{MARIADB, Migration};

/// What a database is made of.
fn schema(server: &Mariadb, url: &str) -> Vec<String> {
    let database = url.rsplit('/').next().unwrap();
    let tables = server.ask(&format!("SHOW TABLES FROM {database}"));
    let table = |name: &str| server.ask(&format!("SHOW CREATE TABLE {database}.{name}"));
    tables.lines().map(table).collect()
}

async fn connection(url: &str) -> MySqlConnection {
    Server::parse(url).unwrap().connect(Role::Writer).await.unwrap()
}

/// A database as one that knew only some of the steps made it.
async fn made_by(server: &Mariadb, known: &[Migration]) -> String {
    let url = server.database();
    open::migrate(&mut connection(&url).await, known).await.unwrap();
    url
}

#[tokio::test]
async fn a_database_of_any_version_migrates_to_what_a_fresh_one_is() {
    let server = Mariadb::start();
    let fresh = schema(&server, &made_by(&server, MARIADB).await);
    for version in 0..=MARIADB.len() {
        let url = made_by(&server, &MARIADB[..version]).await;
        store(&url).await.close().await;
        assert_eq!(schema(&server, &url), fresh, "from version {version}");
    }
}

/// A kill may come after any statement, and before the record that its step is done.
#[tokio::test]
async fn a_migration_killed_at_any_statement_runs_again() {
    let server = Mariadb::start();
    let fresh = schema(&server, &made_by(&server, MARIADB).await);
    for (index, step) in MARIADB.iter().enumerate() {
        let statements: Vec<&str> = step.statements().collect();
        for survived in 0..=statements.len() {
            let url = made_by(&server, &MARIADB[..index]).await;
            let mut dying = connection(&url).await;
            for &sql in &statements[..survived] {
                raw_sql(sql).execute(&mut dying).await.unwrap();
            }
            drop(dying);
            store(&url).await.close().await;
            assert_eq!(schema(&server, &url), fresh, "after statement {survived} of step {}", step.number);
        }
    }
}

#[tokio::test]
async fn the_steps_carry_what_is_there() {
    let server = Mariadb::start();
    let url = made_by(&server, &MARIADB[..1]).await;
    server.execute(
        "USE zas0; INSERT INTO rooms (id, kind, head, created_at) VALUES (REPEAT('r', 16), 'group', 2, 1);
         INSERT INTO events (room_id, seq, at, kind, body) VALUES (REPEAT('r', 16), 1, 1, 'room_renamed', '{}');
         INSERT INTO events (room_id, seq, at, kind, message, body)
           VALUES (REPEAT('r', 16), 2, 2, 'message', REPEAT('m', 16), '{}')",
    );
    store(&url).await.close().await;
    assert_eq!(server.ask("SELECT seq FROM zas0.others"), "1\n");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_processes_that_start_at_once_one_migrates_and_the_others_wait() {
    let server = Mariadb::start();
    let url = server.database();
    let starting: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { shared(&url).await })
        })
        .collect();
    for started in starting {
        assert_eq!(started.await.unwrap().count_users().await, Ok(0));
    }
    let recorded = server.ask("SELECT count(*) FROM zas0.migrations");
    assert_eq!(recorded.trim(), MARIADB.len().to_string());
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused_and_kept() {
    let server = Mariadb::start();
    let url = server.database();
    store(&url).await.close().await;
    server.execute("INSERT INTO zas0.migrations (number, name, checksum) VALUES (999, 'later', 'x')");
    let before = schema(&server, &url);
    let refused = MariaStore::open(&url, secrets(), Options::default()).await.err();
    assert!(matches!(refused, Some(StoreError::Corrupt(_))), "{refused:?}");
    assert_eq!(schema(&server, &url), before);
}
