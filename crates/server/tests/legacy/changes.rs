//! What is done to a message after it was sent, by the old contract and by the native API, and how each
//! hears of the other.

use serde_json::{Value, json};

use crate::support::{Person, Server};
use crate::{english, joined, pair, patch, send};

async fn delete(server: &Server, person: &Person, path: &str) -> (u16, Value) {
    send(server.http.delete(server.url(path)).bearer_auth(&person.token)).await
}

fn path(room: &str, message: &Value, rest: &str) -> String {
    format!("/api/messaging/chats/{room}/messages/{}/{rest}", message["id"].as_str().unwrap())
}

async fn say(server: &Server, who: &Person, room: &str, body: Value) -> Value {
    let (status, sent) = server.post(who, &format!("/api/messaging/chats/{room}/messages/"), body).await;
    assert_eq!(status, 201, "{sent}");
    sent
}

async fn newest(server: &Server, who: &Person, room: &str) -> Value {
    let (_, page) = server.get(who, &format!("/api/messaging/chats/{room}/messages/")).await;
    page["results"][0].clone()
}

#[tokio::test]
async fn an_edit_shows_the_new_text_and_is_its_authors_alone() {
    let server = Server::start().await;
    let (ana, luis, room) = pair(&server).await;
    let sent = say(&server, &ana, &room, json!({"content": "hoal"})).await;
    assert_eq!((&sent["is_edited"], &sent["updated_at"]), (&json!(false), &sent["created_at"]));
    let edit = path(&room, &sent, "");
    let (status, edited) = patch(&server, &ana, &edit, json!({"content": " hola "})).await;
    assert_eq!((status, &edited["id"], &edited["content"]), (200, &sent["id"], &json!("hola")));
    assert_eq!((&edited["is_edited"], &edited["created_at"]), (&json!(true), &sent["created_at"]));
    assert_ne!(edited["updated_at"], sent["updated_at"]);
    let seen = newest(&server, &luis, &room).await;
    assert_eq!((&seen["content"], &seen["is_edited"]), (&json!("hola"), &json!(true)));
    let (_, list) = server.get(&luis, "/api/messaging/chats/").await;
    assert_eq!(list["results"][0]["last_message"]["content"], "hola");

    let (status, refused) = patch(&server, &luis, &edit, json!({"content": "x"})).await;
    assert_eq!((status, refused["detail"].is_string()), (403, true), "in the chat, and not the author");
    let stranger = server.person("pepe").await;
    assert_eq!(patch(&server, &stranger, &edit, json!({"content": "x"})).await.0, 404);
    let blank = english(&server, "PATCH", &edit, Some(&ana.token), json!({"content": " "})).await;
    assert_eq!(blank, (400, json!({"content": ["Write something before you send."]})));
    let nothing = edit.replace(sent["id"].as_str().unwrap(), "nada");
    assert_eq!(patch(&server, &ana, &nothing, json!({"content": "x"})).await.0, 404);
}

#[tokio::test]
async fn a_tombstone_stays_of_what_its_author_deletes() {
    let server = Server::start().await;
    let (ana, luis, room) = pair(&server).await;
    let sent = say(&server, &ana, &room, json!({"content": "secreto"})).await;
    let answer = say(&server, &luis, &room, json!({"content": "¿qué?", "reply_to": sent["id"]})).await;
    let quote = json!({
        "id": sent["id"], "content": "secreto", "message_type": "text",
        "sender": {"id": ana.id, "username": "ana", "display_name": "ana"},
    });
    assert_eq!((&answer["reply_to"], &answer["is_reply"]), (&quote, &json!(true)));
    let gone = path(&room, &sent, "");
    assert_eq!(delete(&server, &luis, &gone).await.0, 403);
    let (status, deleted) = delete(&server, &ana, &gone).await;
    assert_eq!((status, &deleted), (200, &json!({"message": "Mensaje eliminado"})));
    assert_eq!(delete(&server, &ana, &gone).await.0, 200, "an answer that was lost is asked for again");
    let (_, page) = server.get(&luis, &format!("/api/messaging/chats/{room}/messages/")).await;
    assert_eq!(page["count"], 2, "its place stays");
    let (answer, tombstone) = (&page["results"][0], &page["results"][1]);
    assert_eq!((&tombstone["id"], &tombstone["is_deleted"]), (&sent["id"], &json!(true)));
    assert_eq!((&tombstone["content"], &answer["reply_to"]["content"]), (&json!(""), &json!("")));
    assert!(!page.to_string().contains("secreto"), "{page}");
    let refused = patch(&server, &ana, &gone, json!({"content": "otra"})).await;
    assert_eq!(refused.0, 404);
    let odd = json!({"content": "x", "reply_to": "nada"});
    let chat = format!("/api/messaging/chats/{room}/messages/");
    let refused = english(&server, "POST", &chat, Some(&ana.token), odd).await;
    assert_eq!(refused, (400, json!({"reply_to": ["There is no such message."]})));
}

