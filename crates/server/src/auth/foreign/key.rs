//! What an issuer's signatures are checked with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey};

use crate::config::issuers::{Issuer, Signing};
use crate::secret_file;

/// A shared secret is no shorter: that of HS256's own hash (RFC 7518 §3.2).
const SECRET_BYTES: usize = 32;

/// Why an issuer has no key to work with. One sentence for the prompt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("issuer {issuer}: {why}")]
pub struct IssuerError {
    /// Its name.
    pub issuer: String,
    /// What is wrong, and what to do.
    pub why: String,
}

/// The algorithm that the settings fix.
pub(super) const fn algorithm(signing: Signing) -> Algorithm {
    match signing {
        Signing::HS256 => Algorithm::HS256,
        Signing::RS256 => Algorithm::RS256,
        Signing::ES256 => Algorithm::ES256,
        Signing::EdDsa => Algorithm::EdDSA,
    }
}

/// The key of an issuer that publishes none; `None` for one that does.
///
/// # Errors
/// [`IssuerError`] for one that is not there, short, of another form, or a secret that others can read.
pub(super) fn load(issuer: &Issuer) -> Result<Option<DecodingKey>, IssuerError> {
    let failed = |why: String| IssuerError { issuer: issuer.name.clone(), why };
    let is_secret = issuer.algorithm == Signing::HS256;
    let text = match (&issuer.key_file, &issuer.key_env) {
        (Some(path), _) if is_secret => secret_file::read(path).map_err(failed)?,
        (Some(path), _) => secret_file::read_public(path).map_err(failed)?,
        (None, Some(name)) => std::env::var(name)
            .map_err(|_| failed(format!("the environment variable {name} is not set, or is no text")))?,
        (None, None) => return Ok(None),
    };
    let key = if is_secret { secret(&text) } else { public(&text, issuer.algorithm) };
    key.map(Some).map_err(failed)
}

/// As Django takes it: the bytes of a text. The end of the file's line is none of it.
fn secret(text: &str) -> Result<DecodingKey, String> {
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.contains("PUBLIC KEY-----") {
        return Err("this is a public key, which everybody may know; it is no secret for HS256".to_owned());
    }
    if secret.len() < SECRET_BYTES {
        return Err(format!(
            "its secret is shorter than {SECRET_BYTES} bytes; make one with: openssl rand -base64 48"
        ));
    }
    Ok(DecodingKey::from_secret(secret.as_bytes()))
}

/// The identifiers of algorithms in DER (RFC 3279 §2.3.1, RFC 5480 §2.1.1, RFC 8410 §3).
const RSA: &[u8] = &[0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
const P256: &[u8] =
    &[0x30, 19, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ED25519: &[u8] = &[0x30, 5, 6, 3, 0x2b, 0x65, 0x70];

/// A `SubjectPublicKeyInfo` (RFC 5280 §4.1) in PEM, as `openssl pkey -pubout` writes it.
fn public(pem: &str, signing: Signing) -> Result<DecodingKey, String> {
    let malformed = || {
        "its key is no public key in PEM of that algorithm; write one with: openssl pkey -in KEY -pubout"
            .to_owned()
    };
    let body = pem
        .split_once("-----BEGIN PUBLIC KEY-----")
        .and_then(|(_, rest)| rest.split_once("-----END PUBLIC KEY-----"))
        .map(|(body, _)| body.split_ascii_whitespace().collect::<String>())
        .ok_or_else(malformed)?;
    let der = STANDARD.decode(body).map_err(|_| malformed())?;
    let identifier = match signing {
        Signing::RS256 => RSA,
        Signing::ES256 => P256,
        Signing::EdDsa => ED25519,
        Signing::HS256 => return Err(malformed()),
    };
    let info = element(&der, 0x30).filter(|(_, rest)| rest.is_empty()).ok_or_else(malformed)?.0;
    let bits = info.strip_prefix(identifier).ok_or_else(malformed)?;
    // A bit string begins with how many bits of its last byte are none of it.
    let key_bytes = element(bits, 3).and_then(|(bits, _)| bits.strip_prefix(&[0])).ok_or_else(malformed)?;
    Ok(match signing {
        Signing::RS256 => DecodingKey::from_rsa_der(key_bytes),
        Signing::ES256 => DecodingKey::from_ec_der(key_bytes),
        Signing::EdDsa | Signing::HS256 => DecodingKey::from_ed_der(key_bytes),
    })
}

/// The content of a DER element of this tag (X.690 §8.1), and what comes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
        _ => return None,
    };
    (first == tag && rest.len() >= length).then(|| rest.split_at(length))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const ED_PEM: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

    fn in_file(text: &str, mode: u32, algorithm: Signing) -> Result<Option<DecodingKey>, IssuerError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        load(&Issuer { key_file: Some(path), ..Issuer::new("a", algorithm) })
    }

    fn why(loaded: Result<Option<DecodingKey>, IssuerError>) -> String {
        loaded.err().unwrap().to_string()
    }

    #[test]
    fn a_secret_has_32_bytes_and_is_not_everybodys_to_read() {
        assert!(in_file(&"s".repeat(32), 0o600, Signing::HS256).is_ok());
        assert!(in_file(&format!("{}\r\n", "s".repeat(32)), 0o640, Signing::HS256).is_ok());
        assert!(why(in_file(&format!("{}\n", "s".repeat(31)), 0o600, Signing::HS256)).contains("shorter"));
        for mode in [0o604, 0o644, 0o602, 0o601] {
            assert!(why(in_file(&"s".repeat(32), mode, Signing::HS256)).contains("chmod"), "{mode:o}");
        }
        assert!(why(in_file(ED_PEM, 0o600, Signing::HS256)).contains("public key"));
        let nowhere = Issuer { key_file: Some("/nowhere/at/all".into()), ..Issuer::new("a", Signing::HS256) };
        assert!(why(load(&nowhere)).starts_with("issuer a: /nowhere/at/all"));
        let unset = Issuer { key_env: Some("ZAS_TEST_NOT_SET".into()), ..Issuer::new("a", Signing::HS256) };
        assert!(why(load(&unset)).contains("ZAS_TEST_NOT_SET"));
    }

    #[test]
    fn a_public_key_is_of_its_algorithm_and_anybody_may_read_it() {
        assert!(in_file(ED_PEM, 0o644, Signing::EdDsa).is_ok());
        for other in [Signing::RS256, Signing::ES256] {
            assert!(why(in_file(ED_PEM, 0o644, other)).contains("openssl"), "{other:?}");
        }
        let body = ED_PEM.lines().nth(1).unwrap();
        for bad in [
            "",
            body,
            &ED_PEM.replace("PUBLIC", "PRIVATE"),
            &ED_PEM.replace("MCow", "MCkw"),
            &ED_PEM.replace("Zw7", "Zw!"),
        ] {
            assert!(in_file(bad, 0o644, Signing::EdDsa).is_err() || bad == ED_PEM, "{bad}");
        }
        let der = STANDARD.decode(body).unwrap();
        for end in 0..der.len() {
            let pem = format!(
                "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
                STANDARD.encode(&der[..end])
            );
            assert!(public(&pem, Signing::EdDsa).is_err(), "{end}");
        }
    }
}
