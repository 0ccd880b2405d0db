//! How a request reached the server: what it makes of the proxies before it.

use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, State};
use http::HeaderMap;
use zas_protocol::rest::Connection;

use super::auth::is_secure;
use crate::app::App;
use crate::auth::extract::{Authed, ClientAddress};
use crate::auth::limits::is_trusted;
use crate::clock;

/// One's own address as the server counts it, and whether what stands before the server is
/// believed. Told to who is signed in, of their own request alone.
#[utoipa::path(get, path = "/v1/me/connection", tag = "operation",
    responses((status = 200, body = Connection), (status = 401, body = zas_protocol::ErrorBody)))]
pub async fn connection(
    State(app): State<App>,
    _authed: Authed,
    ClientAddress(address): ClientAddress,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Json<Connection> {
    let trusted = |address| is_trusted(address, &app.config.trusted_proxies);
    Json(Connection {
        address: address.to_string(),
        address_trusted: trusted(address),
        peer_trusted: trusted(peer.ip()),
        forwarded: headers.contains_key("x-forwarded-for"),
        secure: is_secure(&app, &headers),
        now: clock::now(),
    })
}
