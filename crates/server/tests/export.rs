//! What was said goes into a folder, for people and for programs.
#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod support;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use support::process::{PASSWORD, Setup, make_account, zas};

/// Somebody at a running server.
struct Somebody {
    url: String,
    id: String,
    token: String,
    http: reqwest::Client,
}

impl Somebody {
    async fn sign_in(url: &str, username: &str) -> Self {
        let http = reqwest::Client::new();
        let login = json!({"login": username, "password": PASSWORD});
        let answer = http.post(format!("{url}/v1/auth/login")).json(&login).send().await.unwrap();
        let signed_in: Value = answer.json().await.unwrap();
        let token = signed_in["access"].as_str().unwrap().to_owned();
        let state = http.get(format!("{url}/v1/state")).bearer_auth(&token).send().await.unwrap();
        let state: Value = state.json().await.unwrap();
        let id = state["me"]["user"]["id"].as_str().unwrap_or_else(|| panic!("{state}")).to_owned();
        Self { url: url.to_owned(), id, token, http }
    }

    async fn does(&self, command: Value) -> Value {
        let request = self.http.post(format!("{}/v1/commands", self.url)).bearer_auth(&self.token);
        let answer = request.json(&command).send().await.unwrap();
        assert!(answer.status().is_success(), "{command}: {answer:?}");
        answer.json().await.unwrap()
    }

    async fn says(&self, room: &Value, text: &str) -> Value {
        self.does(json!({"type": "send", "txn_id": format!("t{}", text.len()), "room": room, "text": text}))
            .await["message"]
            .clone()
    }
}

async fn export(data: &Path, words: &[&str]) -> (bool, String) {
    let mut command = zas(data);
    command.env("LANG", "es_ES.UTF-8").arg("export").args(words);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let shown = [done.stdout, done.stderr].concat();
    (done.status.success(), String::from_utf8_lossy(&shown).into_owned())
}

fn lines(path: PathBuf) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_a_person_or_all_goes_into_a_folder_to_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    for username in ["ada", "bob", "eva"] {
        make_account(&data, username);
    }
    let setup = Setup::new(&data);
    let server = setup.start().await;
    let ada = Somebody::sign_in(&server.url, "ada").await;
    let bob = Somebody::sign_in(&server.url, "bob").await;
    let eva = Somebody::sign_in(&server.url, "eva").await;
    let group = json!({"type": "create_group", "txn_id": "g", "name": "<i>Equipo</i>", "members": [bob.id]});
    let room = ada.does(group).await["room"].clone();
    let typo = ada.says(&room, "<script>alert(1)</script>").await;
    let gone = ada.says(&room, "un secreto").await;
    ada.does(
        json!({"type": "edit_message", "txn_id": "e", "room": room, "message": typo, "text": "<b>hola</b>"}),
    )
    .await;
    ada.does(json!({"type": "delete_message", "txn_id": "d", "room": room, "message": gone})).await;
    bob.does(json!({"type": "react", "txn_id": "r", "room": room, "message": typo, "reaction": "golazo"}))
        .await;
    let file = ada.http.post(format!("{}/v1/files?name=acta%2Ftxt.md", ada.url)).bearer_auth(&ada.token);
    let file: Value = file.body("los acuerdos").send().await.unwrap().json().await.unwrap();
    let carrying = json!({
        "type": "send", "txn_id": "f", "room": room, "text": "", "attachment": file["attachment"]["file"],
        "reply_to": typo,
    });
    ada.does(carrying).await;
    ada.does(json!({"type": "add_member", "txn_id": "a", "room": room, "user": eva.id})).await;
    bob.says(&room, "bienvenida").await;
    bob.does(json!({"type": "open_private", "txn_id": "o", "user": ada.id})).await;
    assert_eq!(server.stop().await, Some(0));
    let room = room.as_str().unwrap();
    let to = |name: &str| folder.path().join(name).to_string_lossy().into_owned();

    let (done, shown) = export(&data, &["room", room, "--to", &to("one")]).await;
    assert!(done && shown.contains("1 rooms, 4 messages, 1 files. Open index.html."), "{shown}");
    let said = lines(folder.path().join(format!("one/rooms/{room}.jsonl")));
    assert_eq!((&said[0]["type"], &said[0]["name"]), (&json!("room"), &json!("<i>Equipo</i>")));
    let messages: Vec<&Value> = said.iter().filter(|line| line["type"] == "message").collect();
    assert_eq!(
        (&messages[0]["text"], &messages[0]["reactions"][0]["reaction"]),
        (&json!("<b>hola</b>"), &json!("golazo"))
    );
    assert_eq!((&messages[1]["text"], messages[1]["deleted_at"].is_string()), (&json!(""), true));
    assert_eq!((&messages[2]["reply_to"], &messages[2]["attachment"]["name"]), (&typo, &json!("txt.md")));
    let copied = messages[2]["attachment"]["at"].as_str().unwrap();
    let copied = folder.path().join("one/rooms").join(copied);
    assert_eq!(std::fs::read(copied).unwrap(), b"los acuerdos");
    let page = std::fs::read_to_string(folder.path().join(format!("one/rooms/{room}.html"))).unwrap();
    assert!(page.contains("&lt;b&gt;hola&lt;/b&gt;") && page.contains("Mensaje eliminado"), "{page}");
    assert!(!page.contains("<script") && !page.contains("secreto") && !page.contains("<i>"), "{page}");
    let (done, shown) = export(&data, &["room", room, "--to", &to("one")]).await;
    assert!(!done && shown.contains("is there already"), "{shown}");

    // Who came later gets what they see, and nobody else's account.
    let (done, shown) = export(&data, &["user", "eva", "--to", &to("eva"), "--language", "en"]).await;
    assert!(done && shown.contains("1 rooms, 1 messages, 0 files."), "{shown}");
    let said = lines(folder.path().join(format!("eva/rooms/{room}.jsonl")));
    let texts: Vec<&Value> =
        said.iter().filter(|line| line["type"] == "message").map(|line| &line["text"]).collect();
    assert_eq!(texts, [&json!("bienvenida")]);
    let people = lines(folder.path().join("eva/people.jsonl"));
    assert_eq!((people.len(), &people[0]["user"]["username"]), (1, &json!("eva")));
    let index = std::fs::read_to_string(folder.path().join("eva/index.html")).unwrap();
    assert!(index.contains("Conversations") && index.contains("&lt;i&gt;Equipo&lt;/i&gt;"), "{index}");

    let (done, shown) = export(&data, &["all", "--to", &to("all")]).await;
    assert!(done && shown.contains("2 rooms, 4 messages, 1 files."), "{shown}");
    let people = lines(folder.path().join("all/people.jsonl"));
    assert_eq!(people.len(), 3);
    assert!(!std::fs::read_to_string(folder.path().join("all/people.jsonl")).unwrap().contains("argon2"));
    let nowhere = "00000000-0000-7000-8000-000000000000";
    let (done, shown) = export(&data, &["room", nowhere, "--to", &to("none")]).await;
    assert!(!done && shown.contains("nobody is in a room"), "{shown}");
}
