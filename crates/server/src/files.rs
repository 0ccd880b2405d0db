//! Blobs: pictures of people and groups, and what messages carry, in an object store under `DIR/files`. A blob is
//! durable before its row is written, and goes after it, so that no row is without its blob: a process
//! that is killed between the two leaves at most a blob that nobody names and nobody can fetch.
//!
//! A file's address may carry a signature that names user, file and end, for an `<img>` that
//! cannot send a header. It never carries a token.
//!
//! | module | what |
//! |---|---|
//! | [`upload`] | storing what a message is to carry, as it comes |
//! | [`kind`] | what a file is |
//! | [`strip`] | images without their metadata |
//! | [`picture`] | avatars, and images that have to be decoded |
//! | [`answer`] | the headers of a file, and the part of it that is asked for |
//! | [`sweep`] | what nobody can fetch any more goes |
//! | [`hold`] | nothing goes while a backup copies |

pub mod answer;
pub mod hold;
pub mod kind;
pub mod picture;
pub mod strip;
pub mod sweep;
pub mod upload;

use std::fmt::Write as _;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, ObjectStore as _, ObjectStoreExt as _, PutPayload};
use serde::Deserialize;
use tokio::sync::Mutex;
use zas_protocol::rest::FileAddress;
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
/// Images of messages that wait to be stripped; one more is refused. They wait on the disk.
const IMAGES_WAITING: usize = 64;
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
    folder: PathBuf,
    blobs: LocalFileSystem,
    decoding: Pool,
    images: Pool,
    /// Held from counting what somebody has to noting what they have more, so that two uploads at once
    /// do not both get the last place. For all people, since it is held for one sync of the disk.
    counting: Mutex<()>,
    key: Key,
    limits: Limits,
}

impl Files {
    /// Opens the folder of blobs, made when missing. What uploads had under way when their process was
    /// killed is removed, so this is for the one process that serves.
    ///
    /// # Errors
    /// When it cannot be made or read.
    pub fn open(data: &Path, keys: &Keys, limits: Limits) -> io::Result<Self> {
        let folder = data.join("files");
        std::fs::create_dir_all(&folder)?;
        sweep::remove_under_way(&folder)?;
        let blobs = LocalFileSystem::new_with_prefix(&folder).map_err(io::Error::other)?.with_fsync(true);
        Ok(Self {
            folder,
            blobs,
            decoding: Pool::new(DECODING, WAITING),
            images: Pool::new(DECODING, IMAGES_WAITING),
            counting: Mutex::default(),
            key: keys.files.clone(),
            limits,
        })
    }

    /// Stores a picture of a person or a group, made anew from what was sent: square, small, and with
    /// nothing in it but pixels.
    ///
    /// # Errors
    /// [`ErrorCode::TooLarge`] and [`ErrorCode::ImageInvalid`] for what is no image we take;
    /// [`ErrorCode::Overloaded`] when too many wait; the store's.
    pub async fn put_avatar(
        &self,
        store: &dyn Store,
        user: UserId,
        kind: FileKind,
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
            kind,
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
        self.note(store, row).await?;
        Ok(id)
    }

    /// Writes the row of a blob that is stored.
    async fn note(&self, store: &dyn Store, row: FileRow) -> Result<(), ApiError> {
        let id = row.id;
        let Err(error) = store.put_file(row).await else { return Ok(()) };
        // Where the outcome is not known the row may be there, and keeps its blob.
        if error != StoreError::Unknown {
            drop(self.blobs.delete(&place(id)).await);
        }
        Err(error.into())
    }

    /// The bytes of a file, or some of them, as they are read; `None` when it is not there.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] when they cannot be read.
    pub async fn read(
        &self,
        id: FileId,
        range: Option<Range<u64>>,
    ) -> Result<Option<BoxStream<'static, object_store::Result<Bytes>>>, ApiError> {
        let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
        match self.blobs.get_opts(&place(id), options).await {
            Ok(found) => Ok(Some(found.into_stream())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(ApiError::internal(error)),
        }
    }

    /// Where `user` fetches `file` without a token.
    #[must_use]
    pub fn address(&self, user: UserId, file: FileId, now: Micros) -> FileAddress {
        let address = format!("/v1/files/{file}?{}", self.sign(user, file, now));
        FileAddress { address, expires_at: until(now) * 1_000_000 }
    }

    /// The query that lets `user` fetch `file` without a token, for one to two hours. The same
    /// within the hour.
    #[must_use]
    pub fn sign(&self, user: UserId, file: FileId, now: Micros) -> String {
        let until = until(now);
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

/// When what is signed now is over, in seconds since 1970.
const fn until(now: Micros) -> i64 {
    (now.div_euclid(SIGNED_PERIOD) + 2) * (SIGNED_PERIOD / 1_000_000)
}

/// Where a blob lies: in one of 256 folders, by its id's last byte, which is random.
fn place(id: FileId) -> ObjectPath {
    let mut path = String::with_capacity(39);
    // Writing to a String cannot fail.
    let _ = write!(path, "{:02x}/{id}", id.as_bytes()[15]);
    ObjectPath::from(path)
}

/// A full disk is the operator's to mend; clients wait and try again.
fn cannot_write(error: impl std::error::Error + 'static) -> ApiError {
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
