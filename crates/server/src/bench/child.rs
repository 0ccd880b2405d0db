//! The servers that are measured: this program again, in a process of its own on a core of its own.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use zas_load::process::{Usage, usage};

/// A server that does not listen by then does not work.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which processors this may use: one for the server, another for the generator.
#[derive(Clone)]
pub(super) struct Cores(Vec<usize>);

impl Cores {
    pub(super) fn find() -> Self {
        let set = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        Self((0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
    }

    /// Whether the two can be kept apart.
    pub(super) fn apart(&self) -> bool {
        self.0.len() > 1
    }

    fn keep_to(&self, nth: usize) {
        let Some(&core) = self.0.get(nth).filter(|_| self.apart()) else { return };
        let mut set = CpuSet::new();
        set.set(core);
        // Where it is not allowed, figures are only noisier.
        let _ = sched_setaffinity(None, &set);
    }

    /// Keeps the calling thread to the generator's core.
    pub(super) fn keep_generator(&self) {
        self.keep_to(1);
    }
}

/// A server; it is killed with the value.
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Server {
    /// Starts it and waits until it listens. The child inherits the core of the thread that starts it.
    pub(super) fn start(
        cores: &Cores,
        arguments: &[&str],
        data: &Path,
        database: Option<&str>,
    ) -> Result<Self, String> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.map_err(|error| error.to_string())?;
        Self::start_at(cores, arguments, data, database, address)
    }

    pub(super) fn start_at(
        cores: &Cores,
        arguments: &[&str],
        data: &Path,
        database: Option<&str>,
        address: SocketAddr,
    ) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ZAS_")) {
            command.env_remove(name);
        }
        // Not as an argument, which others can read.
        command.envs(database.map(|url| ("ZAS_DATABASE_URL", url)));
        command.args(arguments).arg("--data").arg(data).arg("--listen").arg(address.to_string());
        command.args(["--metrics-listen", "off", "--log", "error"]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        cores.keep_to(0);
        let child = command.spawn();
        cores.keep_generator();
        let mut server = Self { child: child.map_err(|error| error.to_string())?, address };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if let Ok(Some(status)) = server.child.try_wait() {
                return Err(format!("the server ended before it listened: {status}"));
            }
            if Instant::now() > until {
                return Err("the server does not listen".to_owned());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(server)
    }

    pub(super) fn usage(&self) -> Result<Usage, String> {
        usage(self.child.id()).map_err(|error| error.to_string())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
