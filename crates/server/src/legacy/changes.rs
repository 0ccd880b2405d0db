//! What is done to a message after it was sent: edited, deleted, reacted to; by HTTP and by socket.

use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use zas_protocol::{Command, ErrorCode, MessageId, Reaction, RoomId, TxnId, UserId};

use super::answer::{Caller, ChatId, Form, Refused, Say};
use super::{chats, messages};
use crate::app::App;
use crate::clock;

const NO_REACTION: Say = Say::new("Esa reacción no existe.", "There is no such reaction.");

#[derive(Deserialize)]
pub(super) struct Edit {
    pub(super) content: String,
}

#[derive(Deserialize)]
pub(super) struct React {
    pub(super) reaction_type: String,
}

/// The message of a path; what is no id is no message.
#[derive(Deserialize)]
pub(super) struct Which {
    message: String,
}

impl Which {
    fn id(&self) -> Result<MessageId, Refused> {
        self.message.parse().map_err(|_| ErrorCode::NotFound.into())
    }
}

pub(super) async fn edit(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
    ChatId(chat): ChatId,
    Path(which): Path<Which>,
    Form(form): Form<Edit>,
) -> Result<Json<Value>, Refused> {
    let message = which.id()?;
    edit_message(&app, identity.user, chat, message, form.content).await?;
    Ok(Json(messages::one(&app, &viewer, chat, message).await?))
}

pub(super) async fn delete(
    State(app): State<App>,
    Caller(identity, _): Caller,
    ChatId(chat): ChatId,
    Path(which): Path<Which>,
) -> Result<Json<Value>, Refused> {
    delete_message(&app, identity.user, chat, which.id()?).await?;
    Ok(Json(json!({ "message": "Mensaje eliminado" })))
}

pub(super) async fn react(
    State(app): State<App>,
    Caller(identity, _): Caller,
    ChatId(chat): ChatId,
    Path(which): Path<Which>,
    Form(form): Form<React>,
) -> Result<Json<Value>, Refused> {
    let now = toggle(&app, identity.user, chat, which.id()?, &form.reaction_type).await?;
    Ok(Json(match now {
        Some(reaction) => {
            json!({ "message": "Reacción añadida", "reacted": true, "reaction_type": reaction.name() })
        }
        None => json!({ "message": "Reacción eliminada", "reacted": false }),
    }))
}

pub(super) async fn edit_message(
    app: &App,
    user: UserId,
    room: RoomId,
    message: MessageId,
    text: String,
) -> Result<(), Refused> {
    let command = Command::EditMessage { txn_id: name(), room, message, text };
    chats::execute(app, user, command).await.map(drop)
}

pub(super) async fn delete_message(
    app: &App,
    user: UserId,
    room: RoomId,
    message: MessageId,
) -> Result<(), Refused> {
    let command = Command::DeleteMessage { txn_id: name(), room, message };
    chats::execute(app, user, command).await.map(drop)
}

/// Takes the reaction back where it is there already, and sets it where it is not; what it is then. The
/// native command says what is to be: toggling lives here alone.
pub(super) async fn toggle(
    app: &App,
    user: UserId,
    room: RoomId,
    message: MessageId,
    reaction: &str,
) -> Result<Option<Reaction>, Refused> {
    let wanted = Reaction::from_name(reaction).ok_or(Refused::field("reaction_type", NO_REACTION))?;
    let event = app.store.event_by_message(message).await?.filter(|event| event.room == room);
    let of = event.ok_or(ErrorCode::NotFound)?.seq;
    let held = app.store.states(user, room, &[of]).await?.pop().and_then(|state| state.mine);
    let reaction = (held != Some(wanted)).then_some(wanted);
    chats::execute(app, user, Command::React { txn_id: name(), room, message, reaction }).await?;
    Ok(reaction)
}

fn name() -> TxnId {
    TxnId::mint(clock::now(), clock::random())
}
