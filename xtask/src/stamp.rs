//! One number that stands for the contents of many files.

use std::fs;
use std::path::{Path, PathBuf};

/// FNV-1a, 64 bits: the same on every machine and for every release of Rust, unlike the standard
/// library's hasher. It guards against forgetting, not against malice.
#[derive(Clone, Copy)]
pub(crate) struct Stamp(u64);

impl Stamp {
    pub(crate) const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes.iter().chain(&(bytes.len() as u64).to_le_bytes()) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// Adds a file, or every file below a folder; what is absent counts as absent.
    pub(crate) fn add_path(&mut self, root: &Path, relative: &str) {
        for path in files(&root.join(relative)) {
            self.add(path.strip_prefix(root).unwrap_or(&path).as_os_str().as_encoded_bytes());
            self.add(&fs::read(&path).unwrap_or_default());
        }
    }

    pub(crate) fn hex(self) -> String {
        format!("{:016x}", self.0)
    }
}

/// What builds and tools leave beside sources.
const NOT_SOURCES: [&str; 6] = ["node_modules", "dist", "target", "output", "generated", "static"];

/// Every source file at or below a path, in order of name.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_path_buf()];
    }
    let mut entries: Vec<PathBuf> =
        fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    entries
        .into_iter()
        .filter(|entry| {
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            !NOT_SOURCES.contains(&&*name) && !name.starts_with('.')
        })
        .flat_map(|entry| files(&entry))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_fnv_1a_of_each_part_and_its_length() {
        assert_eq!(Stamp::new().hex(), "cbf29ce484222325");
        let (mut joined, mut split) = (Stamp::new(), Stamp::new());
        joined.add(b"ab");
        split.add(b"a");
        split.add(b"b");
        assert_ne!(joined.hex(), split.hex());
    }
}
