//! The feed over real sockets and requests: three rungs, one log.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use serde_json::{Value, json};
use support::{Heard, Server};

fn texts(frames: &[Value]) -> Vec<&str> {
    frames
        .iter()
        .filter(|frame| frame["kind"] == "message")
        .map(|frame| frame["text"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn a_message_is_acked_and_reaches_the_other_and_ones_own_devices() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let mut here = server.live(&ana).await;
    let mut own_other = server.live(&ana).await;
    let mut there = server.live(&luis).await;

    here.say(json!({"type": "send", "txn_id": "m1", "room": room, "text": "  hola  "})).await;
    let ack = here.until("ack").await;
    assert_eq!((&ack["txn_id"], &ack["seq"]), (&json!("m1"), &json!(2)));
    for socket in [&mut here, &mut own_other, &mut there] {
        let event = socket.until("event").await;
        assert_eq!(event["text"], "hola");
        assert_eq!(event["txn_id"], "m1");
        assert_eq!(event["seq"], 2);
    }
}

#[tokio::test]
async fn the_same_name_again_on_another_transport_gives_the_same_answer_and_no_second_event() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let mut there = server.live(&luis).await;
    let mut here = server.live(&ana).await;
    here.say(json!({"type": "send", "txn_id": "m1", "room": room, "text": "una"})).await;
    let ack = here.until("ack").await;
    let again = server.say(&ana, &room, "m1", "una").await;
    assert_eq!((&again["seq"], &again["at"], &again["message"]), (&ack["seq"], &ack["at"], &ack["message"]));

    let (status, conflict) = server
        .post(&ana, "/v1/commands", json!({"type": "send", "txn_id": "m1", "room": room, "text": "otra"}))
        .await;
    assert_eq!((status, &conflict["code"]), (409, &json!("txn_conflict")));
    assert_eq!(conflict["first"]["seq"], ack["seq"]);

    server.say(&ana, &room, "m2", "fin").await;
    let mut heard = there.all_until("event").await;
    heard.extend(there.all_until("event").await);
    assert_eq!(texts(&heard), ["una", "fin"]);
}

#[tokio::test]
async fn every_rung_resumes_from_the_same_cursor_with_the_same_events() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    for n in 0..130 {
        let (user, text) = (ana.id, format!("m{n}"));
        let command = serde_json::from_value(
            json!({"type": "send", "txn_id": format!("t{n}"), "room": room, "text": text}),
        )
        .unwrap();
        let submission = zas_core::ledger::Submission { user, command };
        server.app.store.commit(vec![submission], zas_server::clock::now()).await.unwrap();
    }
    let own = server.get(&luis, "/v1/state").await.1["own_log"].clone();
    let cursor = json!({ room.clone(): [1, 11], luis.id.to_string(): [own["epoch"], own["head"]] });
    let expected: Vec<String> = (10..130).map(|n| format!("m{n}")).collect();

    let mut socket = server.socket().await;
    socket.say(json!({"type": "hello", "token": luis.token, "cursor": cursor})).await;
    let frames = socket.all_until("synced").await;
    assert_eq!(frames[0]["type"], "welcome");
    assert_eq!(texts(&frames), expected);

    let mut after = 11;
    let mut polled = Vec::new();
    loop {
        let cursor = json!({ room.clone(): [1, after], luis.id.to_string(): [own["epoch"], own["head"]] });
        let (status, answer) = server.post(&luis, "/v1/feed", json!({"cursor": cursor, "wait_ms": 0})).await;
        assert_eq!(status, 200);
        let frames = answer["frames"].as_array().unwrap().clone();
        let events = frames.iter().filter(|frame| frame["type"] == "event");
        after = events.filter_map(|event| event["seq"].as_u64()).max().unwrap_or(after);
        let done = frames.iter().any(|frame| frame["type"] == "synced");
        polled.extend(frames);
        if done {
            break;
        }
    }
    assert_eq!(texts(&polled), expected);

    let mut stream = server
        .http
        .post(server.url("/v1/feed"))
        .bearer_auth(&luis.token)
        .header("accept", "text/event-stream")
        .json(&json!({"cursor": cursor}))
        .send()
        .await
        .unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    while !text.contains("\"synced\"") {
        let chunk = tokio::time::timeout(support::PATIENCE, stream.chunk()).await.unwrap().unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    let frames: Vec<Value> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(texts(&frames), expected);
}

#[tokio::test]
async fn a_cursor_that_is_too_old_or_of_another_history_is_told_to_start_anew() {
    let server = Server::with(|config| config.limits.resume_room_events = 5).await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    for n in 0..8 {
        server.say(&ana, &room, &format!("t{n}"), "x").await;
    }
    for (cursor, resyncs) in [(json!([1, 1]), true), (json!([9, 8]), true), (json!([1, 5]), false)] {
        let mut socket = server.socket().await;
        socket.say(json!({"type": "hello", "token": luis.token, "cursor": {room.clone(): cursor}})).await;
        let frames = socket.all_until("synced").await;
        let told = frames.iter().any(|frame| frame["type"] == "resync" && frame["room"] == room.as_str());
        assert_eq!(told, resyncs, "{cursor}");
    }
}

#[tokio::test]
async fn a_cursor_larger_than_a_first_frame_follows_in_its_own() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let mut socket = server.socket().await;
    socket.say(json!({"type": "hello", "token": ana.token})).await;
    let strangers: serde_json::Map<String, Value> =
        (0..500_u128).map(|n| (format!("{:08x}-0000-7000-8000-000000000000", n), json!([1, 1]))).collect();
    socket.say(json!({"type": "resume", "cursor": strangers})).await;
    socket.until("synced").await;
}

