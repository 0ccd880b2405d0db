//! Files: pictures of oneself and of groups, what messages carry, and fetching them.

use axum::Json;
use axum::body::{Body, BodyDataStream};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest as _, Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use zas_protocol::rest::{FileAddress, UploadQuery, Uploaded, UploadedFile};
use zas_protocol::{ErrorCode, FileId, UserId};
use zas_store::{FileKind, FileRow};

use crate::app::App;
use crate::auth::extract::Authed;
use crate::body::refused;
use crate::clock;
use crate::error::ApiError;
use crate::files::Signature;
use crate::files::answer::{Part, disposition, etag, part};

/// How long a browser may keep a picture of a person.
const AVATAR_CACHE: &str = "private, max-age=604800, immutable";
/// And what a message carries or a group wears: no longer than its address is signed, since it may be
/// deleted, or who keeps it may leave.
const ATTACHMENT_CACHE: &str = "private, max-age=3600, immutable";

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
    put_avatar(&app, identity.user, FileKind::Avatar, request).await
}

/// Stores a picture for a group, made anew without its metadata; `set_room_profile` or `create_group` then
/// names it. Until then it is for oneself alone.
#[utoipa::path(post, path = "/v1/rooms/avatar", tag = "rooms",
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "A JPEG, PNG or WebP."),
    responses((status = 200, body = Uploaded), (status = 400, body = zas_protocol::ErrorBody),
        (status = 413, body = zas_protocol::ErrorBody)))]
pub async fn upload_room_avatar(
    State(app): State<App>,
    Authed(identity): Authed,
    request: Request,
) -> Result<Json<Uploaded>, ApiError> {
    put_avatar(&app, identity.user, FileKind::RoomAvatar, request).await
}

async fn put_avatar(
    app: &App,
    user: UserId,
    kind: FileKind,
    request: Request,
) -> Result<Json<Uploaded>, ApiError> {
    let now = clock::now();
    // Before the body is read, which may be large.
    app.gate.avatar(user, clock::steady()).map_err(ApiError::too_soon)?;
    let body = Bytes::from_request(request, app)
        .await
        .map_err(|rejection| refused(rejection.status(), &rejection))?;
    let file = app.files.put_avatar(&*app.store, user, kind, body, now).await?;
    Ok(Json(Uploaded { file }))
}

/// Stores a file for a message to carry; `send` then names it. Of what type it is says its content; an
/// image (JPEG, PNG, WebP, GIF) loses its metadata, all else is kept as it is sent.
#[utoipa::path(post, path = "/v1/files", tag = "files", params(UploadQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The file."),
    responses((status = 200, body = UploadedFile), (status = 400, body = zas_protocol::ErrorBody),
        (status = 413, body = zas_protocol::ErrorBody), (status = 507, body = zas_protocol::ErrorBody)))]
pub async fn upload(
    State(app): State<App>,
    Authed(identity): Authed,
    Query(query): Query<UploadQuery>,
    request: Request,
) -> Result<Json<UploadedFile>, ApiError> {
    let now = clock::now();
    app.gate.upload(identity.user, clock::steady()).map_err(ApiError::too_soon)?;
    let most = app.config.limits.upload_bytes;
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > 2 * most) {
        return Err(ErrorCode::TooLarge.into());
    }
    let mut body = body.into_data_stream();
    let sent = (&mut body).map(|part| part.map_err(|error| refused(StatusCode::BAD_REQUEST, &error)));
    let name = query.name.as_deref().unwrap_or_default();
    let stored = app.files.put_attachment(&app.store, identity.user, name, sent, now).await;
    if stored.is_err() {
        read_out(body, most).await;
    }
    let attachment = stored?.attachment().ok_or(ErrorCode::Internal)?;
    Ok(Json(UploadedFile { attachment }))
}

/// Reads on for a while without keeping anything: a browser that is refused while it sends takes that
/// for a broken line, and would try again for ever.
async fn read_out(mut body: BodyDataStream, most: u64) {
    let mut left = most;
    while let Some(Ok(part)) = body.next().await {
        match left.checked_sub(part.len() as u64) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

/// A file. Fetched with a token, or with the signature of its address (`?u=…&e=…&s=…`), which
/// does for an `<img>`. Its bytes never change; `Range` asks for some of them.
#[utoipa::path(get, path = "/v1/files/{file}", tag = "files",
    params(("file" = String, Path), ("u" = Option<String>, Query), ("e" = Option<i64>, Query), ("s" = Option<String>, Query),
        ("range" = Option<String>, Header), ("if-range" = Option<String>, Header), ("if-none-match" = Option<String>, Header)),
    responses((status = 200, content_type = "*/*"), (status = 206, content_type = "*/*", description = "The bytes of `Content-Range`."),
        (status = 302, description = "Another system keeps it, at `Location`."),
        (status = 304, description = "The one who asks has it."), (status = 404, body = zas_protocol::ErrorBody),
        (status = 416, description = "It ends before; `Content-Range` says where.")))]
