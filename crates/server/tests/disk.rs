//! The disk fails under a server whose people talk.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use serde_json::json;
use support::Server;
use zas_crash::{Disk, Fault, How, Io, When};

#[tokio::test]
async fn after_a_sync_that_fails_no_outcome_is_made_up_reading_goes_on_and_the_server_is_not_ready() {
    let mut disk = None;
    let server = Server::on_disk(|config| {
        disk = Some(Disk::under(config.database().parent().unwrap()).unwrap());
    })
    .await;
    let disk = disk.unwrap();
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let head = server.say(&ana, &room, "before", "uno").await["seq"].as_u64().unwrap();

    disk.fail(Fault { io: Io::Sync, when: When::At(0), how: How::FAILED_SYNC });
    let send = async |txn_id: &str| {
        let command = json!({"type": "send", "txn_id": txn_id, "room": room, "text": "dos"});
        server.post(&ana, "/v1/commands", command).await
    };
    let (_, nack) = send("lost").await;
    assert_eq!(nack["code"], "unknown", "{nack}");
    // Asked again, it is neither acknowledged nor refused for good; no more is what comes later.
    for txn_id in ["lost", "later"] {
        let (_, nack) = send(txn_id).await;
        assert_eq!(nack["code"], "overloaded", "{nack}");
        assert!(nack["retry_after_ms"].as_u64().is_some(), "{nack}");
    }
    assert_eq!(disk.hits(), 1);

    let (status, page) = server.get(&luis, &format!("/v1/rooms/{room}/events")).await;
    assert_eq!((status, page["head"].as_u64()), (200, Some(head)), "{page}");
    let status = |path: &str| {
        let request = server.http.get(server.url(path));
        async { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!((status("/healthz").await, status("/readyz").await), (200, 503));
}
