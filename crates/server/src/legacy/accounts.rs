//! `/api/auth/…`

use axum::Json;
use axum::extract::{Multipart, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use zas_protocol::rest::{self, Tokens};
use zas_protocol::{Command, ErrorCode, ProfileChange, TxnId, UserId};
use zas_store::{FileKind, UserRow};

use super::answer::{Base, Caller, Form, Refused, Say, Viewer, unreadable};
use super::shapes;
use crate::app::App;
use crate::auth::extract::ClientAddress;
use crate::clock;
use crate::committer::Outcome;
use crate::routes::auth::exchange;

const MISMATCH: Say = Say::new("Las contraseñas no coinciden.", "The passwords don't match.");
const NO_IMAGE: Say = Say::new("Envía una imagen en el campo avatar.", "Send an image in the field avatar.");

#[derive(Deserialize)]
pub(super) struct Register {
    email: String,
    username: String,
    #[serde(default)]
    display_name: String,
    password: String,
    password_confirm: String,
}

pub(super) async fn register(
    State(app): State<App>,
    base: Base,
    address: ClientAddress,
    Form(form): Form<Register>,
) -> Result<(StatusCode, Json<Value>), Refused> {
    address.may_sign_in(&app)?;
    if form.password != form.password_confirm {
        return Err(Refused::field("password_confirm", MISMATCH));
    }
    let form = rest::Register {
        username: form.username,
        email: form.email,
        display_name: form.display_name,
        password: form.password,
        device_name: String::new(),
    };
    let tokens = app.auth.register(form, clock::now()).await?;
    let user = oneself(&app, &Viewer { user: tokens.me.user.id, base }).await?;
    let body = json!({
        "message": "Cuenta creada", "user": user,
        "tokens": { "access": tokens.access, "refresh": tokens.refresh },
    });
    Ok((StatusCode::CREATED, Json(body)))
}

#[derive(Deserialize)]
pub(super) struct Login {
    login: String,
    password: String,
}

pub(super) async fn login(
    State(app): State<App>,
    base: Base,
    address: ClientAddress,
    Form(form): Form<Login>,
) -> Result<Json<Value>, Refused> {
    address.may_sign_in(&app)?;
    let form = rest::Login { login: form.login, password: form.password, device_name: String::new() };
    let tokens = app.auth.sign_in(form, clock::now()).await?;
    let user = oneself(&app, &Viewer { user: tokens.me.user.id, base }).await?;
    Ok(Json(json!({ "access": tokens.access, "refresh": tokens.refresh, "user": user })))
}

#[derive(Deserialize)]
pub(super) struct Refresh {
    refresh: String,
}

pub(super) async fn refresh(
    State(app): State<App>,
    Form(form): Form<Refresh>,
) -> Result<Json<Value>, Refused> {
    let Tokens { access, refresh, .. } = exchange(&app, &form.refresh).await?;
    Ok(Json(json!({ "access": access, "refresh": refresh })))
}

#[derive(Deserialize)]
pub(super) struct Logout {
    refresh_token: String,
}

pub(super) async fn logout(State(app): State<App>, Form(form): Form<Logout>) -> Result<Json<Value>, Refused> {
    app.auth.sign_out_by_token(&form.refresh_token).await?;
    Ok(Json(json!({ "message": "Sesión cerrada" })))
}

pub(super) async fn verify(
    State(app): State<App>,
    Caller(_, viewer): Caller,
) -> Result<Json<Value>, Refused> {
    Ok(Json(json!({ "valid": true, "user": oneself(&app, &viewer).await? })))
}

pub(super) async fn profile(
    State(app): State<App>,
    Caller(_, viewer): Caller,
) -> Result<Json<Value>, Refused> {
    Ok(Json(oneself(&app, &viewer).await?))
}

/// The fields that are kept; the old app has more, which nobody here shows.
#[derive(Deserialize)]
pub(super) struct Profile {
    display_name: Option<String>,
    bio: Option<String>,
}

pub(super) async fn change_profile(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
    Form(form): Form<Profile>,
) -> Result<Json<Value>, Refused> {
    let change = ProfileChange { display_name: form.display_name, bio: form.bio, avatar: None };
    if change != ProfileChange::default() {
        set_profile(&app, identity.user, change).await?;
    }
    Ok(Json(oneself(&app, &viewer).await?))
}

pub(super) async fn upload_avatar(
    State(app): State<App>,
    Caller(identity, viewer): Caller,
    mut form: Multipart,
) -> Result<Json<Value>, Refused> {
    let now = clock::now();
    app.gate.avatar(identity.user, clock::steady()).map_err(crate::error::ApiError::too_soon)?;
    let image = loop {
        let field = form.next_field().await.map_err(unreadable)?;
        let field = field.ok_or(Refused::field("avatar", NO_IMAGE))?;
        if field.name() == Some("avatar") {
            break field.bytes().await.map_err(unreadable)?;
        }
    };
    let avatar = Some(app.files.put_avatar(&*app.store, identity.user, FileKind::Avatar, image, now).await?);
    set_profile(&app, identity.user, ProfileChange { avatar, ..ProfileChange::default() }).await?;
    let user = oneself(&app, &viewer).await?;
    Ok(Json(json!({ "message": "Imagen actualizada", "avatar_url": user["avatar_url"], "user": user })))
}

#[derive(Deserialize)]
pub(super) struct ChangePassword {
    current_password: String,
    new_password: String,
    new_password_confirm: String,
}

pub(super) async fn change_password(
    State(app): State<App>,
    Caller(identity, _): Caller,
    address: ClientAddress,
    Form(form): Form<ChangePassword>,
) -> Result<Json<Value>, Refused> {
    address.may_sign_in(&app)?;
    if form.new_password != form.new_password_confirm {
        return Err(Refused::field("new_password_confirm", MISMATCH));
    }
    let form = rest::ChangePassword { current: form.current_password, new: form.new_password };
    app.auth.change_password(&identity, form).await?;
    Ok(Json(json!({ "message": "Contraseña actualizada" })))
}

async fn row(app: &App, user: UserId) -> Result<UserRow, Refused> {
    Ok(app.store.user(user).await?.ok_or(ErrorCode::Revoked)?)
}

async fn oneself(app: &App, viewer: &Viewer) -> Result<Value, Refused> {
    shapes::user(app, viewer, &row(app, viewer.user).await?).await
}

async fn set_profile(app: &App, user: UserId, profile: ProfileChange) -> Result<(), Refused> {
    let txn_id = TxnId::mint(clock::now(), clock::random());
    match app.committer.execute(user, Command::SetProfile { txn_id, profile }).await {
        Outcome::Stored(_) => Ok(()),
        Outcome::Refused(nack) => Err(nack.code.into()),
    }
}
