//! The old contract, row by row, with its error cases in Spanish and English.

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod changes;
mod media;
mod profiles;
#[path = "../support/mod.rs"]
mod support;

use serde_json::{Value, json};
use support::{Heard, Person, Server, Socket};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

async fn send(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

async fn english(
    server: &Server,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Value,
) -> (u16, Value) {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let mut request =
        server.http.request(method, server.url(path)).header("accept-language", "en").json(&body);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    send(request).await
}

async fn patch(server: &Server, person: &Person, path: &str, body: Value) -> (u16, Value) {
    send(server.http.patch(server.url(path)).bearer_auth(&person.token).json(&body)).await
}

async fn chat_socket(server: &Server, chat: &str, query: &str) -> Socket {
    let url = format!("ws://{}/ws/chat/{chat}/{query}", server.address);
    let (socket, _) = tokio_tungstenite::connect_async(url.into_client_request().unwrap()).await.unwrap();
    Socket(socket)
}

async fn joined(server: &Server, chat: &str, person: &Person) -> Socket {
    let mut socket = chat_socket(server, chat, &format!("?token={}", person.token)).await;
    assert_eq!(socket.until("connection_success").await["message"], "Conectado exitosamente");
    socket
}

async fn pair(server: &Server) -> (Person, Person, String) {
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let room = server.private_room(&ana, &luis).await;
    (ana, luis, room)
}

#[tokio::test]
async fn an_account_is_made_signs_in_refreshes_and_signs_out() {
    let server = Server::start().await;
    let form = json!({
        "email": "Ana@Example.org", "username": "Ana_1", "display_name": "Ana", "password": "una clave larga",
        "password_confirm": "una clave larga", "favourite_team": "ignored",
    });
    let (status, made) = send(server.http.post(server.url("/api/auth/register/")).json(&form)).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        (&made["user"]["username"], &made["user"]["email"]),
        (&json!("ana_1"), &json!("ana@example.org"))
    );
    let (status, again) = send(server.http.post(server.url("/api/auth/register")).json(&form)).await;
    assert_eq!(status, 400);
    assert!(again["username"][0].as_str().unwrap().contains("en uso"), "{again}");
    let mut other = form.clone();
    other["password_confirm"] = json!("otra");
    let (_, mismatch) = english(&server, "POST", "/api/auth/register/", None, other).await;
    assert_eq!(mismatch, json!({"password_confirm": ["The passwords don't match."]}));

    let login = json!({"login": "ana@example.org", "password": "una clave larga"});
    let (status, signed_in) = send(server.http.post(server.url("/api/auth/login/")).json(&login)).await;
    assert_eq!(status, 200);
    assert_eq!(signed_in["user"]["display_name"], "Ana");
    let wrong = json!({"login": "ana_1", "password": "no es esta"});
    let (status, refused) = english(&server, "POST", "/api/auth/login/", None, wrong).await;
    assert_eq!((status, refused), (400, json!({"error": "Wrong username or password."})));

    let refresh = json!({"refresh": signed_in["refresh"]});
    let (status, next) = send(server.http.post(server.url("/api/auth/refresh/")).json(&refresh)).await;
    assert_eq!(status, 200);
    let (_, same) = send(server.http.post(server.url("/api/auth/refresh/")).json(&refresh)).await;
    assert_eq!(same["refresh"], next["refresh"], "within the grace the same successors");
    let access = next["access"].as_str().unwrap();
    let (status, verified) = english(&server, "GET", "/api/auth/verify/", Some(access), Value::Null).await;
    assert_eq!((status, &verified["valid"]), (200, &json!(true)));
    let out = json!({"refresh_token": next["refresh"]});
    let (status, _) = send(server.http.post(server.url("/api/auth/logout/")).json(&out)).await;
    assert_eq!(status, 200);
    let (status, over) = english(&server, "GET", "/api/auth/verify/", Some(access), Value::Null).await;
    assert_eq!((status, &over["detail"]), (401, &json!("This session was signed out. Sign in again.")));
}

#[tokio::test]
async fn a_token_has_the_shape_that_simplejwt_issues() {
    use base64::Engine as _;
    let server = Server::start().await;
    let ana = server.person("ana").await;
    let claims = ana.token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["token_type"], "access");
    assert_eq!(claims["user_id"], ana.id.to_string());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3600);
    assert!(claims["jti"].is_string() && claims["username"] == "ana" && claims["display_name"].is_string());
}

