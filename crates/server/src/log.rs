//! What is logged. The libraries below print, when asked for detail, what passes through them: frames and
//! headers, and so messages and tokens. Whatever is asked for, theirs ends at `info`; the detail is of our
//! own code, which logs neither.

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, registry};

use crate::config::LogFormat;

/// What our own crates' names begin with.
const OURS: &str = "zas";

/// Writes what `directives` (`log` in the settings) ask for; `ansi` is for a terminal.
///
/// # Errors
/// A sentence about directives that cannot be read.
pub fn subscriber(
    directives: &str,
    format: LogFormat,
    ansi: bool,
    writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static,
) -> Result<Box<dyn Subscriber + Send + Sync>, String> {
    let filter = EnvFilter::try_new(directives).map_err(|error| format!("log: {error}"))?;
    let chosen = registry().with(filter).with(filter_fn(may_be_told));
    let lines = fmt::layer().with_ansi(ansi).with_writer(writer);
    Ok(match format {
        LogFormat::Text => Box::new(chosen.with(lines)),
        LogFormat::Json => Box::new(chosen.with(lines.json())),
    })
}

fn may_be_told(line: &Metadata<'_>) -> bool {
    *line.level() <= Level::INFO || line.target().starts_with(OURS)
}
