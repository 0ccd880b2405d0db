//! Tokens of other backends: whose they are, and what they are good for.
//!
//! An issuer's algorithm and keys are fixed by the settings; a token only says which of them to try. The
//! account of (issuer, subject) is made when it is first seen. There is no device of ours behind such a
//! token and none is kept: its [`DeviceId`] is made of the token itself, the same on every transport and
//! after a restart, and carries when the token was issued. So a sign-out, which cannot strike a token from
//! a list, refuses by that time what was issued before it.

mod claims;
mod jwks;
mod key;

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};
use uuid::Uuid;
use zas_core::{policy, shape};
use zas_protocol::limits::AUTH_FRAME_BYTES;
use zas_protocol::{DeviceId, ErrorCode, Limits, Micros, UserId};
use zas_store::{AccountState, Identified, NewIdentity, Store};

use self::claims::Visitor;
use self::jwks::Jwks;
use super::Identity;
use super::alive::Known;
use crate::clock;
use crate::config::{self, Config};
use crate::outbound::Outbound;

pub use self::claims::SUBJECT_BYTES;
pub use self::jwks::{JWKS_BYTES, JWKS_KEYS};
pub use self::key::IssuerError;

/// A socket of the old contract, whose client cannot bring it a fresh token, lives on for so long.
const SESSION: Micros = 24 * 60 * 60 * 1_000_000;
/// Names the hash that makes a device of a token.
const DEVICE_CONTEXT: &str = "zas 2026 device of a foreign token";

enum Keys {
    Fixed(Box<DecodingKey>),
    Published(Arc<Jwks>),
}

struct Issuer {
    settings: config::Issuer,
    algorithm: Algorithm,
    validation: Validation,
    keys: Keys,
}

/// The username of an account, and up to when its tokens are refused.
#[derive(Clone)]
struct Account {
    username: Arc<str>,
    signed_out_at: Micros,
}

/// The other backends whose tokens are accepted.
pub struct Foreign {
    issuers: Vec<Issuer>,
    /// By a hash of issuer and subject.
    accounts: Known<[u8; 16], Account>,
    store: Arc<dyn Store>,
}

impl Foreign {
    /// None.
    #[must_use]
    pub fn nobody(store: Arc<dyn Store>) -> Self {
        Self { issuers: Vec::new(), accounts: Known::default(), store }
    }

    /// Those of the settings, with their keys read.
    ///
    /// # Errors
    /// [`IssuerError`].
    pub fn load(config: &Config, outbound: &Outbound, store: Arc<dyn Store>) -> Result<Self, IssuerError> {
        let load = |issuer| Issuer::load(issuer, outbound, &config.limits);
        let issuers = config.issuers.iter().map(load).collect::<Result<_, _>>()?;
        Ok(Self { issuers, accounts: Known::default(), store })
    }

    /// Who holds a token of one of them.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`] for a token that is of none of them, or has expired;
    /// [`ErrorCode::Revoked`] when they were signed out since, or the account is disabled;
    /// [`ErrorCode::Overloaded`] while an issuer's keys cannot be had; the store's.
    pub async fn authenticate(&self, token: &str, now: Micros) -> Result<Identity, ErrorCode> {
        let (issuer, visitor) = self.read(token, now).await?;
        let (user, account) = self.account(issuer, &visitor, now).await?;
        if is_signed_out(visitor.issued_at, account.signed_out_at) {
            return Err(ErrorCode::Revoked);
        }
        Ok(Identity {
            user,
            device: device(&issuer.name, token, visitor.issued_at),
            expires_at: visitor.expires_at,
            session_until: visitor.expires_at.max(now.saturating_add(SESSION)),
            username: account.username.to_string(),
        })
    }

    /// Checks that tokens issued at `issued_at` are good for somebody.
    ///
    /// # Errors
    /// [`ErrorCode::Revoked`] when not; the store's.
    pub async fn is_alive(&self, user: UserId, issued_at: Micros) -> Result<(), ErrorCode> {
        match self.store.account_state(user).await.map_err(|error| error.code())? {
            Some(AccountState { active: true, signed_out_at })
                if !is_signed_out(issued_at, signed_out_at) =>
            {
                Ok(())
            }
            _ => Err(ErrorCode::Revoked),
        }
    }