#[tokio::test]
async fn a_reaction_toggles_and_is_one_a_person() {
    let server = Server::start().await;
    let (ana, luis, room) = pair(&server).await;
    let sent = say(&server, &ana, &room, json!({"content": "gol"})).await;
    assert_eq!((&sent["reactions"], &sent["user_reaction"]), (&json!([]), &Value::Null));
    let react = path(&room, &sent, "react/");
    let golazo = || json!({"reaction_type": "golazo"});
    let (status, set) = server.post(&luis, &react, golazo()).await;
    let expected = json!({"message": "Reacción añadida", "reacted": true, "reaction_type": "golazo"});
    assert_eq!((status, set), (200, expected));
    server.post(&luis, &react, json!({"reaction_type": "fire"})).await;
    let seen = newest(&server, &luis, &room).await;
    let reactions = seen["reactions"].as_array().unwrap();
    assert_eq!((reactions.len(), &reactions[0]["reaction_type"]), (1, &json!("fire")));
    assert_eq!((&reactions[0]["user"]["username"], &seen["user_reaction"]), (&json!("luis"), &json!("fire")));
    assert_eq!(newest(&server, &ana, &room).await["user_reaction"], Value::Null);
    let (_, unset) = server.post(&luis, &react, json!({"reaction_type": "fire"})).await;
    assert_eq!(unset, json!({"message": "Reacción eliminada", "reacted": false}));
    assert_eq!(newest(&server, &ana, &room).await["reactions"], json!([]));

    let odd = english(&server, "POST", &react, Some(&luis.token), json!({"reaction_type": "shrug"})).await;
    assert_eq!(odd, (400, json!({"reaction_type": ["There is no such reaction."]})));
    let stranger = server.person("pepe").await;
    assert_eq!(server.post(&stranger, &react, golazo()).await.0, 404);
    for kind in ["like", "love", "laugh", "wow", "sad", "angry", "fire", "golazo", "dislike"] {
        let (status, _) = server.post(&ana, &react, json!({"reaction_type": kind})).await;
        assert_eq!(status, 200, "{kind}");
    }
}

/// Two clients on one room, one old and one native: each action of one is the other's at once.
#[tokio::test]
async fn old_and_native_hear_each_others_every_change() {
    let server = Server::start().await;
    let (ana, luis, room) = pair(&server).await;
    let mut old = joined(&server, &room, &ana).await;
    let mut other = joined(&server, &room, &luis).await;
    let mut native = server.live(&luis).await;
    old.say(json!({"type": "chat_message", "content": "uno"})).await;
    let sent = old.until("chat_message").await["message"].clone();
    native.until("event").await;

    let id = &sent["id"];
    old.say(json!({"type": "edit_message", "message_id": id, "content": "dos"})).await;
    let edited = native.until("event").await;
    assert_eq!(
        (&edited["kind"], &edited["text"], &edited["message"]),
        (&json!("message_edited"), &json!("dos"), id)
    );
    for socket in [&mut old, &mut other] {
        let edited = socket.until("message_edited").await["message"].clone();
        assert_eq!((&edited["id"], &edited["content"]), (id, &json!("dos")));
        assert_eq!((&edited["is_edited"], &edited["sender"]["username"]), (&json!(true), &json!("ana")));
    }
    old.say(json!({"type": "react_message", "message_id": id, "reaction_type": "like"})).await;
    let reacted = native.until("event").await;
    assert_eq!((&reacted["kind"], &reacted["reaction"]), (&json!("reaction_changed"), &json!("like")));
    let told = json!({
        "type": "message_reaction", "message_id": id, "user_id": ana.id, "username": "ana",
        "reaction_type": "like", "added": true,
    });
    assert_eq!(old.until("message_reaction").await, told);
    assert_eq!(other.until("message_reaction").await, told);
    old.say(json!({"type": "react_message", "message_id": id, "reaction_type": "like"})).await;
    assert_eq!(native.until("event").await.get("reaction"), None);
    let undone = old.until("message_reaction").await;
    assert_eq!((&undone["added"], &undone["reaction_type"]), (&json!(false), &json!("like")));

    let react = json!({"type": "react", "txn_id": "r1", "room": room, "message": id, "reaction": "fire"});
    native.say(react).await;
    let told = old.until("message_reaction").await;
    assert_eq!((&told["username"], &told["reaction_type"]), (&json!("luis"), &json!("fire")));
    let reply = json!({
        "type": "send", "txn_id": "s1", "room": room, "text": "y tres", "reply_to": id, "label": "story_reply",
    });
    native.say(reply).await;
    let reply = old.until("chat_message").await["message"].clone();
    assert_eq!(
        (&reply["reply_to"]["content"], &reply["message_type"]),
        (&json!("dos"), &json!("story_reply"))
    );

    old.say(json!({"type": "edit_message", "message_id": reply["id"], "content": "no es mío"})).await;
    assert_eq!(old.until("error").await["message"], "No tienes permiso para hacer eso.");
    old.say(json!({"type": "delete_message", "message_id": id})).await;
    let deleted = json!({"type": "message_deleted", "message_id": id, "user_id": ana.id});
    assert_eq!(old.until("message_deleted").await, deleted);
    assert_eq!(other.until("message_deleted").await, deleted);
    let (_, page) = server.get(&luis, &format!("/v1/rooms/{room}/events")).await;
    assert!(!page.to_string().contains("dos"), "{page}");
    let state = &page["states"][0];
    assert_eq!((&state["message"], state["deleted_at"].is_number()), (id, true));
}

