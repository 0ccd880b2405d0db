//! Demo mode: three people with a conversation, and a way in without a password. On loopback
//! anyone at the machine may be any of them; over the local network (`--lan`) only who holds the
//! one-time key that the terminal shows as a QR code.

mod talk;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::extract::{ConnectInfo, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde::Deserialize;
use utoipa::ToSchema;
use zas_protocol::ErrorCode;
use zas_protocol::rest::Tokens;

use crate::app::App;
use crate::clock;
use crate::error::ApiError;
use crate::json::JsonBody;
use crate::listed::{Listed, listed};
use crate::routes::auth::with_cookie;

pub use talk::prepare;

/// The key that lets one visitor of the local network in; another takes its place once used.
static JOIN_KEY: Mutex<Option<String>> = Mutex::new(None);

/// `POST /v1/demo/session`: who to be.
#[derive(Debug, Deserialize, ToSchema)]
pub struct DemoSession {
    /// `ana`, `luis` or `marta`.
    person: String,
}

/// Signs in as one of the demo's people. Only in demo mode and from the machine itself; a 404
/// otherwise.
#[utoipa::path(post, path = "/v1/demo/session", tag = "demo", request_body = DemoSession, security(()),
    responses((status = 200, body = Tokens), (status = 404, body = zas_protocol::ErrorBody)))]
pub async fn session(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<DemoSession>,
) -> Result<Response, ApiError> {
    if !app.config.demo || !peer.ip().to_canonical().is_loopback() {
        return Err(ErrorCode::NotFound.into());
    }
    let tokens = sign_in(&app, &body.person).await?;
    Ok(with_cookie(&app, &headers, tokens))
}

async fn sign_in(app: &App, person: &str) -> Result<Tokens, ApiError> {
    if !talk::PEOPLE.iter().any(|(username, ..)| *username == person) {
        return Err(ErrorCode::NotFound.into());
    }
    let user = app.store.user_by_login(person).await?.ok_or(ErrorCode::NotFound)?;
    app.auth.open_device(user.user.id, "demo", clock::now()).await
}

/// What only demo mode has, and the OpenAPI document does not.
fn listed() -> [Listed; 2] {
    [listed!("/", get async || Redirect::temporary("/demo")), listed!("/demo/join", get join)]
}

/// Every route that only demo mode has, as `METHOD /path`.
pub fn names() -> impl Iterator<Item = String> {
    listed().into_iter().flat_map(|route| route.names())
}

/// The routes that only demo mode has.
pub fn routes() -> Router<App> {
    listed()
        .into_iter()
        .fold(Router::new(), |router, Listed { path, handlers, .. }| router.route(path, handlers))
}

#[derive(Deserialize)]
struct Join {
    key: String,
}

/// Lets a visitor's phone in as Luis, once per key.
async fn join(State(app): State<App>, Query(query): Query<Join>) -> Result<Response, ApiError> {
    {
        let mut key = JOIN_KEY.lock().unwrap_or_else(PoisonError::into_inner);
        if key.as_deref() != Some(query.key.as_str()) {
            return Err(ErrorCode::NotFound.into());
        }
        *key = None;
    }
    if let Some(address) = lan_address(app.config.listen.port()) {
        show_join_key(address);
    }
    let tokens = sign_in(&app, "luis").await?;
    let mut headers = HeaderMap::new();
    headers.insert("x-zas-cookie", http::HeaderValue::from_static("1"));
    let cookie = with_cookie(&app, &headers, tokens).headers().get(http::header::SET_COOKIE).cloned();
    let mut response = Redirect::to("/r").into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().insert(http::header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Prints where to look; with `--lan`, what a phone can scan.
#[expect(clippy::print_stdout, reason = "the address is for the person at the prompt")]
pub fn announce(app: &App, address: SocketAddr) {
    let host = if address.ip().is_unspecified() { IpAddr::from([127, 0, 0, 1]) } else { address.ip() };
    println!("\n  Zas → http://{}/demo\n", SocketAddr::new(host, address.port()));
    if app.config.lan {
        match lan_address(address.port()) {
            Some(lan) => show_join_key(lan),
            None => println!("  No local network was found, so there is nothing to scan.\n"),
        }
    }
}

#[expect(clippy::print_stdout, reason = "the code is for the phone at the prompt")]
fn show_join_key(address: SocketAddr) {
    let random: [u8; 16] = clock::random();
    let key: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let link = format!("http://{address}/demo/join?key={key}");
    *JOIN_KEY.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
    if let Ok(code) = QrCode::new(&link) {
        println!("{}", code.render::<Dense1x2>().quiet_zone(true).build());
    }
    println!("  On a phone in this network, once: {link}\n");
}

/// The address that this machine has in its network: the one it would send from. Connecting a UDP
/// socket chooses a route and sends nothing.
fn lan_address(port: u16) -> Option<SocketAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then(|| SocketAddr::new(ip, port))
}
