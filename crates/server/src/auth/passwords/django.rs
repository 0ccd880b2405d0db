//! Password hashes as Django keeps them (`PBKDF2PasswordHasher`):
//! `pbkdf2_sha256$iterations$salt$hash`, the salt as text, the hash in base64. An account that comes
//! from there signs in with the password it has, and is given a hash of ours when it does.
//!
//! Its other hashers fit no password, and neither does `!…`, which says that there is none.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// More iterations than this are not done: Django's own are a million and a half at the most so far.
const ITERATIONS: u32 = 2_000_000;
/// Bytes of SHA-256.
const HASH_BYTES: usize = 32;

/// A hash taken apart.
pub(super) struct Django {
    iterations: NonZeroU32,
    salt: String,
    hash: [u8; HASH_BYTES],
}

impl Django {
    /// Reads one; `None` for what is none, or would take too long.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("pbkdf2_sha256$")?.split('$');
        let (iterations, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
        let iterations = iterations.parse().ok().filter(|count: &NonZeroU32| count.get() <= ITERATIONS)?;
        if parts.next().is_some() || salt.is_empty() {
            return None;
        }
        let hash = STANDARD.decode(hash).ok()?.try_into().ok()?;
        Some(Self { iterations, salt: salt.to_owned(), hash })
    }

    /// Whether it is the hash of this password, in a time that tells nothing of how near it is.
    pub(super) fn fits(&self, password: &str) -> bool {
        let (salt, password) = (self.salt.as_bytes(), password.as_bytes());
        pbkdf2::verify(pbkdf2::PBKDF2_HMAC_SHA256, self.iterations, salt, password, &self.hash).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `hashlib.pbkdf2_hmac`, which is what Django calls.
    const ACCENTED: &str =
        "pbkdf2_sha256$1000000$nB2yXh5Lq0fTzVw8KcR1dE$GemKAg11stkQIMkjIp0ZtqPEG4LKMUparSzIpfoN9TQ=";
    const SHORT: &str = "pbkdf2_sha256$1000$seasalt$mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";

    #[test]
    fn only_the_same_password_fits() {
        assert!(Django::read(ACCENTED).unwrap().fits("contraseña de ñandú"));
        let short = Django::read(SHORT).unwrap();
        assert!(short.fits("correct horse"));
        for wrong in ["", "correct hors", "correct horse ", "Correct horse", SHORT] {
            assert!(!short.fits(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_no_such_hash_or_takes_too_long_is_not_read() {
        let hash = "mQnueSakb748zqBAC1tmWVZsZbi2zPGZarEzTGdfmso=";
        let of = |iterations: u64| format!("pbkdf2_sha256${iterations}$seasalt${hash}");
        let most = u64::from(ITERATIONS);
        assert!(Django::read(&of(most - 1)).is_some());
        assert!(Django::read(&of(most)).is_some());
        let mut broken = vec![of(0), of(most + 1), of(u64::MAX)];
        broken.extend(["", "!", "!kHn2", "pbkdf2_sha256$", "pbkdf2_sha256$1000$seasalt"].map(str::to_owned));
        broken.push(format!("pbkdf2_sha1$1000$seasalt${hash}"));
        broken.push(format!("pbkdf2_sha256$1000$${hash}"));
        broken.push(format!("pbkdf2_sha256$-1$seasalt${hash}"));
        broken.push(format!("{SHORT}$"));
        broken.push("pbkdf2_sha256$1000$seasalt$".to_owned());
        broken.push("pbkdf2_sha256$1000$seasalt$bm90IGxvbmc=".to_owned());
        for text in broken {
            assert!(Django::read(&text).is_none(), "{text:?}");
        }
    }
}
