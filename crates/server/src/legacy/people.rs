//! `/api/users/…`

use axum::Json;
use axum::extract::{Path, Query, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use zas_protocol::limits::SEARCH_RESULTS;
use zas_protocol::rest::User;
use zas_protocol::{Command, ErrorCode, TxnId};
use zas_store::UserRow;

use super::answer::{Caller, Refused, Say, Viewer};
use super::{chats, shapes};
use crate::app::App;
use crate::clock;

const ONESELF: Say = Say::new("No puedes abrir un chat contigo.", "You can't open a chat with yourself.");

#[derive(Deserialize)]
pub(super) struct Search {
    #[serde(default)]
    q: String,
}

/// One page holds the best matches; a further one is empty, as the search is no list.
pub(super) async fn search(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
    Query(search): Query<Search>,
) -> Result<Json<Value>, Refused> {
    let query = search.q.trim().trim_start_matches('@');
    let found = match query {
        "" => Vec::new(),
        query => app.store.search_users(query, identity.user, SEARCH_RESULTS).await?,
    };
    let results = long(&app, &viewer, &found).await?;
    let count = results.len() as u64;
    Ok(Json(shapes::page(&viewer.base, "/api/users/search/", 1, u64::from(SEARCH_RESULTS), count, results)))
}

/// People one shares a chat with, then others.
pub(super) async fn friends(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
) -> Result<Json<Value>, Refused> {
    let peers = app.store.peers(identity.user).await?;
    let mut found = app.store.users(&peers).await?;
    let others = app.store.search_users("", identity.user, SEARCH_RESULTS).await?;
    found.extend(others.into_iter().filter(|other| !peers.contains(&other.id)));
    Ok(Json(Value::Array(long(&app, &viewer, &found).await?)))
}

pub(super) async fn profile(
    State(app): State<App>,
    Caller(_, viewer): Caller,
    Path(username): Path<String>,
) -> Result<Json<Value>, Refused> {
    Ok(Json(shapes::user(&app, &viewer, &by_username(&app, &username).await?).await?))
}

/// Opens the private chat, or finds it.
pub(super) async fn open_chat(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
    Path(username): Path<String>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    let other = by_username(&app, &username).await?;
    if other.user.id == identity.user {
        return Err(Refused::action(ONESELF));
    }
    let txn_id = TxnId::mint(clock::now(), clock::random());
    let command = Command::OpenPrivate { txn_id: txn_id.clone(), user: other.user.id };
    let room = chats::execute(&app, identity.user, command).await?;
    // The room's first event carries the name of the command that made it.
    let created = app.store.txn(identity.user, &txn_id).await?.is_some();
    let chat = chats::seen_by(&app, &viewer, room).await?;
    Ok(if created {
        let body = json!({ "chat": chat, "created": true, "message": "Chat creado" });
        (StatusCode::CREATED, Json(body))
    } else {
        (StatusCode::OK, Json(json!({ "chat": chat, "created": false })))
    })
}

async fn by_username(app: &App, username: &str) -> Result<UserRow, Refused> {
    let username = username.trim_start_matches('@').to_lowercase();
    let row = app.store.user_by_login(&username).await?;
    // A login may be an email, which is no name to find somebody by.
    Ok(row.filter(|row| row.active && row.user.username == username).ok_or(ErrorCode::NotFound)?)
}

async fn long(app: &App, viewer: &Viewer, users: &[User]) -> Result<Vec<Value>, Refused> {
    let people = shapes::People::load(app, viewer, users.iter().map(|user| user.id).collect()).await?;
    let mut values = Vec::with_capacity(users.len());
    for user in users {
        if let Some(row) = app.store.user(user.id).await? {
            values.push(people.long(app, &row).await?);
        }
    }
    Ok(values)
}
