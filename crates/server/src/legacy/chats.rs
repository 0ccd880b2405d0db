//! `/api/messaging/chats/…`, but for what is said in them.

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};
use zas_protocol::{Command, ErrorCode, RoomId, RoomPrefs, TxnId, UserId};

use super::answer::{Caller, ChatId, Form, Refused, Viewer};
use super::shapes;
use crate::app::App;
use crate::clock;
use crate::committer::Outcome;

/// Chats of one page.
const PAGE: u64 = 20;

/// Which page, from 1.
#[derive(Deserialize)]
pub(super) struct PageNumber {
    #[serde(default)]
    pub(super) page: Option<u64>,
}

impl PageNumber {
    pub(super) fn number(&self) -> u64 {
        self.page.unwrap_or(1).max(1)
    }
}

pub(super) async fn list(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
    Query(page): Query<PageNumber>,
) -> Result<Json<Value>, Refused> {
    let rooms = app.store.rooms(identity.user).await?;
    let (count, number) = (rooms.len() as u64, page.number());
    let skip = usize::try_from((number - 1).saturating_mul(PAGE)).unwrap_or(usize::MAX);
    let mut results = Vec::new();
    for mut room in rooms.into_iter().skip(skip).take(PAGE as usize) {
        if room.more_members > 0 {
            let Some(whole) = app.store.room(identity.user, room.id).await? else { continue };
            room = whole;
        }
        app.hub.merge_positions(&mut room);
        results.push(shapes::chat(&app, &viewer, &room).await?);
    }
    Ok(Json(shapes::page(&viewer.base, "/api/messaging/chats/", number, PAGE, count, results)))
}

pub(super) async fn one(
    State(app): State<App>,
    Caller(_, viewer): Caller,
    ChatId(chat): ChatId,
) -> Result<Json<Value>, Refused> {
    Ok(Json(seen_by(&app, &viewer, chat).await?))
}

/// What a client may set; what it leaves out stays, and an empty text clears.
#[derive(Deserialize)]
pub(super) struct Settings {
    other_user_nickname: Option<String>,
    chat_background: Option<String>,
    chat_color: Option<String>,
    other_message_color: Option<String>,
    notifications_enabled: Option<bool>,
    sound_enabled: Option<bool>,
}

pub(super) async fn settings(
    State(app): State<App>,
    Caller(identity, _): Caller,
    ChatId(chat): ChatId,
    Form(form): Form<Settings>,
) -> Result<Json<Value>, Refused> {
    let held = app.store.room(identity.user, chat).await?.ok_or(ErrorCode::NotFound)?.prefs;
    let prefs = RoomPrefs {
        color: form.chat_color.or(held.color),
        other_color: form.other_message_color.or(held.other_color),
        background: form.chat_background.or(held.background),
        nickname: form.other_user_nickname.or(held.nickname),
        muted: form.sound_enabled.map_or(held.muted, |audible| !audible),
        quiet: form.notifications_enabled.map_or(held.quiet, |told| !told),
    };
    let txn_id = TxnId::mint(clock::now(), clock::random());
    execute(&app, identity.user, Command::SetRoomPrefs { txn_id, room: chat, prefs }).await?;
    let room = app.store.room(identity.user, chat).await?.ok_or(ErrorCode::NotFound)?;
    let kept = shapes::settings(&room.prefs);
    Ok(Json(json!({ "message": "Ajustes guardados", "settings": kept, "chat_settings": kept })))
}

#[derive(Deserialize)]
pub(super) struct Participant {
    user_id: String,
}

pub(super) async fn add_participant(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
    ChatId(room): ChatId,
    Form(form): Form<Participant>,
) -> Result<Json<Value>, Refused> {
    let user = form.user_id.parse().map_err(|_| ErrorCode::NotFound)?;
    let txn_id = TxnId::mint(clock::now(), clock::random());
    execute(&app, identity.user, Command::AddMember { txn_id, room, user }).await?;
    Ok(Json(json!({ "message": "Participante añadido", "chat": seen_by(&app, &viewer, room).await? })))
}

pub(super) async fn leave(
    State(app): State<App>,
    Caller(identity, _): Caller,
    ChatId(room): ChatId,
) -> Result<Json<Value>, Refused> {
    let txn_id = TxnId::mint(clock::now(), clock::random());
    execute(&app, identity.user, Command::LeaveRoom { txn_id, room }).await?;
    Ok(Json(json!({ "message": "Has salido del chat" })))
}

/// A chat; 404 for those who are not in it.
pub(super) async fn seen_by(app: &App, viewer: &Viewer, chat: RoomId) -> Result<Value, Refused> {
    let mut room = app.store.room(viewer.user, chat).await?.ok_or(ErrorCode::NotFound)?;
    app.hub.merge_positions(&mut room);
    shapes::chat(app, viewer, &room).await
}

/// Commits a command; the room it was about.
pub(super) async fn execute(app: &App, user: UserId, command: Command) -> Result<RoomId, Refused> {
    match app.committer.execute(user, command).await {
        Outcome::Stored(ack) => Ok(ack.room),
        Outcome::Refused(nack) => Err(nack.code.into()),
    }
}
