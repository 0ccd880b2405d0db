//! Messages that carry a file, sent as a form.

use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::{Person, Server};
use crate::{joined, pair, send};

pub(crate) fn png() -> Vec<u8> {
    let mut png = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(6, 4).write_to(&mut png, image::ImageFormat::Png).unwrap();
    png.into_inner()
}

async fn post(server: &Server, who: &Person, room: &str, form: Form) -> (u16, Value) {
    let path = server.url(&format!("/api/messaging/chats/{room}/messages/"));
    send(server.http.post(path).bearer_auth(&who.token).multipart(form)).await
}

fn file(field: &'static str, name: &'static str, bytes: impl Into<Vec<u8>>) -> Form {
    Form::new().part(field, Part::bytes(bytes.into()).file_name(name))
}

#[tokio::test]
async fn a_picture_is_sent_by_a_form_and_fetched_at_a_whole_address_without_a_token() {
    let server = Server::start().await;
    let (ana, luis, room) = pair(&server).await;
    let mut socket = joined(&server, &room, &luis).await;
    let form = file("image", "año.png", png()).text("message_type", "image").text("content", "mira");
    let (status, sent) = post(&server, &ana, &room, form).await;
    assert_eq!((status, &sent["message_type"], &sent["content"]), (201, &json!("image"), &json!("mira")));
    assert_eq!((&sent["file_name"], &sent["video"]), (&json!("año.png"), &Value::Null));
    assert_eq!(sent["file_url"], sent["image"]);
    let heard = socket.until("chat_message").await["message"].clone();
    let address = heard["image"].as_str().unwrap();
    assert!(address.starts_with(&server.url("/v1/files/")), "a page of another origin finds it: {address}");
    assert_ne!(address, sent["image"], "signed for whoever it is shown to");
    let picture = server.http.get(address).send().await.unwrap();
    assert_eq!(
        (picture.status().as_u16(), &picture.headers()["content-type"]),
        (200, &"image/png".parse().unwrap())
    );
    let size = picture.bytes().await.unwrap().len();
    assert_eq!(heard["file_size"], size);

    let delete = format!("/api/messaging/chats/{room}/messages/{}/", sent["id"].as_str().unwrap());
    send(server.http.delete(server.url(&delete)).bearer_auth(&ana.token)).await;
    assert_eq!(server.http.get(address).send().await.unwrap().status(), 404, "it goes with its message");
    let (_, page) = server.get(&luis, &format!("/api/messaging/chats/{room}/messages/")).await;
    assert_eq!((&page["results"][0]["image"], &page["results"][0]["file_url"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn what_a_file_is_says_its_content_and_a_named_form_sent_again_is_one_message() {
    let server = Server::start().await;
    let (ana, _, room) = pair(&server).await;
    let form =
        || file("image", "nota.png", "no es una imagen").text("message_type", "image").text("txn_id", "f1");
    let (status, sent) = post(&server, &ana, &room, form()).await;
    assert_eq!((status, &sent["message_type"], &sent["image"]), (201, &json!("file"), &Value::Null));
    assert!(sent["file_url"].is_string());
    let (status, again) = post(&server, &ana, &room, form()).await;
    assert_eq!((status, &again["id"]), (201, &sent["id"]), "an answer that was lost is asked for again");
    let (status, other) = post(&server, &ana, &room, form().text("content", "otra")).await;
    assert_eq!((status, other["error"].is_string()), (409, true));
    let two = file("image", "a.png", png()).part("file", Part::bytes(png()).file_name("b.png"));
    let (status, refused) = post(&server, &ana, &room, two).await;
    assert_eq!((status, &refused), (400, &json!({"file": ["Un mensaje lleva un solo archivo."]})));
    let nothing = Form::new().text("message_type", "image").text("content", "");
    assert_eq!(post(&server, &ana, &room, nothing).await.0, 400);
    let stranger = server.person("pepe").await;
    assert_eq!(post(&server, &stranger, &room, file("image", "a.png", png())).await.0, 404);
    assert_eq!(server.app.store.file_bytes(stranger.id).await.unwrap(), 0);
}

#[tokio::test]
async fn a_text_is_no_longer_by_the_way_of_files() {
    let server = Server::start().await;
    let (ana, _, room) = pair(&server).await;
    let long = "x".repeat(zas_protocol::limits::BODY_BYTES + 1);
    let (status, _) = post(&server, &ana, &room, Form::new().text("content", long.clone())).await;
    assert_eq!(status, 413);
    let path = format!("/api/messaging/chats/{room}/messages/");
    assert_eq!(server.post(&ana, &path, json!({"content": long})).await.0, 413);
}
