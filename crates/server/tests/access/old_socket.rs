//! Who hears what on the old contract's socket, which is of one chat.

use std::collections::BTreeSet;

use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::cast::{Caller, Cast, Stage, cells};
use crate::support::{Heard, Socket};

/// A frame, and a letter for each caller: nobody, stranger, ex-member, member, admin, owner; disabled,
/// signed out, expired, refresh token. `?` is told that they are in no such chat.
const FRAMES: &[(&str, &str)] = &[
    ("chat_message", "-??yyy----"),
    ("message_edited", "-??yyy----"),
    ("message_reaction", "-??yyy----"),
    ("message_deleted", "-??yyy----"),
    ("typing_status", "-??yyy----"),
    ("message_read", "-??yyy----"),
    ("user_status", "-??yyy----"),
];

/// The way in which the token is shown.
#[derive(Debug, Clone, Copy)]
enum Shown {
    InTheAddress,
    AsSubprotocol,
    InAHeader,
    AsFirstMessage,
    ByTicket,
}

impl Shown {
    const ALL: [Self; 5] =
        [Self::InTheAddress, Self::AsSubprotocol, Self::InAHeader, Self::AsFirstMessage, Self::ByTicket];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_socket_tells_each_caller_what_their_rows_say_however_the_token_is_shown() {
    let stage = Stage::start().await;
    let mut wrong = Vec::new();
    for shown in Shown::ALL {
        for caller in Caller::ALL {
            let cast = Cast::new(&stage, caller).await;
            let heard = heard(&cast, shown).await;
            for &(frame, letters) in FRAMES {
                let (_, letter) = cells(letters).find(|&(column, _)| column == caller).unwrap();
                let got = match &heard {
                    Err(4401) => '-',
                    Err(4403) => '?',
                    Ok(heard) if heard.contains(frame) => 'y',
                    _ => 'n',
                };
                if got != letter {
                    wrong.push(format!("{frame}, token {shown:?}: {caller:?} has {got}, not {letter}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn open(cast: &Cast<'_>, shown: Shown) -> Socket {
    let url = format!("ws://{}/ws/chat/{}/", cast.server.address, cast.room);
    let mut request = url.clone().into_client_request().unwrap();
    match (&cast.token, shown) {
        (None, _) | (_, Shown::AsFirstMessage) => {}
        (Some(token), Shown::InTheAddress) => {
            request = format!("{url}?token={token}").into_client_request().unwrap();
        }
        (Some(token), Shown::ByTicket) => {
            let asked =
                cast.server.http.post(cast.server.url("/api/messaging/ws-ticket/")).bearer_auth(token);
            let told: serde_json::Value = asked.send().await.unwrap().json().await.unwrap();
            let ticket = told["ticket"].as_str().unwrap_or("nada");
            request = format!("{url}?ticket={ticket}").into_client_request().unwrap();
        }
        (Some(token), Shown::AsSubprotocol) => {
            request.headers_mut().insert("sec-websocket-protocol", token.parse().unwrap());
        }
        (Some(token), Shown::InAHeader) => {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
    }
    let mut socket = Socket(tokio_tungstenite::connect_async(request).await.unwrap().0);
    if let (Some(token), Shown::AsFirstMessage) = (&cast.token, shown) {
        socket.say(json!({"type": "authenticate", "token": token})).await;
    }
    socket
}

/// What they hear of what a peer does, or the code they are closed with.
async fn heard(cast: &Cast<'_>, shown: Shown) -> Result<BTreeSet<String>, u16> {
    let mut socket = open(cast, shown).await;
    let mut kinds = BTreeSet::new();
    match socket.hear().await {
        Heard::Frame(frame) if frame["type"] == "connection_success" => {}
        Heard::Frame(frame) => {
            assert_eq!(frame["type"], "error", "{:?}", cast.caller);
            return Err(socket.until_closed().await.unwrap());
        }
        Heard::Closed(code) => panic!("{:?} is closed with {code:?} and no word", cast.caller),
    }
    let mut peer = Socket::live(&cast.server.url(""), &cast.peer.token).await;
    peer.say(json!({"type": "typing", "room": cast.room, "on": true})).await;
    peer.say(json!({"type": "positions", "advances": [{"room": cast.room, "read": 99}]})).await;
    peer.say(json!({"type": "ping", "n": 1})).await;
    peer.until("pong").await;
    for what in [
        r#"{"type":"react","room":"{room}","message":"{message}","reaction":"like"}"#,
        r#"{"type":"edit_message","room":"{room}","message":"{message}","text":"otro"}"#,
        r#"{"type":"delete_message","room":"{room}","message":"{message}"}"#,
        r#"{"type":"send","room":"{room}","text":"fin"}"#,
    ] {
        cast.does(cast.peer.id, what).await;
    }
    loop {
        let Heard::Frame(frame) = socket.hear().await else { panic!("{:?} is cut", cast.caller) };
        kinds.insert(frame["type"].as_str().unwrap().to_owned());
        if frame["type"] == "chat_message" {
            return Ok(kinds);
        }
    }
}