    /// Forgets what was known of somebody.
    pub fn forget(&self, user: UserId) {
        self.accounts.forget(user, None);
    }

    /// The account of a subject, made if it is not there, for who answers for that issuer's people.
    ///
    /// # Errors
    /// [`ErrorCode::NotFound`] for an issuer that is not in the settings; [`ErrorCode::BadRequest`] for a
    /// subject that is none; the store's.
    pub async fn upsert(&self, new: &Subject<'_>, now: Micros) -> Result<Identified, ErrorCode> {
        let issuer = self.issuers.iter().find(|issuer| issuer.settings.name == new.issuer);
        let issuer = &issuer.ok_or(ErrorCode::NotFound)?.settings;
        let subject = claims::subject(&Value::String(new.subject.to_owned())).ok_or(ErrorCode::BadRequest)?;
        let visitor = Visitor {
            subject,
            username: new.username.to_owned(),
            display_name: new.display_name.to_owned(),
            email: new.email.to_owned(),
            issued_at: 0,
            expires_at: 0,
        };
        self.find_or_make(issuer, &visitor, now).await
    }

    /// The subject as accounts are found by it.
    #[must_use]
    pub fn subject(text: &str) -> Option<String> {
        claims::subject(&Value::String(text.to_owned()))
    }

    /// Whose token it is, and what it says.
    async fn read(&self, token: &str, now: Micros) -> Result<(&config::Issuer, Visitor), ErrorCode> {
        if token.len() > AUTH_FRAME_BYTES {
            return Err(ErrorCode::Unauthenticated);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|_| ErrorCode::Unauthenticated)?;
        // What must be understood is not (RFC 7515 §4.1.11).
        if header.crit.is_some() {
            return Err(ErrorCode::Unauthenticated);
        }
        let mut refusal = ErrorCode::Unauthenticated;
        for issuer in self.issuers.iter().filter(|issuer| issuer.algorithm == header.alg) {
            let keys = match issuer.keys(header.kid.as_deref()).await {
                Ok(keys) => keys,
                Err(code) => {
                    refusal = if code == ErrorCode::Overloaded { code } else { refusal };
                    continue;
                }
            };
            for key in keys {
                let verified = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &issuer.validation);
                if let Ok(data) = verified
                    && let Ok(visitor) = claims::read(&issuer.settings, &data.claims, now)
                {
                    return Ok((&issuer.settings, visitor));
                }
            }
        }
        Err(refusal)
    }

    async fn account(
        &self,
        issuer: &config::Issuer,
        visitor: &Visitor,
        now: Micros,
    ) -> Result<(UserId, Account), ErrorCode> {
        let key = account_key(&issuer.name, &visitor.subject);
        let asked = match self.accounts.ask(&key, now) {
            Ok(known) => return Ok(known),
            Err(asked) => asked,
        };
        let found =
            self.store.identity(&issuer.name, &visitor.subject).await.map_err(|error| error.code())?;
        let found = match found {
            Some(found) => found,
            None => self.find_or_make(issuer, visitor, now).await?,
        };
        if !found.state.active {
            return Err(ErrorCode::Revoked);
        }
        let account = Account { username: found.username.into(), signed_out_at: found.state.signed_out_at };
        self.accounts.learn(asked, key, found.user, account.clone(), now);
        Ok((found.user, account))
    }

    async fn find_or_make(
        &self,
        issuer: &config::Issuer,
        visitor: &Visitor,
        now: Micros,
    ) -> Result<Identified, ErrorCode> {
        let new = NewIdentity {
            issuer: issuer.name.clone(),
            subject: visitor.subject.clone(),
            id: user_id(issuer, &visitor.subject, now)?,
            usernames: usernames(&issuer.name, &visitor.username, &visitor.subject),
            email: visitor.email.clone(),
            display_name: visitor.display_name.clone(),
            at: now,
        };
        let made = self.store.create_identity(new).await.map_err(|error| error.code())?;
        tracing::debug!(issuer = issuer.name, user = %made.user, "a subject of an issuer has its account");
        Ok(made)
    }
}

