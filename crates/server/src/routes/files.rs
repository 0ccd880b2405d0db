//! Pictures: putting one up, fetching one.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest as _, Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header;
use zas_protocol::rest::Uploaded;
use zas_protocol::{ErrorCode, FileId};
use zas_store::FileKind;

use crate::app::App;
use crate::auth::extract::Authed;
use crate::body::refused;
use crate::clock;
use crate::error::ApiError;
use crate::files::Signature;

/// Stores a picture of oneself, made anew without its metadata; `set_profile` then names it.
#[utoipa::path(post, path = "/v1/me/avatar", tag = "people",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "A JPEG, PNG or WebP."),
    responses((status = 200, body = Uploaded), (status = 400, body = zas_protocol::ErrorBody),
        (status = 413, body = zas_protocol::ErrorBody)))]
pub async fn upload_avatar(
    State(app): State<App>,
    Authed(identity): Authed,
    request: Request,
) -> Result<Json<Uploaded>, ApiError> {
    let now = clock::now();
    // Before the body is read, which may be large.
    app.gate
        .upload(identity.user, clock::steady())
        .map_err(|wait| ApiError::later(ErrorCode::RateLimited, wait))?;
    let body = Bytes::from_request(request, &app)
        .await
        .map_err(|rejection| refused(rejection.status(), &rejection))?;
    let file = app.files.put_avatar(&*app.store, identity.user, body, now).await?;
    Ok(Json(Uploaded { file }))
}

/// A file. Fetched with a token, or with the signature of its address (`?u=…&e=…&s=…`), which
/// does for an `<img>`. Its bytes never change.
#[utoipa::path(get, path = "/v1/files/{file}", tag = "people",
    params(("file" = String, Path), ("u" = Option<String>, Query), ("e" = Option<i64>, Query), ("s" = Option<String>, Query)),
    responses((status = 200, content_type = "image/*"), (status = 404, body = zas_protocol::ErrorBody)))]
pub async fn file(
    State(app): State<App>,
    Path(file): Path<String>,
    signature: Result<Query<Signature>, QueryRejection>,
    authed: Result<Authed, ApiError>,
) -> Result<Response, ApiError> {
    let id: Result<FileId, ErrorCode> = file.parse().map_err(|_| ErrorCode::NotFound);
    match (authed, signature) {
        (Ok(_), _) => {}
        (Err(_), Ok(Query(signature))) => signed(&app, &signature, id?).await?,
        (Err(error), Err(_)) => return Err(error),
    }
    let row = app.store.file(id?).await?.ok_or(ErrorCode::NotFound)?;
    let name = match row.kind {
        // For anyone signed in.
        FileKind::Avatar => "avatar",
        FileKind::Attachment => return Err(ErrorCode::NotFound.into()),
    };
    let bytes = app.files.read(row.id).await?;
    let headers = [
        (header::CONTENT_TYPE, row.media_type),
        (header::CACHE_CONTROL, "private, max-age=604800, immutable".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, bytes).into_response())
}

/// Who holds a signed address reads as the person it names, while their account is not disabled.
async fn signed(app: &App, signature: &Signature, file: FileId) -> Result<(), ApiError> {
    let now = clock::now();
    let user = app.files.verify(signature, file, now)?;
    let row = app.store.user(user).await?.filter(|row| row.active).ok_or(ErrorCode::Revoked)?;
    app.gate.read(row.user.id, clock::steady()).map_err(|wait| ApiError::later(ErrorCode::RateLimited, wait))
}
