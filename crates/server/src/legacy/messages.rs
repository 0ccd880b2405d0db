//! What is said in a chat, over HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest as _, Multipart, Query, Request, State};
use futures_util::StreamExt as _;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;
use zas_core::hub::{Delivery, Rung, Stored};
use zas_core::session::Log;
use zas_protocol::{
    Ack, Command, ErrorCode, Event, EventBody, FileId, MessageId, MessageLabel, Micros, RoomId, TxnId, UserId,
};
use zas_store::PageAt;

use super::answer::{Caller, ChatId, Refused, Say, Viewer, is_form, json_body, short, unreadable};
use super::chats::PageNumber;
use super::once::Transport;
use super::said::Said;
use super::shapes;
use crate::app::App;
use crate::auth::Identity;
use crate::body;
use crate::clock;
use crate::committer::Outcome;
use crate::error::ApiError;
use crate::feed::mailbox::{Capacity, Item, Mailbox};

/// Messages of one page.
const PAGE: u32 = 50;
/// Events that one answer to `since` looks at.
const SINCE: u32 = 1_000;
/// Messages that a client gets again whose clock ran ahead.
const AGAIN: u32 = 20;
/// How long an empty answer to `since` is held.
const HOLD: Duration = Duration::from_millis(1_500);

const BAD_TIME: Say = Say::new("No es una fecha válida.", "This is not a valid date.");
const NO_TYPE: Say = Say::new("Ese tipo de mensaje no existe.", "There is no such type of message.");
const ONE_FILE: Say = Say::new("Un mensaje lleva un solo archivo.", "A message carries one file.");
const NO_REPLY: Say = Say::new("Ese mensaje no existe.", "There is no such message.");

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(flatten)]
    page: PageNumber,
    since: Option<String>,
}

/// A page, newest first; or what is later than `since`, oldest first.
pub(super) async fn list(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
    ChatId(chat): ChatId,
    Query(which): Query<Which>,
) -> Result<Json<Value>, Refused> {
    let path = format!("/api/messaging/chats/{chat}/messages/");
    if let Some(since) = which.since {
        let since = shapes::parse_time(&since).ok_or(Refused::field("since", BAD_TIME))?;
        let events = since_time(&app, &identity, chat, since).await?;
        let count = events.len() as u64;
        let results = messages(&app, &viewer, chat, &events).await?;
        return Ok(Json(shapes::page(&viewer.base, &path, 1, u64::from(SINCE), count, results)));
    }
    let number = which.page.number();
    let skip = (number - 1).saturating_mul(u64::from(PAGE));
    let (count, events) =
        app.store.messages(identity.user, chat, skip, PAGE).await?.ok_or(ErrorCode::NotFound)?;
    let results = messages(&app, &viewer, chat, &events).await?;
    Ok(Json(shapes::page(&viewer.base, &path, number, u64::from(PAGE), count, results)))
}

/// What is later than a time. Times rise strictly within a chat, so none is missed; a client whose
/// clock ran ahead gets the last ones again and drops what it has by id; an empty answer waits a
/// moment for something to happen.
async fn since_time(
    app: &App,
    identity: &Identity,
    chat: RoomId,
    since: Micros,
) -> Result<Vec<Event>, Refused> {
    let found = later_than(app, identity.user, chat, since).await?;
    if !found.is_empty() {
        return Ok(found);
    }
    let (_, newest) = app.store.messages(identity.user, chat, 0, AGAIN).await?.ok_or(ErrorCode::NotFound)?;
    if newest.first().is_some_and(|newest| newest.at < since) {
        return Ok(newest.into_iter().rev().collect());
    }
    let Some(_held) = app.old_polls.hold((identity.device, chat), 1) else { return Ok(Vec::new()) };
    wait_for_event(app, identity, chat, since).await
}

async fn later_than(app: &App, user: UserId, chat: RoomId, since: Micros) -> Result<Vec<Event>, Refused> {
    let place = app.store.seq_at(chat, since).await?;
    let page = app.store.page(user, chat, PageAt::After(place), SINCE).await?.ok_or(ErrorCode::NotFound)?;
    Ok(page.events.into_iter().filter(|event| event.body.message().is_some()).collect())
}

