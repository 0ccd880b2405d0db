//! How large and how deep what is sent may be.

use serde_json::{Value, json};
use zas_protocol::Limits;
use zas_protocol::limits::{
    ANONYMOUS_BODY_BYTES, BIO_CHARS, BODY_BYTES, COMBINING_MARKS, DESCRIPTION_CHARS, FRAME_BYTES, JSON_DEPTH,
    NAME_CHARS,
};

use crate::around;
use crate::support::{Heard, Person, Server, Socket};

impl Server {
    /// A command by request, and by socket under another name: both are answered alike, and with what.
    async fn both_ways(&self, person: &Person, socket: &mut Socket, command: &Value) -> Result<(), String> {
        let named = |txn_id: String| {
            let mut command = command.clone();
            command["txn_id"] = json!(txn_id);
            command
        };
        let name = zas_client::mint();
        let (status, by_request) = self.post(person, "/v1/commands", named(format!("{name}-r"))).await;
        socket.say(named(format!("{name}-s"))).await;
        let by_socket = loop {
            match socket.hear().await {
                Heard::Frame(frame) if frame["type"] == "ack" => break None,
                Heard::Frame(frame) if frame["type"] == "nack" => {
                    break Some(frame["code"].as_str().unwrap().to_owned());
                }
                Heard::Frame(_) => {}
                Heard::Closed(code) => panic!("closed with {code:?}"),
            }
        };
        let by_request = (status != 200).then(|| by_request["code"].as_str().unwrap().to_owned());
        assert_eq!(by_request, by_socket, "{command}");
        by_request.map_or(Ok(()), Err)
    }
}

/// Two people and their room, with limits on numbers that are no test's of sizes.
async fn two() -> (Server, Person, String) {
    let server = Server::with(|config| config.limits.commands_burst = 1_000).await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    (server, ana, room)
}

/// JSON of just so many bytes: `value` with a field that nobody reads.
fn padded(mut value: Value, bytes: usize) -> String {
    value["padding"] = json!("");
    value["padding"] = json!("x".repeat(bytes - value.to_string().len()));
    value.to_string()
}

#[tokio::test]
async fn a_frame_of_64_kib_is_read_and_one_byte_more_closes_the_socket() {
    let (server, ana, room) = two().await;
    for (bytes, fits) in around(FRAME_BYTES) {
        let mut socket = server.live(&ana).await;
        let send = json!({"type": "send", "txn_id": format!("m{bytes}"), "room": room, "text": "x"});
        socket.say(serde_json::from_str(&padded(send, bytes)).unwrap()).await;
        if fits {
            socket.until("ack").await;
        } else {
            assert_eq!(socket.until_closed().await, Some(4502));
        }
    }
}

#[tokio::test]
async fn a_body_of_256_kib_is_read_and_one_byte_more_is_refused() {
    let (server, ana, room) = two().await;
    for (bytes, fits) in around(BODY_BYTES) {
        let send = json!({"type": "send", "txn_id": format!("m{bytes}"), "room": room, "text": "x"});
        let request = server.http.post(server.url("/v1/commands")).bearer_auth(&ana.token);
        let answer = request.body(padded(send, bytes)).send().await.unwrap();
        assert_eq!(answer.status(), if fits { 200 } else { 413 }, "{bytes}");
    }
}

#[tokio::test]
async fn a_stranger_s_body_of_8_kib_is_read_and_one_byte_more_is_refused() {
    let server = Server::start().await;
    for path in
        ["/v1/auth/login", "/v1/auth/register", "/v1/auth/refresh", "/v1/auth/logout", "/api/auth/login/"]
    {
        for (bytes, fits) in around(ANONYMOUS_BODY_BYTES) {
            let body = padded(json!({"refresh": "no token", "login": 1}), bytes);
            let answer = server.http.post(server.url(path)).body(body).send().await.unwrap();
            assert_eq!(answer.status() != 413, fits, "{path} {bytes}: {}", answer.status());
        }
    }
}

