//! Blobs: pictures, in an object store under `DIR/files`. A blob is durable before its row is
//! written, so that no row is without its blob; a row that fails leaves at most a blob that
//! nobody names.
//!
//! A file's address may carry a signature that names user, file and end, for an `<img>` that
//! cannot send a header. It never carries a token.

pub mod picture;

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt as _, PutPayload};
use serde::Deserialize;
use zas_protocol::{ErrorCode, FileId, Limits, Micros, UserId};
use zas_store::{FileKind, FileRow, Store, StoreError};

use crate::auth::keys::{Key, Keys};
use crate::clock;
use crate::error::ApiError;
use crate::pool::Pool;

/// Images decoded at once; each may hold [`Limits::image_pixels`] in memory.
const DECODING: usize = 1;
/// Images that wait to be decoded; one more is refused.
const WAITING: usize = 8;
/// Signed addresses change this often and live up to twice as long, so that a browser's cache
/// can know them again, in microseconds.
const SIGNED_PERIOD: Micros = 3_600_000_000;

/// What a signed address carries: `?u=…&e=…&s=…`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Signature {
    /// Whom it lets in.
    pub u: UserId,
    /// Until when, in seconds since 1970.
    pub e: i64,
    /// Over both and the file.
    pub s: String,
}

/// The object store and what guards it.
pub struct Files {
    blobs: LocalFileSystem,
    decoding: Pool,
    key: Key,
    limits: Limits,
}

impl Files {
    /// Opens the folder of blobs, made when missing.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn open(data: &Path, keys: &Keys, limits: Limits) -> io::Result<Self> {
        let folder = data.join("files");
        std::fs::create_dir_all(&folder)?;
        let blobs = LocalFileSystem::new_with_prefix(&folder).map_err(io::Error::other)?.with_fsync(true);
        Ok(Self { blobs, decoding: Pool::new(DECODING, WAITING), key: keys.files.clone(), limits })
    }

    /// Stores a person's picture, made anew from what they sent: square, small, and with nothing
    /// in it but pixels.
    ///
    /// # Errors
    /// [`ErrorCode::TooLarge`] and [`ErrorCode::ImageInvalid`] for what is no image we take;
    /// [`ErrorCode::Overloaded`] when too many wait; the store's.
    pub async fn put_avatar(
        &self,
        store: &dyn Store,
        user: UserId,
        sent: Bytes,
        now: Micros,
    ) -> Result<FileId, ApiError> {
        if sent.len() > self.limits.avatar_bytes {
            return Err(ErrorCode::TooLarge.into());
        }
        let max_pixels = self.limits.image_pixels;
        let picture = self.decoding.run(move || picture::avatar(&sent, max_pixels)).await??;
        let id = FileId::mint(now, clock::random());
        let row = FileRow {
            id,
            user,
            kind: FileKind::Avatar,
            name: String::new(),
            media_type: picture.media_type.to_owned(),
            bytes: picture.bytes.len() as u64,
            width: picture.side,
            height: picture.side,
            at: now,
            message: None,
        };
        let place = place(id);
        self.blobs.put(&place, PutPayload::from(picture.bytes)).await.map_err(cannot_write)?;
        if let Err(error) = store.put_file(row).await {
            // Where the outcome is not known the row may be there, and keeps its blob.
            if error != StoreError::Unknown {
                drop(self.blobs.delete(&place).await);
            }
            return Err(error.into());
        }
        Ok(id)
    }

    /// The bytes of a file whose row is there.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when they cannot be read.
    pub async fn read(&self, id: FileId) -> Result<Bytes, ApiError> {
        let found = self.blobs.get(&place(id)).await.map_err(ApiError::internal)?;
        found.bytes().await.map_err(ApiError::internal)
    }

    /// The query that lets `user` fetch `file` without a token, for one to two hours. The same
    /// within the hour.
    #[must_use]
    pub fn sign(&self, user: UserId, file: FileId, now: Micros) -> String {
        let until = (now.div_euclid(SIGNED_PERIOD) + 2) * (SIGNED_PERIOD / 1_000_000);
        format!("u={user}&e={until}&s={}", self.mac(user, file, until).to_hex())
    }

    /// Whom a signed address of `file` lets in.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`] when it is not ours, of another file, or over.
    pub fn verify(&self, signature: &Signature, file: FileId, now: Micros) -> Result<UserId, ErrorCode> {
        let ours = self.mac(signature.u, file, signature.e);
        // Comparing two hashes takes the same time wherever they differ.
        let same = blake3::Hash::from_hex(&signature.s).is_ok_and(|presented| presented == ours);
        if same && now < signature.e.saturating_mul(1_000_000) {
            Ok(signature.u)
        } else {
            Err(ErrorCode::Unauthenticated)
        }
    }

    fn mac(&self, user: UserId, file: FileId, until: i64) -> blake3::Hash {
        let mut signed = [0; 40];
        signed[..16].copy_from_slice(user.as_bytes());
        signed[16..32].copy_from_slice(file.as_bytes());
        signed[32..].copy_from_slice(&until.to_be_bytes());
        blake3::keyed_hash(self.key.bytes(), &signed)
    }
}

