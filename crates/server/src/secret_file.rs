//! Files with a secret that somebody else has as well: an issuer's key, a webhook's.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// No such file is longer; more is not read.
const FILE_BYTES: u64 = 16 * 1024;

/// What a file holds that is no secret.
///
/// # Errors
/// A sentence for the prompt.
pub fn read_public(path: &Path) -> Result<String, String> {
    text(path, 0)
}

/// What a file holds that not everybody may read. Its group may, since the other side has to read it too.
///
/// # Errors
/// A sentence for the prompt.
pub fn read(path: &Path) -> Result<String, String> {
    text(path, 0o007)
}

fn text(path: &Path, forbidden: u32) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & forbidden != 0 {
        return Err(format!("{0} can be read by everybody; run: chmod 640 {0}", path.display()));
    }
    let mut text = String::new();
    file.take(FILE_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}
