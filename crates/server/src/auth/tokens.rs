//! Access and refresh tokens: JWT (RFC 7519), HS256, a key for each kind. The algorithm is fixed
//! here and never read from a token. The shape is the one that Django's SimpleJWT issues, so that
//! clients of the old contract read it.
//!
//! The same claims give the same bytes, which is how a used refresh token gives its successors
//! again without their being stored.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zas_protocol::limits::AUTH_FRAME_BYTES;
use zas_protocol::{DeviceId, ErrorCode, Micros, UserId};

use super::keys::{Key, Keys};
use crate::error::ApiError;

/// An access token lives this long, in seconds.
pub const ACCESS_SECONDS: i64 = 60 * 60;
/// A refresh token lives this long, in seconds.
pub const REFRESH_SECONDS: i64 = 7 * 24 * 60 * 60;
/// Clocks may differ by this much, in seconds.
pub const LEEWAY_SECONDS: i64 = 30;

const SECOND: Micros = 1_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum AccessType {
    #[serde(rename = "access")]
    Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum RefreshType {
    #[serde(rename = "refresh")]
    Refresh,
}

/// What an access token says. One that says more (another issuer, a time before which it is not good) is
/// none of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessClaims {
    token_type: AccessType,
    exp: i64,
    iat: i64,
    jti: String,
    /// Whose.
    pub user_id: UserId,
    /// When it was issued they were called so.
    pub username: String,
    display_name: String,
    /// The device it was issued to.
    pub sid: DeviceId,
}

impl AccessClaims {
    /// When it expires.
    #[must_use]
    pub const fn expires_at(&self) -> Micros {
        self.exp.saturating_mul(SECOND)
    }

    /// When the refresh token that came with it expires.
    #[must_use]
    pub const fn session_until(&self) -> Micros {
        self.iat.saturating_add(REFRESH_SECONDS).saturating_mul(SECOND)
    }
}

/// What a refresh token says, and nothing more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefreshClaims {
    token_type: RefreshType,
    exp: i64,
    iat: i64,
    /// Which one of its device's family.
    pub jti: String,
    /// Whose.
    pub user_id: UserId,
    /// The device whose family it is of.
    pub sid: DeviceId,
}

/// Whom tokens are for.
#[derive(Debug, Clone, Copy)]
pub struct Bearer<'a> {
    /// The account.
    pub user: UserId,
    /// Its username.
    pub username: &'a str,
    /// What they are called.
    pub display_name: &'a str,
    /// The device.
    pub device: DeviceId,
}

/// A pair of tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The access token.
    pub access: String,
    /// When it expires.
    pub expires_at: Micros,
    /// The refresh token.
    pub refresh: String,
}

/// Signs tokens and reads what it signed.
pub struct Signer {
    access: (EncodingKey, DecodingKey),
    refresh: (EncodingKey, DecodingKey),
    validation: Validation,
}

impl Signer {
    /// A signer with the server's keys.
    #[must_use]
    pub fn new(keys: &Keys) -> Self {
        let pair = |key: &Key| (EncodingKey::from_secret(key.bytes()), DecodingKey::from_secret(key.bytes()));
        let mut validation = Validation::new(Algorithm::HS256);
        // Expiry is checked here, against a time that is given.
        validation.validate_exp = false;
        Self { access: pair(&keys.access), refresh: pair(&keys.refresh), validation }
    }

    /// The two tokens of the refresh token `jti` that was issued at `issued_at`: the same each
    /// time.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when the library cannot sign.
    pub fn sign(&self, bearer: Bearer<'_>, jti: &str, issued_at: Micros) -> Result<Pair, ApiError> {
        let iat = issued_at.div_euclid(SECOND);
        let access = AccessClaims {
            token_type: AccessType::Access,
            exp: iat + ACCESS_SECONDS,
            iat,
            jti: jti.to_owned(),
            user_id: bearer.user,
            username: bearer.username.to_owned(),
            display_name: bearer.display_name.to_owned(),
            sid: bearer.device,
        };
        let refresh = RefreshClaims {
            token_type: RefreshType::Refresh,
            exp: iat + REFRESH_SECONDS,
            iat,
            jti: jti.to_owned(),
            user_id: bearer.user,
            sid: bearer.device,
        };
        Ok(Pair {
            expires_at: access.expires_at(),
            access: encode(&access, &self.access.0)?,
            refresh: encode(&refresh, &self.refresh.0)?,
        })
    }

    /// Reads an access token.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`], whatever is wrong with it.
    pub fn read_access(&self, token: &str, now: Micros) -> Result<AccessClaims, ErrorCode> {
        let claims: AccessClaims = self.decode(token, &self.access.1)?;
        in_time(claims.exp, now)?;
        Ok(claims)
    }

    /// Reads a refresh token.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`], whatever is wrong with it.
    pub fn read_refresh(&self, token: &str, now: Micros) -> Result<RefreshClaims, ErrorCode> {
        let claims = self.read_spent_refresh(token)?;
        in_time(claims.exp, now)?;
        Ok(claims)
    }

    /// Reads a refresh token that may have expired, to sign its device out.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`], whatever is wrong with it.
    pub fn read_spent_refresh(&self, token: &str) -> Result<RefreshClaims, ErrorCode> {
        self.decode(token, &self.refresh.1)
    }

    fn decode<T: DeserializeOwned>(&self, token: &str, key: &DecodingKey) -> Result<T, ErrorCode> {
        if token.len() > AUTH_FRAME_BYTES {
            return Err(ErrorCode::Unauthenticated);
        }
        jsonwebtoken::decode(token, key, &self.validation)
            .map(|data| data.claims)
            .map_err(|_| ErrorCode::Unauthenticated)
    }
}

fn encode(claims: &impl Serialize, key: &EncodingKey) -> Result<String, ApiError> {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, key).map_err(ApiError::internal)
}

const fn in_time(exp: i64, now: Micros) -> Result<(), ErrorCode> {
    if now < exp.saturating_add(LEEWAY_SECONDS).saturating_mul(SECOND) {
        Ok(())
    } else {
        Err(ErrorCode::Unauthenticated)
    }
}

#[cfg(test)]
mod tests;
