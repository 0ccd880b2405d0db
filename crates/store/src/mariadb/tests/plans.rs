//! What is read or written for each message must not grow with the log.

use super::*;

/// A statement with a value in the place of each question mark: text where something is compared with
/// bytes does as well, since only the plan is asked for.
fn filled(sql: &str) -> String {
    let sql = sql.replace("LIMIT ?", "LIMIT 10").replace("BETWEEN ? AND ?", "BETWEEN 5 AND 9");
    sql.replace("<= ?", "<= 50").replace('?', "UNHEX('00000000000000000000000000000001')")
}

#[tokio::test]
async fn no_statement_of_a_room_reads_a_table_from_end_to_end() {
    let server = Mariadb::start();
    let store = store(&server.database()).await;
    let room = room(&store).await;
    for round in 0..10 {
        let batch = (0..200)
            .map(|n| Submission { user: ANA, command: message(room, &format!("t{round}-{n}"), 10) })
            .collect();
        store.commit(batch, NOW).await.unwrap();
    }
    // Enough of everything that reading it all would be the worse plan.
    server.execute(
        "USE zas0; SET foreign_key_checks = 0;
         INSERT INTO rooms (id, kind, created_at) SELECT UNHEX(LPAD(HEX(1000 + seq), 32, '0')), 'self', 1
           FROM seq_1_to_5000;
         INSERT INTO memberships (room_id, user_id, from_seq, role, joined_at)
           SELECT id, UNHEX(LPAD(HEX(crc32(id) % 500), 32, '0')), 1, 'member', 1 FROM rooms WHERE kind = 'self'
             AND created_at = 1;
         INSERT INTO positions SELECT room_id, user_id, 1, 1, 1, 1 FROM memberships;
         INSERT INTO others SELECT id, 1 FROM rooms WHERE created_at = 1;
         ANALYZE TABLE rooms, memberships, positions, events, others, users",
    );
    let facts = facts::rooms_of(4);
    let all = rooms::STATEMENTS.concat().into_iter().chain(rooms::PIECES).chain(logs::STATEMENTS);
    for sql in all.chain([facts.as_str()]) {
        let plan = server.ask(&format!("USE zas0; EXPLAIN {}", filled(sql)));
        for step in plan.lines() {
            let columns: Vec<&str> = step.split('\t').collect();
            // Rows that one part of a statement hands to another are no table.
            let of_a_table = !columns[2].starts_with('<') && columns[2] != "NULL";
            assert!(!(of_a_table && matches!(columns[3], "ALL" | "index")), "{step}: {sql}");
        }
    }
}

/// The time of a batch is that of its statements: there are as many for one command as for many.
#[tokio::test]
async fn a_batch_takes_the_same_few_statements_however_many_commands_it_has() {
    let server = Mariadb::start();
    let store = store(&server.database()).await;
    let room = room(&store).await;
    let mut taken = Vec::new();
    for round in 0..2 {
        for count in [1, 256] {
            let batch = (0..count)
                .map(|n| Submission {
                    user: ANA,
                    command: message(room, &format!("t{round}-{count}-{n}"), 10),
                })
                .collect();
            let before = questions(&server);
            store.commit(batch, NOW).await.unwrap();
            taken.push(questions(&server) - before);
        }
    }
    // The first round also prepares its statements.
    assert_eq!(taken[2], taken[3], "{taken:?}");
    // What is so, the events, their rooms, the COMMIT; and the question itself, which is two.
    assert!(taken[3] <= 6, "{taken:?}");
}

/// Statements that the server has run, but for this one's.
fn questions(server: &Mariadb) -> u64 {
    let counted = server.ask("SHOW GLOBAL STATUS LIKE 'Questions'");
    counted.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
}
