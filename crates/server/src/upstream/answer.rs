//! What is said when the backend does not answer: our own words, marked as ours.

use std::time::Duration;

use axum::Json;
use axum::extract::Request;
use axum::response::{Html, IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::time::Instant;
use zas_protocol::{ErrorBody, ErrorCode, Language};

use crate::error::{self, uuid_text};

/// The header that tells our refusal from an answer of the backend: it holds the refusal's code.
pub(super) const MARK: HeaderName = HeaderName::from_static("zas-error");

/// When to try again.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Why there is no answer, or no whole one.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Failure {
    /// No connection, or one that ends without an answer.
    #[error("{0}")]
    Unreachable(String),
    /// The backend took too long.
    #[error("{0}")]
    Slow(String),
    /// The answer had begun, and broke off.
    #[error("its answer broke off: {0}")]
    Cut(String),
    /// The request has been here before.
    #[error("it passes requests on to this server")]
    Loop,
    /// More than `upstream_requests`.
    #[error("upstream_requests are under way")]
    Full,
    /// The client's body stood still.
    #[error("the body did not come in time")]
    LateBody,
    /// The client's body broke off; most often nobody is there any more to be told.
    #[error("the request broke off")]
    Left,
    /// The client's request can't be understood in one way alone.
    #[error("the request is not of its form")]
    Malformed,
}

impl Failure {
    const fn code(&self) -> ErrorCode {
        match self {
            Self::Unreachable(_) | Self::Cut(_) => ErrorCode::UpstreamUnreachable,
            Self::Slow(_) => ErrorCode::UpstreamTimeout,
            Self::Loop => ErrorCode::UpstreamLoop,
            Self::Full | Self::LateBody => ErrorCode::Overloaded,
            Self::Left | Self::Malformed => ErrorCode::BadRequest,
        }
    }

    /// How the metrics call it.
    pub(super) const fn class(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Slow(_) => "timeout",
            Self::Cut(_) => "cut",
            Self::Loop => "loop",
            Self::Full => "full",
            Self::Left => "left",
            Self::LateBody | Self::Malformed => "refused",
        }
    }

    /// Whether it shows that the backend does not answer.
    pub(super) const fn is_its_own(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Slow(_))
    }
}

/// How the metrics call an answer.
pub(super) fn class(status: StatusCode) -> &'static str {
    match status.as_u16() {
        101 => "socket",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "other",
    }
}

/// What of a request is needed to answer in the backend's place.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    method: Method,
    /// Without the query, which may hold a token.
    path: String,
    language: Language,
    /// Somebody looks at a page.
    page: bool,
    origin: Option<HeaderValue>,
    request_id: String,
    at: Instant,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        let headers = request.headers();
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            language: error::language(request),
            page: wants_page(headers),
            origin: headers.get(header::ORIGIN).cloned(),
            request_id: uuid_text(),
            at: Instant::now(),
        }
    }

    /// One line for the operator; none for what is only the client's.
    pub(super) fn log(&self, failure: &Failure) {
        if matches!(failure, Failure::LateBody | Failure::Left | Failure::Malformed) {
            return;
        }
        let took_ms = u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(
            method = %self.method, path = self.path, class = failure.class(), request_id = self.request_id,
            took_ms, detail = %failure, "the upstream gave no answer"
        );
    }

    /// The answer in its place: a page for who looks at one, else the body of every refusal.
    pub(super) fn refuse(&self, failure: &Failure, allowed_origins: &[String]) -> Response {
        let code = failure.code();
        let sentence = code.sentence(self.language);
        let later = (!code.is_final()).then_some(RETRY_AFTER);
        let mut response = if self.page {
            Html(page(sentence, self.language, &self.request_id)).into_response()
        } else {
            let body = ErrorBody {
                code,
                message: sentence.to_owned(),
                retry_after_ms: later.and_then(|after| u64::try_from(after.as_millis()).ok()),
                request_id: self.request_id.clone(),
                first: None,
            };
            Json(body).into_response()
        };
        *response.status_mut() = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::BAD_GATEWAY);
        let headers = response.headers_mut();
        headers.insert(MARK, HeaderValue::from_static(code.name()));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(after) = later {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs()));
        }
        if let Ok(id) = HeaderValue::from_str(&self.request_id) {
            headers.insert("x-request-id", id);
        }
        // An answer of ours, which a page of a listed origin may read.
        headers.insert(header::VARY, HeaderValue::from_static("origin, accept, accept-language"));
        if let Some(origin) = &self.origin
            && allowed_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes())
        {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let exposed = HeaderValue::from_static("retry-after, x-request-id, zas-error");
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        response
    }
}

fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

/// Nothing of the request stands in it.
fn page(sentence: &str, language: Language, request_id: &str) -> String {
    let lang = match language {
        Language::Es => "es",
        Language::En => "en",
    };
    format!(
        "<!doctype html><html lang={lang}><meta charset=utf-8><title>Zas</title>\
         <meta name=viewport content=\"width=device-width\"><body><p>{sentence}<p><small>{request_id}</small>"
    )
}
