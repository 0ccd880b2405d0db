//! Keys of the server-side API. One is shown once, when it is made; what is kept is its hash. No token of a
//! person is one, and none is a token of a person.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::FromRequestParts;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::request::Parts;
use zas_protocol::{ErrorCode, Micros};
use zas_store::{ApiKeyRow, Store, StoreError};

use super::FRESH;
use super::extract::{ClientAddress, bearer};
use crate::app::App;
use crate::clock;
use crate::error::ApiError;

/// Keys there may be; each is compared with what is shown.
pub const API_KEYS: usize = 32;
/// What a key begins with, so that a scanner for secrets knows one when it sees it.
pub const PREFIX: &str = "zas_sk_";
/// Random bytes of a key.
const KEY_BYTES: usize = 32;

/// The keys there are, as they lately were in the store.
pub struct ApiKeys {
    store: Arc<dyn Store>,
    known: Mutex<Option<(Arc<[ApiKeyRow]>, Micros)>>,
}

impl ApiKeys {
    /// Those of a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: Mutex::default() }
    }

    /// Makes a key, which is shown nowhere again; `None` when its name is in use, or there are enough.
    ///
    /// # Errors
    /// The store's.
    pub async fn create(&self, name: &str, now: Micros) -> Result<Option<String>, StoreError> {
        if self.store.api_keys().await?.len() >= API_KEYS {
            return Ok(None);
        }
        let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(clock::random::<KEY_BYTES>()));
        let row = ApiKeyRow { name: name.to_owned(), hash: hash(&key), created_at: now };
        let made = self.store.put_api_key(row).await?;
        self.forget();
        Ok(made.then_some(key))
    }

    /// Makes a key worthless, within [`FRESH`] also where it is just being asked for; false when there is none of that name.
    ///
    /// # Errors
    /// The store's.
    pub async fn revoke(&self, name: &str) -> Result<bool, StoreError> {
        let removed = self.store.remove_api_key(name).await?;
        self.forget();
        Ok(removed)
    }

    /// The name of a key that is shown.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`] for what is none; the store's.
    pub async fn authenticate(&self, shown: &str) -> Result<String, ErrorCode> {
        if !shown.starts_with(PREFIX) || shown.len() > PREFIX.len() + 2 * KEY_BYTES {
            return Err(ErrorCode::Unauthenticated);
        }
        let keys = self.keys(clock::steady()).await.map_err(|error| error.code())?;
        let shown = blake3::Hash::from_bytes(hash(shown));
        // Hashes compare in a time that does not depend on where they differ, and all are compared.
        let mut found = None;
        for key in &*keys {
            if blake3::Hash::from_bytes(key.hash) == shown {
                found = Some(key.name.clone());
            }
        }
        found.ok_or(ErrorCode::Unauthenticated)
    }

    async fn keys(&self, now: Micros) -> Result<Arc<[ApiKeyRow]>, StoreError> {
        if let Some((keys, read_at)) = &*self.lock()
            && (0..FRESH).contains(&now.saturating_sub(*read_at))
        {
            return Ok(keys.clone());
        }
        let keys: Arc<[ApiKeyRow]> = self.store.api_keys().await?.into();
        *self.lock() = Some((keys.clone(), now));
        Ok(keys)
    }

    fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Arc<[ApiKeyRow]>, Micros)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(key: &str) -> [u8; 32] {
    *blake3::hash(key.as_bytes()).as_bytes()
}

/// Who asks with a key of the server-side API; costs one of its requests. What is shown and is no key costs
/// its address one of the attempts to sign in.
#[derive(Debug, Clone)]
pub struct ServerKey(pub String);

impl FromRequestParts<App> for ServerKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let shown = bearer(&parts.headers).ok_or(ErrorCode::Unauthenticated)?.to_owned();
        let name = match app.auth.api_keys().authenticate(&shown).await {
            Ok(name) => name,
            Err(code) => {
                if code == ErrorCode::Unauthenticated {
                    ClientAddress::from_request_parts(parts, app).await?.may_sign_in(app)?;
                }
                return Err(code.into());
            }
        };
        app.gate.server(&name, clock::steady()).map_err(ApiError::too_soon)?;
        Ok(Self(name))
    }
}
