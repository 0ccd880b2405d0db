//! JSON bodies within their limits: size by the router's layer, depth here, and refusals from the
//! one table.

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use zas_protocol::ErrorCode;
use zas_protocol::limits::JSON_DEPTH;

use crate::error::ApiError;

/// A request's JSON body.
pub struct JsonBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(|rejection| {
            let code = match rejection.status().as_u16() {
                413 => ErrorCode::TooLarge,
                _ => ErrorCode::BadRequest,
            };
            ApiError::from(code)
        })?;
        parse(&bytes).map(Self).ok_or_else(|| ErrorCode::BadRequest.into())
    }
}

/// Parses JSON that nests at most [`JSON_DEPTH`] deep.
#[must_use]
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    if depth(bytes) > JSON_DEPTH {
        return None;
    }
    serde_json::from_slice(bytes).ok()
}

/// How deep brackets nest, those inside strings left out. Of broken JSON it is only an upper
/// bound, which is all that is asked.
#[must_use]
pub fn depth(bytes: &[u8]) -> usize {
    let (mut now, mut most, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for &byte in bytes {
        match (in_string, escaped, byte) {
            (true, true, _) => escaped = false,
            (true, false, b'\\') => escaped = true,
            (_, false, b'"') => in_string = !in_string,
            (false, _, b'{' | b'[') => {
                now += 1;
                most = most.max(now);
            }
            (false, _, b'}' | b']') => now = now.saturating_sub(1),
            _ => {}
        }
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        assert_eq!(depth(br#"{"a":[1,{"b":"[[[[\"[[["}]}"#), 3);
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        for (n, ok) in [(JSON_DEPTH - 1, true), (JSON_DEPTH, true), (JSON_DEPTH + 1, false)] {
            assert_eq!(parse::<serde_json::Value>(nested(n).as_bytes()).is_some(), ok, "{n}");
        }
    }
}
