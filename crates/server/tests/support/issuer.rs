//! Another backend: it signs tokens, by each algorithm, and publishes its keys on loopback.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{hmac, rsa};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use zas_server::clock;
use zas_server::config::Issuer;
use zas_server::config::issuers::Signing;

/// A key that signs.
pub(crate) enum Signer {
    Hs(Vec<u8>),
    Rs(RsaKeyPair),
    Es(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

pub(crate) fn part(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn seconds() -> i64 {
    clock::now() / 1_000_000
}

/// The claims of an access token as Django's SimpleJWT makes one.
pub(crate) fn access(user: impl Into<Value>) -> Value {
    let jti = hex(&clock::random::<16>());
    let (exp, iat) = (seconds() + 300, seconds());
    json!({"token_type": "access", "exp": exp, "iat": iat, "jti": jti, "user_id": user.into()})
}

/// The same with other claims.
pub(crate) fn with(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

impl Signer {
    pub(crate) fn hs() -> Self {
        Self::Hs(hex(&clock::random::<24>()).into_bytes())
    }

    pub(crate) fn rs() -> Self {
        Self::Rs(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn es() -> Self {
        Self::Es(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub(crate) fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) const fn signing(&self) -> Signing {
        match self {
            Self::Hs(_) => Signing::HS256,
            Self::Rs(_) => Signing::RS256,
            Self::Es(_) => Signing::ES256,
            Self::Ed(_) => Signing::EdDsa,
        }
    }

    pub(crate) const fn alg(&self) -> &'static str {
        match self {
            Self::Hs(_) => "HS256",
            Self::Rs(_) => "RS256",
            Self::Es(_) => "ES256",
            Self::Ed(_) => "EdDSA",
        }
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Hs(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), bytes).as_ref().to_vec()
            }
            Self::Rs(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, bytes, &mut signature).unwrap();
                signature
            }
            Self::Es(key) => key.sign(&random, bytes).unwrap().as_ref().to_vec(),
            Self::Ed(key) => key.sign(bytes).as_ref().to_vec(),
        }
    }

    pub(crate) fn token(&self, claims: &Value) -> String {
        self.token_under(&json!({"alg": self.alg(), "typ": "JWT"}), claims)
    }

    pub(crate) fn token_under(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", part(header.to_string()), part(claims.to_string()));
        format!("{signed}.{}", part(self.sign(signed.as_bytes())))
    }

    /// Its public key as others hold it (`SubjectPublicKeyInfo`).
    pub(crate) fn public_der(&self) -> Vec<u8> {
        match self {
            Self::Hs(_) => panic!("a secret has no public key"),
            Self::Rs(key) => {
                let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
                der.as_ref().to_vec()
            }
            Self::Es(key) => {
                let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
                der.as_ref().to_vec()
            }
            Self::Ed(key) => {
                let der: PublicKeyX509Der<'_> = key.public_key().as_der().unwrap();
                der.as_ref().to_vec()
            }
        }
    }

    pub(crate) fn public_pem(&self) -> String {
        let body = STANDARD.encode(self.public_der());
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    /// As it is published.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        match self {
            Self::Ed(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": part(key.public_key()), "kid": kid, "use": "sig"})
            }
            Self::Es(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..]), "kid": kid})
            }
            Self::Rs(key) => {
                let public: &rsa::PublicKey = key.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                json!({"kty": "RSA", "n": part(n.big_endian_without_leading_zero()),
                    "e": part(e.big_endian_without_leading_zero()), "kid": kid, "alg": "RS256"})
            }
            Self::Hs(secret) => json!({"kty": "oct", "k": part(secret), "kid": kid, "alg": "HS256"}),
        }
    }

    /// An issuer of the settings whose key is in a file.
    pub(crate) fn issuer(&self, name: &str, folder: &std::path::Path) -> Issuer {
        let path = folder.join(format!("{name}.key"));
        let text = match self {
            Self::Hs(secret) => String::from_utf8(secret.clone()).unwrap(),
            _ => self.public_pem(),
        };
        std::fs::write(&path, format!("{text}\n")).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o640);
        std::fs::set_permissions(&path, mode).unwrap();
        Issuer { key_file: Some(path), ..Issuer::new(name, self.signing()) }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a server of keys answers, and how often it was asked.
#[derive(Default)]
pub(crate) struct Published {
    pub(crate) keys: Mutex<Vec<Value>>,
    pub(crate) away: AtomicBool,
    pub(crate) asked: AtomicU64,
}

impl Published {
    pub(crate) fn put(&self, keys: Vec<Value>) {
        *self.keys.lock().unwrap() = keys;
    }

    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

/// A server of keys on loopback; it ends with the test.
pub(crate) async fn publish(keys: Vec<Value>) -> (Arc<Published>, String) {
    let published = Arc::new(Published::default());
    published.put(keys);
    let held = published.clone();
    let answer = move || {
        let held = held.clone();
        async move {
            held.asked.fetch_add(1, Ordering::Relaxed);
            if held.away.load(Ordering::Relaxed) {
                return (StatusCode::SERVICE_UNAVAILABLE, String::new());
            }
            let keys = held.keys.lock().unwrap().clone();
            (StatusCode::OK, json!({ "keys": keys }).to_string())
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/jwks.json", axum::routing::get(answer));
    let listener = listener.into_std().unwrap();
    tokio::spawn(axum_server::from_tcp(listener).unwrap().serve(router.into_make_service()));
    (published, url)
}
