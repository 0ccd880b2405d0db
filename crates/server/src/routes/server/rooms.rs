//! Rooms, who is in them, and what is said there in the server's name.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Path, State};
use zas_protocol::limits::{GROUP_MEMBERS, SERVER_BATCH};
use zas_protocol::rest::Member;
use zas_protocol::server_api::{ChangeMembers, MakeRoom, MemberAs, PostMessage, RoomMembers, SetMembers};
use zas_protocol::{Ack, Command, ErrorBody, ErrorCode, Role, RoomId, RoomKind, UserId};
use zas_store::Roster;

use super::{find, mint, order, server_account};
use crate::app::App;
use crate::auth::api_keys::ServerKey;
use crate::error::ApiError;
use crate::json::JsonBody;

/// Makes a room, or finds the one that this name made; of two people there is one private room.
#[utoipa::path(post, path = "/v1/server/rooms", tag = "server", request_body = MakeRoom,
    security(("server_key" = [])),
    responses((status = 200, body = Ack), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn make_room(
    State(app): State<App>,
    _key: ServerKey,
    JsonBody(form): JsonBody<MakeRoom>,
) -> Result<Json<Ack>, ApiError> {
    if form.members.len() > GROUP_MEMBERS {
        return Err(ErrorCode::RoomFull.into());
    }
    let mut members = Vec::with_capacity(form.members.len());
    for whom in &form.members {
        members.push(find(&app, whom).await?);
    }
    let MakeRoom { txn_id, kind, name, .. } = form;
    let command = match (kind, members.as_slice(), name) {
        (RoomKind::Private, [_, other], None) => Command::OpenPrivate { txn_id, user: *other },
        (RoomKind::Group, [_, others @ ..], Some(name)) => {
            Command::CreateGroup { txn_id, name, members: others.to_vec(), profile: None }
        }
        _ => return Err(ErrorCode::BadRequest.into()),
    };
    let maker = *members.first().ok_or(ErrorCode::BadRequest)?;
    Ok(Json(order(&app, maker, command).await?))
}

/// Makes a group's members exactly these. Who stays keeps their place; the owner's role passes on where its
/// owner goes. Again, it changes nothing.
#[utoipa::path(put, path = "/v1/server/rooms/{room}/members", tag = "server", request_body = SetMembers,
    params(("room" = String, Path)), security(("server_key" = [])),
    responses((status = 200, body = RoomMembers), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub async fn set_members(
    State(app): State<App>,
    _key: ServerKey,
    Path(room): Path<String>,
    JsonBody(form): JsonBody<SetMembers>,
) -> Result<Json<RoomMembers>, ApiError> {
    let group = Group::find(&app, &room).await?;
    if form.members.len() > GROUP_MEMBERS {
        return Err(ErrorCode::RoomFull.into());
    }
    let wanted = named(&app, &form.members).await?;
    if wanted.is_empty() {
        return Err(ErrorCode::BadRequest.into());
    }
    let gone = group.roster().await?.into_keys().filter(|user| !wanted.contains_key(user)).collect();
    group.change(wanted, gone).await.map(Json)
}

/// Brings people into a group, gives them roles, and takes others out. Again, it changes nothing.
#[utoipa::path(post, path = "/v1/server/rooms/{room}/members", tag = "server", request_body = ChangeMembers,
    params(("room" = String, Path)), security(("server_key" = [])),
    responses((status = 200, body = RoomMembers), (status = 401, body = ErrorBody),
        (status = 404, body = ErrorBody)))]
pub async fn change_members(
    State(app): State<App>,
    _key: ServerKey,
    Path(room): Path<String>,
    JsonBody(form): JsonBody<ChangeMembers>,
) -> Result<Json<RoomMembers>, ApiError> {
    let group = Group::find(&app, &room).await?;
    if form.put.len().max(form.remove.len()) > SERVER_BATCH {
        return Err(ErrorCode::TooLarge.into());
    }
    let wanted = named(&app, &form.put).await?;
    let mut gone = Vec::with_capacity(form.remove.len());
    for whom in &form.remove {
        gone.push(find(&app, whom).await?);
    }
    group.change(wanted, gone).await.map(Json)
}

