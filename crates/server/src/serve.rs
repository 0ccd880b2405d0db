//! Boot and drain.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use axum_server::{Handle, Server};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use zas_core::session::Settings;
use zas_protocol::Limits;
use zas_store::{Store, StoreError};

use crate::accept::Guard;
use crate::app::App;
use crate::auth::Auth;
use crate::auth::foreign::{Foreign, IssuerError};
use crate::auth::keys::{KeyError, Keys};
use crate::auth::limits::Gate;
use crate::committer::Committer;
use crate::config::Config;
use crate::embed::Web;
use crate::feed::anonymous::Anonymous;
use crate::files::{Files, sweep};
use crate::metrics::Metrics;
use crate::nodehub::NodeHub;
use crate::outbound::{Outbound, OutboundError};
use crate::upstream::Upstream;
use crate::webhooks::{WebhookError, Webhooks};
use crate::{admin, database, demo, router};

/// Why the server did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The keys are missing, short, or readable by others.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// An issuer of tokens has no key to work with.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// A webhook has no secret to sign with.
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    /// Nothing can be called.
    #[error("calls out are not possible: {0}")]
    Outbound(#[from] OutboundError),
    /// The database cannot be opened.
    #[error("the database can't be opened: {0}")]
    Store(#[from] StoreError),
    /// The address cannot be listened on.
    #[error("can't listen on {address}: {source}. Choose another with --listen.")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// Anything else of the operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The system's certificates, for an existing backend by https, can't be read.
    #[error("upstream: the system's certificates can't be read: {0}")]
    Upstream(io::Error),
    /// The demo's people could not be made.
    #[error("the demo could not be set up: {0}")]
    Demo(String),
}

/// Clients told to reconnect spread over this long.
const DRAIN_SPREAD_MS: u64 = 5_000;
/// Requests that are not finished by then are cut (P18: gone in 30 s).
const DRAIN_DEADLINE: Duration = Duration::from_secs(20);
/// And sockets after this much more: the delay they were told, and time to say goodbye.
const SOCKETS_DEADLINE: Duration = Duration::from_millis(DRAIN_SPREAD_MS + 2_000);

/// Serves until SIGTERM or Ctrl-C, then drains.
///
/// # Errors
/// [`ServeError`], before the first request is taken.
pub async fn run(config: Config) -> Result<(), ServeError> {
    let listener = bind(config.listen)?;
    let address = listener.local_addr()?;
    let (drain, draining) = watch::channel(false);
    let app = build(config, draining).await?;
    if app.config.demo {
        demo::prepare(&app).await.map_err(|error| ServeError::Demo(format!("{error:?}")))?;
    }
    spawn_operation_listener(&app);
    tokio::spawn(sweep::run(app.clone()));
    announce(&app, address);

    let handle = Handle::new();
    if let Some(address) = app.config.web_listen {
        serve_page(&app, address, handle.clone())?;
    }
    tokio::spawn(drain_on_signal(app.clone(), drain, handle.clone()));
    let server = http(listener, &app.config.limits)?.handle(handle);
    server.serve(router::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>()).await?;
    // An upgraded connection is the HTTP server's no more, so that it does not wait for sockets.
    if tokio::time::timeout(SOCKETS_DEADLINE, app.hub.emptied()).await.is_err() {
        tracing::warn!("connections that did not leave in time are cut");
    }
    app.committer.finish().await;
    app.webhooks.finish().await;
    app.hub.persist(&*app.store).await;
    app.store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// An HTTP server that is bounded in headers and time.
///
/// # Errors
/// A listener that the runtime cannot take.
pub fn http(listener: TcpListener, limits: &Limits) -> io::Result<Server<SocketAddr, Guard>> {
    let header_timeout = Duration::from_millis(limits.header_timeout_ms);
    // Not `http1_only`: with it the server lets go of a connection that becomes a socket. The first
    // timeout bounds what comes before it is known which HTTP is spoken.
    let mut server = axum_server::from_tcp(listener)?
        .acceptor(Guard { stall: Duration::from_millis(limits.write_stall_ms) })
        .first_request_timeout(header_timeout);
    server
        .http_builder()
        .http1()
        .header_read_timeout(header_timeout)
        .max_buf_size(limits.header_bytes.max(8 * 1024));
    Ok(server)
}

/// The server's parts over the store that `config` names.
///
/// # Errors
/// As [`run`].
pub async fn build(config: Config, draining: watch::Receiver<bool>) -> Result<App, ServeError> {
    let keys = Keys::load(&config.data)?;
    let store = database::open(&config, &keys).await?;
    let files = Arc::new(Files::open(&config.data, &keys, config.limits.clone())?);
    assemble(config, keys, store, files, draining)
}

/// The parts put together; tests give a store in memory.
///
/// # Errors
/// [`ServeError::Issuer`], [`ServeError::Webhook`], [`ServeError::Outbound`], [`ServeError::Upstream`].
pub fn assemble(
    config: Config,
    keys: Keys,
    store: Arc<dyn Store>,
    files: Arc<Files>,
    draining: watch::Receiver<bool>,
) -> Result<App, ServeError> {
    let limits = &config.limits;
    let metrics = Arc::new(Metrics::default());
    let hub = NodeHub::start(store.clone(), metrics.clone(), limits);
    let session_settings = Arc::new(Settings { limits: limits.clone(), node: hub.node().to_owned() });
    let anonymous = Arc::new(Anonymous::new(limits.anonymous_sockets_per_address));
    let gate = Arc::new(Gate::new(limits));
    let outbound = Outbound::new(&config.outbound_allow)?;
    let foreign = Foreign::load(&config, &outbound, store.clone())?;
    let auth = Arc::new(Auth::new(keys, store.clone()).with_foreign(foreign));
    let cut = hub.clone();
    auth.on_revoked(move |user, which| cut.revoke(user, which));
    let webhooks = Webhooks::start(&config, &outbound, &store, &draining)?;
    let committer = Committer::start(
        store.clone(),
        hub.clone(),
        webhooks.clone(),
        gate.clone(),
        metrics.clone(),
        limits.clone(),
        draining.clone(),
    );
    let upstream = config.upstream.clone().map(|address| Upstream::new(address, limits, hub.node()));
    let upstream = upstream.transpose().map_err(ServeError::Upstream)?.map(Arc::new);
    Ok(App {
        config: Arc::new(config),
        store,
        auth,
        committer,
        webhooks,
        hub,
        files,
        gate,
        metrics,
        draining,
        session_settings,
        anonymous,
        polls: Arc::default(),
        old_polls: Arc::default(),
        once: Arc::default(),
        tickets: Arc::default(),
        web: Web::from_env(),
        upstream,
    })
}

fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let listener = TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Zas by itself, its page and all its paths, at an address of its own beside the existing backend.
fn serve_page(app: &App, address: SocketAddr, handle: Handle<SocketAddr>) -> Result<(), ServeError> {
    let server = http(bind(address)?, &app.config.limits)?.handle(handle);
    let alone = App { upstream: None, ..app.clone() };
    let service = router::router(alone).into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move {
        if let Err(error) = server.serve(service).await {
            tracing::warn!(%address, %error, "the page's listener stopped");
        }
    });
    Ok(())
}

fn announce(app: &App, address: SocketAddr) {
    if let Some(upstream) = &app.config.upstream {
        tracing::info!(%upstream, "what is not the chat's is passed on");
    }
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), demo = app.config.demo, "listening");
    let shows_page = app.upstream.is_none() || app.config.web_listen.is_some();
    if shows_page && !app.web.is_there() {
        tracing::warn!("the web page is not built: install Node 20.19 or later and run `make run`");
    }
    if app.config.demo {
        demo::announce(app, address);
    }
}