pub async fn file(
    State(app): State<App>,
    Path(file): Path<String>,
    method: Method,
    headers: HeaderMap,
    signature: Result<Query<Signature>, QueryRejection>,
    authed: Result<Authed, ApiError>,
) -> Result<Response, ApiError> {
    let id: Result<FileId, ErrorCode> = file.parse().map_err(|_| ErrorCode::NotFound);
    let viewer = match (authed, signature) {
        (Ok(Authed(identity)), _) => identity.user,
        (Err(_), Ok(Query(signature))) => signed(&app, &signature, id?).await?,
        (Err(error), Err(_)) => return Err(error),
    };
    let row = fetchable(&app, viewer, id?).await?;
    answer(&app, &row, &method, &headers).await
}

/// An address at which oneself can fetch a file without a token, for an hour at least.
#[utoipa::path(get, path = "/v1/files/{file}/address", tag = "files", params(("file" = String, Path)),
    responses((status = 200, body = FileAddress), (status = 404, body = zas_protocol::ErrorBody)))]
pub async fn address(
    State(app): State<App>,
    Authed(identity): Authed,
    Path(file): Path<String>,
) -> Result<Json<FileAddress>, ApiError> {
    let id = file.parse().map_err(|_| ErrorCode::NotFound)?;
    let row = fetchable(&app, identity.user, id).await?;
    Ok(Json(app.files.address(identity.user, row.id, clock::now())))
}

/// A file that somebody may fetch now: a picture of a person, that of a group they are in, what is carried by
/// a message that they can see, and what they have uploaded and not used. Of any other they learn nothing.
async fn fetchable(app: &App, viewer: UserId, id: FileId) -> Result<FileRow, ApiError> {
    let row = app.store.file(id).await?.ok_or(ErrorCode::NotFound)?;
    let may = match (row.kind, row.message) {
        (FileKind::Avatar, _) => true,
        (FileKind::Attachment | FileKind::RoomAvatar, None) => row.user == viewer,
        (FileKind::RoomAvatar, Some((room, _))) => app.store.member(room, viewer).await?.is_some(),
        (FileKind::Attachment, Some((room, seq))) => {
            let seen = app.store.visible(viewer, room, &[seq]).await?;
            seen.is_some_and(|events| !events.is_empty())
        }
    };
    if may { Ok(row) } else { Err(ErrorCode::NotFound.into()) }
}

async fn answer(app: &App, row: &FileRow, method: &Method, asked: &HeaderMap) -> Result<Response, ApiError> {
    // What another system keeps counts no bytes here.
    if row.bytes == 0
        && let Some(origin) = app.store.file_origin(row.id).await?
    {
        return Ok(elsewhere(&origin));
    }
    let tag = etag(row.id);
    let what = if *method == Method::GET { part(asked, &tag, row.bytes) } else { Part::Whole };
    let (status, range) = match what {
        Part::Whole => (StatusCode::OK, None),
        Part::Some(range) => (StatusCode::PARTIAL_CONTENT, Some(range)),
        Part::Beyond => (StatusCode::RANGE_NOT_SATISFIABLE, None),
        Part::Known => (StatusCode::NOT_MODIFIED, None),
    };
    let has_body = matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT);
    let body = if has_body && *method == Method::GET {
        match app.files.read(row.id, range.clone()).await? {
            Some(bytes) => Body::from_stream(bytes),
            // Deleted since its row was read.
            None if app.store.file(row.id).await?.is_none() => return Err(ErrorCode::NotFound.into()),
            None => return Err(ApiError::internal(format!("the bytes of file {} are missing", row.id))),
        }
    } else {
        Body::empty()
    };
    let cache = if row.kind == FileKind::Avatar { AVATAR_CACHE } else { ATTACHMENT_CACHE };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    let mut say = |name, value: String| {
        // All of them are made of what a header may hold.
        headers.extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
    };
    say(header::ETAG, tag);
    say(header::CACHE_CONTROL, cache.to_owned());
    // Another person at the same browser is asked again.
    say(header::VARY, "authorization".to_owned());
    say(header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned());
    say(header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned());
    say(header::ACCEPT_RANGES, "bytes".to_owned());
    if has_body {
        say(header::CONTENT_TYPE, row.media_type.clone());
        say(header::CONTENT_DISPOSITION, disposition(row));
        let length = range.as_ref().map_or(row.bytes, |range| range.end - range.start);
        say(header::CONTENT_LENGTH, length.to_string());
    }
    match range {
        Some(range) => {
            say(header::CONTENT_RANGE, format!("bytes {}-{}/{}", range.start, range.end - 1, row.bytes));
        }
        None if status == StatusCode::RANGE_NOT_SATISFIABLE => {
            say(header::CONTENT_RANGE, format!("bytes */{}", row.bytes));
        }
        None => {}
    }
    Ok(response)
}

/// Sends to where another system keeps a file. For as long as its address here is good.
fn elsewhere(origin: &str) -> Response {
    let mut response = StatusCode::FOUND.into_response();
    let origin = HeaderValue::try_from(origin).ok().map(|origin| (header::LOCATION, origin));
    response.headers_mut().extend(origin);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

/// Who holds a signed address reads as the person it names, while their account is not disabled.
async fn signed(app: &App, signature: &Signature, file: FileId) -> Result<UserId, ApiError> {
    let now = clock::now();
    let user = app.files.verify(signature, file, now)?;
    let row = app.store.user(user).await?.filter(|row| row.active).ok_or(ErrorCode::Revoked)?;
    app.gate.read(row.user.id, clock::steady()).map_err(ApiError::too_soon)?;
    Ok(user)
}
