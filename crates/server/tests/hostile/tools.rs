//! Python, where tools of others live that no crate replaces. `ZAS_PYTHON` names one that has them, and
//! then they must be there; else they are asked of `python3` and left out, aloud, where it has none.
//! They come by `python3 -m venv DIR && DIR/bin/pip install kosoku==0.1.0 schemathesis==4.32.5`.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

/// An interpreter.
pub(super) struct Python(OsString);

impl Python {
    /// One that has a module.
    #[expect(clippy::print_stdout, reason = "what is left out is said aloud")]
    pub(super) fn with(module: &str) -> Option<Self> {
        let asked = std::env::var_os("ZAS_PYTHON");
        let python = asked.clone().unwrap_or_else(|| "python3".into());
        let mut import = std::process::Command::new(&python);
        import.args(["-c", &format!("import {module}")]).stderr(Stdio::null());
        if import.status().is_ok_and(|status| status.success()) {
            return Some(Self(python));
        }
        assert!(asked.is_none(), "ZAS_PYTHON has no module {module}");
        println!("left out: python3 has no module {module}");
        None
    }

    /// What a program prints, with its arguments. It has so long.
    pub(super) async fn run(&self, arguments: Vec<String>, patience: Duration) -> String {
        // Some leave files behind where they are run.
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(&self.0);
        command
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .stdout(Stdio::piped());
        let output =
            timeout(patience, command.kill_on_drop(true).output()).await.expect("it ends in time").unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stdout).unwrap()
    }
}
