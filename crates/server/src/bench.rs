//! `zas bench`: every figure that we quote, on the user's own machine, beside a bare loop in the same run.
//!
//! | module | what |
//! |---|---|
//! | [`bare`] | the loop that Zas is compared with |
//! | `child` | servers as processes of their own |
//! | `world` | accounts and rooms, made through the store |
//! | `measures` | what is measured, and how |
//! | `import` | how fast another app's database moves in |
//! | [`report`] | figures as a table and as JSON |
//!
//! To add a figure: a function in `measures` and its line in [`run`].

pub mod bare;
mod child;
mod import;
mod measures;
pub mod report;
mod world;

use std::time::{Duration, Instant};

use self::child::Cores;
use self::measures::Bench;
use self::report::{Audited, Report};

/// What is raised for a bench, since it is not people who write.
const RAISED: [&str; 9] = [
    "commands_per_minute=100000000",
    "commands_burst=1000000",
    "reads_per_minute=100000000",
    "signals_per_minute=100000000",
    "anonymous_sockets_per_address=100000",
    "connections_per_user=1000000",
    "resume_room_events=2000",
    "sign_ins_per_minute=1000000",
    "poll_ms=25000",
];

/// How much is measured.
#[derive(Debug, Clone)]
pub struct Options {
    /// Less of everything: within a minute.
    pub quick: bool,
    /// Only figures whose group's name contains this.
    pub only: Option<String>,
    /// How much of it all, for a test that only looks whether it works.
    pub scale: f64,
    /// A database on a server to measure in, which is emptied; its own file in a folder without it.
    pub database: Option<String>,
    /// An empty database on a MariaDB, in which to make a Django chat to import; not measured without it.
    pub import_from: Option<String>,
}

impl Options {
    fn count(&self, quick: usize, whole: usize) -> usize {
        let count = if self.quick { quick } else { whole };
        ((count as f64 * self.scale) as usize).max(4)
    }

    fn time(&self, quick: f64, whole: f64) -> Duration {
        Duration::from_secs_f64((if self.quick { quick } else { whole }) * self.scale.max(0.1))
    }

    fn wants(&self, group: &str) -> bool {
        self.only.as_deref().is_none_or(|only| group.contains(only))
    }
}

/// Measures. Says on standard error what it is at; `progress` false keeps quiet.
///
/// # Errors
/// A sentence: no room for the databases, too few open files, a server that does not start.
pub fn run(options: &Options, progress: bool) -> Result<Report, String> {
    let began = Instant::now();
    let cores = Cores::find();
    raise_open_files();
    let mut bench = Bench::new(options.clone(), cores.clone(), progress)?;
    if let Some(from) = options.import_from.as_deref().filter(|_| options.wants("import")) {
        // No generator takes a core from it.
        let all = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
        all.block_on(bench.import(from))?;
    }
    cores.keep_generator();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        if options.wants("messages") {
            bench.messages().await?;
        }
        if options.wants("groups") {
            bench.groups().await?;
        }
        if options.wants("idle") {
            bench.idle().await?;
        }
        if options.wants("resume") {
            bench.resume().await?;
        }
        if options.wants("stored") {
            bench.stored().await?;
        }
        Ok::<(), String>(())
    })?;
    let (figures, audit) = bench.done();
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        build: if cfg!(debug_assertions) { "development build: not for quoting" } else { "optimised build" },
        cores: std::thread::available_parallelism().map_or(1, usize::from).max(if cores.apart() {
            2
        } else {
            1
        }),
        apart: cores.apart(),
        raised: RAISED.to_vec(),
        figures,
        audit: Audited { ..audit },
        took_s: began.elapsed().as_secs_f64(),
    })
}

/// As many open files as may be had: a connection is one at each end.
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
