//! `GET /v1/state`: the first screen, whole.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::State as Shared;
use zas_protocol::frame::PROTOCOL_VERSION;
use zas_protocol::limits::SMALL_GROUP;
use zas_protocol::rest::{LogHead, Room, ServerInfo, State, User};
use zas_protocol::{ErrorCode, Event, EventBody, Presence, RoomId, UserId};

use crate::app::App;
use crate::auth::extract::Authed;
use crate::clock;
use crate::error::ApiError;

/// All that a client needs to draw its first screen and to open its feed. What is sent after is
/// on top of it: the heads named here are where the feed goes on.
#[utoipa::path(get, path = "/v1/state", tag = "state", responses((status = 200, body = State)))]
pub async fn state(Shared(app): Shared<App>, Authed(identity): Authed) -> Result<Json<State>, ApiError> {
    let user = identity.user;
    let me = app.store.me(user).await?.ok_or(ErrorCode::Revoked)?;
    // The own log's head is read before the rooms: a room joined in between is in both, and a
    // client takes the second `joined` for what it has.
    let heads = app.store.heads(user).await?;
    let own = RoomId::own_log(user);
    let own_log = heads
        .iter()
        .find(|head| head.room == own)
        .map(|head| LogHead { room: own, epoch: head.epoch, head: head.head })
        .ok_or_else(|| ApiError::internal("an account without its own log"))?;
    let mut rooms = app.store.rooms(user).await?;
    for room in &mut rooms {
        app.hub.merge_positions(room);
    }
    let (users, presence) = people(&app, user, &rooms, &[]).await?;
    let server = ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL_VERSION,
        message_chars: app.config.limits.message_chars,
        now: clock::now(),
    };
    Ok(Json(State { me, own_log, rooms, users, presence, server }))
}

/// Everyone that rooms and events name, and which of them are there: of those alone whose coming and
/// going the feed tells, who are in a private room or a small group of these.
pub async fn people(
    app: &App,
    viewer: UserId,
    rooms: &[Room],
    events: &[Event],
) -> Result<(Vec<User>, Vec<Presence>), ApiError> {
    let mut ids = BTreeSet::from([viewer]);
    for room in rooms {
        ids.extend(room.members.iter().map(|member| member.user));
        ids.extend(room.last.iter().flat_map(named));
    }
    ids.extend(events.iter().flat_map(named));
    let ids: Vec<UserId> = ids.into_iter().collect();
    let small = rooms.iter().filter(|room| room.member_count() <= SMALL_GROUP);
    let near: BTreeSet<UserId> = small.flat_map(|room| &room.members).map(|member| member.user).collect();
    let users = app.store.users(&ids).await?;
    let last_seen = app.store.last_seen(&near.iter().copied().collect::<Vec<_>>()).await?;
    let presence = users
        .iter()
        .filter(|user| user.id != viewer && near.contains(&user.id))
        .map(|user| {
            let stored = last_seen.iter().find(|(id, _)| *id == user.id).map_or(0, |&(_, at)| at);
            app.hub.presence(user.id, stored, user.profile_rev)
        })
        .collect();
    Ok((users, presence))
}

fn named(event: &Event) -> Vec<UserId> {
    let mut ids: Vec<UserId> = event.sender.into_iter().collect();
    match &event.body {
        EventBody::RoomCreated { members, .. } => ids.extend(members),
        EventBody::MemberAdded { user }
        | EventBody::MemberRemoved { user }
        | EventBody::RoleChanged { user, .. } => ids.push(*user),
        EventBody::Message { .. }
        | EventBody::MessageEdited { .. }
        | EventBody::MessageDeleted { .. }
        | EventBody::ReactionChanged { .. }
        | EventBody::RoomRenamed { .. }
        | EventBody::RoomProfileChanged { .. }
        | EventBody::Joined { .. }
        | EventBody::Left { .. }
        | EventBody::ProfileChanged { .. }
        | EventBody::PrefsChanged { .. }
        | EventBody::RoomPrefsChanged { .. } => {}
    }
    ids
}