#[tokio::test]
async fn a_person_added_to_a_group_hears_it_at_once_and_one_removed_hears_nothing_later() {
    let server = Server::start().await;
    let (ana, luis, marta) =
        (server.person("ana").await, server.person("luis").await, server.person("marta").await);
    let group = server
        .command(&ana, json!({"type": "create_group", "txn_id": "g", "name": "Equipo", "members": [luis.id]}))
        .await;
    let room = group["room"].as_str().unwrap();
    let mut there = server.live(&marta).await;
    server.command(&ana, json!({"type": "add_member", "txn_id": "a", "room": room, "user": marta.id})).await;
    let heard = [there.until("event").await, there.until("event").await];
    let kinds: Vec<&str> = heard.iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"member_added") && kinds.contains(&"joined"), "{kinds:?}");

    server.say(&ana, room, "m1", "hola Marta").await;
    assert_eq!(there.until("event").await["text"], "hola Marta");
    server
        .command(&ana, json!({"type": "remove_member", "txn_id": "r", "room": room, "user": marta.id}))
        .await;
    server.say(&ana, room, "m2", "ya no está").await;
    there.say(json!({"type": "ping", "n": 7})).await;
    let rest = there.all_until("pong").await;
    assert!(rest.iter().any(|frame| frame["kind"] == "member_removed"), "{rest:?}");
    assert!(texts(&rest).is_empty(), "{rest:?}");
    let (status, _) = server.get(&marta, &format!("/v1/rooms/{room}/events")).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn typing_positions_and_presence_reach_the_other_and_not_oneself() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    server.say(&ana, &room, "m1", "hola").await;
    let mut here = server.live(&ana).await;
    let mut there = server.live(&luis).await;
    let online = here.until("presence").await;
    assert_eq!(online["of"][0]["user"], luis.id.to_string());
    assert_eq!(online["of"][0]["online"], true);

    there.say(json!({"type": "typing", "room": room, "on": true})).await;
    let typing = here.until("typing").await;
    assert_eq!((&typing["user"], &typing["on"]), (&json!(luis.id), &json!(true)));
    there.say(json!({"type": "positions", "advances": [{"room": room, "delivered": 0, "read": 99}]})).await;
    let positions = here.until("positions").await;
    assert_eq!(positions["of"][0]["read"], 2, "no further than the room's head");
    let (_, state) = server.get(&ana, &format!("/v1/rooms/{room}")).await;
    let of_luis =
        state["room"]["positions"].as_array().unwrap().iter().find(|p| p["user"] == luis.id.to_string());
    assert_eq!(of_luis.unwrap()["read"], 2);
}

#[tokio::test]
async fn a_long_poll_answers_when_something_happens_and_carries_what_its_client_says() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let mut here = server.live(&ana).await;
    let (_, state) = server.get(&luis, "/v1/state").await;
    let cursor = json!({ room.clone(): [1, 1], luis.id.to_string(): [1, state["own_log"]["head"]] });
    let first = server.post(&luis, "/v1/feed", json!({"cursor": cursor, "wait_ms": 0})).await.1;
    let node = first["frames"][0]["node"].clone();
    let rev = first["frames"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|frame| frame["rev"].as_u64())
        .max()
        .unwrap_or(0);
    let body = json!({
        "cursor": cursor, "seen": {"node": node, "rev": rev},
        "signals": [{"type": "typing", "room": room, "on": true}],
    });
    let (poll, ()) = tokio::join!(server.post(&luis, "/v1/feed", body), async {
        // The poll has said that Luis types, so it is on its way to being held.
        here.until("typing").await;
        server.say(&ana, &room, "m1", "hola").await;
    });
    assert_eq!(poll.0, 200);
    assert_eq!(texts(poll.1["frames"].as_array().unwrap()), ["hola"]);
}

