//! What was said here, written where others can read it.
//!
//! | module | what |
//! |---|---|
//! | [`django`] | back into the tables of the app that moved in |
//! | [`folder`], `page` | into a folder: JSON Lines for programs, pages for people |
//!
//! To export to something else: a module beside them, and its subcommand in `cli`.

pub mod django;
pub mod folder;
mod page;

use std::path::Path;

use futures_util::TryStreamExt as _;
use tokio::io::AsyncWriteExt as _;
use zas_protocol::{Attachment, FileId};
use zas_store::StoreError;

use crate::files::Files;

/// Why an export ended early. What was written until then stays.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The app's database.
    #[error("the app's database: {0}")]
    Old(StoreError),
    /// Ours.
    #[error("the database of Zas: {0}")]
    Ours(#[from] StoreError),
    /// Something that is no database, in words.
    #[error("{0}")]
    File(String),
}

/// What the copy of a file is called: its id, which is nobody's text, and the ending of its name.
fn file_name(attachment: &Attachment) -> String {
    let ending = Path::new(&attachment.name).extension().and_then(|ending| ending.to_str());
    let good = |ending: &&str| ending.len() <= 8 && ending.chars().all(|c| c.is_ascii_alphanumeric());
    match ending.filter(good) {
        Some(ending) => format!("{}.{ending}", attachment.file),
        None => attachment.file.to_string(),
    }
}

/// Copies a file's bytes; false where they are not here any more.
async fn copy(files: &Files, file: FileId, to: &Path) -> Result<bool, ExportError> {
    let failed = |error: &dyn std::fmt::Display| ExportError::File(format!("{}: {error}", to.display()));
    let bytes = files.read(file, None).await.map_err(|error| failed(&error.code.name()))?;
    let Some(mut bytes) = bytes else { return Ok(false) };
    let mut file = tokio::fs::File::create(to).await.map_err(|error| failed(&error))?;
    while let Some(piece) = bytes.try_next().await.map_err(|error| failed(&error))? {
        file.write_all(&piece).await.map_err(|error| failed(&error))?;
    }
    file.sync_all().await.map_err(|error| failed(&error))?;
    Ok(true)
}
