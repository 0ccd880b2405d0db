//! Password hashes: argon2id with OWASP's parameters (Password Storage Cheat Sheet: 19 MiB, two
//! passes, one lane), two at once. Who does not exist costs the same as who does.
//!
//! A hash in Django's form is verified too, and replaced at sign-in ([`Passwords::is_old`]); until
//! then it costs what its iterations cost.

mod django;

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use zas_store::PasswordHash;

use self::django::Django;
use crate::clock;
use crate::error::ApiError;
use crate::pool::Pool;

/// Hashes at once: 38 MiB and two cores at most.
const AT_ONCE: usize = 2;
/// Hashes that wait; one more is refused.
const WAITING: usize = 32;
/// The hash of no password, with the same parameters as every other.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password as somebody typed it. Never shown by `Debug`.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes it.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Its text, to check its form.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Hashes and verifies.
pub struct Passwords {
    pool: Pool,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { pool: Pool::new(AT_ONCE, WAITING) }
    }
}

impl Passwords {
    /// The hash to keep of a password.
    ///
    /// # Errors
    /// [`zas_protocol::ErrorCode::Overloaded`] when too many wait.
    pub async fn hash(&self, password: Password) -> Result<PasswordHash, ApiError> {
        let salt: [u8; 16] = clock::random();
        let hashed = self.pool.run(move || {
            let hash = argon2()?.hash_password_with_salt(password.0.as_bytes(), &salt);
            hash.map(|hash| PasswordHash(hash.to_string())).map_err(ApiError::internal)
        });
        hashed.await?
    }

    /// Whether a password is the one of `hash`; without a hash, or with one of no known form, it
    /// is not, and that takes as long.
    ///
    /// # Errors
    /// [`zas_protocol::ErrorCode::Overloaded`] when too many wait.
    pub async fn verify(&self, password: Password, hash: Option<PasswordHash>) -> Result<bool, ApiError> {
        let verified = self.pool.run(move || {
            if let Some(old) = hash.as_ref().and_then(|hash| Django::read(&hash.0)) {
                return Ok(old.fits(&password.0));
            }
            let known = hash.as_ref().and_then(|hash| Phc::new(&hash.0).ok());
            let hash = match &known {
                Some(hash) => hash.clone(),
                None => Phc::new(NOBODY).map_err(ApiError::internal)?,
            };
            let right = argon2()?.verify_password(password.0.as_bytes(), &hash).is_ok();
            Ok(right && known.is_some())
        });
        verified.await?
    }

    /// Whether a hash is of a form that is verified but no longer made.
    #[must_use]
    pub fn is_old(hash: &PasswordHash) -> bool {
        Django::read(&hash.0).is_some()
    }
}

fn argon2() -> Result<Argon2<'static>, ApiError> {
    let params = Params::new(19 * 1024, 2, 1, None).map_err(ApiError::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_same_password_fits_and_no_two_hashes_are_alike() {
        let passwords = Passwords::default();
        let hash = passwords.hash(password("correct horse")).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert_ne!(hash, passwords.hash(password("correct horse")).await.unwrap());
        assert!(passwords.verify(password("correct horse"), Some(hash.clone())).await.unwrap());
        for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert!(!passwords.verify(password(wrong), Some(hash.clone())).await.unwrap(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn nobody_and_a_hash_of_no_known_form_fit_no_password() {
        let passwords = Passwords::default();
        for hash in [None, Some(PasswordHash("!".to_owned())), Some(PasswordHash(String::new()))] {
            assert!(!passwords.verify(password("!"), hash).await.unwrap());
        }
    }

    #[test]
    fn nobody_costs_what_everybody_costs() {
        let nobody = Phc::new(NOBODY).unwrap();
        let anybody = argon2().unwrap().hash_password_with_salt(b"x", &[1; 16]).unwrap();
        assert_eq!(nobody.params, anybody.params);
        assert_eq!((&nobody.algorithm, nobody.version), (&anybody.algorithm, anybody.version));
        assert_eq!(nobody.salt.unwrap().len(), anybody.salt.unwrap().len());
        assert_eq!(nobody.hash.unwrap().len(), anybody.hash.unwrap().len());
    }

    #[test]
    fn a_password_never_shows() {
        assert!(!format!("{:?}", password("hunter22")).contains("hunter22"));
    }
}