/// Metrics and administration listen apart, on loopback unless told otherwise. Without that
/// address the server still serves: a second one on the same machine is no reason to stop.
fn spawn_operation_listener(app: &App) {
    let Some(address) = app.config.metrics_listen else { return };
    let listener = match bind(address) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(%address, %error, "metrics and administration are off");
            return;
        }
    };
    let service = operation(app.clone()).into_make_service();
    let limits = app.config.limits.clone();
    tokio::spawn(async move {
        let served = async { http(listener, &limits)?.serve(service).await };
        if let Err(error) = served.await {
            tracing::warn!(%address, %error, "the metrics listener stopped");
        }
    });
}

/// What the listener of metrics and administration answers.
pub fn operation(app: App) -> Router {
    Router::new().route("/metrics", get(metrics)).merge(admin::routes()).with_state(app)
}

async fn metrics(State(app): State<App>) -> ([(http::HeaderName, &'static str); 1], String) {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(http::header::CONTENT_TYPE, kind)], app.metrics.text())
}

/// Not ready at once; what was accepted is finished; clients are told with spread delays.
async fn drain_on_signal(app: App, drain: watch::Sender<bool>, handle: Handle<SocketAddr>) {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals can't be heard; stop the process by force");
        return;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("draining");
    drain.send_replace(true);
    app.hub.drain(DRAIN_SPREAD_MS);
    handle.graceful_shutdown(Some(DRAIN_DEADLINE));
}
