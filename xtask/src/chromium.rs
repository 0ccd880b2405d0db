//! The browser of the end-to-end tests: Debian's, since one that Playwright downloads is not for
//! every machine.

use std::path::PathBuf;

use crate::process::{Captured, capture, command, is_there};
use crate::steps::Note;

/// The browser: `ZAS_CHROMIUM`, else Debian's.
pub(crate) fn find() -> Option<PathBuf> {
    let named = std::env::var_os("ZAS_CHROMIUM").map(PathBuf::from);
    named
        .into_iter()
        .chain(
            ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].map(PathBuf::from),
        )
        .find(|path| path.is_file())
}

/// Whether apt-get is here and we may use it.
pub(crate) fn may_install() -> bool {
    is_there("apt-get") && std::fs::metadata("/proc/self").is_ok_and(|me| is_root(&me))
}

fn is_root(me: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    me.uid() == 0
}

/// Installs Debian's.
pub(crate) fn install(note: &Note<'_>) -> Captured {
    let updated = capture(command("apt-get").args(["update", "-q"]), note);
    if !updated.ok {
        return updated;
    }
    let mut apt = command("apt-get");
    apt.args(["install", "-y", "-q", "--no-install-recommends", "chromium", "fonts-noto-color-emoji"]);
    capture(apt.env("DEBIAN_FRONTEND", "noninteractive"), note)
}
