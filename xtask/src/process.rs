//! Child processes: their lines captured, the last one shown while they run.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Sender, channel};

use crate::steps::Note;

/// A command of this workspace, run in its root.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(crate::root()).stdin(Stdio::null());
    command
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    let mut command = command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command.env("CARGO_TERM_COLOR", "never").env("CARGO_TERM_PROGRESS_WHEN", "never");
    command
}

/// Whether a program of this name is on the `PATH`.
pub(crate) fn is_there(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| is_program(&folder.join(program))))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// How a child ended, and all it wrote (both streams, line by line as they came).
pub(crate) struct Captured {
    pub(crate) ok: bool,
    pub(crate) text: String,
}

/// Runs a command to its end; its latest line is noted beside the step's name.
pub(crate) fn capture(command: &mut Command, note: &Note<'_>) -> Captured {
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(why) => {
            let program = command.get_program().to_string_lossy();
            return Captured { ok: false, text: format!("{program} did not start: {why}\n") };
        }
    };
    let (sender, lines) = channel();
    let mut text = String::new();
    std::thread::scope(|scope| {
        if let Some(out) = child.stdout.take() {
            let sender = sender.clone();
            scope.spawn(move || forward(out, &sender));
        }
        if let Some(err) = child.stderr.take() {
            scope.spawn(move || forward(err, &sender));
        }
        for line in lines {
            note.say(&line);
            text.push_str(&line);
            text.push('\n');
        }
    });
    Captured { ok: child.wait().is_ok_and(|status| status.success()), text }
}

/// Runs a command to its end, without showing anything; first its output, then its errors.
pub(crate) fn capture_quietly(command: &mut Command) -> Captured {
    match command.stdin(Stdio::null()).output() {
        Ok(done) => {
            let text = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            Captured { ok: done.status.success(), text: text.concat() }
        }
        Err(why) => {
            let program = command.get_program().to_string_lossy();
            Captured { ok: false, text: format!("{program} did not start: {why}\n") }
        }
    }
}

fn forward(stream: impl Read, lines: &Sender<String>) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let sent = lines.send(String::from_utf8_lossy(&line).trim_end().to_owned());
        line.clear();
        if sent.is_err() {
            return;
        }
    }
}
