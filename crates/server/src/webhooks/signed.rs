//! What a webhook is sent, and its signature (Standard Webhooks, <https://www.standardwebhooks.com>).

use std::path::Path;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use zas_protocol::{Epoch, Event, EventBody, Micros};

use crate::config::webhooks::{Topic, Webhook};
use crate::secret_file;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret, as the specification asks for.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Why a webhook has nothing to sign with. One sentence for the prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("webhook {webhook}: {why}")]
pub struct WebhookError {
    /// Its name.
    pub webhook: String,
    /// What is wrong, and what to do.
    pub why: String,
}

/// What signs. Never shown by `Debug`.
pub(super) struct Secret(hmac::Key);

impl Secret {
    /// That of the settings.
    ///
    /// # Errors
    /// [`WebhookError`] for one that is not there, short, or that everybody can read.
    pub(super) fn load(webhook: &Webhook) -> Result<Self, WebhookError> {
        let failed = |why: String| WebhookError { webhook: webhook.name.clone(), why };
        let text = match (&webhook.secret_file, &webhook.secret_env) {
            (Some(path), _) => secret_file::read(Path::new(path)).map_err(failed)?,
            (None, name) => std::env::var(name.as_deref().unwrap_or_default())
                .map_err(|_| failed("the environment variable of its secret is not set".to_owned()))?,
        };
        Self::parse(&text).ok_or_else(|| {
            failed(
                "its secret is not whsec_ and 24 to 64 bytes in base64; make one with: echo \
                 \"whsec_$(openssl rand -base64 32)\""
                    .to_owned(),
            )
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.trim().strip_prefix(PREFIX)?).ok()?;
        SECRET_BYTES.contains(&bytes.len()).then(|| Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The headers of a body that goes out at `now`.
    pub(super) fn headers(&self, id: &str, now: Micros, body: &[u8]) -> HeaderMap {
        let timestamp = (now / 1_000_000).to_string();
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        let signature = format!("v1,{}", STANDARD.encode(hmac::sign(&self.0, &signed)));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in
            [("webhook-id", id), ("webhook-timestamp", &timestamp), ("webhook-signature", &signature)]
        {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        headers
    }
}

/// What an event is called, and which topic it is of; `None` for what no webhook is told.
pub(super) const fn kind(body: &EventBody) -> Option<(Topic, &'static str)> {
    match body {
        EventBody::Message { .. } => Some((Topic::Message, "message.created")),
        EventBody::MemberAdded { .. } => Some((Topic::Member, "member.added")),
        EventBody::MemberRemoved { .. } => Some((Topic::Member, "member.removed")),
        EventBody::RoleChanged { .. } => Some((Topic::Member, "member.role_changed")),
        EventBody::RoomCreated { .. } => Some((Topic::Room, "room.created")),
        _ => None,
    }
}

/// The same each time that an event is told, and no other's: of its place, and the history it is in.
pub(super) fn id(event: &Event, epoch: Epoch) -> String {
    format!("evt_{}_{epoch}_{}", event.room.0.simple(), event.seq)
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: &'a Event,
}

/// The body; `None` for what no webhook is told.
pub(super) fn body(event: &Event) -> Option<Bytes> {
    let (_, kind) = kind(&event.body)?;
    let timestamp = jiff::Timestamp::from_microsecond(event.at).ok()?.to_string();
    serde_json::to_vec(&Payload { kind, timestamp, data: event }).ok().map(Bytes::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_signature_is_the_one_that_the_specification_gives() {
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let headers = secret.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330_000_000, body);
        assert_eq!(headers["webhook-timestamp"], "1614265330");
        assert_eq!(headers["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_of_its_form_and_length() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for (bytes, ok) in [(23, false), (24, true), (64, true), (65, false)] {
            assert_eq!(Secret::parse(&of(bytes)).is_some(), ok, "{bytes}");
        }
        for bad in ["", "whsec_", "whsec_!", &of(32)[6..]] {
            assert!(Secret::parse(bad).is_none(), "{bad}");
        }
    }
}
