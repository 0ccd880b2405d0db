//! The server's secrets: one file each under `DIR/keys`, made at the first start, readable by
//! the server's user alone. To turn one over, stop the server, delete its file, and start again:
//! a new `access.key` or `refresh.key` signs everyone out.
//!
//! To add one: its name in [`NAMES`], a field of [`Keys`], its line in [`Keys::load`] and
//! [`Keys::random`].

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::clock;

/// What each key is called.
pub const NAMES: [&str; 5] = ["access", "refresh", "fingerprint", "files", "admin"];
/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// No key file is longer; more is not read.
const FILE_BYTES: u64 = 1024;

/// Why the server has no keys to work with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Others of the machine could read it.
    #[error("{} can be read by others; run: chmod 600 {}", .0.display(), .0.display())]
    Exposed(PathBuf),
    /// Others of the machine could put another key in its place.
    #[error("{} can be written by others; run: chmod 700 {}", .0.display(), .0.display())]
    FolderExposed(PathBuf),
    /// Not 32 bytes in base64.
    #[error("{} is not a key of 32 bytes in base64; restore it, or delete it to have a new one made", .0.display())]
    Malformed(PathBuf),
    /// The database needs the very key it began with.
    #[error("{} is missing beside a database that was made with it; restore it from the backup", .0.display())]
    Lost(PathBuf),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// One secret. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Key([u8; KEY_BYTES]);

impl Key {
    /// A fresh one.
    #[must_use]
    pub fn random() -> Self {
        Self(clock::random())
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// As its file holds it, and as `zas admin` presents it.
    #[must_use]
    pub fn to_base64(&self) -> String {
        STANDARD.encode(self.0)
    }

    /// Whether `presented` is this key in base64, in a time that does not depend on where they
    /// differ.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        blake3::hash(self.to_base64().as_bytes()) == blake3::hash(presented.as_bytes())
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// All secrets of a server.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Signs access tokens.
    pub access: Key,
    /// Signs refresh tokens.
    pub refresh: Key,
    /// Signs file addresses.
    pub files: Key,
    /// Opens the administration of a running server.
    pub admin: Key,
    fingerprint: Key,
}

impl Keys {
    /// The keys of a data folder; those that are missing are made.
    ///
    /// # Errors
    /// [`KeyError`] for a key that is short, exposed, or missing beside a database that needs it.
    pub fn load(data: &Path) -> Result<Self, KeyError> {
        make_folder(data)?;
        let fingerprint = path(data, "fingerprint");
        if data.join("zas.sqlite").exists() && !fingerprint.exists() {
            return Err(KeyError::Lost(fingerprint));
        }
        let key = |name| read_or_make(&path(data, name));
        Ok(Self {
            access: key("access")?,
            refresh: key("refresh")?,
            fingerprint: key("fingerprint")?,
            files: key("files")?,
            admin: key("admin")?,
        })
    }

    /// Keys that no file holds.
    #[must_use]
    pub fn random() -> Self {
        Self {
            access: Key::random(),
            refresh: Key::random(),
            files: Key::random(),
            admin: Key::random(),
            fingerprint: Key::random(),
        }
    }

