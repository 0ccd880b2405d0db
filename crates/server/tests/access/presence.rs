//! Whether somebody is there is told to those who share a private room or a small group with them, by the
//! first state and by a room as by the feed.

use serde_json::{Value, json};
use zas_protocol::limits::SMALL_GROUP;

use crate::cast::{Caller, Cast, Stage};
use crate::support::{Person, Server, Socket};

fn is_told_of(answer: &Value, person: impl serde::Serialize) -> bool {
    let person = json!(person);
    answer["presence"].as_array().unwrap().iter().any(|one| one["user"] == person)
}

#[tokio::test]
async fn who_is_no_member_any_more_is_not_there_for_those_who_are() {
    let stage = Stage::start().await;
    let cast = Cast::new(&stage, Caller::ExMember).await;
    let _there = Socket::live(&cast.server.url(""), cast.token.as_ref().unwrap()).await;
    let (_, room) = cast.server.get(&cast.peer, &cast.fill("/v1/rooms/{room}")).await;
    assert!(is_told_of(&room, cast.admin));
    assert!(
        room["users"].as_array().unwrap().iter().any(|user| user["id"] == json!(cast.me)),
        "events name them"
    );
    assert!(!is_told_of(&room, cast.me));
    let (_, state) = cast.server.get(&cast.peer, "/v1/state").await;
    assert!(is_told_of(&state, cast.admin) && !is_told_of(&state, cast.me));
}

#[tokio::test]
async fn in_a_large_group_nobody_is_told_who_is_there_on_any_path() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let mut members = vec![luis.id];
    for n in 0..SMALL_GROUP {
        members.push(server.person(&format!("many_{n}")).await.id);
    }
    let create = json!({"type": "create_group", "txn_id": "a", "name": "Todos", "members": members});
    let room = server.command(&ana, create).await["room"].as_str().unwrap().to_owned();
    let mut here = server.live(&ana).await;
    let _there = server.live(&luis).await;
    let asked = async |by: &Person, of: &Person| {
        let (_, state) = server.get(by, "/v1/state").await;
        let (_, room) = server.get(by, &format!("/v1/rooms/{room}")).await;
        (is_told_of(&state, of.id), is_told_of(&room, of.id))
    };
    assert_eq!(asked(&ana, &luis).await, (false, false));
    here.say(json!({"type": "ping", "n": 1})).await;
    let heard = here.all_until("pong").await;
    assert!(!heard.iter().any(|frame| frame["type"] == "presence"), "{heard:?}");

    server.private_room(&ana, &luis).await;
    assert_eq!(asked(&ana, &luis).await, (true, false), "a private room of theirs is small");
}
