//! What a member sees who was away: both stays and nothing between, the same on every path.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::cast::{Caller, Cast, Stage, named};
use crate::frames::{Feed, RUNGS, Rung};
use crate::support::Person;

const REMOVE: &str = r#"{"type":"remove_member","room":"{room}","user":"{me}"}"#;
const ADD: &str = r#"{"type":"add_member","room":"{room}","user":"{me}"}"#;

/// On the model, and on the database that holds what is real.
async fn stages() -> [Stage; 2] {
    [Stage::start().await, Stage::on_disk().await]
}

async fn says(cast: &Cast<'_>, text: &str) -> u64 {
    let said = format!(r#"{{"type":"send","room":"{{room}}","text":"{text}"}}"#);
    cast.does(cast.peer.id, &said).await.seq
}

async fn get(cast: &Cast<'_>, path: &str) -> (u16, Value) {
    let me = Person { id: cast.me, token: cast.token.clone().unwrap() };
    cast.server.get(&me, &cast.fill(path)).await
}

fn texts<'a>(events: impl IntoIterator<Item = &'a Value>, field: &str) -> Vec<&'a str> {
    events.into_iter().filter_map(|event| event[field].as_str()).collect()
}

/// What a feed brings after a cursor, until it is synced.
async fn missed(cast: &Cast<'_>, rung: Rung, cursor: BTreeMap<String, (u32, u64)>) -> Vec<Value> {
    let mut feed = Feed::open(cast, rung, cursor).await.unwrap();
    feed.until(|frame| frame["type"] == "synced").await;
    feed.frames
}

#[tokio::test]
async fn who_was_away_sees_both_stays_and_nothing_between_on_every_path() {
    for stage in stages().await {
        both_stays_and_nothing_between(&Cast::new(&stage, Caller::Member).await).await;
    }
}

async fn both_stays_and_nothing_between(cast: &Cast<'_>) {
    says(cast, "antes").await;
    let last_seen = cast.does(cast.admin, REMOVE).await.seq;
    says(cast, "entre").await;
    let back = cast.does(cast.admin, ADD).await.seq;
    let head = says(cast, "después").await;
    let (seen, hidden) = (vec!["un secreto", "antes", "después"], json!([[last_seen + 1, back - 1]]));

    for query in ["", "?after=0", "?before=99", "?around=5"] {
        let (status, page) = get(cast, &format!("/v1/rooms/{{room}}/events{query}")).await;
        assert_eq!(status, 200);
        assert_eq!(texts(page["events"].as_array().unwrap(), "text"), seen, "{query}");
        assert_eq!((&page["skips"], &page["to"]), (&hidden, &json!(head)), "{query}");
    }
    let (_, between) = get(cast, &format!("/v1/rooms/{{room}}/events?after={last_seen}&limit=1")).await;
    assert_eq!(between["events"][0]["seq"], back);
    let (_, room) = get(cast, "/v1/rooms/{room}").await;
    assert_eq!(texts(room["page"]["events"].as_array().unwrap(), "text"), seen);
    assert_eq!((&room["room"]["unread"], &room["room"]["last"]["text"]), (&json!(3), &json!("después")));
    for (query, order) in
        [("", vec!["después", "antes", "un secreto"]), ("?since=2020-01-01T00:00:00Z", seen.clone())]
    {
        let (_, old) = get(cast, &format!("/api/messaging/chats/{{chat}}/messages/{query}")).await;
        assert_eq!(texts(old["results"].as_array().unwrap(), "content"), order);
        assert_eq!(old["count"], 3);
    }
    for rung in RUNGS {
        let frames = missed(cast, rung, [(cast.room.to_string(), (1, 0))].into()).await;
        assert_eq!(texts(&frames, "text"), seen, "{rung:?}");
        let skips: Vec<&Value> = frames.iter().filter(|frame| frame["type"] == "skip").collect();
        assert_eq!(skips.len(), 1, "{rung:?}: {frames:?}");
        assert_eq!((&skips[0]["from"], &skips[0]["to"]), (&hidden[0][0], &hidden[0][1]), "{rung:?}");
    }
}

/// Why so: `docs/adr/0009-a-removal-ends-what-was-missed.md`.
#[tokio::test]
async fn who_was_removed_while_away_hears_so_and_no_more_until_they_are_back_on_every_rung() {
    for stage in stages().await {
        for rung in RUNGS {
            removed_while_away(&Cast::new(&stage, Caller::Member).await, rung).await;
        }
    }
}

async fn removed_while_away(cast: &Cast<'_>, rung: Rung) {
    let heads = cast.server.app.store.heads(cast.me).await.unwrap();
    let cursor: BTreeMap<String, (u32, u64)> =
        heads.iter().map(|head| (head.room.to_string(), (head.epoch, head.head))).collect();
    let (_, had) = cursor[&cast.room.to_string()];
    says(cast, "antes").await;
    let last_seen = cast.does(cast.admin, REMOVE).await.seq;
    says(cast, "entre").await;

    let frames = missed(cast, rung, cursor.clone()).await;
    let told: Vec<&Value> = frames.iter().filter(|frame| frame["type"] == "event").collect();
    assert_eq!(told.len(), 1, "{rung:?}: {frames:?}");
    assert_eq!((&told[0]["kind"], &told[0]["left"]), (&json!("left"), &json!(cast.room)));
    assert_eq!(told[0]["at_seq"], last_seen);
    assert_eq!(get(cast, "/v1/rooms/{room}/events").await.0, 404);

    let back = cast.does(cast.admin, ADD).await.seq;
    let (_, page) = get(cast, &format!("/v1/rooms/{{room}}/events?after={had}")).await;
    assert_eq!(texts(page["events"].as_array().unwrap(), "text"), ["antes"]);
    assert_eq!(page["skips"], json!([[last_seen + 1, back - 1]]));
    let frames = missed(cast, rung, cursor).await;
    assert_eq!(texts(&frames, "text"), ["antes"], "{rung:?}: and a feed resumes from the same cursor");
}

#[tokio::test]
async fn a_command_that_was_stored_is_answered_the_same_to_who_was_removed_since() {
    let stage = Stage::start().await;
    let cast = Cast::new(&stage, Caller::Member).await;
    let me = Person { id: cast.me, token: cast.token.clone().unwrap() };
    let send = named(&cast.fill(r#"{"type":"send","room":"{room}","text":"mío"}"#));
    let first = cast.server.post(&me, "/v1/commands", send.clone()).await;
    cast.does(cast.admin, REMOVE).await;
    assert_eq!(
        cast.server.post(&me, "/v1/commands", send).await,
        first,
        "it was stored, and that is not undone"
    );
    let next = named(&cast.fill(r#"{"type":"send","room":"{room}","text":"otra"}"#));
    assert_eq!(cast.server.post(&me, "/v1/commands", next).await.0, 404);
}
