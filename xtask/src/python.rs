//! Python, for tools of others that no crate replaces: WebSocket conformance and fuzzing by a schema. They
//! live in a virtual environment below `target`; the tests are told of it by `ZAS_PYTHON`.

use std::fs;
use std::path::PathBuf;

use crate::debian;
use crate::process::{Captured, capture, capture_quietly, command};
use crate::steps::Note;

/// What is installed, in the versions that the tests were written for.
const TOOLS: [&str; 2] = ["kosoku==0.1.0", "schemathesis==4.32.5"];

fn folder() -> PathBuf {
    crate::root().join("target/xtask/python")
}

fn stamp() -> PathBuf {
    folder().join("zas-tools")
}

/// The interpreter that has the tools: `ZAS_PYTHON`, else ours, if it is there.
pub(crate) fn found() -> Option<PathBuf> {
    let named = std::env::var_os("ZAS_PYTHON").map(PathBuf::from);
    let ours = || fs::read_to_string(stamp()).is_ok_and(|tools| tools == TOOLS.join(" "));
    named.or_else(|| ours().then(|| folder().join("bin/python")))
}

/// What to say where it is not.
pub(crate) fn say() -> String {
    format!("not here; a Python that has {} is named by ZAS_PYTHON", TOOLS.join(" and "))
}

/// Makes the environment anew, with the tools.
pub(crate) fn install(note: &Note<'_>) -> Captured {
    if !capture_quietly(command("python3").args(["-m", "ensurepip", "--version"])).ok && debian::may_install()
    {
        let installed = debian::apt_get(&["python3-venv"], note);
        if !installed.ok {
            return installed;
        }
    }
    let made = capture(command("python3").args(["-m", "venv", "--clear"]).arg(folder()), note);
    if !made.ok {
        return made;
    }
    let mut pip = command(&folder().join("bin/python").to_string_lossy());
    let mut done =
        capture(pip.args(["-m", "pip", "install", "--disable-pip-version-check"]).args(TOOLS), note);
    if done.ok
        && let Err(why) = fs::write(stamp(), TOOLS.join(" "))
    {
        done = Captured { ok: false, text: format!("{}: {why}", stamp().display()) };
    }
    done
}