#[tokio::test]
async fn a_profile_is_read_and_changed_and_never_shows_anothers_email() {
    let server = Server::start().await;
    let (ana, _, _) = pair(&server).await;
    let (status, changed) =
        patch(&server, &ana, "/api/auth/profile/", json!({"display_name": "Ana Ruiz", "bio": "Luz"})).await;
    assert_eq!((status, &changed["display_name"], &changed["bio"]), (200, &json!("Ana Ruiz"), &json!("Luz")));
    assert_eq!(changed["email"], "ana@example.org");
    let (status, luis) = server.get(&ana, "/api/users/profile/Luis/").await;
    assert_eq!((status, &luis["username"]), (200, &json!("luis")));
    assert!(luis.get("email").is_none());
    let (status, body) = server.get(&ana, "/api/users/profile/nadie/").await;
    assert_eq!((status, body["detail"].is_string()), (404, true));
    let (_, found) = server.get(&ana, "/api/users/search/?q=@lu").await;
    assert_eq!((&found["count"], &found["results"][0]["username"]), (&json!(1), &json!("luis")));
    let (_, friends) = server.get(&ana, "/api/users/friends/").await;
    assert_eq!(friends[0]["username"], "luis");
}

#[tokio::test]
async fn the_private_chat_is_one_however_often_it_is_opened() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let (first, second) = tokio::join!(
        server.post(&ana, "/api/users/chat/luis/", json!({})),
        server.post(&luis, "/api/users/chat/ana", json!({})),
    );
    assert_eq!(first.1["chat"]["id"], second.1["chat"]["id"]);
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201]);
    let (status, refused) = server.post(&ana, "/api/users/chat/ana/", json!({})).await;
    assert_eq!((status, refused["error"].is_string()), (400, true));
    assert_eq!(server.post(&ana, "/api/users/chat/nadie/", json!({})).await.0, 404);
}

#[tokio::test]
async fn chats_are_made_listed_changed_and_left() {
    let server = Server::start().await;
    let (ana, luis, room) = pair(&server).await;
    let marta = server.person("marta").await;
    server.say(&luis, &room, "m1", "hola").await;
    let ids = json!([luis.id, marta.id]);
    let group = json!({"chat_type": "group", "participant_ids": ids, "name": "Equipo"});
    let (status, made) = server.post(&ana, "/api/messaging/chats/", group).await;
    assert_eq!((status, &made["name"], &made["chat_type"]), (201, &json!("Equipo"), &json!("group")));
    assert_eq!(made["participants"].as_array().unwrap().len(), 3);
    let community = json!({"chat_type": "community", "participant_ids": ids, "name": "Barrio"});
    let (status, made_so) = server.post(&ana, "/api/messaging/chats/", community).await;
    assert_eq!((status, &made_so["name"], &made_so["chat_type"]), (201, &json!("Barrio"), &json!("group")));
    let bad = json!({"chat_type": "community", "participant_ids": [luis.id], "name": "Barrio"});
    let (status, refused) = english(&server, "POST", "/api/messaging/chats/", Some(&ana.token), bad).await;
    assert_eq!(
        (status, refused),
        (400, json!({"participant_ids": ["A group needs at least two other people."]}))
    );
    let (status, refused) = server
        .post(&ana, "/api/messaging/chats/", json!({"chat_type": "canal", "participant_ids": ids}))
        .await;
    assert_eq!(
        (status, refused),
        (400, json!({"chat_type": ["Solo hay chats private, group y community."]}))
    );
    let bad = json!({"chat_type": "private", "participant_ids": ids});
    let (status, refused) = english(&server, "POST", "/api/messaging/chats/", Some(&ana.token), bad).await;
    assert_eq!(status, 400);
    assert_eq!(refused, json!({"participant_ids": ["A private chat needs exactly one other person."]}));

    let (_, list) = server.get(&ana, "/api/messaging/chats/").await;
    assert_eq!((&list["count"], &list["next"], &list["previous"]), (&json!(3), &Value::Null, &Value::Null));
    let private =
        list["results"].as_array().unwrap().iter().find(|chat| chat["id"] == room.as_str()).unwrap();
    assert_eq!((&private["unread_count"], &private["last_message"]["content"]), (&json!(1), &json!("hola")));
    assert_eq!(
        (&private["other_user"]["username"], &private["display_name"]),
        (&json!("luis"), &json!("luis"))
    );

    let chat = made["id"].as_str().unwrap();
    let path = |rest: &str| format!("/api/messaging/chats/{chat}/{rest}");
    let (_, kept) =
        patch(&server, &ana, &path("settings/"), json!({"chat_color": "ocean", "sound_enabled": false}))
            .await;
    assert_eq!(
        (&kept["settings"]["chat_color"], &kept["settings"]["sound_enabled"]),
        (&json!("ocean"), &json!(false))
    );
    let (_, kept) = patch(&server, &ana, &path("chat-settings"), json!({"chat_color": "#123456"})).await;
    assert_eq!(kept["chat_settings"]["chat_color"], "#123456");

    let pepe = server.person("pepe").await;
    let (status, _) = server.post(&luis, &path("add_participant/"), json!({"user_id": pepe.id})).await;
    assert_eq!(status, 403);
    let (status, _) = server.post(&pepe, &path("add_participant/"), json!({"user_id": pepe.id})).await;
    assert_eq!(status, 404, "a stranger can't tell the chat from none");
    let (status, _) = server.post(&ana, &path("add_participant/"), json!({"user_id": pepe.id})).await;
    assert_eq!(status, 200);
    assert_eq!(server.post(&ana, &path("leave/"), json!({})).await.0, 200);
    let (_, left) = server.get(&luis, &path("")).await;
    let owner = left["participants"].as_array().unwrap().iter().find(|one| one["role"] == "owner").unwrap();
    assert_eq!(owner["user"]["username"], "luis", "the longest-standing member");
    assert_eq!(server.get(&ana, &path("")).await.0, 404);
}

