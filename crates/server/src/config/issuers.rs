//! Other backends whose access tokens are accepted: `[[issuers]]` of the file.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Issuers there may be; each is tried with a token that names none.
pub const ISSUERS: usize = 16;
/// The issuer of `issuer_key_file`.
pub const THE_ONE: &str = "backend";
/// Names that stand for something else where accounts are found by issuer.
const RESERVED: [&str; 1] = ["zas"];

/// How an issuer signs. Fixed by the settings and never read from a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signing {
    /// HMAC with SHA-256, by a shared secret.
    HS256,
    /// RSA with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// A backend whose access tokens are accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Accounts are found by it and the subject, so it stays the same for ever.
    pub name: String,
    /// Its UUID subjects are our user ids. One issuer at most.
    #[serde(default)]
    pub home: bool,
    /// How it signs.
    pub algorithm: Signing,
    /// HS256: the shared secret, as it is. Else its public key in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// The environment variable that holds what the file would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_env: Option<String>,
    /// Where its public keys are published (RFC 7517).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// The claim that says who.
    #[serde(default = "user_claim")]
    pub user_claim: String,
    /// The claim with their username, where there is one.
    #[serde(default = "username_claim")]
    pub username_claim: String,
    /// The claim with what they are called.
    #[serde(default = "display_name_claim")]
    pub display_name_claim: String,
    /// The claim with their email.
    #[serde(default = "email_claim")]
    pub email_claim: String,
    /// What `aud` must name. Without it a token that names any is refused (RFC 7519 §4.1.3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// What `iss` must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
}

fn user_claim() -> String {
    "user_id".to_owned()
}

fn username_claim() -> String {
    "username".to_owned()
}

fn display_name_claim() -> String {
    "display_name".to_owned()
}

fn email_claim() -> String {
    "email".to_owned()
}

impl Issuer {
    /// One with the claims of Django's SimpleJWT and no key yet.
    #[must_use]
    pub fn new(name: &str, algorithm: Signing) -> Self {
        Self {
            name: name.to_owned(),
            home: false,
            algorithm,
            key_file: None,
            key_env: None,
            jwks_url: None,
            user_claim: user_claim(),
            username_claim: username_claim(),
            display_name_claim: display_name_claim(),
            email_claim: email_claim(),
            audience: None,
            iss: None,
        }
    }
}

/// Refuses issuers that cannot be told apart, or have no key.
///
/// # Errors
/// [`ConfigError`], one sentence for the prompt.
pub(super) fn check(issuers: &[Issuer]) -> Result<(), ConfigError> {
    let refuse = |sentence: String| Err(ConfigError(sentence));
    if issuers.len() > ISSUERS {
        return refuse(format!("issuers: {ISSUERS} at most"));
    }
    if issuers.iter().filter(|issuer| issuer.home).count() > 1 {
        return refuse("issuers: only one may be home, whose subjects are our user ids".to_owned());
    }
    for (index, issuer) in issuers.iter().enumerate() {
        let name = &issuer.name;
        if !is_name(name) || RESERVED.contains(&name.as_str()) {
            return refuse(format!("issuers: {name:?} is no name; use 1 to 32 of a-z, 0-9, - and _"));
        }
        if issuers.iter().take(index).any(|other| other.name == *name) {
            return refuse(format!("issuers: there are two of the name {name:?}"));
        }
        let keys = [issuer.key_file.is_some(), issuer.key_env.is_some(), issuer.jwks_url.is_some()];
        if keys.into_iter().filter(|&given| given).count() != 1 {
            return refuse(format!("issuers: {name} needs one of key_file, key_env and jwks_url"));
        }
        if let Some(url) = &issuer.jwks_url {
            if issuer.algorithm == Signing::HS256 {
                return refuse(format!(
                    "issuers: {name} signs with a shared secret, which nobody publishes; use key_file"
                ));
            }
            if !is_safe(url) {
                return refuse(format!("issuers: the jwks_url of {name} must begin with https://"));
            }
        }
        let claims =
            [&issuer.user_claim, &issuer.username_claim, &issuer.display_name_claim, &issuer.email_claim];
        if claims.into_iter().any(|claim| claim.is_empty()) {
            return refuse(format!("issuers: {name} has a claim without a name"));
        }
    }
    Ok(())
}

/// Whether a text may be the name of an issuer, a webhook or a key.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// Https, or a server on this machine.
fn is_safe(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default();
    match uri.scheme_str() {
        Some("https") => !host.is_empty(),
        Some("http") => {
            host == "localhost"
                || host
                    .trim_matches(['[', ']'])
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(name: &str) -> Issuer {
        Issuer { key_file: Some("key".into()), ..Issuer::new(name, Signing::HS256) }
    }

    #[test]
    fn an_issuer_needs_a_name_of_its_own_and_one_key() {
        assert_eq!(check(&[good("a"), Issuer { home: true, ..good("b-2_") }]), Ok(()));
        let rs = |url: &str| Issuer {
            key_file: None,
            jwks_url: Some(url.to_owned()),
            ..Issuer::new("a", Signing::RS256)
        };
        for url in [
            "https://id.example.com/jwks.json",
            "http://127.0.0.1:9/jwks",
            "http://[::1]/",
            "http://localhost/",
        ] {
            assert_eq!(check(&[rs(url)]), Ok(()), "{url}");
        }
        for url in ["http://id.example.com/jwks", "http://10.0.0.1/", "file:///jwks", "https://", "", "jwks"]
        {
            assert!(check(&[rs(url)]).is_err(), "{url}");
        }
        let bad = [
            vec![good("")],
            vec![good("A")],
            vec![good("zas")],
            vec![good(&"a".repeat(33))],
            vec![good("a"), good("a")],
            vec![Issuer { home: true, ..good("a") }, Issuer { home: true, ..good("b") }],
            vec![Issuer { key_file: None, ..good("a") }],
            vec![Issuer { key_env: Some("KEY".to_owned()), ..good("a") }],
            vec![Issuer { algorithm: Signing::HS256, ..rs("https://id.example.com/") }],
            vec![Issuer { user_claim: String::new(), ..good("a") }],
            (0..=ISSUERS).map(|n| good(&n.to_string())).collect(),
        ];
        for issuers in bad {
            assert!(check(&issuers).is_err(), "{issuers:?}");
        }
    }
}
