//! The keys that an issuer publishes (RFC 7517), kept while they are fresh, and while it does not answer.

use std::sync::{Arc, Mutex, PoisonError};

use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use serde::Deserialize;
use serde_json::Value;
use zas_protocol::{ErrorCode, Micros};

use crate::clock;
use crate::config::issuers::Signing;
use crate::outbound::Outbound;

/// What an issuer publishes is no longer, in bytes.
pub const JWKS_BYTES: usize = 64 * 1024;
/// Keys that are taken of it.
pub const JWKS_KEYS: usize = 32;
/// Keys are fetched anew after so many times the shortest wait between two fetches.
const STALE_AFTER: i64 = 10;

/// A published key.
struct Published {
    kid: Option<String>,
    key: DecodingKey,
}

#[derive(Default)]
struct State {
    keys: Vec<Arc<Published>>,
    /// When they were read, by the steady clock.
    read_at: Option<Micros>,
    /// When they were asked for last.
    tried_at: Option<Micros>,
    /// Whether that brought nothing.
    failed: bool,
}

/// The keys at a URL.
pub(super) struct Jwks {
    issuer: String,
    url: String,
    algorithm: Signing,
    outbound: Outbound,
    /// The shortest time between two fetches.
    refetch: Micros,
    state: Mutex<State>,
    /// Held while they are fetched: who comes meanwhile waits for that.
    fetching: tokio::sync::Mutex<()>,
}

impl Jwks {
    /// Nothing is fetched until a key is asked for.
    pub(super) fn new(
        issuer: &str,
        url: &str,
        algorithm: Signing,
        outbound: Outbound,
        refetch_ms: u64,
    ) -> Self {
        Self {
            issuer: issuer.to_owned(),
            url: url.to_owned(),
            algorithm,
            outbound,
            refetch: i64::try_from(refetch_ms).unwrap_or(i64::MAX).saturating_mul(1_000),
            state: Mutex::default(),
            fetching: tokio::sync::Mutex::default(),
        }
    }