#[tokio::test]
async fn signing_out_cuts_the_socket_and_refuses_the_token() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let mut socket = server.live(&ana).await;
    server.app.auth.sign_out_everywhere(ana.id, None).await.unwrap();
    assert_eq!(socket.until_closed().await, Some(4501));
    assert_eq!(server.get(&ana, "/v1/state").await.0, 401);
}

#[tokio::test]
async fn a_socket_without_a_valid_first_frame_is_told_and_stopped() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    for (frame, code) in [
        (json!({"type": "hello", "token": "nonsense", "cursor": {}}), 4500),
        (json!({"type": "hello", "cursor": {}}), 4500),
        (json!({"type": "ping", "n": 1}), 4503),
        (json!({"type": "hello", "token": format!("{}{}", ana.token, "x".repeat(5000)), "cursor": {}}), 4502),
    ] {
        let mut socket = server.socket().await;
        socket.say(frame).await;
        assert_eq!(socket.until_closed().await, Some(code));
    }
    let mut socket = server.live(&ana).await;
    socket.say(json!({"type": "send", "text": "x".repeat(70_000)})).await;
    assert_eq!(socket.until_closed().await, Some(4502));
}

#[tokio::test]
async fn a_page_of_another_origin_is_told_so_after_the_handshake() {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
    let server = Server::with(|config| config.allowed_origins = vec!["https://app.example".to_owned()]).await;
    for (origin, allowed) in [("https://evil.example", false), ("https://app.example", true)] {
        let mut request = format!("ws://{}/v1/ws", server.address).into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let mut socket = support::Socket(socket);
        if allowed {
            socket.say(json!({"type": "ping", "n": 1})).await;
            assert_eq!(socket.until_closed().await, Some(4503));
        } else {
            assert_eq!(socket.until_closed().await, Some(4504));
        }
    }
}

#[tokio::test]
async fn a_draining_server_tells_its_clients_when_to_come_back_and_takes_no_more_commands() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let mut socket = server.live(&ana).await;
    assert_eq!(server.http.get(server.url("/readyz")).send().await.unwrap().status(), 200);
    server.drain.send_replace(true);
    server.app.hub.drain(0);
    assert_eq!(server.http.get(server.url("/readyz")).send().await.unwrap().status(), 503);
    socket.until("drain").await;
    let (status, refused) = server
        .post(&ana, "/v1/commands", json!({"type": "send", "txn_id": "m", "room": room, "text": "x"}))
        .await;
    assert_eq!((status, &refused["code"]), (503, &json!("draining")));
    assert_eq!(socket.until_closed().await, Some(4000));
    server.app.committer.finish().await;
}

#[tokio::test]
async fn the_eleventh_connection_closes_the_oldest() {
    let server = Server::with(|config| config.limits.connections_per_user = 2).await;
    let ana = server.person("ana").await;
    let mut first = server.live(&ana).await;
    let mut second = server.live(&ana).await;
    let _third = server.live(&ana).await;
    assert_eq!(first.until_closed().await, Some(4004));
    second.say(json!({"type": "ping", "n": 3})).await;
    assert!(matches!(second.hear().await, Heard::Frame(_)));
}

#[tokio::test]
async fn a_command_too_many_is_refused_for_a_while_on_every_transport() {
    let server = Server::with(|config| config.limits.commands_burst = 3).await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    let mut socket = server.live(&ana).await;
    for n in 0..3 {
        socket.say(json!({"type": "send", "txn_id": format!("m{n}"), "room": room, "text": "x"})).await;
    }
    let nack = socket.until("nack").await;
    assert_eq!(nack["code"], "rate_limited");
    assert!(nack["retry_after_ms"].as_u64().unwrap() > 0);
    let (status, body) = server
        .post(&ana, "/v1/commands", json!({"type": "send", "txn_id": "m9", "room": room, "text": "x"}))
        .await;
    assert_eq!((status, &body["code"]), (429, &json!("rate_limited")));
}
