//! `POST /api/messaging/chats/`: by JSON, or by a form, which may carry a picture.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest as _, Multipart, Request, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use zas_core::shape;
use zas_protocol::{Command, ErrorCode, FileId, RoomProfileChange, TxnId, UserId};
use zas_store::FileKind;

use super::answer::{Caller, Refused, Say, is_form, json_body, short, unreadable};
use super::chats::{execute, seen_by};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;

const WRONG_TYPE: Say = Say::new(
    "Solo hay chats private, group y community.",
    "There are only private, group and community chats.",
);
const ONE_OTHER: Say = Say::new(
    "Un chat privado necesita exactamente otra persona.",
    "A private chat needs exactly one other person.",
);
const TWO_OTHERS: Say =
    Say::new("Un grupo necesita al menos otras dos personas.", "A group needs at least two other people.");
const TOO_LONG: Say = Say::new(
    "La descripción es demasiado larga: 500 caracteres como máximo.",
    "The description is too long: 500 characters at most.",
);

/// What a chat is made of.
#[derive(Default, Deserialize)]
struct New {
    chat_type: String,
    #[serde(default)]
    participant_ids: Vec<String>,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    /// A picture that came in the same form, as it was sent.
    #[serde(skip)]
    avatar: Option<Bytes>,
}

/// Makes a chat. A community is a group here; a private chat has neither name nor description nor picture.
pub(super) async fn create(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let New { chat_type, participant_ids, name, description, avatar } =
        read(request, &app, identity.user).await?;
    let description = shape::description(&description).map_err(|code| match code {
        ErrorCode::TextTooLong => Refused::field("description", TOO_LONG),
        code => code.into(),
    })?;
    let txn_id = TxnId::mint(clock::now(), clock::random());
    let ids: Result<Vec<UserId>, _> = participant_ids.iter().map(|id| id.parse()).collect();
    let mut others = ids.map_err(|_| ErrorCode::NotFound)?;
    others.retain(|&other| other != identity.user);
    let command = match (chat_type.as_str(), &others[..]) {
        ("private", &[user]) => Command::OpenPrivate { txn_id, user },
        ("private", _) => return Err(Refused::field("participant_ids", ONE_OTHER)),
        ("group" | "community", [_, _, ..]) => {
            let avatar = match avatar {
                Some(sent) => Some(Some(stored(&app, identity.user, sent).await?)),
                None => None,
            };
            let description = Some(description).filter(|description| !description.is_empty());
            let profile = RoomProfileChange { description, avatar };
            let profile = (profile != RoomProfileChange::default()).then_some(profile);
            Command::CreateGroup { txn_id, name, members: others, profile }
        }
        ("group" | "community", _) => return Err(Refused::field("participant_ids", TWO_OTHERS)),
        _ => return Err(Refused::field("chat_type", WRONG_TYPE)),
    };
    let room = execute(&app, identity.user, command).await?;
    Ok((StatusCode::CREATED, Json(seen_by(&app, &viewer, room).await?)))
}

/// A picture that is worn by nothing if the chat is refused, and then goes by itself.
async fn stored(app: &App, user: UserId, sent: Bytes) -> Result<FileId, Refused> {
    Ok(app.files.put_avatar(&*app.store, user, FileKind::RoomAvatar, sent, clock::now()).await?)
}

async fn read(request: Request, app: &App, user: UserId) -> Result<New, Refused> {
    if !is_form(&request) {
        return json_body(request, app).await;
    }
    let mut form = Multipart::from_request(request, app).await.map_err(|_| ErrorCode::BadRequest)?;
    let mut new = New::default();
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "avatar" {
            app.gate.avatar(user, clock::steady()).map_err(ApiError::too_soon)?;
            let sent = field.bytes().await.map_err(unreadable)?;
            // What a form's empty field sends is no picture.
            new.avatar = Some(sent).filter(|sent| !sent.is_empty());
            continue;
        }
        let text = short(field).await?;
        match name.as_str() {
            "chat_type" => new.chat_type = text,
            "participant_ids" => new.participant_ids.push(text),
            "name" => new.name = text,
            "description" => new.description = text,
            _ => {}
        }
    }
    Ok(new)
}
