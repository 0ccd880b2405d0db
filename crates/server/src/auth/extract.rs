//! Extractors: who asks, and from where.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::{HeaderMap, Method, header};
use zas_protocol::ErrorCode;

use super::Identity;
use super::limits::client_ip;
use crate::app::App;
use crate::clock;
use crate::error::ApiError;

/// Who asks, by `Authorization: Bearer`. A reading request costs one of their reads.
#[derive(Debug, Clone)]
pub struct Authed(pub Identity);

impl FromRequestParts<App> for Authed {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let token = bearer(&parts.headers).ok_or(ErrorCode::Unauthenticated)?;
        let now = clock::now();
        let identity = app.auth.authenticate(token, now).await?;
        if matches!(parts.method, Method::GET | Method::HEAD) {
            app.gate.read(identity.user, clock::steady()).map_err(ApiError::too_soon)?;
        }
        Ok(Self(identity))
    }
}

/// The token of an `Authorization` header (RFC 6750 §2.1; the scheme in any case).
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The address that a request comes from, trusted proxies seen through.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

impl FromRequestParts<App> for ClientAddress {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let Some(&ConnectInfo(peer)) = parts.extensions.get::<ConnectInfo<SocketAddr>>() else {
            return Err(ApiError::internal("served without the peer's address"));
        };
        Ok(Self(client_ip(&parts.headers, peer.ip(), &app.config.trusted_proxies)))
    }
}

impl ClientAddress {
    /// Takes one attempt to sign in or register from here.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`].
    pub fn may_sign_in(self, app: &App) -> Result<(), ApiError> {
        app.gate.sign_in(self.0, clock::steady()).map_err(ApiError::too_soon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_read_and_nothing_else_is_one() {
        let read = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, http::HeaderValue::from_static(value));
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(read("bearer  abc ").as_deref(), Some("abc"));
        for bad in ["abc", "Basic abc", "Bearerabc", ""] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