#[tokio::test]
async fn json_nests_32_deep_and_no_deeper_on_every_way_in() {
    let (server, ana, room) = two().await;
    let mut socket = server.live(&ana).await;
    for (depth, fits) in around(JSON_DEPTH) {
        // The object itself is one.
        let nested = format!("{}{}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        let mut send = json!({"type": "send", "room": room, "text": "x"});
        send["nested"] = serde_json::from_str(&nested).unwrap();
        let (status, _) = {
            send["txn_id"] = json!(format!("r{depth}"));
            server.post(&ana, "/v1/commands", send.clone()).await
        };
        assert_eq!(status, if fits { 200 } else { 400 }, "{depth}");
        send["txn_id"] = json!(format!("s{depth}"));
        socket.say(send).await;
        socket.until(if fits { "ack" } else { "error" }).await;
        let old = json!({"content": "x", "nested": serde_json::from_str::<Value>(&nested).unwrap()});
        let (status, _) = server.post(&ana, &format!("/api/messaging/chats/{room}/messages/"), old).await;
        assert_eq!(status, if fits { 201 } else { 400 }, "{depth} by the old contract");
    }
}

#[tokio::test]
async fn a_message_has_4000_characters_and_no_more_on_every_transport() {
    let (server, ana, room) = two().await;
    let mut socket = server.live(&ana).await;
    // Characters are Unicode scalar values, whatever their bytes.
    for character in ["x", "ñ", "𝄞"] {
        for (chars, fits) in around(Limits::default().message_chars) {
            let send = json!({"type": "send", "room": room, "text": character.repeat(chars)});
            let answer = server.both_ways(&ana, &mut socket, &send).await;
            assert_eq!(answer, if fits { Ok(()) } else { Err("text_too_long".to_owned()) }, "{chars}");
        }
    }
}

#[tokio::test]
async fn a_character_carries_8_marks_and_no_more() {
    let (server, ana, room) = two().await;
    let mut socket = server.live(&ana).await;
    for (marks, fits) in around(COMBINING_MARKS) {
        let text = format!("z{}", "\u{335}".repeat(marks));
        let send = json!({"type": "send", "room": room, "text": format!("{text} {text}")});
        let answer = server.both_ways(&ana, &mut socket, &send).await;
        assert_eq!(answer, if fits { Ok(()) } else { Err("bad_request".to_owned()) }, "{marks}");
    }
}

#[tokio::test]
async fn a_name_has_60_characters_and_no_more() {
    let (server, ana, _) = two().await;
    let luis = server.person("luisa").await;
    let mut socket = server.live(&ana).await;
    for (chars, fits) in around(NAME_CHARS) {
        let name = "ñ".repeat(chars);
        let group = json!({"type": "create_group", "name": name, "members": [luis.id]});
        let profile = json!({"type": "set_profile", "profile": {"display_name": name}});
        for command in [group, profile] {
            let answer = server.both_ways(&ana, &mut socket, &command).await;
            assert_eq!(answer, if fits { Ok(()) } else { Err("name_invalid".to_owned()) }, "{chars}");
        }
    }
}

#[tokio::test]
async fn a_bio_has_300_characters_and_no_more() {
    let (server, ana, _) = two().await;
    let mut socket = server.live(&ana).await;
    for (chars, fits) in around(BIO_CHARS) {
        let profile = json!({"type": "set_profile", "profile": {"bio": "ñ".repeat(chars)}});
        let answer = server.both_ways(&ana, &mut socket, &profile).await;
        assert_eq!(answer, if fits { Ok(()) } else { Err("text_too_long".to_owned()) }, "{chars}");
    }
}

#[tokio::test]
async fn a_description_has_500_characters_and_no_more() {
    let (server, ana, _) = two().await;
    let luis = server.person("luisa").await;
    let mut socket = server.live(&ana).await;
    for (chars, fits) in around(DESCRIPTION_CHARS) {
        let profile = json!({"description": "ñ".repeat(chars)});
        let group = json!({"type": "create_group", "name": "x", "members": [luis.id], "profile": profile});
        let answer = server.both_ways(&ana, &mut socket, &group).await;
        assert_eq!(answer, if fits { Ok(()) } else { Err("text_too_long".to_owned()) }, "{chars}");
    }
}

#[tokio::test]
async fn an_avatar_of_5_mib_is_looked_at_and_one_byte_more_is_refused() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    for (bytes, fits) in around(Limits::default().avatar_bytes) {
        for path in ["/v1/me/avatar", "/v1/rooms/avatar"] {
            let request = server.http.post(server.url(path)).bearer_auth(&ana.token);
            let answer = request.body(vec![0; bytes]).send().await.unwrap();
            // Zeros are no image.
            assert_eq!(answer.status(), if fits { 400 } else { 413 }, "{bytes} at {path}");
        }
    }
}

/// Puts a file of so many zeros up, of a person of its own: one may put up six a minute.
async fn upload(server: &Server, person: &Person, bytes: usize) -> (u16, Value) {
    let request = server.http.post(server.url("/v1/files")).bearer_auth(&person.token);
    let answer = request.body(vec![0; bytes]).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_file_of_25_mib_is_taken_and_one_byte_more_is_refused() {
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let limit = usize::try_from(Limits::default().upload_bytes).unwrap();
    for (bytes, fits) in around(limit) {
        let (status, body) = upload(&server, &ana, bytes).await;
        if fits {
            assert_eq!((status, &body["attachment"]["bytes"]), (200, &json!(bytes)));
        } else {
            assert_eq!((status, &body["code"]), (413, &json!("too_large")), "{bytes}");
        }
    }
    let kept = server.app.store.file_bytes(ana.id).await.unwrap();
    assert_eq!(kept, 2 * limit as u64 - 1, "and nothing of it is kept");
}

#[tokio::test]
async fn a_person_s_files_have_so_many_bytes_and_no_more() {
    const LIMIT: usize = 10_000;
    let server = Server::with(|config| config.limits.user_file_bytes = LIMIT as u64).await;
    for (bytes, fits) in around(LIMIT) {
        let (ana, luis) =
            (server.person(&format!("ana{bytes}")).await, server.person(&format!("luis{bytes}")).await);
        assert_eq!(upload(&server, &ana, 4_000).await.0, 200);
        let (status, body) = upload(&server, &ana, bytes - 4_000).await;
        if fits {
            assert_eq!(status, 200, "{bytes}");
        } else {
            assert_eq!((status, &body["code"]), (413, &json!("quota_exceeded")), "{bytes}");
        }
        assert_eq!(server.app.store.file_bytes(ana.id).await.unwrap() == bytes as u64, fits);
        assert_eq!(upload(&server, &luis, LIMIT).await.0, 200, "another person has their own");
        assert_eq!(upload(&server, &luis, 1).await.0, 413, "and is told before they send");
    }
    // Two at once do not both get the last place.
    let mia = server.person("mia").await;
    let both = futures_util::future::join(upload(&server, &mia, 6_000), upload(&server, &mia, 6_000)).await;
    let mut statuses = [both.0.0, both.1.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 413]);
}
