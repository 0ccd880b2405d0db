//! People.

use axum::Json;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use zas_protocol::ErrorCode;
use zas_protocol::limits::{NAME_CHARS, SEARCH_RESULTS};
use zas_protocol::rest::{Found, User};

use crate::app::App;
use crate::auth::extract::Authed;
use crate::error::ApiError;

/// `GET /v1/users`: whom to look for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct Search {
    /// The beginning of a username or of a word of a name; a leading `@` is dropped.
    #[serde(default)]
    q: String,
}

/// Looks for people by username or name.
#[utoipa::path(get, path = "/v1/users", tag = "people", params(Search), responses((status = 200, body = Found)))]
pub async fn search(
    State(app): State<App>,
    Authed(identity): Authed,
    Query(search): Query<Search>,
) -> Result<Json<Found>, ApiError> {
    let query = search.q.trim().trim_start_matches('@');
    // No name is longer, so nobody's begins so.
    if query.is_empty() || query.chars().count() > NAME_CHARS {
        return Ok(Json(Found { users: Vec::new() }));
    }
    let users = app.store.search_users(query, identity.user, SEARCH_RESULTS).await?;
    Ok(Json(Found { users }))
}

/// A person.
#[utoipa::path(get, path = "/v1/users/{user}", tag = "people", params(("user" = String, Path)),
    responses((status = 200, body = User), (status = 404, body = zas_protocol::ErrorBody)))]
pub async fn user(
    State(app): State<App>,
    _authed: Authed,
    Path(user): Path<String>,
) -> Result<Json<User>, ApiError> {
    let id = user.parse().map_err(|_| ErrorCode::NotFound)?;
    let user = app.store.users(&[id]).await?.pop().ok_or(ErrorCode::NotFound)?;
    Ok(Json(user))
}
