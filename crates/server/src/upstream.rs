//! The existing backend that Zas stands before (`--upstream`): Zas answers the chat's paths, and all
//! else is passed on to it and back as it is, streamed both ways. What it answers is its own; that it
//! does not answer is told by us, in [`answer`].
//!
//! | module | what |
//! |---|---|
//! | [`address`] | which addresses may be named |
//! | [`ours`] | which paths are not passed on |
//! | [`headers`] | what a proxy takes out of them and writes into them |
//! | [`body`] | bodies that may take their time, and not stand still |
//! | [`connect`] | connections, in time |
//! | [`tunnel`] | what has become a WebSocket |
//! | [`answer`] | what is said when it does not answer |
//!
//! None of the layers that our own routes have is around this: a body may be of any size, and
//! origins, methods, caching and compression are the backend's to decide.

mod address;
mod answer;
mod body;
mod connect;
mod headers;
mod ours;
mod tunnel;

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, Version, header};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::accept::Allowance;
use crate::app::App;
use crate::body::is_late;
use crate::metrics::Metrics;
use answer::{Asked, Failure};
use body::{Beat, Steady};
use connect::{Connector, Late};

pub use address::Address;

/// An unused connection is kept this long: less than gunicorn's two seconds, after which the backend
/// may close it in the moment in which it is used again.
const KEPT: Duration = Duration::from_secs(1);
/// Unused connections that are kept.
const KEPT_CONNECTIONS: usize = 64;

/// The existing backend.
pub struct Upstream {
    address: Address,
    client: Client<Connector, Body>,
    /// What this server calls itself in `Via`.
    name: String,
    places: Arc<Semaphore>,
    health: AtomicU8,
}

/// What is known of the backend from the last request that was passed on to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// None was yet.
    NotAsked,
    /// It answered, whatever it said.
    Answers,
    /// It did not.
    Silent,
}

impl Health {
    /// For the operator.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotAsked => "not asked yet",
            Self::Answers => "answers",
            Self::Silent => "does not answer",
        }
    }
}

/// All that is passed on goes through here; what is ours goes on to the router.
pub async fn pass(
    State((app, upstream)): State<(App, Arc<Upstream>)>,
    request: Request,
    next: Next,
) -> Response {
    let is_ours = ours::is_ours(request.uri().path());
    if let Some(allowance) = request.extensions().get::<Allowance>() {
        // A player that has enough for now reads no further for minutes.
        let idle = Duration::from_millis(app.config.limits.upstream_idle_ms);
        allowance.may_stall((!is_ours).then_some(idle));
    }
    if is_ours { next.run(request).await } else { upstream.answer(&app, request).await }
}