#[tokio::test]
async fn who_came_later_is_not_told_what_becomes_of_a_message_from_before() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let group = json!({"type": "create_group", "txn_id": "g", "name": "Equipo", "members": [luis.id]});
    let room = server.command(&ana, group).await["room"].as_str().unwrap().to_owned();
    let before = say(&server, &ana, &room, json!({"content": "de antes"})).await;
    let gone = say(&server, &ana, &room, json!({"content": "también"})).await;
    let pepe = server.person("pepe").await;
    let add = json!({"type": "add_member", "txn_id": "a", "room": room, "user": pepe.id});
    server.command(&ana, add).await;
    let mut late = joined(&server, &room, &pepe).await;
    let mut there = joined(&server, &room, &luis).await;

    assert_eq!(patch(&server, &ana, &path(&room, &before, ""), json!({"content": "secreto"})).await.0, 200);
    let react = path(&room, &before, "react/");
    assert_eq!(server.post(&ana, &react, json!({"reaction_type": "like"})).await.0, 200);
    assert_eq!(delete(&server, &ana, &path(&room, &gone, "")).await.0, 200);
    for kind in ["message_edited", "message_reaction", "message_deleted"] {
        there.until(kind).await;
    }
    say(&server, &ana, &room, json!({"content": "bienvenido"})).await;
    let heard = Value::from(late.all_until("chat_message").await);
    assert!(!heard.to_string().contains("secreto"), "{heard}");
    let kinds: Vec<&str> =
        heard.as_array().unwrap().iter().filter_map(|frame| frame["type"].as_str()).collect();
    assert!(!kinds.iter().any(|kind| kind.starts_with("message_")), "{kinds:?}");
}

#[tokio::test]
async fn settings_are_kept_as_they_are_and_reach_the_native_client() {
    let server = Server::start().await;
    let (ana, _, room) = pair(&server).await;
    let mut native = server.live(&ana).await;
    let path = format!("/api/messaging/chats/{room}/settings/");
    let all = json!({
        "other_user_nickname": "Lucho", "chat_background": "gradient-7", "chat_color": "#123456",
        "other_message_color": "#abcdef", "notifications_enabled": false, "sound_enabled": false,
    });
    let (status, kept) = patch(&server, &ana, &path, all.clone()).await;
    assert_eq!((status, &kept["settings"], &kept["chat_settings"]), (200, &all, &all));
    let heard = native.until("event").await;
    assert_eq!(heard["prefs"]["nickname"], "Lucho");
    let (_, chat) = server.get(&ana, &format!("/api/messaging/chats/{room}/")).await;
    assert_eq!((&chat["user_settings"], &chat["display_name"]), (&all, &json!("Lucho")));
    let (_, kept) =
        patch(&server, &ana, &path, json!({"other_user_nickname": "", "sound_enabled": true})).await;
    assert_eq!(
        (&kept["settings"]["other_user_nickname"], &kept["settings"]["sound_enabled"]),
        (&json!(""), &json!(true))
    );
    assert_eq!(kept["settings"]["chat_color"], "#123456", "what is not named stays");
    let long = json!({"chat_background": "x".repeat(65)});
    assert_eq!(patch(&server, &ana, &path, long).await.0, 400);
}
