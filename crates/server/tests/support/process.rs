//! The program itself as a child: started on a folder, talked to, killed, started again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use super::PATIENCE;

/// A password that is good enough.
pub(crate) const PASSWORD: &str = "una frase de paso";

/// The program with its data in a folder, and nothing of the environment's settings.
pub(crate) fn zas(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_zas"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ZAS_")) {
        command.env_remove(name);
    }
    command.arg("--data").arg(data).env("ZAS_METRICS_LISTEN", "off").stdin(Stdio::null());
    command
}

pub(crate) fn with_input(mut command: Command, input: &str) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// An account with [`PASSWORD`].
pub(crate) fn make_account(data: &Path, username: &str) {
    let mut command = zas(data);
    let email = format!("{username}@example.org");
    command.args(["admin", "user", "create", username, "--email", &email, "--password-stdin"]);
    let made = with_input(command, &format!("{PASSWORD}\n"));
    assert!(made.status.success(), "{made:?}");
}

/// Nobody listens there.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// How to start it.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) data: PathBuf,
    port: u16,
    /// Where it listens for metrics and orders, if it does.
    metrics: Option<SocketAddr>,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// What runs the program, if something does.
    wrapper: Vec<String>,
    /// All that it logged, over all its lives.
    log: Arc<Mutex<String>>,
}

impl Setup {
    /// On a folder, at a free port that it keeps from life to life.
    pub(crate) fn new(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            port: free_address().port(),
            metrics: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            wrapper: Vec::new(),
            log: Arc::default(),
        }
    }

    pub(crate) fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self
    }

    /// Listens for metrics and orders, which the tests of most things do without.
    pub(crate) fn with_metrics(mut self) -> Self {
        let address = free_address();
        self.metrics = Some(address);
        self.environment("ZAS_METRICS_LISTEN", &address.to_string())
    }

    /// Where it listens for metrics and orders.
    pub(crate) fn metrics_address(&self) -> String {
        self.metrics.expect("it listens for metrics").to_string()
    }

    /// What its metrics say now of one of them.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let url = format!("http://{}/metrics", self.metrics.expect("it listens for metrics"));
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
        value.unwrap_or_default()
    }

    /// Gives the running program an order, as an administrator does at the prompt.
    pub(crate) async fn order(&self, words: &[&str]) {
        let mut command = zas(&self.data);
        let metrics = self.metrics.expect("it listens for orders").to_string();
        command.env("ZAS_METRICS_LISTEN", metrics).arg("admin").args(words);
        let carried_out = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(carried_out.status.success(), "{words:?}: {carried_out:?}");
    }

    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives the program a data folder in memory of so many bytes, which only it sees; others find it
    /// below `/proc/PID/root`. Needs no rights: the program is root of a namespace of its own.
    pub(crate) fn on_a_small_disk(mut self, bytes: usize) -> Self {
        std::fs::create_dir_all(&self.data).unwrap();
        let mount = format!("mount -t tmpfs -o size={bytes},mode=700 none \"$0\" && exec \"$@\"");
        let data = self.data.to_string_lossy().into_owned();
        let words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", &mount, &data];
        self.wrapper = words.map(str::to_owned).to_vec();
        self
    }

    fn command(&self) -> Command {
        let plain = zas(&self.data);
        let Some((first, rest)) = self.wrapper.split_first() else { return plain };
        let mut wrapped = Command::new(first);
        wrapped.args(rest).arg(plain.get_program()).args(plain.get_args()).stdin(Stdio::null());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        wrapped
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Keeps what a process logs from now to its end, beside what the program does. The lines come out
    /// too, for who waits for one; the thread ends with the last of them.
    pub(crate) fn log_from(&self, stderr: ChildStderr) -> (mpsc::Receiver<String>, JoinHandle<()>) {
        let (lines, read) = mpsc::channel();
        let log = self.log.clone();
        let keeping = std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
                drop(log);
                let _ = lines.send(line);
            }
        });
        (read, keeping)
    }

    /// Starts it, and waits until it listens.
    pub(crate) async fn start(&self) -> Running {
        let mut command = self.command();
        command
            .args(["serve", "--listen", &format!("127.0.0.1:{}", self.port)])
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (lines, keeping) = self.log_from(child.stderr.take().unwrap());
        let running = Running { child, url: self.url(), keeping: Some(keeping) };
        let announced = tokio::task::spawn_blocking(move || {
            lines.iter().find(|line| line.contains("listening")).expect("the server listens before it ends")
        });
        timeout(PATIENCE, announced).await.unwrap().unwrap();
        running
    }
}

/// A running server; killed if a test leaves it.
pub(crate) struct Running {
    child: Child,
    pub(crate) url: String,
    /// Keeps what it logs.
    keeping: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as the kernel does when memory is short.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; the status it ends with.
    pub(crate) async fn stop(self) -> Option<i32> {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Waits for its end, as long as draining may take, and until all that it logged is kept.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        let ended = tokio::task::spawn_blocking(move || {
            let code = self.child.wait().unwrap().code();
            if let Some(keeping) = self.keeping.take() {
                keeping.join().unwrap();
            }
            code
        });
        timeout(3 * PATIENCE, ended).await.unwrap().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
