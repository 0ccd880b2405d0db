//! Files put up on the program itself: it is killed, its disk is full, it is backed up.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};
use zas_client::Client;
use zas_protocol::{FileId, UserId};
use zas_server::auth::keys::Keys;
use zas_server::clock;
use zas_store::{Secrets, SqliteStore, Store as _};

use crate::support::process::{PASSWORD, Setup, make_account, zas};
use crate::{blobs, bytes, fetched, until};

/// Puts a file up on a server of its own.
async fn put(http: &reqwest::Client, url: &str, token: &str, sent: Vec<u8>) -> Option<(u16, Value)> {
    let request = http.post(format!("{url}/v1/files?name=x")).bearer_auth(token).body(sent);
    let answer = request.send().await.ok()?;
    Some((answer.status().as_u16(), answer.json().await.ok()?))
}

async fn token(url: &str, username: &str) -> (UserId, String) {
    let login = json!({"login": username, "password": PASSWORD, "device": "test"});
    let answer =
        reqwest::Client::new().post(format!("{url}/v1/auth/login")).json(&login).send().await.unwrap();
    let tokens: Value = answer.json().await.unwrap();
    let user = tokens["me"]["user"]["id"].as_str().unwrap().parse().unwrap();
    (user, tokens["access"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whenever_the_program_is_killed_no_row_is_without_its_blob() {
    const SIZE: usize = 300_000;
    let folder = tempfile::tempdir().unwrap();
    make_account(folder.path(), "ada");
    let setup = Setup::new(folder.path());
    let mut taken: Vec<(FileId, u8)> = Vec::new();
    let mut user = None;
    let times = zas_tally::amount(4);
    for round in 0..times {
        let server = setup.start().await;
        let under_way = blobs(folder.path());
        let named = |path: &PathBuf| !path.to_string_lossy().contains('#');
        assert!(under_way.iter().all(named), "what was under way is gone: {under_way:?}");
        let (id, token) = token(&server.url, "ada").await;
        user = Some(id);
        let http = Arc::new(reqwest::Client::new());
        let mut uploads = tokio::task::JoinSet::new();
        for n in 0..6_u8 {
            let (http, url, token) = (http.clone(), server.url.clone(), token.clone());
            uploads.spawn(async move { (n, put(&http, &url, &token, bytes(SIZE, n)).await) });
        }
        // At another place each time: before the first is taken, after the first, after the second.
        for _ in 0..round % 3 {
            let (n, answer) = uploads.join_next().await.unwrap().unwrap();
            let (status, body) = answer.unwrap();
            assert_eq!(status, 200, "{body}");
            taken.push((crate::id(&body["attachment"]), n));
        }
        server.kill();
        while let Some(ended) = uploads.join_next().await {
            if let (n, Some((200, body))) = ended.unwrap() {
                taken.push((crate::id(&body["attachment"]), n));
            }
        }
    }
    let server = setup.start().await;
    server.kill();
    let keys = Keys::load(folder.path()).unwrap();
    let secrets = Secrets { fingerprint_key: keys.fingerprint(), entropy: Box::new(clock::random::<10>) };
    let store = SqliteStore::open(&folder.path().join("zas.sqlite"), secrets, zas_store::Options::default());
    let store = store.unwrap();
    let mut rows = 0;
    for blob in blobs(folder.path()) {
        let id = blob.file_name().unwrap().to_string_lossy().parse().unwrap();
        if store.file(id).await.unwrap().is_some() {
            rows += 1;
            let kept = std::fs::read(&blob).unwrap();
            assert!((0..6).any(|n| kept == bytes(SIZE, n)), "a row has its whole file");
        }
    }
    assert_eq!(store.file_bytes(user.unwrap()).await.unwrap(), rows * SIZE as u64, "a row without its blob");
    for (id, n) in &taken {
        assert!(store.file(*id).await.unwrap().is_some(), "what was taken is there");
        let id = id.to_string();
        let path = blobs(folder.path()).into_iter().find(|path| path.ends_with(&id)).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), bytes(SIZE, *n));
    }
    zas_tally::tried("P25", "kills of the program while files are put up", times);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_without_room_for_a_file_refuses_it_for_now_and_keeps_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let setup = Setup::new(&data).on_a_small_disk(16 * 1024 * 1024);
    let server = setup.start().await;
    let seen = PathBuf::from(format!("/proc/{}/root", server.pid())).join(data.strip_prefix("/").unwrap());
    let http = reqwest::Client::new();
    let register =
        json!({"username": "ada", "email": "ada@example.org", "display_name": "Ada", "password": PASSWORD});
    let answer = http.post(format!("{}/v1/auth/register", server.url)).json(&register).send().await.unwrap();
    let tokens: Value = answer.json().await.unwrap();
    let token = tokens["access"].as_str().unwrap();
    let photo = [b"\xff\xd8\xff\xe0".as_slice(), &bytes(20_000_000, 1)].concat();
    for sent in [bytes(20_000_000, 1), photo] {
        let (status, body) = put(&http, &server.url, token, sent).await.unwrap();
        assert_eq!((status, &body["code"]), (507, &json!("storage_full")), "{body}");
        until(|| blobs(&seen).is_empty()).await;
    }
    let (status, body) = put(&http, &server.url, token, bytes(1_000, 2)).await.unwrap();
    assert_eq!(status, 200, "{body}");
    assert_eq!(server.stop().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_holds_what_messages_carry() {
    let folder = tempfile::tempdir().unwrap();
    let (data, backup, elsewhere) =
        (folder.path().join("data"), folder.path().join("backup"), folder.path().join("elsewhere"));
    for username in ["ada", "bob"] {
        make_account(&data, username);
    }
    let server = Setup::new(&data).start().await;
    let (ada, bob) = (
        Client::sign_in(&server.url, "ada", PASSWORD).await.unwrap(),
        Client::sign_in(&server.url, "bob", PASSWORD).await.unwrap(),
    );
    let room = ada.open_private(bob.me()).await.unwrap();
    let (_, access) = token(&server.url, "ada").await;
    let http = reqwest::Client::new();
    let sent = bytes(400_000, 9);
    let (status, body) = put(&http, &server.url, &access, sent.clone()).await.unwrap();
    assert_eq!(status, 200, "{body}");
    let file = body["attachment"]["file"].as_str().unwrap();
    let send = json!({"type": "send", "txn_id": "one", "room": room, "text": "", "attachment": file});
    let ack = http.post(format!("{}/v1/commands", server.url)).bearer_auth(&access).json(&send).send().await;
    let ack: Value = ack.unwrap().json().await.unwrap();
    let run = async |data: &Path, words: &[&str]| {
        let mut command = zas(data);
        command.args(words);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    run(&data, &["backup", &backup.to_string_lossy()]).await;
    // What happens to it later is not in the backup.
    let delete = json!({"type": "delete_message", "txn_id": "two", "room": room, "message": ack["message"]});
    let deleted = http.post(format!("{}/v1/commands", server.url)).bearer_auth(&access).json(&delete);
    assert_eq!(deleted.send().await.unwrap().status(), 200);
    assert_eq!(server.stop().await, Some(0));
    run(&elsewhere, &["restore", &backup.to_string_lossy()]).await;
    let restored = Setup::new(&elsewhere).start().await;
    let (_, access) = token(&restored.url, "bob").await;
    let got = fetched(http.get(format!("{}/v1/files/{file}", restored.url)).bearer_auth(&access)).await;
    assert_eq!((got.status, &got.body[..]), (StatusCode::OK, &sent[..]));
    assert_eq!(restored.stop().await, Some(0));
}
