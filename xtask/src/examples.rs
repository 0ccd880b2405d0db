//! What the examples' tests install by themselves, as their READMEs say: packages from npm and from PyPI. This
//! says whether they may and can.

use crate::debian;
use crate::process::{Captured, capture_quietly, command, is_there};
use crate::steps::Note;

/// Programs that the READMEs' commands call, and Debian's packages of the same names.
const PROGRAMS: [&str; 2] = ["curl", "openssl"];

/// Left there by the tests once they have installed.
const INSTALLED: [&str; 2] = ["examples/nextjs/node_modules/.installed", "examples/django/.venv/installed"];

/// Whether all is there, so that nothing has to be downloaded. What has changed since, the tests see.
pub(crate) fn ready() -> bool {
    missing().is_empty() && INSTALLED.iter().all(|path| crate::root().join(path).is_file())
}

fn missing() -> Vec<&'static str> {
    let mut missing: Vec<&str> = PROGRAMS.into_iter().filter(|program| !is_there(program)).collect();
    if !capture_quietly(command("python3").args(["-m", "ensurepip", "--version"])).ok {
        missing.push("python3-venv");
    }
    missing
}

/// What to say where it is not.
pub(crate) fn say() -> String {
    "not installed; --install lets the tests do as their READMEs say (npm ci, pip install)".into()
}

/// Brings what the READMEs' commands take for granted.
pub(crate) fn prepare(note: &Note<'_>) -> Captured {
    let missing = missing();
    if missing.is_empty() || !debian::may_install() {
        return Captured { ok: missing.is_empty(), text: missing.join(" ") };
    }
    debian::apt_get(&missing, note)
}
