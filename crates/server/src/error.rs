//! One refusal, one answer. A handler returns an [`ApiError`]; the layer [`render`] adds what only
//! the request knows (language, request id) and writes the one log line.

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use zas_protocol::{Ack, ErrorBody, ErrorCode, Language};
use zas_store::StoreError;

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct ApiError {
    /// From the one table.
    pub code: ErrorCode,
    /// When to try again.
    pub retry_after: Option<Duration>,
    /// For a conflict: what the name stands for.
    pub first: Option<Box<Ack>>,
    /// For the operator's log; never sent.
    pub detail: Option<String>,
}

impl From<ErrorCode> for ApiError {
    fn from(code: ErrorCode) -> Self {
        Self { code, retry_after: None, first: None, detail: None }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self { detail: Some(error.to_string()), ..Self::from(error.code()) }
    }
}

impl ApiError {
    /// A refusal for now.
    #[must_use]
    pub fn later(code: ErrorCode, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::from(code) }
    }

    /// More than one may do: there is more in so long.
    #[must_use]
    pub fn too_soon(wait: Duration) -> Self {
        Self::later(ErrorCode::RateLimited, wait)
    }

    /// A bug or a broken machine: the client learns a request id, the operator the detail.
    #[must_use]
    pub fn internal(detail: impl std::fmt::Display) -> Self {
        Self { detail: Some(detail.to_string()), ..Self::from(ErrorCode::Internal) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// The id of a request, in its extensions and in `x-request-id`.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Gives each request an id, turns refusals into bodies, and logs what is our fault.
pub async fn render(mut request: Request, next: Next) -> Response {
    let id = RequestId(uuid_text());
    let language = language(&request);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let api = path.starts_with("/v1/");
    request.extensions_mut().insert(id.clone());
    let mut response = next.run(request).await;
    let error = if api { refusal(&mut response) } else { response.extensions_mut().remove() };
    if let Some(error) = error {
        if error.code.status() >= 500 {
            let detail = error.detail.as_deref().unwrap_or_default();
            tracing::error!(%method, path, code = error.code.name(), request_id = id.0, detail, "request failed");
        }
        let retry_after_ms =
            error.retry_after.map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
        let body = ErrorBody {
            code: error.code,
            message: error.code.sentence(language).to_owned(),
            retry_after_ms,
            request_id: id.0.clone(),
            first: error.first,
        };
        let mut headers = std::mem::take(response.headers_mut());
        // Those of the body that was there instead.
        headers.remove(header::CONTENT_TYPE);
        headers.remove(header::CONTENT_LENGTH);
        headers.remove(header::CONTENT_ENCODING);
        let status = StatusCode::from_u16(error.code.status()).unwrap_or(response.status());
        response = (status, Json(body)).into_response();
        response.headers_mut().extend(headers);
        if let Some(ms) = retry_after_ms {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(ms.div_ceil(1000)));
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// Why a response refuses, if it does. What the framework refuses by itself (a query, a path, a
/// handshake) is in words of its own, which are for us and not for a client.
pub fn refusal(response: &mut Response) -> Option<ApiError> {
    if let Some(error) = response.extensions_mut().remove() {
        return Some(error);
    }
    let in_plain_words = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let code = match response.status() {
        status if !in_plain_words || !(status.is_client_error() || status.is_server_error()) => return None,
        StatusCode::NOT_FOUND => ErrorCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ErrorCode::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooLarge,
        status if status.is_client_error() => ErrorCode::BadRequest,
        _ => ErrorCode::Internal,
    };
    Some(code.into())
}

/// The language a request asks for (`Accept-Language`; Spanish otherwise).
#[must_use]
pub fn language<B>(request: &http::Request<B>) -> Language {
    request
        .headers()
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .map(Language::from_accept)
        .unwrap_or_default()
}

/// A fresh request id.
pub(crate) fn uuid_text() -> String {
    zas_protocol::MessageId::mint(crate::clock::now(), crate::clock::random()).to_string()
}