/// Listens first and looks then, so that nothing falls between.
async fn wait_for_event(
    app: &App,
    identity: &Identity,
    chat: RoomId,
    since: Micros,
) -> Result<Vec<Event>, Refused> {
    let (mailbox, _attached) = listen(app, identity, chat, Rung::Poll).await?;
    let until = Instant::now() + HOLD;
    loop {
        let found = later_than(app, identity.user, chat, since).await?;
        if !found.is_empty() || !happens(&mailbox, chat, until).await? {
            return Ok(found);
        }
    }
}

/// Whether something happens in the chat before the time is up.
async fn happens(mailbox: &Mailbox, chat: RoomId, until: Instant) -> Result<bool, Refused> {
    loop {
        let Ok(items) = tokio::time::timeout_at(until, mailbox.take()).await else { return Ok(false) };
        for item in items {
            match item {
                Item::Delivery(Delivery::Event { room, .. }) | Item::Dirty(room) if room == chat => {
                    return Ok(true);
                }
                Item::Close(_) => return Err(ErrorCode::Revoked.into()),
                Item::Drain(_) => return Ok(false),
                _ => {}
            }
        }
    }
}

/// A mailbox that hears of one chat.
pub(super) async fn listen(
    app: &App,
    identity: &Identity,
    chat: RoomId,
    rung: Rung,
) -> Result<(Arc<Mailbox>, crate::nodehub::Attached), Refused> {
    let limits = &app.config.limits;
    let mailbox = Arc::new(Mailbox::new(Capacity { frames: limits.queue_frames, bytes: limits.queue_bytes }));
    let row = app.store.user(identity.user).await?.ok_or(ErrorCode::Revoked)?;
    let attached = app.hub.attach(&mailbox, identity.user, identity.device, rung, row.user.profile_rev);
    // Asked now that a sign-out or a removal would be heard: one before is not missed.
    app.auth.is_alive(identity.user, identity.device, clock::now()).await?;
    let member = app.store.member(chat, identity.user).await?.ok_or(ErrorCode::NotFound)?;
    let log = Log {
        room: chat,
        epoch: member.epoch,
        head: member.head,
        from: member.from,
        members: member.members,
    };
    let _ = attached.open(identity.user, vec![log], None, &Stored::default());
    Ok((mailbox, attached))
}

/// Messages as they are shown.
pub(super) async fn messages(
    app: &App,
    viewer: &Viewer,
    chat: RoomId,
    events: &[Event],
) -> Result<Vec<Value>, Refused> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let said = Said::load(app, viewer, chat, events, std::iter::empty()).await?;
    Ok(events.iter().filter_map(|event| said.message(app, event)).collect())
}

/// One message as it is shown.
pub(super) async fn one(
    app: &App,
    viewer: &Viewer,
    chat: RoomId,
    message: MessageId,
) -> Result<Value, Refused> {
    let event = app.store.event_by_message(message).await?.filter(|event| event.room == chat);
    let found = messages(app, viewer, chat, &[event.ok_or(ErrorCode::NotFound)?]).await?.pop();
    Ok(found.ok_or(ErrorCode::NotFound)?)
}

#[derive(Deserialize)]
pub(super) struct New {
    #[serde(default)]
    pub(super) content: String,
    #[serde(default)]
    pub(super) message_type: Option<String>,
    #[serde(default)]
    pub(super) reply_to: Option<String>,
    #[serde(default)]
    pub(super) txn_id: Option<TxnId>,
    /// A file that came in the same form, stored already.
    #[serde(skip)]
    pub(super) attachment: Option<FileId>,
}

/// Sends, by JSON or by a form.
pub(super) async fn send(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
    ChatId(chat): ChatId,
    request: Request,
) -> Result<(StatusCode, Json<Value>), Refused> {
    // Before the body is read, which may be large.
    app.store.member(chat, identity.user).await?.ok_or(ErrorCode::NotFound)?;
    let new = read(request, &app, identity.user).await?;
    let ack = say(&app, &identity, chat, new, Transport::Post).await?;
    let message = ack.message.ok_or(ErrorCode::NotFound)?;
    Ok((StatusCode::CREATED, Json(one(&app, &viewer, chat, message).await?)))
}

