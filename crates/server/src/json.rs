//! JSON bodies within their limits: size by the router's layer, depth here, and refusals from the
//! one table.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use zas_protocol::ErrorCode;
use zas_protocol::limits::{JSON_DEPTH, depth};

use crate::body;
use crate::error::ApiError;

/// A request's JSON body.
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| body::refused(rejection.status(), &rejection))?;
        parse(&bytes).map(Self).ok_or_else(|| ErrorCode::BadRequest.into())
    }
}

/// Parses a JSON object that nests at most [`JSON_DEPTH`] deep. An array would do for the parser, as
/// the fields in their order, and is none.
#[must_use]
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    if depth(bytes) > JSON_DEPTH || !bytes.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nests_too_deep_or_is_no_object_is_not_parsed() {
        for other in ["[]", "[1]", "null", "7", "\"{}\"", ""] {
            assert!(parse::<serde_json::Value>(other.as_bytes()).is_none(), "{other}");
        }
        let nested = |n: usize| format!("{{\"a\":{}{}}}", "[".repeat(n - 1), "]".repeat(n - 1));
        for (n, ok) in [(JSON_DEPTH - 1, true), (JSON_DEPTH, true), (JSON_DEPTH + 1, false)] {
            assert_eq!(parse::<serde_json::Value>(nested(n).as_bytes()).is_some(), ok, "{n}");
        }
    }
}