#[tokio::test]
async fn messages_are_paged_newest_first_and_cut_by_time_oldest_first() {
    let server = Server::start().await;
    let (ana, luis, room) = pair(&server).await;
    let path = format!("/api/messaging/chats/{room}/messages/");
    let mut times = Vec::new();
    for n in 0..3 {
        let (status, sent) = server.post(&ana, &path, json!({"content": format!("m{n}")})).await;
        assert_eq!((status, &sent["message_type"], &sent["chat_room"]), (201, &json!("text"), &json!(room)));
        times.push(sent["created_at"].as_str().unwrap().to_owned());
    }
    let contents = |page: &Value| -> Vec<String> {
        page["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["content"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, page) = server.get(&luis, &path).await;
    assert_eq!(contents(&page), ["m2", "m1", "m0"]);
    assert_eq!(page["count"], 3);
    let (_, later) = server.get(&luis, &format!("{path}?since={}", times[0])).await;
    assert_eq!(contents(&later), ["m1", "m2"]);
    let (_, ahead) = server.get(&luis, &format!("{path}?since=2999-01-01T00:00:00Z")).await;
    assert_eq!(contents(&ahead), ["m0", "m1", "m2"], "a clock that ran ahead gets the last ones again");
    let (status, bad) = server.get(&luis, &format!("{path}?since=ayer")).await;
    assert_eq!((status, bad["since"].is_array()), (400, true));

    let held = format!("{path}?since={}", times[2]);
    let (answer, ()) = tokio::join!(server.get(&luis, &held), async {
        server.say(&ana, &room, "m3", "m3").await;
    });
    assert_eq!(contents(&answer.1), ["m3"]);
    let stranger = server.person("pepe").await;
    assert_eq!(server.get(&stranger, &path).await.0, 404);

    let (status, blank) = server.post(&ana, &path, json!({"content": "  "})).await;
    assert_eq!((status, blank["content"].is_array()), (400, true));
    let (status, other) = server.post(&ana, &path, json!({"content": "x", "message_type": "system"})).await;
    assert_eq!((status, other["message_type"].is_array()), (400, true));
    let form = reqwest::multipart::Form::new().text("content", "por formulario").text("message_type", "text");
    let (status, sent) =
        send(server.http.post(server.url(&path)).bearer_auth(&ana.token).multipart(form)).await;
    assert_eq!((status, &sent["content"]), (201, &json!("por formulario")));
}

#[tokio::test]
async fn a_named_message_is_one_and_an_unnamed_one_sent_twice_on_purpose_is_two() {
    let server = Server::start().await;
    let (ana, luis, room) = pair(&server).await;
    let path = format!("/api/messaging/chats/{room}/send_message/");
    let named = json!({"content": "una", "txn_id": "t1"});
    let first = server.post(&ana, &path, named.clone()).await.1;
    let second = server.post(&ana, &path, named).await.1;
    assert_eq!((&first["id"], &first["txn_id"]), (&second["id"], &json!("t1")));
    let first = server.post(&ana, &path, json!({"content": "otra"})).await.1;
    let second = server.post(&ana, &path, json!({"content": "otra"})).await.1;
    assert_ne!(first["id"], second["id"]);

    let mut socket = joined(&server, &room, &ana).await;
    socket.say(json!({"type": "chat_message", "content": "doble"})).await;
    let echo = socket.until("chat_message").await;
    let (status, posted) = server.post(&ana, &path, json!({"content": "doble"})).await;
    assert_eq!((status, &posted["id"]), (201, &echo["message"]["id"]), "by socket and by POST is one");
    let (_, page) = server.get(&luis, &format!("/api/messaging/chats/{room}/messages/")).await;
    assert_eq!(page["count"], 4);
}

#[tokio::test]
async fn reading_marks_up_to_the_end_and_shows_who_has_read() {
    let server = Server::start().await;
    let (ana, luis, room) = pair(&server).await;
    server.say(&ana, &room, "m1", "uno").await;
    server.say(&ana, &room, "m2", "dos").await;
    let path = format!("/api/messaging/chats/{room}/mark_as_read/");
    assert_eq!(server.post(&luis, &path, json!({})).await.1["count"], 2);
    assert_eq!(server.post(&luis, &path, json!({})).await.1["count"], 0);
    let (_, page) = server.get(&ana, &format!("/api/messaging/chats/{room}/messages/")).await;
    let newest = &page["results"][0];
    assert_eq!((&newest["is_read"], &newest["read_by_count"]), (&json!(true), &json!(1)));
    assert_eq!(newest["read_by"][0]["user"]["id"], luis.id.to_string());
}

#[tokio::test]
async fn the_socket_accepts_then_says_what_is_wrong_then_closes() {
    let server = Server::start().await;
    let (ana, _, room) = pair(&server).await;
    let stranger = server.person("pepe").await;
    let nowhere = "00000000-0000-7000-8000-000000000000";
    for (chat, query, text, code) in [
        (&*room, String::new(), "Token no proporcionado", 4401),
        (&*room, "?token=nada".to_owned(), "Token inválido", 4401),
        (&*room, format!("?token={}", stranger.token), "No eres participante de este chat", 4403),
        (nowhere, format!("?token={}", ana.token), "No eres participante de este chat", 4403),
    ] {
        let mut socket = chat_socket(&server, chat, &query).await;
        assert_eq!(socket.until("error").await["message"], text);
        assert_eq!(socket.until_closed().await, Some(code), "{text}");
    }
    let url = format!("ws://{}/ws/chat/{room}/", server.address);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", ana.token.parse().unwrap());
    let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    Socket(socket).until("connection_success").await;

    // An address need not hold a token at all.
    let mut first = chat_socket(&server, &room, "").await;
    first.say(json!({"type": "authenticate", "token": ana.token})).await;
    first.until("connection_success").await;
    let (status, told) = server.post(&ana, "/api/messaging/ws-ticket/", json!({})).await;
    assert_eq!((status, &told["expires_in"]), (200, &json!(30)));
    let by_ticket = format!("?ticket={}", told["ticket"].as_str().unwrap());
    chat_socket(&server, &room, &by_ticket).await.until("connection_success").await;
    let mut again = chat_socket(&server, &room, &by_ticket).await;
    assert_eq!(again.until("error").await["message"], "Token inválido", "a ticket is for one socket");
}

#[tokio::test]
async fn what_happens_in_a_chat_reaches_its_sockets_old_and_new() {
    let server = Server::start().await;
    let (ana, luis, room) = pair(&server).await;
    let mut old = joined(&server, &room, &ana).await;
    let mut native = server.live(&luis).await;
    old.say(json!({"type": "chat_message", "content": "hola", "txn_id": "t1"})).await;
    let echo = old.until("chat_message").await;
    assert_eq!((&echo["message"]["content"], &echo["message"]["txn_id"]), (&json!("hola"), &json!("t1")));
    assert_eq!(native.until("event").await["text"], "hola");

    native.say(json!({"type": "typing", "room": room, "on": true})).await;
    let typing = old.until("typing_status").await;
    assert_eq!((&typing["username"], &typing["is_typing"]), (&json!("luis"), &json!(true)));
    native.say(json!({"type": "send", "txn_id": "n1", "room": room, "text": "qué tal"})).await;
    assert_eq!(old.until("chat_message").await["message"]["sender"]["username"], "luis");
    native.say(json!({"type": "positions", "advances": [{"room": room, "read": 3}]})).await;
    let read = old.until("message_read").await;
    assert_eq!((&read["username"], read["message_id"].is_string()), (&json!("luis"), true));
    old.say(json!({"type": "typing", "is_typing": true})).await;
    assert_eq!(native.until("typing").await["user"], ana.id.to_string());
    old.say(json!({"type": "read_message", "message_id": read["message_id"]})).await;
    let positions = native.until("positions").await;
    assert_eq!(positions["of"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_malformed_frame_is_told_and_the_socket_stays() {
    use futures_util::SinkExt as _;
    let server = Server::start().await;
    let (ana, _, room) = pair(&server).await;
    let mut socket = joined(&server, &room, &ana).await;
    socket.0.send("{nope".into()).await.unwrap();
    assert_eq!(socket.until("error").await["message"], "Formato JSON inválido");
    socket.say(json!({"type": "edit_message", "message_id": "x", "content": "y"})).await;
    assert_eq!(socket.until("error").await["message"], "La petición no es válida.");
    let nothing = "00000000-0000-7000-8000-000000000000";
    socket.say(json!({"type": "delete_message", "message_id": nothing})).await;
    assert_eq!(socket.until("error").await["message"], "No existe o ya no está a tu alcance.");
    socket.say(json!({"type": "chat_message", "content": "   "})).await;
    assert_eq!(socket.until("error").await["message"], "Escribe algo antes de enviar.");
    socket.say(json!({"type": "chat_message", "content": "sigue"})).await;
    socket.until("chat_message").await;
}

#[tokio::test]
async fn signing_out_or_being_removed_closes_the_chats_socket() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let group = server
        .command(&ana, json!({"type": "create_group", "txn_id": "g", "name": "Equipo", "members": [luis.id]}))
        .await;
    let room = group["room"].as_str().unwrap();
    let mut removed = joined(&server, room, &luis).await;
    server
        .command(&ana, json!({"type": "remove_member", "txn_id": "r", "room": room, "user": luis.id}))
        .await;
    assert_eq!(removed.until("error").await["message"], "No eres participante de este chat");
    assert_eq!(removed.until_closed().await, Some(4403));
    let mut signed_out = joined(&server, room, &ana).await;
    server.app.auth.sign_out_everywhere(ana.id, None).await.unwrap();
    assert_eq!(signed_out.until_closed().await, Some(4401));
}

#[tokio::test]
async fn a_preflight_of_an_allowed_origin_passes_and_unknown_paths_are_404_in_words() {
    let server =
        Server::with(|config| config.allowed_origins = vec!["http://localhost:3000".to_owned()]).await;
    let (ana, _, _) = pair(&server).await;
    let preflight = server
        .http
        .request(reqwest::Method::OPTIONS, server.url("/api/messaging/chats/"))
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 200);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "http://localhost:3000");
    let (status, body) = english(&server, "GET", "/api/feed/posts/", Some(&ana.token), Value::Null).await;
    assert_eq!((status, body), (404, json!({"detail": "It doesn't exist, or is out of your reach."})));
    assert!(matches!(joined_nowhere(&server).await, Heard::Frame(_)));
}

async fn joined_nowhere(server: &Server) -> Heard {
    chat_socket(server, "no-id", "").await.hear().await
}

#[tokio::test]
async fn a_chats_socket_outlives_its_token_and_ends_with_its_session() {
    let server = Server::start().await;
    let (ana, luis) = (server.person("ana").await, server.person("luis").await);
    let chat = server.private_room(&ana, &luis).await;
    // An access token lives an hour, and clocks may differ by 30 s.
    let almost_over = zas_server::clock::now() - 3_599_000_000;
    let tokens = server.app.auth.open_device(ana.id, "phone", almost_over).await.unwrap();
    let mut socket = chat_socket(&server, &chat, &format!("?token={}", tokens.access)).await;
    socket.until("connection_success").await;
    let mut native = Socket::live(&server.url(""), &tokens.access).await;
    assert_eq!(native.until_closed().await, Some(zas_protocol::CloseCode::TokenExpired.code()));
    server.say(&luis, &chat, "one", "hola").await;
    assert_eq!(socket.until("chat_message").await["message"]["content"], "hola");
    server.app.auth.sign_out(tokens.device).await.unwrap();
    assert_eq!(socket.until_closed().await, Some(4401));
}

#[tokio::test]
async fn a_chats_socket_whose_client_answers_no_ping_is_let_go() {
    let server = Server::with(|config| {
        config.limits.ping_ms = 100;
        config.limits.dead_ms = 300;
    })
    .await;
    let (ana, _, room) = pair(&server).await;
    // By hand: a library would answer the pings.
    let mut mute = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /ws/chat/{room}/?token={} HTTP/1.1\r\nhost: {}\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        ana.token, server.address
    );
    mute.write_all(request.as_bytes()).await.unwrap();
    let mut heard = Vec::new();
    tokio::time::timeout(support::PATIENCE, mute.read_to_end(&mut heard)).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&heard).contains("connection_success"));
    // RFC 6455 §5.2: a ping is 0x89, its empty payload 0x00.
    assert!(heard.windows(2).any(|two| two == [0x89, 0]), "it was pinged");
}
