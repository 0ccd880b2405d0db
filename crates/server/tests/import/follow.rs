//! What following asks of the old database.

use super::*;

/// Rows that the old database has read so far, by whatever way.
fn rows_read(server: &Mariadb) -> u64 {
    let status = server.ask("SHOW GLOBAL STATUS LIKE 'Handler_read%'");
    status.lines().filter_map(|line| line.split_whitespace().last()?.parse::<u64>().ok()).sum()
}

async fn looks(watch: &Counted, until: u64) -> u64 {
    let done = async || {
        let looks = watch.looks.load(Ordering::Acquire);
        (looks >= until).then_some(looks)
    };
    super::until(done, &watch.looks_again).await
}

/// No look reads all messages, though the tables have no index on any time; and yet what changes in the oldest
/// of them comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_reads_a_small_part_of_the_old_database() {
    let (server, url, large) = old::large().await;
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder);
    let said = sample::message(900_000);
    let (report, (idle, busy)) = following(&store, &url, async |watch| {
        let first = looks(watch, 1).await;
        let before = rows_read(&server);
        let then = looks(watch, first + 20).await;
        let idle = (rows_read(&server) - before) / (then - first);

        // Said in the busiest of rooms, and an old message anywhere corrected and another liked.
        let (first, before) = (looks(watch, 1).await, rows_read(&server));
        let (room, by) = (sample::room(0), sample::user(0));
        let plain = live::plain(&store, RoomId(room)).await;
        let (edited, liked) = (&plain[0], &plain[1]);
        sample::does(
            &url,
            &[Did::Says { room, by, id: said }, Did::Edits(edited.0.0), Did::Reacts(liked.0.0, by)],
        )
        .await
        .unwrap();
        until(async || store.event_by_message(MessageId(said)).await.unwrap(), &watch.passes).await;
        let nobody = UserId(uuid::Uuid::nil());
        let is_edited = async || {
            let states = store.states(nobody, RoomId(room), &[edited.2.seq]).await.unwrap();
            states.into_iter().find(|state| state.text.as_deref() == Some("corregido"))
        };
        until(is_edited, &watch.looks_again).await;
        let is_liked = async || {
            let reacted = store.reacted(RoomId(room), &[liked.2.seq]).await.unwrap();
            reacted.into_iter().find(|one| one.reaction == zas_protocol::Reaction::Sad)
        };
        until(is_liked, &watch.looks_again).await;
        let then = watch.looks.load(Ordering::Acquire);
        (idle, (rows_read(&server) - before) / (then - first).max(1))
    })
    .await;
    agrees(&report, &Sample { messages: 200_001, ..large }, None);
    println!("rows read in a look: {idle} while nobody writes, {busy} while somebody does");
    assert!(idle < 16_000, "{idle} rows a look");
    assert!(busy < 20_000, "{busy} rows a look");
    assert_eq!(report.messages.new, 200_001, "{report}");
}
