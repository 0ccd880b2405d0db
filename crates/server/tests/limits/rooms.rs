//! How much of a room, and of the people, one gets.

use serde_json::{Value, json};
use zas_protocol::limits::{GROUP_MEMBERS, PAGE_EVENTS, SEARCH_RESULTS};

use crate::around;
use crate::support::{Person, Server};

async fn people(server: &Server, count: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for n in 0..count {
        people.push(server.person(&format!("person{n}")).await);
    }
    people
}

#[tokio::test]
async fn a_group_has_1000_members_and_no_more() {
    let server = Server::start().await;
    let people = people(&server, GROUP_MEMBERS + 1).await;
    let group = |members: usize| {
        let others: Vec<_> = people[1..members].iter().map(|person| person.id).collect();
        json!({"type": "create_group", "txn_id": format!("g{members}"), "name": "todos", "members": others})
    };
    for (members, fits) in around(GROUP_MEMBERS) {
        let (status, answer) = server.post(&people[0], "/v1/commands", group(members)).await;
        assert_eq!(status, if fits { 200 } else { 409 }, "{members}: {answer}");
        let Some(room) = answer["room"].as_str() else { continue };
        let newcomer = people[members].id;
        let add =
            json!({"type": "add_member", "txn_id": format!("a{members}"), "room": room, "user": newcomer});
        let (status, answer) = server.post(&people[0], "/v1/commands", add).await;
        let full = members == GROUP_MEMBERS;
        assert_eq!(status, if full { 409 } else { 200 }, "one more than {members}: {answer}");
        assert!(!full || answer["code"] == "room_full");
    }
}

#[tokio::test]
async fn a_page_has_100_events_and_no_more() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    server.fill(&ana, &room, 150).await;
    for (limit, fits) in around(PAGE_EVENTS as usize) {
        for ask in ["before=150", "after=1", "around=75", ""] {
            let path = format!("/v1/rooms/{room}/events?{ask}&limit={limit}");
            let (status, page) = server.get(&ana, &path).await;
            assert_eq!(status, 200);
            let events = page["events"].as_array().map(Vec::len);
            assert_eq!(events, Some(if fits { limit } else { PAGE_EVENTS as usize }), "{path}");
        }
    }
}

#[tokio::test]
async fn a_search_finds_20_people_and_no_more() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let most = SEARCH_RESULTS as usize;
    people(&server, most - 2).await;
    for (there, fits) in around(most) {
        server.person(&format!("person{there}")).await;
        for (path, list) in [("/v1/users?q=person", "users"), ("/api/users/search/?q=person", "results")] {
            let (status, found) = server.get(&ana, path).await;
            assert_eq!(status, 200);
            assert_eq!(found[list].as_array().map(Vec::len), Some(if fits { there } else { most }), "{path}");
        }
        assert_ne!(server.get(&ana, "/v1/state").await.1["me"], Value::Null);
    }
}