/// Reads the keys of all issuers that publish none, and calls nobody.
///
/// # Errors
/// [`IssuerError`].
pub fn check(config: &Config) -> Result<(), IssuerError> {
    config.issuers.iter().try_for_each(|issuer| key::load(issuer).map(drop))
}

/// A subject that somebody else answers for, with their names as ours.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The issuer's name.
    pub issuer: &'a str,
    /// What it calls them.
    pub subject: &'a str,
    /// Their username there; may be empty.
    pub username: &'a str,
    /// Checked already; may be empty.
    pub display_name: &'a str,
    /// Checked already; may be empty.
    pub email: &'a str,
}

impl Issuer {
    fn load(settings: &config::Issuer, outbound: &Outbound, limits: &Limits) -> Result<Self, IssuerError> {
        let algorithm = key::algorithm(settings.algorithm);
        let keys = match (key::load(settings)?, &settings.jwks_url) {
            (Some(key), _) => Keys::Fixed(Box::new(key)),
            (None, url) => Keys::Published(Arc::new(Jwks::new(
                &settings.name,
                url.as_deref().unwrap_or_default(),
                settings.algorithm,
                outbound.clone(),
                limits.jwks_refetch_ms,
            ))),
        };
        let mut validation = Validation::new(algorithm);
        // What is claimed is checked in `claims`, against a time that is given.
        (validation.validate_exp, validation.validate_aud) = (false, false);
        validation.required_spec_claims.clear();
        Ok(Self { settings: settings.clone(), algorithm, validation, keys })
    }

    async fn keys(&self, kid: Option<&str>) -> Result<Vec<DecodingKey>, ErrorCode> {
        match &self.keys {
            Keys::Fixed(key) => Ok(vec![(**key).clone()]),
            Keys::Published(jwks) => jwks.keys(kid).await,
        }
    }
}

/// A token of the second of a sign-out may be from before it, so it is refused; one that does not say
/// when it was issued is from before every sign-out.
const fn is_signed_out(issued_at: Micros, signed_out_at: Micros) -> bool {
    signed_out_at > 0 && issued_at <= signed_out_at
}

fn account_key(issuer: &str, subject: &str) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    // No name of an issuer has a NUL in it.
    hasher.update(issuer.as_bytes()).update(&[0]).update(subject.as_bytes());
    let mut key = [0; 16];
    hasher.finalize_xof().fill(&mut key);
    key
}

