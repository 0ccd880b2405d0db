//! A room and its history.

use axum::Json;
use axum::extract::{Path, Query, State};
use zas_protocol::limits::{GROUP_MEMBERS, PAGE_EVENTS};
use zas_protocol::rest::{Message, Page, PageQuery, RoomState};
use zas_protocol::{ErrorCode, MessageId, RoomId, UserId};
use zas_store::PageAt;

use super::state::people;
use crate::app::App;
use crate::auth::extract::Authed;
use crate::error::ApiError;

const PAGE_DEFAULT: u32 = 50;

/// A room, its newest page, and the people they name.
#[utoipa::path(get, path = "/v1/rooms/{room}", tag = "rooms", params(("room" = String, Path)),
    responses((status = 200, body = RoomState), (status = 404, body = zas_protocol::ErrorBody)))]
pub async fn room(
    State(app): State<App>,
    Authed(identity): Authed,
    Path(room): Path<String>,
) -> Result<Json<RoomState>, ApiError> {
    let id = parse(&room)?;
    let mut room = app.store.room(identity.user, id).await?.ok_or(ErrorCode::NotFound)?;
    app.hub.merge_positions(&mut room);
    let page =
        app.store.page(identity.user, id, PageAt::Newest, PAGE_DEFAULT).await?.ok_or(ErrorCode::NotFound)?;
    // An event between the two reads is in the page already and comes again on the feed, where
    // its `seq` shows that it is known; the room must not claim less than the page holds.
    room.head = room.head.max(page.to);
    let rooms = [room];
    let (users, presence) = people(&app, identity.user, &rooms, &page.events).await?;
    let [room] = rooms;
    Ok(Json(RoomState { room, page, users, presence }))
}

/// A stretch of a room's history: before, after or around a place, or its newest.
#[utoipa::path(get, path = "/v1/rooms/{room}/events", tag = "rooms", params(("room" = String, Path), PageQuery),
    responses((status = 200, body = Page), (status = 404, body = zas_protocol::ErrorBody)))]
pub async fn events(
    State(app): State<App>,
    Authed(identity): Authed,
    Path(room): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page>, ApiError> {
    let id = parse(&room)?;
    let at = match (query.before, query.after, query.around) {
        (None, None, None) => PageAt::Newest,
        (Some(seq), None, None) => PageAt::Before(seq),
        (None, Some(seq), None) => PageAt::After(seq),
        (None, None, Some(seq)) => PageAt::Around(seq),
        _ => return Err(ErrorCode::BadRequest.into()),
    };
    let limit = query.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_EVENTS);
    let page = app.store.page(identity.user, id, at, limit).await?.ok_or(ErrorCode::NotFound)?;
    Ok(Json(page))
}

/// One message, whatever became of it, and who thinks what of it: for what a message answers, and
/// for the people behind a count.
#[utoipa::path(get, path = "/v1/rooms/{room}/messages/{message}", tag = "rooms",
    params(("room" = String, Path), ("message" = String, Path)),
    responses((status = 200, body = Message), (status = 404, body = zas_protocol::ErrorBody)))]
pub async fn message(
    State(app): State<App>,
    Authed(identity): Authed,
    Path((room, message)): Path<(String, String)>,
) -> Result<Json<Message>, ApiError> {
    let (room, message): (RoomId, MessageId) =
        (parse(&room)?, message.parse().map_err(|_| ErrorCode::NotFound)?);
    let found = app.store.event_by_message(message).await?.filter(|event| event.room == room);
    let seqs = [found.ok_or(ErrorCode::NotFound)?.seq];
    let visible = app.store.visible(identity.user, room, &seqs).await?;
    let event = visible.and_then(|mut events| events.pop()).ok_or(ErrorCode::NotFound)?;
    let state = app.store.states(identity.user, room, &seqs).await?.pop();
    let mut reactions = app.store.reacted(room, &seqs).await?;
    reactions.truncate(GROUP_MEMBERS);
    let people: Vec<UserId> =
        event.sender.into_iter().chain(reactions.iter().map(|reacted| reacted.user)).collect();
    let users = app.store.users(&people).await?;
    Ok(Json(Message { event, state, reactions, users }))
}

/// What is no id names nothing: the same answer as for a room that is not there.
fn parse(text: &str) -> Result<RoomId, ApiError> {
    text.parse().map_err(|_| ErrorCode::NotFound.into())
}
