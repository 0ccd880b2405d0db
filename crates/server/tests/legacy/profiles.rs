//! How a group shows itself: its description and its picture.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use zas_protocol::UserId;

use crate::media::png;
use crate::support::{Person, Server};
use crate::{english, send};

async fn create(server: &Server, who: &Person, form: Form) -> (u16, Value) {
    let request = server.http.post(server.url("/api/messaging/chats/")).bearer_auth(&who.token);
    send(request.multipart(form)).await
}

fn form(ids: [UserId; 2]) -> Form {
    let form = Form::new().text("chat_type", "group").text("name", "Equipo");
    ids.into_iter().fold(form, |form, id| form.text("participant_ids", id.to_string()))
}

#[tokio::test]
async fn a_group_has_a_description_and_a_picture_from_its_making_and_shows_what_becomes_of_them() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let (marta, pepe) = (server.person("marta").await, server.person("pepe").await);
    let ids = [luis.id, marta.id];
    let bare = json!({"chat_type": "group", "participant_ids": ids, "name": "Equipo", "description": " "});
    let (_, made) = server.post(&ana, "/api/messaging/chats/", bare).await;
    assert_eq!((&made["description"], &made["avatar"]), (&json!(""), &Value::Null));

    let with_both = form(ids)
        .text("description", " Los jueves\r\na las ocho ")
        .part("avatar", Part::bytes(png()).file_name("equipo.png"));
    let (status, made) = create(&server, &ana, with_both).await;
    assert_eq!((status, &made["description"]), (201, &json!("Los jueves\na las ocho")));
    let chat = made["id"].as_str().unwrap();
    let path = format!("/api/messaging/chats/{chat}/");
    let (_, seen) = server.get(&luis, &path).await;
    assert_eq!(seen["description"], made["description"]);
    let address = seen["avatar"].as_str().unwrap();
    assert!(address.starts_with(&server.url("/v1/files/")), "a page of another origin finds it: {address}");
    assert_ne!(address, made["avatar"], "signed for whoever it is shown to");
    assert_eq!(server.http.get(address).send().await.unwrap().status(), 200);
    let (_, list) = server.get(&luis, "/api/messaging/chats/").await;
    let listed = list["results"].as_array().unwrap().iter().find(|one| one["id"] == chat).unwrap();
    assert_eq!((&listed["description"], &listed["avatar"]), (&seen["description"], &seen["avatar"]));

    // Whoever is not in it, or not any more, does not see it.
    let file = address.split(['?', '/']).find(|part| part.len() == 36).unwrap();
    let fetch = async |who: &Person| {
        let request = server.http.get(server.url(&format!("/v1/files/{file}"))).bearer_auth(&who.token);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!((fetch(&marta).await, fetch(&pepe).await), (200, 404));
    server.command(&marta, json!({"type": "leave_room", "txn_id": "t1", "room": chat})).await;
    assert_eq!(fetch(&marta).await, 404);

    let nothing = json!({"description": "", "avatar": null});
    let change = json!({"type": "set_room_profile", "txn_id": "t2", "room": chat, "profile": nothing});
    server.command(&ana, change).await;
    let (_, seen) = server.get(&luis, &path).await;
    assert_eq!((&seen["description"], &seen["avatar"]), (&json!(""), &Value::Null));
    assert_eq!(server.http.get(address).send().await.unwrap().status(), 404, "it goes when it is taken away");
}

#[tokio::test]
async fn a_description_that_is_too_long_and_a_picture_that_is_none_are_told_by_their_field() {
    let server = Server::start().await;
    let (ana, luis, marta) =
        (server.person("ana").await, server.person("luis").await, server.person("marta").await);
    let ids = [luis.id, marta.id];
    let long = json!({
        "chat_type": "community", "participant_ids": ids, "name": "Equipo", "description": "ñ".repeat(501),
    });
    let (status, refused) = server.post(&ana, "/api/messaging/chats/", long.clone()).await;
    assert_eq!(
        (status, refused),
        (400, json!({"description": ["La descripción es demasiado larga: 500 caracteres como máximo."]}))
    );
    let (status, refused) = english(&server, "POST", "/api/messaging/chats/", Some(&ana.token), long).await;
    assert_eq!(
        (status, refused),
        (400, json!({"description": ["The description is too long: 500 characters at most."]}))
    );
    let no_picture = form(ids).part("avatar", Part::bytes("hola".as_bytes()).file_name("equipo.png"));
    let (status, refused) = create(&server, &ana, no_picture).await;
    assert_eq!(
        (status, refused),
        (400, json!({"avatar": ["Esa imagen no se puede usar. Prueba con una JPEG, PNG o WebP."]}))
    );
    let (_, list) = server.get(&ana, "/api/messaging/chats/").await;
    assert_eq!(list["count"], 0, "nothing is made of what is refused");
}
