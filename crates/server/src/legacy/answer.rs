//! How the old contract refuses: `{"detail": …}` for 401, 403, 404 and 429, `{"field": ["…"]}` for
//! a field that fails validation, `{"error": …}` for the rest. Texts follow `Accept-Language`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Field, MultipartError};
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, StatusCode, header};
use http_body_util::Limited;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use zas_protocol::limits::BODY_BYTES;
use zas_protocol::{ErrorCode, Language, RoomId, UserId};
use zas_store::StoreError;

use crate::app::App;
use crate::auth::Identity;
use crate::auth::extract::Authed;
use crate::body;
use crate::error::{self, ApiError};
use crate::json::JsonBody;
use crate::routes::auth::is_secure;

/// A sentence in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Say {
    pub(super) es: &'static str,
    pub(super) en: &'static str,
}

impl Say {
    pub(super) const fn new(es: &'static str, en: &'static str) -> Self {
        Self { es, en }
    }

    pub(super) const fn of(code: ErrorCode) -> Self {
        Self { es: code.sentence(Language::Es), en: code.sentence(Language::En) }
    }

    pub(super) const fn in_(self, language: Language) -> &'static str {
        match language {
            Language::Es => self.es,
            Language::En => self.en,
        }
    }
}

/// Which body a refusal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Error,
    Detail,
    Field(&'static str),
}

/// A refused request.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    status: u16,
    shape: Shape,
    say: Say,
    retry_after: Option<Duration>,
    /// For the operator's log; never sent.
    detail: Option<String>,
}

impl Refused {
    /// A field of the form that is off.
    pub(super) const fn field(name: &'static str, say: Say) -> Self {
        Self { status: 400, shape: Shape::Field(name), say, retry_after: None, detail: None }
    }

    /// An action that is refused.
    pub(super) const fn action(say: Say) -> Self {
        Self { status: 400, shape: Shape::Error, say, retry_after: None, detail: None }
    }

    pub(super) const fn say(&self) -> Say {
        self.say
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        let field = match code {
            ErrorCode::UsernameInvalid | ErrorCode::UsernameTaken => Some("username"),
            ErrorCode::EmailInvalid | ErrorCode::EmailTaken => Some("email"),
            ErrorCode::PasswordInvalid => Some("password"),
            ErrorCode::NameInvalid => Some("name"),
            ErrorCode::TextBlank | ErrorCode::TextTooLong => Some("content"),
            ErrorCode::ImageInvalid => Some("avatar"),
            _ => None,
        };
        let status = code.status();
        let shape = match (field, status) {
            (Some(name), _) => Shape::Field(name),
            (None, 401 | 403 | 404 | 429) => Shape::Detail,
            _ => Shape::Error,
        };
        Self { status, shape, say: Say::of(code), retry_after: None, detail: None }
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self { retry_after: error.retry_after, detail: error.detail, ..error.code.into() }
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        ApiError::from(error).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Puts a refusal into the words of the one who asked. What is our fault keeps its detail for the
/// operator's log line, which is written where all of them are.
pub(super) async fn render(request: Request, next: Next) -> Response {
    let language = error::language(&request);
    let mut response = next.run(request).await;
    let refused = response
        .extensions_mut()
        .remove::<Refused>()
        .or_else(|| error::refusal(&mut response).map(Refused::from));
    let Some(refused) = refused else { return response };
    if refused.status >= 500 {
        tracing::error!(
            detail = refused.detail.as_deref().unwrap_or_default(),
            "a request of the old contract failed"
        );
    }
    let text = refused.say.in_(language);
    let body = match refused.shape {
        Shape::Error => json!({ "error": text }),
        Shape::Detail => json!({ "detail": text }),
        Shape::Field(name) => json!({ name: [text] }),
    };
    let mut answer = (response.status(), Json(body)).into_response();
    if let Some(after) = refused.retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, after.as_secs().max(1).into());
    }
    answer
}

/// The address by which a client came, without a last slash: its pages may be of another origin, and
/// find a picture or a next page by a whole address alone.
#[derive(Debug, Clone)]
pub(super) struct Base(Arc<str>);

impl Base {
    /// `public_url`, else what the client's own request says.
    pub(super) fn of(app: &App, headers: &HeaderMap) -> Self {
        if let Some(url) = &app.config.public_url {
            return Self(url.trim_end_matches('/').into());
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        if host.parse::<Authority>().is_err() {
            return Self("".into());
        }
        let scheme = if is_secure(app, headers) { "https" } else { "http" };
        Self(format!("{scheme}://{host}").into())
    }

    #[cfg(test)]
    pub(super) fn at(url: &str) -> Self {
        Self(url.into())
    }

    /// A whole address.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl FromRequestParts<App> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(Self::of(app, &parts.headers))
    }
}

/// Whoever is shown something.
#[derive(Debug, Clone)]
pub(super) struct Viewer {
    pub(super) user: UserId,
    pub(super) base: Base,
}

/// Who asks, also as the one who is answered.
pub(super) struct Caller(pub(super) Identity, pub(super) Viewer);

impl FromRequestParts<App> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let identity = Authed::from_request_parts(parts, app).await?.0;
        let viewer = Viewer { user: identity.user, base: Base::of(app, &parts.headers) };
        Ok(Self(identity, viewer))
    }
}

/// The chat of a path; what is no id is no chat.
pub(super) struct ChatId(pub(super) RoomId);

impl<S: Send + Sync> FromRequestParts<S> for ChatId {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        #[derive(Deserialize)]
        struct Named {
            chat: String,
        }
        let named: Result<Path<Named>, PathRejection> = Path::from_request_parts(parts, state).await;
        let id = named.ok().and_then(|Path(named)| named.chat.parse().ok());
        id.map(Self).ok_or_else(|| ErrorCode::NotFound.into())
    }
}

/// A JSON body.
pub(super) struct Form<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Form<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        Ok(Self(JsonBody::from_request(request, state).await?.0))
    }
}

/// Whether a request is a form, which may carry files.
pub(super) fn is_form(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("multipart/form-data"))
}

/// The JSON body of a route that lets forms with files in, too; it is as short as any other.
pub(super) async fn json_body<T: DeserializeOwned>(request: Request, app: &App) -> Result<T, Refused> {
    let request = request.map(|body| Body::new(Limited::new(body, BODY_BYTES)));
    Ok(Form::from_request(request, app).await?.0)
}

/// The text of a form's field, which is as short as a JSON body.
pub(super) async fn short(mut field: Field<'_>) -> Result<String, Refused> {
    let mut text = Vec::new();
    while let Some(part) = field.chunk().await.map_err(unreadable)? {
        if text.len() + part.len() > BODY_BYTES {
            return Err(ErrorCode::TooLarge.into());
        }
        text.extend_from_slice(&part);
    }
    String::from_utf8(text).map_err(|_| ErrorCode::BadRequest.into())
}

/// A form that could not be read to its end.
#[expect(clippy::needless_pass_by_value, reason = "used as a `map_err` function")]
pub(super) fn unreadable(error: MultipartError) -> Refused {
    body::refused(error.status(), &error).into()
}

/// The language that headers ask for.
pub(super) fn language(headers: &HeaderMap) -> Language {
    let header = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    header.map(Language::from_accept).unwrap_or_default()
}
