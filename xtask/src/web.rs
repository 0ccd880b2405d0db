//! The web side: Node, its packages, the builds. Nothing here downloads but `npm ci`.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::process::{Captured, capture, command};
use crate::stamp::Stamp;
use crate::steps::Note;

/// What the `engines` field of `package.json` asks for.
const NODE: (u32, u32) = (20, 19);

/// Everything the built client is made of.
const SOURCES: [&str; 5] = ["web/sdk", "web/app", "package.json", "package-lock.json", ".npmrc"];

/// Where the built client is.
pub(crate) fn built() -> PathBuf {
    crate::root().join("web/app/dist")
}

/// Why the web side cannot be built here, if it cannot.
pub(crate) fn missing() -> Option<String> {
    let need = format!("Node {}.{} or newer, with npm,", NODE.0, NODE.1);
    let Some(version) = node_version() else {
        return Some(format!("{need} is not here"));
    };
    let found = parse(&version);
    (found < Some(NODE)).then(|| format!("{need} is needed; here is {version}"))
}

fn node_version() -> Option<String> {
    let output = Command::new("node").arg("--version").stderr(Stdio::null()).output().ok()?;
    Command::new("npm").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.trim_start_matches('v').split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Whether the installed packages are those of the lock: npm writes its own copy of the lock last.
pub(crate) fn is_installed() -> bool {
    let age = |path: &str| fs::metadata(crate::root().join(path)).and_then(|found| found.modified()).ok();
    let installed = age("node_modules/.package-lock.json");
    installed.is_some() && installed >= age("package-lock.json")
}

/// Installs exactly what the lock names, if it is not there.
pub(crate) fn install(note: &Note<'_>) -> Captured {
    if is_installed() {
        return Captured { ok: true, text: String::new() };
    }
    let mut npm = command("npm");
    npm.args(["ci", "--no-fund", "--no-audit"]).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    capture(&mut npm, note)
}

/// Runs a script of one workspace.
pub(crate) fn script(name: &str, workspace: &str, note: &Note<'_>) -> Captured {
    let mut npm = command("npm");
    capture(npm.args(["run", "--silent", name, "-w", workspace]), note)
}

/// A tool that npm installed.
pub(crate) fn tool(name: &str, folder: &str) -> Command {
    let mut tool = command(&crate::root().join("node_modules/.bin").join(name).to_string_lossy());
    tool.current_dir(crate::root().join(folder)).env("NO_COLOR", "1");
    tool
}

/// Builds the SDK and the client, unless nothing they are made of has changed.
pub(crate) fn build(note: &Note<'_>) -> Captured {
    let root = crate::root();
    let stamp_file = root.join("target/xtask/web.stamp");
    let mut stamp = Stamp::new();
    for source in SOURCES {
        stamp.add_path(&root, source);
    }
    let fresh = fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp.hex());
    if fresh && built().join("index.html").is_file() {
        return Captured { ok: true, text: String::new() };
    }
    for workspace in ["web/sdk", "web/app"] {
        let built = script("build", workspace, note);
        if !built.ok {
            return built;
        }
    }
    // A stamp that cannot be written costs a build next time, no more.
    let _ = fs::create_dir_all(root.join("target/xtask")).and_then(|()| fs::write(&stamp_file, stamp.hex()));
    Captured { ok: true, text: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_is_compared_by_number() {
        assert!(parse("v20.19.0") >= Some(NODE));
        assert!(parse("v22.1.0") >= Some(NODE));
        assert!(parse("v20.9.5") < Some(NODE));
        assert!(parse("") < Some(NODE));
    }
}
