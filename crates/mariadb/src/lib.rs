//! A MariaDB of a test's own: Debian's `mariadb-server` on a port of loopback and a folder of its own, gone
//! with the test however that ends. It is as durable as a real one, and small.
//!
//! Needs `mariadbd`, `mariadb-install-db` and `mariadb` (`apt-get install mariadb-server`).

#![allow(clippy::unwrap_used, reason = "what a test needs and does not get fails it")]

mod proxy;

use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub use proxy::Proxy;

/// The longest that a server takes to start, also after it was killed.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who connects. No administrator: what it may is what the guide says.
const USER: &str = "zas";
const PASSWORD: &str = "una clave";
/// What keeps it small. What makes it durable is as it comes.
const SMALL: [&str; 12] = [
    "--innodb-log-file-size=4M",
    "--innodb-undo-tablespaces=0",
    "--innodb-data-file-path=ibdata1:5M:autoextend",
    "--innodb-autoextend-increment=1",
    "--innodb-buffer-pool-size=32M",
    "--innodb-buffer-pool-dump-at-shutdown=0",
    "--innodb-buffer-pool-load-at-startup=0",
    "--performance-schema=OFF",
    "--aria-pagecache-buffer-size=1M",
    "--key-buffer-size=64K",
    "--skip-name-resolve",
    "--skip-log-bin",
];

/// A server.
pub struct Mariadb {
    folder: TempDir,
    port: u16,
    settings: Vec<String>,
    running: Option<Running>,
    databases: AtomicU32,
}

/// A process whose end is ours: the shell that started it ends it when this pipe closes.
struct Running {
    shell: Child,
    _ours: ChildStdin,
}

impl Mariadb {
    /// A server with nothing in it.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// And with more settings, as `--name=value`.
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&template(), &folder.path().join("data"));
        let settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        let mut server = Self { folder, port: 0, settings, running: None, databases: AtomicU32::new(0) };
        // The port may be somebody else's by the time it is asked for.
        for _try in 0..5 {
            server.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if server.run() {
                server.execute(&format!(
                    "CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON `zas%`.* TO '{USER}'@'%'"
                ));
                return server;
            }
        }
        panic!("mariadbd does not start: {}", server.log());
    }

    /// Starts it again after [`Self::kill`] or [`Self::stop`].
    pub fn start_again(&mut self) {
        assert!(self.run(), "mariadbd does not start again: {}", self.log());
    }

    /// Starts it again with other settings.
    pub fn start_again_with(&mut self, settings: &[&str]) {
        self.settings = settings.iter().map(|&setting| setting.to_owned()).collect();
        self.start_again();
    }

    /// Whether it takes connections; not if it ended.
    fn run(&mut self) -> bool {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = Command::new("sh");
        let _ = fs::remove_file(path("pid"));
        command
            .args([
                "-c",
                "\"$@\" & read -r _; kill -9 $! 2>/dev/null; wait",
                "sh",
                "mariadbd",
                "--no-defaults",
            ])
            .arg(format!("--datadir={}", path("data")))
            .arg(format!("--socket={}", path("socket")))
            .arg(format!("--pid-file={}", path("pid")))
            .arg(format!("--tmpdir={}", self.folder.path().display()))
            .arg(format!("--port={}", self.port))
            .arg("--bind-address=127.0.0.1")
            .args(SMALL)
            .args(&self.settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::options().create(true).append(true).open(path("log")).unwrap());
        if rustix::process::getuid().is_root() {
            command.arg("--user=root");
        }
        let mut shell = command.spawn().unwrap();
        let ours = shell.stdin.take().unwrap();
        self.running = Some(Running { shell, _ours: ours });
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            let answers = self.client().args(["-e", "DO 0"]).output().unwrap();
            if answers.status.success() {
                return true;
            }
            // It writes its number early, and takes it away when it ends.
            if started.elapsed() > Duration::from_secs(2) && self.pid().is_none() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        self.kill();
        false
    }

    /// What it said.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> std::net::SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The address of a new database.
    pub fn database(&self) -> String {
        let name = format!("zas{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("CREATE DATABASE {name}"));
        self.url(&name)
    }

    /// The address of a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        url_at(self.address(), database)
    }

    /// Runs statements as the administrator.
    pub fn execute(&self, sql: &str) {
        self.ask(sql);
    }

    /// What statements of the administrator answer: a line for each row, tabs between its values.
    pub fn ask(&self, sql: &str) -> String {
        let done = self.client().args(["-N", "-B", "-e", sql]).output().unwrap();
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn client(&self) -> Command {
        let mut command = Command::new("mariadb");
        let socket = self.folder.path().join("socket");
        command.args(["--no-defaults", "-uroot", "-S"]).arg(socket).stdin(Stdio::null());
        command
    }

    fn pid(&self) -> Option<Pid> {
        let text = fs::read_to_string(self.folder.path().join("pid")).ok()?;
        Pid::from_raw(text.trim().parse().ok()?)
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid().expect("it runs"), signal).unwrap();
    }

    /// Kills it, as a loss of power would if the disk kept what it was told to.
    pub fn kill(&mut self) {
        let pid = self.pid();
        let Some(mut running) = self.running.take() else { return };
        if let Some(pid) = pid {
            let _it_may_have_ended = kill_process(pid, Signal::KILL);
        }
        drop(running._ours);
        // The shell ends once the server has.
        running.shell.wait().unwrap();
    }

    /// Stops it in an orderly way.
    pub fn stop(&mut self) {
        let pid = self.pid().expect("it runs");
        self.signal(Signal::TERM);
        // It is there until the shell that waits for it is told to.
        let ended = |status: String| status.contains("\nState:\tZ");
        let status = format!("/proc/{}/status", pid.as_raw_nonzero());
        while !fs::read_to_string(&status).map_or(true, ended) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.kill();
    }

    /// Stops it in the middle of whatever it does; it keeps its connections.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
        // The signal is only asked for: on a busy machine its threads go on for a while.
        let asked = Instant::now();
        while !self.is_stopped() {
            assert!(asked.elapsed() < PATIENCE, "mariadbd does not stop");
            std::thread::yield_now();
        }
    }

    /// Whether none of its threads runs: its state is what follows the name (proc(5)).
    fn is_stopped(&self) -> bool {
        let Some(pid) = self.pid() else { return false };
        let Ok(threads) = fs::read_dir(format!("/proc/{}/task", pid.as_raw_pid())) else { return false };
        threads.flatten().all(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('T'))
        })
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The address of a database where something listens that leads there.
#[must_use]
pub fn url_at(address: std::net::SocketAddr, database: &str) -> String {
    format!("mysql://{USER}:{}@{address}/{database}", PASSWORD.replace(' ', "%20"))
}

/// A data folder as `mariadb-install-db` makes it: made once, since that takes seconds, beside the tests'
/// own binaries.
fn template() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    let folder = exe.parent().unwrap().join("mariadb-template");
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if folder.exists() {
        return folder;
    }
    let partial = folder.with_extension("partial");
    let _of_one_that_was_killed = fs::remove_dir_all(&partial);
    let mut command = Command::new("mariadb-install-db");
    command
        .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
        .arg(format!("--datadir={}", partial.display()))
        .args(SMALL);
    if rustix::process::getuid().is_root() {
        command.arg("--user=root");
    }
    let made = command.output().expect("mariadb-install-db is there: apt-get install mariadb-server");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::rename(&partial, &folder).unwrap();
    folder
}

fn copy(from: &Path, to: &Path) {
    let copied: io::Result<()> = (|| {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let target = to.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                copy(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target)?;
            }
        }
        Ok(())
    })();
    copied.unwrap();
}
