//! Every command, by POST and by socket: one table for both.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use zas_protocol::{CloseCode, Command, ErrorCode};

use crate::cast::{Caller, Cast, Stage, cells, named};
use crate::support::{Heard, Socket};

/// A command, and a letter for each caller: nobody, stranger, ex-member, member, admin, owner; disabled,
/// signed out, expired, refresh token.
const COMMANDS: &[(&str, &str)] = &[
    (r#"{"type":"send","room":"{room}","text":"hola"}"#, "-??yyy----"),
    (r#"{"type":"send","room":"{private}","text":"hola"}"#, "-????y----"),
    (r#"{"type":"send","room":"{me}","text":"hola"}"#, "-nnnnn----"),
    (r#"{"type":"send","room":"{peer}","text":"hola"}"#, "-?????----"),
    (r#"{"type":"send","room":"{room}","text":"hola","reply_to":"{message}"}"#, "-??yyy----"),
    (r#"{"type":"send","room":"{private}","text":"hola","reply_to":"{message}"}"#, "-?????----"),
    (r#"{"type":"send","room":"{room}","text":"hola","attachment":"{file}"}"#, "-?????----"),
    (r#"{"type":"send","room":"{room}","text":"hola","label":"system"}"#, "-xxxxx----"),
    (r#"{"type":"edit_message","room":"{room}","message":"{mine}","text":"otra"}"#, "-??yyy----"),
    (r#"{"type":"edit_message","room":"{room}","message":"{message}","text":"otra"}"#, "-??nnn----"),
    (r#"{"type":"edit_message","room":"{private}","message":"{message}","text":"otra"}"#, "-?????----"),
    (r#"{"type":"delete_message","room":"{room}","message":"{mine}"}"#, "-??yyy----"),
    (r#"{"type":"delete_message","room":"{room}","message":"{message}"}"#, "-??nnn----"),
    (r#"{"type":"delete_message","room":"{private}","message":"{message}"}"#, "-?????----"),
    (r#"{"type":"react","room":"{room}","message":"{message}","reaction":"like"}"#, "-??yyy----"),
    (r#"{"type":"react","room":"{private}","message":"{message}","reaction":"like"}"#, "-?????----"),
    (r#"{"type":"react","room":"{me}","message":"{message}","reaction":"like"}"#, "-nnnnn----"),
    (r#"{"type":"open_private","user":"{peer}"}"#, "-yyyyy----"),
    (r#"{"type":"open_private","user":"{me}"}"#, "-xxxxx----"),
    (r#"{"type":"open_private","user":"{gone}"}"#, "-?????----"),
    (r#"{"type":"open_private","user":"{nowhere}"}"#, "-?????----"),
    (r#"{"type":"create_group","name":"Otro","members":["{peer}"]}"#, "-yyyyy----"),
    (r#"{"type":"create_group","name":"Otro","members":["{peer}","{gone}"]}"#, "-?????----"),
    (r#"{"type":"rename_room","room":"{room}","name":"Otro"}"#, "-??nyy----"),
    (r#"{"type":"rename_room","room":"{private}","name":"Otro"}"#, "-????n----"),
    (r#"{"type":"rename_room","room":"{me}","name":"Otro"}"#, "-nnnnn----"),
    (r#"{"type":"set_room_profile","room":"{room}","profile":{"description":"Otra"}}"#, "-??nyy----"),
    (r#"{"type":"set_room_profile","room":"{room}","profile":{"avatar":null}}"#, "-??nyy----"),
    (r#"{"type":"set_room_profile","room":"{room}","profile":{"avatar":"{file}"}}"#, "-??n??----"),
    (r#"{"type":"set_room_profile","room":"{private}","profile":{"description":"Otra"}}"#, "-????n----"),
    (r#"{"type":"set_room_profile","room":"{me}","profile":{"description":"Otra"}}"#, "-nnnnn----"),
    (r#"{"type":"add_member","room":"{room}","user":"{guest}"}"#, "-??nyy----"),
    (r#"{"type":"add_member","room":"{room}","user":"{me}"}"#, "-??ncc----"),
    (r#"{"type":"add_member","room":"{room}","user":"{peer}"}"#, "-??ncc----"),
    (r#"{"type":"add_member","room":"{room}","user":"{gone}"}"#, "-??n??----"),
    (r#"{"type":"add_member","room":"{private}","user":"{guest}"}"#, "-????n----"),
    (r#"{"type":"add_member","room":"{me}","user":"{guest}"}"#, "-nnnnn----"),
    (r#"{"type":"remove_member","room":"{room}","user":"{peer}"}"#, "-??nyy----"),
    (r#"{"type":"remove_member","room":"{room}","user":"{admin}"}"#, "-??nny----"),
    (r#"{"type":"remove_member","room":"{room}","user":"{owner}"}"#, "-??nnn----"),
    (r#"{"type":"remove_member","room":"{room}","user":"{me}"}"#, "-??nnn----"),
    (r#"{"type":"remove_member","room":"{room}","user":"{guest}"}"#, "-??n??----"),
    (r#"{"type":"remove_member","room":"{private}","user":"{peer}"}"#, "-????n----"),
    (r#"{"type":"set_role","room":"{room}","user":"{peer}","role":"admin"}"#, "-??nny----"),
    (r#"{"type":"set_role","room":"{room}","user":"{peer}","role":"owner"}"#, "-??nny----"),
    (r#"{"type":"set_role","room":"{room}","user":"{me}","role":"owner"}"#, "-??nn?----"),
    (r#"{"type":"set_role","room":"{room}","user":"{guest}","role":"admin"}"#, "-??nn?----"),
    (r#"{"type":"set_role","room":"{private}","user":"{peer}","role":"admin"}"#, "-????n----"),
    (r#"{"type":"leave_room","room":"{room}"}"#, "-??yyy----"),
    (r#"{"type":"leave_room","room":"{private}"}"#, "-????n----"),
    (r#"{"type":"leave_room","room":"{me}"}"#, "-nnnnn----"),
    (r#"{"type":"set_profile","profile":{"bio":"aquí"}}"#, "-yyyyy----"),
    (r#"{"type":"set_profile","profile":{"avatar":"{file}"}}"#, "-?????----"),
    (r#"{"type":"set_prefs","prefs":{"sounds":false,"volume":0}}"#, "-yyyyy----"),
    (r#"{"type":"set_room_prefs","room":"{room}","prefs":{"muted":true}}"#, "-??yyy----"),
    (r#"{"type":"set_room_prefs","room":"{private}","prefs":{"muted":true}}"#, "-????y----"),
    (r#"{"type":"set_room_prefs","room":"{me}","prefs":{"muted":true}}"#, "-nnnnn----"),
];

#[test]
fn every_command_has_its_rows_and_no_row_is_of_none() {
    let listed: BTreeSet<String> =
        COMMANDS.iter().map(|(command, _)| named(command)["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(listed, Command::TYPES.map(str::to_owned).into_iter().collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_does_for_each_caller_what_its_row_says_by_post_and_by_socket() {
    let (mut wrong, mut given) = (Vec::new(), 0);
    for &(template, letters) in COMMANDS {
        let stage = Stage::start().await;
        for (caller, letter) in cells(letters) {
            for by_socket in [false, true] {
                let cast = Cast::new(&stage, caller).await;
                let template = &with_mine(&cast, template).await;
                let before = heads(&cast).await;
                let command = named(&cast.fill(template));
                let outcome = give(&cast, by_socket, command).await;
                given += 1;
                let got = self::letter(caller, outcome);
                if got != letter {
                    let way = if by_socket { "socket" } else { "POST" };
                    wrong.push(format!("{template} by {way}: {caller:?} gets {outcome:?}, not {letter}"));
                }
                if got == '?' {
                    let nothing = named(&cast.fill_with_nothing(template));
                    assert_eq!(give(&cast, by_socket, nothing).await, outcome, "{template} {caller:?}");
                }
                if got != 'y' {
                    assert_eq!(heads(&cast).await, before, "{template} {caller:?}: refused, yet written");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    zas_tally::tried("P11", "commands given by each caller, by POST and by socket", given);
}

/// `{mine}` is a message that the caller wrote while they could; of who could not, another's.
async fn with_mine(cast: &Cast<'_>, template: &str) -> String {
    if !template.contains("{mine}") {
        return template.to_owned();
    }
    let could =
        !matches!(cast.caller, Caller::Nobody | Caller::Stranger | Caller::ExMember | Caller::Disabled);
    if !could {
        return template.replace("{mine}", "{message}");
    }
    let said = cast.does(cast.me, r#"{"type":"send","room":"{room}","text":"mío"}"#).await;
    template.replace("{mine}", &said.message.unwrap().to_string())
}

/// Where every log stands that anyone of the cast is in.
async fn heads(cast: &Cast<'_>) -> Vec<zas_store::RoomHead> {
    let mut heads = Vec::new();
    for user in [cast.me, cast.owner, cast.admin, cast.peer.id, cast.guest, cast.friend] {
        heads.extend(cast.server.app.store.heads(user).await.unwrap());
    }
    heads
}

/// Gives a command; how it is refused, if it is.
async fn give(cast: &Cast<'_>, by_socket: bool, command: Value) -> Option<ErrorCode> {
    let code = if by_socket { on_socket(cast, command).await } else { by_post(cast, command).await };
    code.map(|code| serde_json::from_value(code).unwrap())
}

async fn by_post(cast: &Cast<'_>, command: Value) -> Option<Value> {
    let mut request = cast.server.http.post(cast.server.url("/v1/commands")).json(&command);
    if let Some(token) = &cast.token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    let status = response.status();
    let answer: Value = response.json().await.unwrap();
    (status != 200).then(|| answer["code"].clone())
}

async fn on_socket(cast: &Cast<'_>, command: Value) -> Option<Value> {
    let mut socket = Socket::open(&cast.server.url("")).await;
    socket.say(json!({"type": "hello", "token": cast.token, "cursor": {}})).await;
    socket.say(command).await;
    let mut refused = None;
    loop {
        match socket.hear().await {
            Heard::Frame(frame) if frame["type"] == "ack" => return None,
            Heard::Frame(frame) if frame["type"] == "nack" => return Some(frame["code"].clone()),
            Heard::Frame(frame) if frame["type"] == "error" => refused = Some(frame["code"].clone()),
            Heard::Frame(_) => {}
            Heard::Closed(code) => {
                let expected = match cast.caller.refusal() {
                    Some(ErrorCode::Revoked) => CloseCode::Revoked,
                    _ => CloseCode::Unauthenticated,
                };
                assert_eq!(code, Some(expected.code()), "{:?}", cast.caller);
                return Some(refused.expect("it says why before it closes"));
            }
        }
    }
}

fn letter(caller: Caller, outcome: Option<ErrorCode>) -> char {
    match outcome {
        None => 'y',
        Some(ErrorCode::Forbidden) => 'n',
        Some(ErrorCode::NotFound) => '?',
        Some(ErrorCode::BadRequest) => 'x',
        Some(ErrorCode::AlreadyMember) => 'c',
        refused if refused == caller.refusal() => '-',
        Some(_) => '!',
    }
}
