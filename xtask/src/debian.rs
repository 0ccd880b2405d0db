//! What some tests need from outside, as Debian packages. A new one is a row in [`NEEDS`].

use std::path::{Path, PathBuf};

use crate::process::{Captured, capture, command, is_there};
use crate::steps::Note;

/// Something from outside, and the tests that cannot run without it.
pub(crate) struct Need {
    /// The Debian package.
    package: &'static str,
    /// Where its file is found: one of these.
    files: &'static [&'static str],
    /// The tests that need it, as a filter of nextest.
    pub(crate) tests: &'static str,
}

const NEEDS: [Need; 5] = [
    Need {
        package: "faketime",
        files: &[
            "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
            "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
        ],
        tests: "binary(clock) | binary(doctor)",
    },
    Need { package: "nginx-light", files: &["/usr/sbin/nginx"], tests: "binary(doctor)" },
    Need { package: "caddy", files: &["/usr/bin/caddy"], tests: "binary(doctor)" },
    Need { package: "openssl", files: &["/usr/bin/openssl"], tests: "binary(doctor)" },
    Need { package: "mariadb-server", files: &["/usr/sbin/mariadbd"], tests: "test(mariadb::)" },
];

/// What the Rust tests need and is not here.
pub(crate) fn missing() -> Vec<&'static Need> {
    NEEDS.iter().filter(|need| !need.files.iter().any(|file| Path::new(file).is_file())).collect()
}

/// A sentence on what is missing.
pub(crate) fn say(missing: &[&Need]) -> String {
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    format!("not here; Debian has it: apt-get install {}", packages.join(" "))
}

/// Installs what is missing.
pub(crate) fn install(missing: &[&Need], note: &Note<'_>) -> Captured {
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    apt_get(&packages, note)
}

/// The browser of the end-to-end tests: `ZAS_CHROMIUM`, else Debian's, since one that Playwright
/// downloads is not for every machine.
pub(crate) fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("ZAS_CHROMIUM").map(PathBuf::from);
    named
        .into_iter()
        .chain(
            ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].map(PathBuf::from),
        )
        .find(|path| path.is_file())
}

/// Installs Debian's browser.
pub(crate) fn install_chromium(note: &Note<'_>) -> Captured {
    apt_get(&["chromium", "fonts-noto-color-emoji"], note)
}

/// Whether apt-get is here and we may use it.
pub(crate) fn may_install() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    is_there("apt-get") && std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

/// Installs packages.
pub(crate) fn apt_get(packages: &[&str], note: &Note<'_>) -> Captured {
    let updated = capture(command("apt-get").args(["update", "-q"]), note);
    if !updated.ok {
        return updated;
    }
    let mut apt = command("apt-get");
    apt.args(["install", "-y", "-q", "--no-install-recommends"]).args(packages);
    capture(apt.env("DEBIAN_FRONTEND", "noninteractive"), note)
}