/// Commits a message; by whichever way it came.
pub(super) async fn say(
    app: &App,
    identity: &Identity,
    room: RoomId,
    new: New,
    by: Transport,
) -> Result<Ack, Refused> {
    let label = match new.message_type.as_deref() {
        None | Some("" | "text" | "image" | "video" | "audio" | "file") => None,
        Some("emoji") => Some(MessageLabel::Emoji),
        Some("story_reply") => Some(MessageLabel::StoryReply),
        Some(_) => return Err(Refused::field("message_type", NO_TYPE)),
    };
    let reply_to = match new.reply_to.as_deref() {
        None | Some("") => None,
        Some(id) => Some(id.parse().map_err(|_| Refused::field("reply_to", NO_REPLY))?),
    };
    let txn_id = match new.txn_id {
        Some(txn_id) => txn_id,
        None if app.config.join_double_sends => {
            app.once.name(clock::steady(), identity.device, room, &new.content, by)
        }
        None => TxnId::mint(clock::now(), clock::random()),
    };
    if new.attachment.is_some()
        && let Some(ack) = sent_before(app, identity.user, &txn_id, &new.content).await?
    {
        return Ok(ack);
    }
    let command = Command::Send {
        txn_id,
        room,
        after: None,
        text: new.content,
        reply_to,
        attachment: new.attachment,
        label,
    };
    match app.committer.execute(identity.user, command).await {
        Outcome::Stored(ack) => Ok(ack),
        Outcome::Refused(nack) => Err(nack.code.into()),
    }
}

/// What a form became that comes again: its file has another id by now, so that it looks like another
/// message under the same name. The file is carried by nothing and goes by itself.
async fn sent_before(app: &App, user: UserId, txn_id: &TxnId, text: &str) -> Result<Option<Ack>, Refused> {
    let Some(ack) = app.store.txn(user, txn_id).await? else { return Ok(None) };
    let Some(message) = ack.message else { return Ok(None) };
    let event = app.store.event_by_message(message).await?;
    let same = event.is_some_and(|event| match event.body {
        EventBody::Message { text: said, attachment, erased, .. } => {
            erased || (attachment.is_some() && said == text.trim())
        }
        _ => false,
    });
    Ok(same.then_some(ack))
}

/// What is sent; a file of a form is stored on the way, and carried by nothing if the message is refused.
async fn read(request: Request, app: &App, user: UserId) -> Result<New, Refused> {
    if !is_form(&request) {
        return json_body(request, app).await;
    }
    let mut form = Multipart::from_request(request, app).await.map_err(|_| ErrorCode::BadRequest)?;
    let mut new =
        New { content: String::new(), message_type: None, reply_to: None, txn_id: None, attachment: None };
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        if let Some(called) = field.file_name().map(str::to_owned) {
            if new.attachment.is_some() {
                return Err(Refused::field("file", ONE_FILE));
            }
            app.gate.upload(user, clock::steady()).map_err(ApiError::too_soon)?;
            let sent = field.map(|part| part.map_err(|error| body::refused(error.status(), &error)));
            let row = app.files.put_attachment(&app.store, user, &called, sent, clock::now()).await?;
            new.attachment = Some(row.id);
            continue;
        }
        let text = short(field).await?;
        match name.as_str() {
            "content" => new.content = text,
            "message_type" => new.message_type = Some(text),
            "reply_to" => new.reply_to = Some(text),
            "txn_id" => new.txn_id = Some(text.parse().map_err(|_| ErrorCode::BadRequest)?),
            _ => {}
        }
    }
    Ok(new)
}

pub(super) async fn mark_as_read(
    State(app): State<App>,
    Caller(identity, _): Caller,
    ChatId(chat): ChatId,
) -> Result<Json<Value>, Refused> {
    let mut room = app.store.room(identity.user, chat).await?.ok_or(ErrorCode::NotFound)?;
    app.hub.merge_positions(&mut room);
    let read = room.positions.iter().find(|position| position.user == identity.user).map_or(0, |at| at.read);
    let count = if read >= room.head { 0 } else { room.unread };
    app.hub.advance(identity.user, chat, room.head, room.head);
    Ok(Json(json!({ "message": "Mensajes marcados como leídos", "count": count })))
}