/// Says something in a room: in the server's own name, marked as such, or in that of a member.
#[utoipa::path(post, path = "/v1/server/rooms/{room}/messages", tag = "server", request_body = PostMessage,
    params(("room" = String, Path)), security(("server_key" = [])),
    responses((status = 200, body = Ack), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn post_message(
    State(app): State<App>,
    _key: ServerKey,
    Path(room): Path<String>,
    JsonBody(form): JsonBody<PostMessage>,
) -> Result<Json<Ack>, ApiError> {
    let room = parse(&room)?;
    let user = match &form.sender {
        Some(whom) => find(&app, whom).await?,
        None => server_account(&app).await?,
    };
    let PostMessage { txn_id, text, .. } = form;
    let (after, reply_to, attachment, label) = (None, None, None, None);
    let command = Command::Send { txn_id, room, after, text, reply_to, attachment, label };
    Ok(Json(order(&app, user, command).await?))
}

fn parse(room: &str) -> Result<RoomId, ApiError> {
    room.parse().map_err(|_| ErrorCode::NotFound.into())
}

/// Each of a list with their role; who is named twice is what they are named last.
async fn named(app: &App, members: &[MemberAs]) -> Result<BTreeMap<UserId, Option<Role>>, ApiError> {
    let mut named = BTreeMap::new();
    for member in members {
        named.insert(find(app, &member.user).await?, member.role);
    }
    if named.values().filter(|role| **role == Some(Role::Owner)).count() > 1 {
        return Err(ErrorCode::BadRequest.into());
    }
    Ok(named)
}

/// A group whose members change.
struct Group<'a> {
    app: &'a App,
    room: RoomId,
}

impl<'a> Group<'a> {
    async fn find(app: &'a App, room: &str) -> Result<Self, ApiError> {
        let room = parse(room)?;
        match app.store.roster(room).await? {
            Some(Roster { kind: RoomKind::Group, .. }) => Ok(Self { app, room }),
            Some(Roster { kind: RoomKind::Private, .. }) => Err(ErrorCode::Forbidden.into()),
            _ => Err(ErrorCode::NotFound.into()),
        }
    }

    async fn roster(&self) -> Result<BTreeMap<UserId, Role>, ApiError> {
        let roster = self.app.store.roster(self.room).await?.ok_or(ErrorCode::NotFound)?;
        Ok(roster.members.into_iter().map(|member| (member.user, member.role)).collect())
    }

    /// Who comes is there before anybody goes, so that an owner who goes has an heir.
    async fn change(
        &self,
        wanted: BTreeMap<UserId, Option<Role>>,
        gone: Vec<UserId>,
    ) -> Result<RoomMembers, ApiError> {
        let (room, server) = (self.room, server_account(self.app).await?);
        let does = async |command| order(self.app, server, command).await.map(drop);
        let mut now = self.roster().await?;
        for &user in wanted.keys().filter(|user| !now.contains_key(user)) {
            does(Command::AddMember { txn_id: mint(), room, user }).await?;
        }
        now = self.roster().await?;
        // The new owner first: who was it is then an admin, and may become something else.
        let (owners, others): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|&(_, role)| role == Some(Role::Owner));
        for (user, role) in owners.into_iter().chain(others) {
            let Some(role) = role else { continue };
            if now.get(&user) != Some(&role) {
                does(Command::SetRole { txn_id: mint(), room, user, role }).await?;
                now = self.roster().await?;
            }
        }
        for user in gone {
            if now.remove(&user).is_some() {
                does(Command::RemoveMember { txn_id: mint(), room, user }).await?;
            }
        }
        let members = self.roster().await?;
        Ok(RoomMembers { members: members.into_iter().map(|(user, role)| Member { user, role }).collect() })
    }
}
