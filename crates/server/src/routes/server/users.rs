//! People, as another backend knows them.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use zas_core::shape;
use zas_protocol::limits::SERVER_BATCH;
use zas_protocol::server_api::{SignOut, UpsertUser, UpsertUsers, UpsertedUser, UpsertedUsers, Whom};
use zas_protocol::{Command, ErrorBody, ErrorCode, ProfileChange, UserId};

use super::{find, mint, order};
use crate::app::App;
use crate::auth::api_keys::ServerKey;
use crate::auth::foreign::Subject;
use crate::clock;
use crate::error::ApiError;
use crate::json::JsonBody;

/// Makes people, names them, disables and enables them. Again, it changes nothing.
#[utoipa::path(post, path = "/v1/server/users", tag = "server", request_body = UpsertUsers,
    security(("server_key" = [])),
    responses((status = 200, body = UpsertedUsers), (status = 401, body = ErrorBody)))]
pub async fn upsert(
    State(app): State<App>,
    _key: ServerKey,
    JsonBody(form): JsonBody<UpsertUsers>,
) -> Result<Json<UpsertedUsers>, ApiError> {
    if form.users.len() > SERVER_BATCH {
        return Err(ErrorCode::TooLarge.into());
    }
    let mut users = Vec::with_capacity(form.users.len());
    for user in &form.users {
        users.push(match one(&app, user).await {
            Ok(done) => done,
            // Nothing of this one alone: the others would fare no better now.
            Err(error) if error.code.status() >= 500 => return Err(error),
            Err(error) => UpsertedUser { error: Some(error.code), ..UpsertedUser::default() },
        });
    }
    Ok(Json(UpsertedUsers { users }))
}

async fn one(app: &App, user: &UpsertUser) -> Result<UpsertedUser, ApiError> {
    let display_name = user.display_name.as_deref().map(shape::name).transpose()?;
    let email = user.email.as_deref().filter(|email| !email.is_empty()).map(shape::email).transpose()?;
    let id = match (user.id, &user.issuer, &user.subject) {
        (None, Some(issuer), Some(subject)) => {
            let subject = Subject {
                issuer,
                subject,
                username: user.username.as_deref().unwrap_or_default(),
                display_name: display_name.as_deref().unwrap_or_default(),
                email: email.as_deref().unwrap_or_default(),
            };
            app.auth.foreign().upsert(&subject, clock::now()).await?.user
        }
        (id, issuer, subject) => {
            find(app, &Whom { id, issuer: issuer.clone(), subject: subject.clone() }).await?
        }
    };
    let state = app.store.account_state(id).await?.ok_or(ErrorCode::NotFound)?;
    // A disabled account takes no command, so a name is changed while it is not.
    if user.active == Some(true) && !state.active {
        app.auth.enable(id).await?;
    }
    if let Some(name) = display_name {
        rename(app, id, name).await?;
    }
    if user.active == Some(false) && state.active {
        app.auth.disable(id).await?;
    }
    let row = app.store.user(id).await?.ok_or(ErrorCode::NotFound)?;
    Ok(UpsertedUser {
        id: Some(id),
        username: Some(row.user.username),
        active: Some(row.active),
        error: None,
    })
}

/// Changes what somebody is called, where it is another; of who is disabled nothing is changed.
async fn rename(app: &App, user: UserId, name: String) -> Result<(), ApiError> {
    let row = app.store.user(user).await?.ok_or(ErrorCode::NotFound)?;
    if row.user.display_name == name || !row.active {
        return Ok(());
    }
    let profile = ProfileChange { display_name: Some(name), ..ProfileChange::default() };
    order(app, user, Command::SetProfile { txn_id: mint(), profile }).await.map(drop)
}

/// Signs somebody out everywhere, at once.
#[utoipa::path(post, path = "/v1/server/sign-out", tag = "server", request_body = SignOut,
    security(("server_key" = [])),
    responses((status = 204), (status = 401, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn sign_out(
    State(app): State<App>,
    _key: ServerKey,
    JsonBody(form): JsonBody<SignOut>,
) -> Result<StatusCode, ApiError> {
    let user = find(&app, &form.user).await?;
    app.auth.sign_out_everywhere(user, None).await?;
    Ok(StatusCode::NO_CONTENT)
}