    /// The key of the hashes that the store keeps of commands, for ever.
    #[must_use]
    pub const fn fingerprint(&self) -> [u8; KEY_BYTES] {
        self.fingerprint.0
    }
}

/// Where a key of a data folder lies.
#[must_use]
pub fn path(data: &Path, name: &str) -> PathBuf {
    data.join("keys").join(format!("{name}.key"))
}

/// Makes the folder of the keys when it is missing; nobody else may write in it.
fn make_folder(data: &Path) -> Result<(), KeyError> {
    let path = data.join("keys");
    let failed = |source| KeyError::Io { path: path.clone(), source };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(failed)?;
    let mode = fs::metadata(&path).map_err(failed)?.permissions().mode();
    if mode & 0o022 != 0 {
        return Err(KeyError::FolderExposed(path));
    }
    Ok(())
}

fn read_or_make(path: &Path) -> Result<Key, KeyError> {
    if let Some(key) = read(path)? {
        return Ok(key);
    }
    make(path).map_err(|source| KeyError::Io { path: path.to_owned(), source })?;
    read(path)?.ok_or_else(|| KeyError::Lost(path.to_owned()))
}

/// The key that a file holds, if there is one.
///
/// # Errors
/// [`KeyError`] unless it is whole and its owner's alone.
pub fn read(path: &Path) -> Result<Option<Key>, KeyError> {
    let failed = |source| KeyError::Io { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyError::Exposed(path.to_owned()));
    }
    let mut text = String::new();
    file.take(FILE_BYTES).read_to_string(&mut text).map_err(failed)?;
    let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(Key).map(Some).ok_or_else(|| KeyError::Malformed(path.to_owned()))
}

/// Puts a new key into place whole: a start that is cut short leaves none, and of two that race
/// both end with the first one's.
fn make(path: &Path) -> io::Result<()> {
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    writeln!(file, "{}", Key::random().to_base64())?;
    file.sync_all()?;
    let placed = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match placed {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_start_makes_keys_that_the_next_one_finds() {
        let data = tempfile::tempdir().unwrap();
        let first = Keys::load(data.path()).unwrap();
        let second = Keys::load(data.path()).unwrap();
        assert_eq!(first.access, second.access);
        assert_eq!(first.fingerprint(), second.fingerprint());
        assert_ne!(first.access, first.refresh);
        let mode = |path: &str| fs::metadata(data.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("keys"), 0o700);
        let names: Vec<_> = fs::read_dir(data.path().join("keys")).unwrap().map(Result::unwrap).collect();
        assert_eq!(names.len(), NAMES.len(), "no draft is left");
        for name in names {
            assert_eq!(mode(&format!("keys/{}", name.file_name().display())), 0o600);
        }
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        for mode in [0o640, 0o604, 0o620] {
            let data = tempfile::tempdir().unwrap();
            Keys::load(data.path()).unwrap();
            chmod(&data.path().join("keys/access.key"), mode);
            assert!(matches!(Keys::load(data.path()), Err(KeyError::Exposed(_))), "{mode:o}");
        }
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let data = tempfile::tempdir().unwrap();
        Keys::load(data.path()).unwrap();
        chmod(&data.path().join("keys"), 0o770);
        assert!(matches!(Keys::load(data.path()), Err(KeyError::FolderExposed(_))));
    }

    #[test]
    fn a_key_of_another_length_or_form_is_refused() {
        let data = tempfile::tempdir().unwrap();
        Keys::load(data.path()).unwrap();
        let path = data.path().join("keys/refresh.key");
        for bad in ["", "c2hvcnQ=", "not base64!", &STANDARD.encode([7; 31]), &STANDARD.encode([7; 33])] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(Keys::load(data.path()), Err(KeyError::Malformed(_))), "{bad:?}");
        }
        fs::write(&path, STANDARD.encode([7; 32])).unwrap();
        assert_eq!(Keys::load(data.path()).unwrap().refresh.bytes(), &[7; 32]);
    }

    #[test]
    fn a_lost_fingerprint_key_is_not_replaced_beside_a_database() {
        let data = tempfile::tempdir().unwrap();
        fs::write(data.path().join("zas.sqlite"), "").unwrap();
        assert!(matches!(Keys::load(data.path()), Err(KeyError::Lost(_))));
    }

    #[test]
    fn a_key_never_shows() {
        let keys = Keys::random();
        let shown = format!("{keys:?} {:?}", keys.access);
        assert!(!shown.contains(&keys.access.to_base64()));
        assert!(!shown.contains(&format!("{:?}", keys.access.bytes())));
        assert!(keys.admin.matches(&keys.admin.to_base64()));
        assert!(!keys.admin.matches(&keys.access.to_base64()));
    }
}