/// The device that stands for a token: a UUIDv8 (RFC 9562 §5.8) of when it was issued, in milliseconds,
/// and a hash of it. None of ours is one.
fn device(issuer: &str, token: &str, issued_at: Micros) -> DeviceId {
    let mut hasher = blake3::Hasher::new_derive_key(DEVICE_CONTEXT);
    hasher.update(issuer.as_bytes()).update(&[0]).update(token.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    let millis = u64::try_from(issued_at / 1_000).unwrap_or(0).min((1 << 48) - 1);
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    DeviceId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// When the foreign token that a device stands for was issued; `None` for a device of ours.
#[must_use]
pub fn issued_at(device: DeviceId) -> Option<Micros> {
    let [a, b, c, d, e, f, ..] = *device.as_bytes();
    let millis = i64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    (device.0.get_version_num() == 8).then_some(millis * 1_000)
}

/// The id of a new account: of the issuer that is home its subject, where that is one.
fn user_id(issuer: &config::Issuer, subject: &str, now: Micros) -> Result<UserId, ErrorCode> {
    match Uuid::parse_str(subject) {
        Ok(id) if issuer.home && subject.len() == 36 => {
            let user = UserId(id);
            if id.is_nil() || id.is_max() || user == policy::SERVER {
                return Err(ErrorCode::Unauthenticated);
            }
            Ok(user)
        }
        _ => Ok(UserId::mint(now, clock::random())),
    }
}

/// Usernames for a subject who was `claimed` so elsewhere, the best first, each with what it looks like. The
/// last one is drawn.
pub(crate) fn usernames(issuer: &str, claimed: &str, subject: &str) -> Vec<(String, String)> {
    let hash = hex(&account_key(issuer, subject));
    // What comes before an @ names a person as well, and keeps their address to themselves.
    let claimed = folded(claimed.split('@').next().unwrap_or_default());
    let subject = folded(subject);
    let cut = |text: &str, at: usize| text.get(..at).unwrap_or(text).to_owned();
    let mut names = Vec::new();
    if !claimed.is_empty() {
        names.push(cut(&claimed, 30));
        names.push(format!("{}_{}", cut(&claimed, 25), cut(&hash, 4)));
    }
    if subject.len() <= 25 {
        names.push(format!("user_{subject}"));
    }
    names.push(format!("user_{}", cut(&hash, 20)));
    names.push(format!("user_{}", hex(&clock::random::<12>())));
    let good = names.into_iter().filter_map(|name| shape::username(&name).ok());
    good.map(|name| (name.clone(), shape::skeleton(&name))).collect()
}

/// In the letters of a username, at most as many as 64.
fn folded(text: &str) -> String {
    let letters =
        text.chars().take(64).map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    letters.collect::<String>().trim_matches('_').to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(username: &str, subject: &str) -> String {
        usernames("backend", username, subject).remove(0).0
    }

    #[test]
    fn a_username_is_theirs_as_far_as_it_can_be_one_of_ours() {
        assert_eq!(first("Ana_99", "7"), "ana_99");
        assert_eq!(first("ana@example.org", "7"), "ana", "the address stays with her");
        assert_eq!(first("ana.garcía+x", "7"), "ana_garc_a_x");
        assert_eq!(first(&"x".repeat(150), "7"), "x".repeat(30));
        assert_eq!(first("", "1234"), "user_1234");
        assert_eq!(first("@", "1234"), "user_1234");
        assert_eq!(first("", "ana@example.org"), "user_ana_example_org");
        assert!(first("", "0b6b2fd4-7a6e-4b7e-9d5c-0a3f6f1f8a11").starts_with("user_"));
        for (username, subject) in [("a", "ñ"), ("", "ñ"), ("日本", "日本"), ("___", "_"), ("ab", "7")]
        {
            let names = usernames("backend", username, subject);
            assert!(names.iter().all(|(name, _)| shape::username(name).as_ref() == Ok(name)), "{names:?}");
            assert_ne!(names.last(), usernames("backend", username, subject).last());
        }
    }

    #[test]
    fn a_device_is_the_tokens_own_and_says_when_it_was_issued() {
        let at = 1_700_000_000_000_000;
        let one = device("a", "x.y.z", at);
        assert_eq!(one, device("a", "x.y.z", at));
        assert_ne!(one, device("a", "x.y.w", at));
        assert_ne!(one, device("b", "x.y.z", at));
        for at in [0, 1_000_000, at] {
            assert_eq!(issued_at(device("a", "x.y.z", at)), Some(at));
        }
        assert!(issued_at(device("a", "x", i64::MAX)).is_some());
        assert_eq!(issued_at(DeviceId::mint(at, [9; 10])), None);
    }

    #[test]
    fn what_was_issued_up_to_a_sign_out_is_refused() {
        for (issued_at, signed_out_at, refused) in
            [(0, 0, false), (5, 0, false), (5, 4, false), (5, 5, true), (5, 6, true), (0, 1, true)]
        {
            assert_eq!(is_signed_out(issued_at, signed_out_at), refused, "{issued_at} {signed_out_at}");
        }
    }

    #[test]
    fn only_the_home_issuer_s_uuids_are_user_ids_and_never_the_server_s() {
        let home = config::Issuer { home: true, ..config::Issuer::new("a", config::issuers::Signing::HS256) };
        let other = config::Issuer { home: false, ..home.clone() };
        let uuid = "0b6b2fd4-7a6e-4b7e-9d5c-0a3f6f1f8a11";
        assert_eq!(user_id(&home, uuid, 0).unwrap().to_string(), uuid);
        assert_ne!(user_id(&other, uuid, 0).unwrap().to_string(), uuid);
        assert_ne!(user_id(&home, "7", 0).unwrap(), user_id(&home, "7", 0).unwrap());
        for refused in [policy::SERVER.to_string(), Uuid::nil().to_string(), Uuid::max().to_string()] {
            assert!(user_id(&home, &refused, 0).is_err(), "{refused}");
            assert!(user_id(&other, &refused, 0).is_ok(), "{refused}");
        }
    }
}