/// Where a blob lies: in one of 256 folders, by its id's last byte, which is random.
fn place(id: FileId) -> ObjectPath {
    let mut path = String::with_capacity(39);
    // Writing to a String cannot fail.
    let _ = write!(path, "{:02x}/{id}", id.as_bytes()[15]);
    ObjectPath::from(path)
}

/// A full disk is the operator's to mend; clients wait and try again.
fn cannot_write(error: object_store::Error) -> ApiError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(reason) = cause {
        if let Some(io) = reason.downcast_ref::<io::Error>()
            && matches!(
                io.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::QuotaExceeded
            )
        {
            return ApiError { detail: Some(error.to_string()), ..ErrorCode::StorageFull.into() };
        }
        cause = reason.source();
    }
    ApiError::internal(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = 1_800_000_000_000_000;

    fn files() -> (tempfile::TempDir, Files) {
        let data = tempfile::tempdir().unwrap();
        let files = Files::open(data.path(), &Keys::random(), Limits::default()).unwrap();
        (data, files)
    }

    fn parse(query: &str) -> Signature {
        let mut parts = query.split('&').map(|pair| pair.split_once('=').unwrap().1);
        let (u, e, s) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        Signature { u: u.parse().unwrap(), e: e.parse().unwrap(), s: s.to_owned() }
    }

    #[test]
    fn a_signed_address_is_for_one_user_one_file_and_two_hours_at_most() {
        let (_data, files) = files();
        let (user, file) = (UserId::mint(NOW, [1; 10]), FileId::mint(NOW, [2; 10]));
        let signature = parse(&files.sign(user, file, NOW));
        assert_eq!(files.verify(&signature, file, NOW), Ok(user));
        assert_eq!(files.verify(&signature, file, NOW + SIGNED_PERIOD - 1), Ok(user));
        assert!(files.verify(&signature, file, NOW + 2 * SIGNED_PERIOD).is_err());
        assert!(files.verify(&signature, FileId::mint(NOW, [3; 10]), NOW).is_err());
        let other = Signature { u: UserId::mint(NOW, [9; 10]), ..signature.clone() };
        assert!(files.verify(&other, file, NOW).is_err());
        let longer = Signature { e: signature.e + 1, ..signature.clone() };
        assert!(files.verify(&longer, file, NOW).is_err());
        for s in ["", "00", &"0".repeat(64), &signature.s[1..]] {
            assert!(
                files.verify(&Signature { s: s.to_owned(), ..signature.clone() }, file, NOW).is_err(),
                "{s:?}"
            );
        }
        let elsewhere = self::files().1;
        assert!(elsewhere.verify(&signature, file, NOW).is_err(), "another server's key");
    }

    #[test]
    fn an_address_stays_the_same_for_a_cache_to_know_it() {
        let (_data, files) = files();
        let (user, file) = (UserId::mint(NOW, [1; 10]), FileId::mint(NOW, [2; 10]));
        let hour = NOW.div_euclid(SIGNED_PERIOD) * SIGNED_PERIOD;
        assert_eq!(files.sign(user, file, hour), files.sign(user, file, hour + SIGNED_PERIOD - 1));
        assert_ne!(files.sign(user, file, hour), files.sign(user, file, hour + SIGNED_PERIOD));
    }
}