    /// The keys that may have signed a token of this `kid`. An unknown one is asked for; what is known is
    /// good while the issuer does not answer.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`] when there is none; [`ErrorCode::Overloaded`] when that cannot be
    /// told now.
    pub(super) async fn keys(self: &Arc<Self>, kid: Option<&str>) -> Result<Vec<DecodingKey>, ErrorCode> {
        let now = clock::steady();
        let known = self.known(kid);
        if !known.is_empty() {
            if self.is_stale(now) {
                let fetching = self.clone();
                tokio::spawn(async move { fetching.fetch(now).await });
            }
            return Ok(known);
        }
        self.fetch(now).await;
        match self.known(kid) {
            known if !known.is_empty() => Ok(known),
            _ if self.state().failed => Err(ErrorCode::Overloaded),
            _ => Err(ErrorCode::Unauthenticated),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token that names no key may be of any, a key without a name may have signed any.
    fn known(&self, kid: Option<&str>) -> Vec<DecodingKey> {
        let fits = |key: &&Arc<Published>| kid.is_none() || key.kid.is_none() || key.kid.as_deref() == kid;
        self.state().keys.iter().filter(fits).map(|published| published.key.clone()).collect()
    }

    fn is_stale(&self, now: Micros) -> bool {
        let state = self.state();
        let old = |at: Option<Micros>, after: Micros| at.is_none_or(|at| now.saturating_sub(at) >= after);
        old(state.read_at, self.refetch.saturating_mul(STALE_AFTER)) && old(state.tried_at, self.refetch)
    }

    /// Fetches the keys, unless that was tried a moment ago.
    async fn fetch(&self, now: Micros) {
        let _one_at_a_time = self.fetching.lock().await;
        {
            let mut state = self.state();
            if state.tried_at.is_some_and(|at| now.saturating_sub(at) < self.refetch) {
                return;
            }
            state.tried_at = Some(clock::steady());
        }
        let keys = match self.outbound.get(&self.url, JWKS_BYTES).await {
            Ok(body) => {
                parse(&body, self.algorithm).ok_or_else(|| "what it publishes is no key set".to_owned())
            }
            Err(error) => Err(error.to_string()),
        };
        let mut state = self.state();
        state.failed = keys.is_err();
        match keys {
            Ok(keys) => {
                if keys.is_empty() {
                    tracing::warn!(issuer = self.issuer, "the issuer publishes no key of its algorithm");
                }
                state.keys = keys;
                state.read_at = Some(clock::steady());
            }
            Err(why) => tracing::warn!(issuer = self.issuer, why, "the issuer's keys can't be fetched"),
        }
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

/// The keys of a set that an algorithm can use; those of other kinds, and what is no key, are left out.
fn parse(body: &[u8], algorithm: Signing) -> Option<Vec<Arc<Published>>> {
    let set: KeySet = serde_json::from_slice(body).ok()?;
    let keys = set.keys.into_iter().filter_map(|key| {
        let key: Jwk = serde_json::from_value(key).ok()?;
        let published = fits(&key, algorithm).then(|| DecodingKey::from_jwk(&key).ok()).flatten()?;
        Some(Arc::new(Published { kid: key.common.key_id, key: published }))
    });
    Some(keys.take(JWKS_KEYS).collect())
}

fn fits(key: &Jwk, algorithm: Signing) -> bool {
    let signs = key.common.public_key_use.as_ref().is_none_or(|of| *of == PublicKeyUse::Signature);
    let (kind, named) = match (algorithm, &key.algorithm) {
        (Signing::RS256, AlgorithmParameters::RSA(_)) => (true, KeyAlgorithm::RS256),
        (Signing::ES256, AlgorithmParameters::EllipticCurve(key)) => {
            (key.curve == EllipticCurve::P256, KeyAlgorithm::ES256)
        }
        (Signing::EdDsa, AlgorithmParameters::OctetKeyPair(key)) => {
            (key.curve == EllipticCurve::Ed25519, KeyAlgorithm::EdDSA)
        }
        // A secret that is published is none.
        _ => return false,
    };
    kind && signs && key.common.key_algorithm.as_ref().is_none_or(|algorithm| *algorithm == named)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE";

    fn parsed(keys: Value, algorithm: Signing) -> Option<usize> {
        parse(json!({ "keys": keys }).to_string().as_bytes(), algorithm).map(|keys| keys.len())
    }

    #[test]
    fn of_a_set_only_the_keys_of_the_algorithm_are_taken_and_oddities_cost_nothing() {
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": X, "kid": "a"});
        let with = |name: &str, value: Value| {
            let mut key = ed.clone();
            key[name] = value;
            key
        };
        let secret = json!({"kty": "oct", "k": X, "kid": "a"});
        let strange = json!({"kty": "lattice", "kid": "b"});
        let all = json!([ed, secret, strange, 7, null, {}, {"kty": "RSA"}]);
        assert_eq!(parsed(all.clone(), Signing::EdDsa), Some(1));
        for other in [Signing::RS256, Signing::ES256, Signing::HS256] {
            assert_eq!(parsed(all.clone(), other), Some(0), "{other:?}");
        }
        assert_eq!(
            parsed(json!([with("use", json!("sig")), with("alg", json!("EdDSA"))]), Signing::EdDsa),
            Some(2)
        );
        assert_eq!(
            parsed(json!([with("use", json!("enc")), with("alg", json!("ES256"))]), Signing::EdDsa),
            Some(0)
        );
        let many = json!(vec![ed; JWKS_KEYS + 1]);
        assert_eq!(parsed(many, Signing::EdDsa), Some(JWKS_KEYS));
        for bad in ["", "[]", "{}", "{\"keys\":7}", "{\"keys\":[", "null"] {
            assert!(parse(bad.as_bytes(), Signing::EdDsa).is_none(), "{bad}");
        }
    }
}
