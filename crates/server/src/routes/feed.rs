//! The feed's two doors: `GET /v1/ws`, and `POST /v1/feed` for stream and long-poll.

use std::future::ready;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use zas_core::hub;
use zas_protocol::frame::SUBPROTOCOL;
use zas_protocol::rest::{FeedRequest, Polled};
use zas_protocol::{CloseCode, ErrorBody, ErrorCode};

use super::signals::say;
use crate::accept::Allowance;
use crate::app::App;
use crate::auth::extract::{Authed, ClientAddress};
use crate::clock;
use crate::error::ApiError;
use crate::feed::poll::{Collected, Patience, PollPipe};
use crate::feed::socket::{SocketPipe, bounded};
use crate::feed::stream::stream;
use crate::feed::{Driver, Pipe as _};
use crate::json::JsonBody;
use crate::metrics::Rung;

/// The longest that a long-poll gathers after its first news, in milliseconds.
const GATHER_MS: u64 = 2_000;
/// The longest that it holds back what needs no hurry, in milliseconds.
const LINGER_MS: u64 = 10_000;

/// Opens a socket. Its first frame says who it is; a page of another origin is told which setting
/// allows it.
#[utoipa::path(get, path = "/v1/ws", tag = "feed", security(()), responses((status = 101)))]
pub async fn socket(
    State(app): State<App>,
    ClientAddress(address): ClientAddress,
    Extension(allowance): Extension<Allowance>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let place = app.anonymous.enter(address, &allowance).await;
    let allowed = origin_is_allowed(&headers, &app.config.allowed_origins);
    bounded(upgrade).protocols([SUBPROTOCOL]).on_upgrade(move |socket| {
        let mut pipe = SocketPipe(socket);
        let open = allowed.then(|| app.metrics.open(Rung::Socket));
        let mut driver = Driver::greeting(app, place);
        // In a task of its own, since the one that waited for the upgrade keeps the room for that.
        tokio::spawn(async move {
            if let Some(_open) = open {
                // Whoever is gone hears nothing more.
                let _ = driver.run(&mut pipe).await;
            } else {
                tracing::warn!("a socket of an origin that is not in `allowed_origins` was refused");
                pipe.close(CloseCode::OriginNotAllowed).await;
            }
        });
        ready(())
    })
}

/// The feed over plain HTTP: a stream of frames for `Accept: text/event-stream`, else a long-poll.
#[utoipa::path(post, path = "/v1/feed", tag = "feed", request_body = FeedRequest,
    responses((status = 200, body = Polled), (status = 401, body = ErrorBody)))]
pub async fn feed(
    State(app): State<App>,
    Authed(identity): Authed,
    headers: HeaderMap,
    JsonBody(request): JsonBody<FeedRequest>,
) -> Result<Response, ApiError> {
    if *app.draining.borrow() {
        return Err(ApiError::later(ErrorCode::Draining, Duration::from_secs(1)));
    }
    say(&app, identity.user, request.signals).await?;
    let wants_stream = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("text/event-stream"));
    if wants_stream {
        let (mut pipe, response) = stream(Duration::from_millis(app.config.limits.ping_ms));
        tokio::spawn(async move {
            let _open = app.metrics.open(Rung::Stream);
            let mut driver = Driver::authenticated(
                app.clone(),
                hub::Rung::Lasting,
                identity.session(clock::both()),
                request.hello,
            );
            let _ = driver.run(&mut pipe).await;
        });
        return Ok(response);
    }
    let limits = &app.config.limits;
    let Some(held) = app.polls.hold(identity.device, limits.polls_per_device) else {
        return Err(ApiError::later(ErrorCode::RateLimited, Duration::from_secs(1)));
    };
    let _open = app.metrics.open(Rung::Poll);
    let wait = Duration::from_millis(request.wait_ms.unwrap_or(limits.poll_ms).min(limits.poll_ms));
    let gather = Duration::from_millis(request.gather_ms.unwrap_or(0).min(GATHER_MS));
    let linger = request.linger_ms.map_or(gather, |ms| Duration::from_millis(ms.min(LINGER_MS)));
    let mut collected = Collected::default();
    let mut pipe =
        PollPipe::new(&mut collected, &held, Patience { wait, gather, linger }, limits.poll_events);
    let identity = identity.session(clock::both());
    let mut driver = Driver::authenticated(app.clone(), hub::Rung::Poll, identity, request.hello);
    let _ = driver.run(&mut pipe).await;
    match collected.closed {
        Some(CloseCode::Revoked) => Err(ErrorCode::Revoked.into()),
        Some(CloseCode::Unauthenticated | CloseCode::TokenExpired) => Err(ErrorCode::Unauthenticated.into()),
        Some(CloseCode::Drain) => Err(ApiError::later(ErrorCode::Draining, Duration::from_secs(1))),
        Some(CloseCode::Overloaded) => Err(ApiError::later(ErrorCode::Overloaded, Duration::from_secs(1))),
        _ => Ok(([(header::CONTENT_TYPE, "application/json")], collected.into_json()).into_response()),
    }
}

/// Whether a page may open a socket: no `Origin` (not a browser), its own server, or one on the
/// list; exact.
#[must_use]
pub fn origin_is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let own = origin.split_once("://").is_some_and(|(_, authority)| authority.eq_ignore_ascii_case(host));
    own || allowed.iter().any(|one| one == origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_the_pages_own_or_on_the_list_to_the_letter() {
        let headers = |origin: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, "chat.example.com:8000".parse().unwrap());
            if !origin.is_empty() {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            headers
        };
        let allowed = ["https://app.example.com".to_owned()];
        for (origin, ok) in [
            ("", true),
            ("http://chat.example.com:8000", true),
            ("https://app.example.com", true),
            ("https://app.example.com.evil.org", false),
            ("http://app.example.com", false),
            ("http://chat.example.com", false),
            ("null", false),
        ] {
            assert_eq!(origin_is_allowed(&headers(origin), &allowed), ok, "{origin}");
        }
    }
}
