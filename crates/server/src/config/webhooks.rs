//! Who is told of what happens: `[[webhooks]]` of the file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::issuers::is_name;

/// Webhooks there may be.
pub const WEBHOOKS: usize = 16;

/// What a webhook is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// New messages.
    Message,
    /// Who came into a room, went, or is something else in it.
    Member,
    /// Rooms that began.
    Room,
}

/// An address that is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// How far it was told is kept by it, so it stays the same.
    pub name: String,
    /// Where; https, or plain http to an address of `outbound_allow`.
    pub url: String,
    /// The secret that signs, `whsec_` and base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// The environment variable that holds what the file would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_env: Option<String>,
    /// Of what.
    pub events: Vec<Topic>,
}

/// Refuses webhooks that cannot be told apart, or tell nothing.
///
/// # Errors
/// [`ConfigError`], one sentence for the prompt.
pub(super) fn check(webhooks: &[Webhook]) -> Result<(), ConfigError> {
    let refuse = |sentence: String| Err(ConfigError(sentence));
    if webhooks.len() > WEBHOOKS {
        return refuse(format!("webhooks: {WEBHOOKS} at most"));
    }
    for (index, webhook) in webhooks.iter().enumerate() {
        let name = &webhook.name;
        if !is_name(name) {
            return refuse(format!("webhooks: {name:?} is no name; use 1 to 32 of a-z, 0-9, - and _"));
        }
        if webhooks.iter().take(index).any(|other| other.name == *name) {
            return refuse(format!("webhooks: there are two of the name {name:?}"));
        }
        let scheme = webhook.url.split(':').next().unwrap_or_default();
        if !matches!(scheme, "http" | "https") || webhook.url.parse::<http::Uri>().is_err() {
            return refuse(format!("webhooks: the url of {name} is no http or https address"));
        }
        if webhook.secret_file.is_some() == webhook.secret_env.is_some() {
            return refuse(format!("webhooks: {name} needs one of secret_file and secret_env"));
        }
        if webhook.events.is_empty() {
            return refuse(format!(
                "webhooks: {name} tells of nothing; list message, member or room in events"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_has_a_name_of_its_own_an_address_a_secret_and_something_to_tell() {
        let good = |name: &str| Webhook {
            name: name.to_owned(),
            url: "https://shop.example.com/hook".to_owned(),
            secret_file: Some("secret".into()),
            secret_env: None,
            events: vec![Topic::Message],
        };
        assert_eq!(check(&[good("a"), good("b")]), Ok(()));
        for bad in [
            vec![good("A")],
            vec![good("a"), good("a")],
            vec![Webhook { url: "ftp://shop.example.com".into(), ..good("a") }],
            vec![Webhook { url: "https://".into(), ..good("a") }],
            vec![Webhook { url: "shop".into(), ..good("a") }],
            vec![Webhook { secret_file: None, ..good("a") }],
            vec![Webhook { secret_env: Some("SECRET".into()), ..good("a") }],
            vec![Webhook { events: Vec::new(), ..good("a") }],
            (0..=WEBHOOKS).map(|n| good(&n.to_string())).collect(),
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }
}