impl Upstream {
    /// What speaks to the backend at `address`. Connects to nothing yet.
    ///
    /// # Errors
    /// The system's certificates cannot be read.
    pub fn new(address: Address, limits: &zas_protocol::Limits, node: &str) -> std::io::Result<Self> {
        let connector = Connector::new(Duration::from_millis(limits.upstream_connect_ms))?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT)
            .pool_max_idle_per_host(KEPT_CONNECTIONS)
            // It reads somewhat more; the headers themselves are counted once they are there.
            .http1_max_buf_size(limits.upstream_header_bytes.max(8 * 1024))
            .build(connector);
        Ok(Self {
            address,
            client,
            name: format!("zas-{node}"),
            places: Arc::new(Semaphore::new(limits.upstream_requests.min(Semaphore::MAX_PERMITS))),
            health: AtomicU8::new(Health::NotAsked as u8),
        })
    }

    /// What is known of it.
    #[must_use]
    pub fn health(&self) -> Health {
        match self.health.load(Ordering::Relaxed) {
            0 => Health::NotAsked,
            1 => Health::Answers,
            _ => Health::Silent,
        }
    }

    async fn answer(&self, app: &App, request: Request) -> Response {
        let asked = Asked::of(&request);
        let failure = match self.exchange(app, request, &asked).await {
            Ok(response) => {
                self.health.store(Health::Answers as u8, Ordering::Relaxed);
                app.metrics.upstream(answer::class(response.status()));
                return response;
            }
            Err(failure) => failure,
        };
        if failure.is_its_own() {
            self.health.store(Health::Silent as u8, Ordering::Relaxed);
        }
        app.metrics.upstream(failure.class());
        asked.log(&failure);
        asked.refuse(&failure, &app.config.allowed_origins)
    }

    async fn exchange(&self, app: &App, request: Request, asked: &Asked) -> Result<Response, Failure> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Failure::Full)?;
        let limits = &app.config.limits;
        let (mut parts, body) = request.into_parts();
        if !headers::is_strict(&parts) {
            return Err(Failure::Malformed);
        }
        if headers::has_passed(&parts.headers, &self.name) {
            return Err(Failure::Loop);
        }
        let socket =
            headers::asks_for_socket(&parts).then(|| parts.extensions.remove::<OnUpgrade>()).flatten();
        let has_body = !body.is_end_stream();
        let has_length = parts.headers.contains_key(header::CONTENT_LENGTH);
        headers::strip_hop_by_hop(&mut parts.headers);
        // What it is for has been done by us.
        parts.headers.remove(header::EXPECT);
        if let Some(authority) = parts.uri.authority() {
            // A whole address in the first line says better than `Host` (RFC 9112 §3.2.2).
            let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Failure::Malformed)?;
            parts.headers.insert(header::HOST, host);
        }
        if has_body && !has_length {
            parts.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().ok_or(Failure::Malformed)?.0.ip();
        headers::say_who_asks(&mut parts.headers, peer, &app.config);
        headers::add_via(&mut parts.headers, parts.version, &self.name);
        if socket.is_some() {
            parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        }

        let beat = Beat::new();
        let wait = Duration::from_millis(limits.body_timeout_ms);
        let body = Steady::new(body, wait).beating(beat.clone());
        let mut passed = http::Request::new(if has_body { Body::new(body) } else { Body::empty() });
        *passed.method_mut() = parts.method;
        *passed.uri_mut() = self.address.with_path(&parts.uri).ok_or(Failure::Malformed)?;
        *passed.headers_mut() = parts.headers;
        let answer_in = Duration::from_millis(limits.upstream_answer_ms);
        let response = tokio::select! {
            biased;
            answered = self.client.request(passed) => answered.map_err(|error| failure(&error))?,
            () = beat.still(answer_in) => return Err(Failure::Slow("it did not begin its answer".to_owned())),
        };
        self.answered(app, response, socket, place, asked)
    }

    /// The answer as the client gets it.
    fn answered(
        &self,
        app: &App,
        mut response: http::Response<Incoming>,
        socket: Option<OnUpgrade>,
        place: OwnedSemaphorePermit,
        asked: &Asked,
    ) -> Result<Response, Failure> {
        let limits = &app.config.limits;
        if headers::bytes(response.headers()) > limits.upstream_header_bytes {
            return Err(Failure::Unreachable("its headers are over upstream_header_bytes".to_owned()));
        }
        let idle = Duration::from_millis(limits.upstream_idle_ms);
        let open = app.metrics.upstream_open();
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let upgraded = switches.then(|| hyper::upgrade::on(&mut response));
        let (mut parts, body) = response.into_parts();
        let to_socket = headers::is_websocket(&parts.headers);
        headers::strip_hop_by_hop(&mut parts.headers);
        // Only we say that it is us who refuses.
        parts.headers.remove(answer::MARK);
        parts.version = Version::HTTP_11;
        let Some(upgraded) = upgraded else {
            let cut = on_cut(app.metrics.clone(), asked);
            let held = (place, open);
            return Ok(Response::from_parts(
                parts,
                Body::new(Steady::new(body, idle).telling(cut).holding(held)),
            ));
        };
        let Some(socket) = socket.filter(|_| to_socket) else {
            return Err(Failure::Unreachable("it changes to a protocol that was not asked for".to_owned()));
        };
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        tokio::spawn(async move {
            tunnel::relay(socket, upgraded, idle).await;
            drop((place, open));
        });
        Ok(Response::from_parts(parts, Body::empty()))
    }
}

/// Counts and logs an answer that the backend did not end.
fn on_cut(metrics: Arc<Metrics>, asked: &Asked) -> impl FnOnce(&axum::BoxError) + Send + Sync + 'static {
    let asked = asked.clone();
    move |error| {
        let failure = Failure::Cut(error.to_string());
        metrics.upstream(failure.class());
        asked.log(&failure);
    }
}

/// Whose fault it is that there is no answer.
fn failure(error: &Error) -> Failure {
    // What it says names neither path nor header.
    let mut detail = error.to_string();
    let mut left = false;
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<Late>() {
            return Failure::Slow(cause.to_string());
        }
        if is_late(cause) {
            return Failure::LateBody;
        }
        left |= cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_user);
        detail = format!("{detail}: {cause}");
        source = cause.source();
    }
    if left { Failure::Left } else { Failure::Unreachable(detail) }
}

/// Asks the backend at `address` for anything; what it is reached as.
///
/// # Errors
/// Why it is not.
pub(crate) async fn look(address: &Address, limits: &zas_protocol::Limits) -> Result<StatusCode, String> {
    let upstream = Upstream::new(address.clone(), limits, "doctor").map_err(|error| error.to_string())?;
    let mut request = http::Request::new(Body::empty());
    *request.method_mut() = http::Method::HEAD;
    *request.uri_mut() = address.with_path(&Uri::from_static("/")).unwrap_or_default();
    *request.headers_mut() = HeaderMap::new();
    let wait = Duration::from_millis(limits.upstream_answer_ms);
    let asked = tokio::time::timeout(wait, upstream.client.request(request)).await;
    let answered = asked.map_err(|_| "it does not begin its answer in time".to_owned())?;
    answered.map(|response| response.status()).map_err(|error| failure(&error).to_string())
}
