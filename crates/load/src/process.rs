//! What a process costs, as Linux counts (`proc(5)`).

use std::fs;
use std::io;
use std::time::Duration;

/// A look at a process.
#[derive(Debug, Clone, Copy)]
pub struct Usage {
    /// Time on a processor, all threads that live, since it began.
    pub cpu: Duration,
    /// Memory that is its own, in KiB.
    pub rss_kib: u64,
}

/// Looks at a process; at oneself with `std::process::id()`.
///
/// # Errors
/// When there is none, or no `/proc`.
pub fn usage(pid: u32) -> io::Result<Usage> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end between the two.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanos += text.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    }
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let rss_kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok())
        .unwrap_or(0);
    Ok(Usage { cpu: Duration::from_nanos(nanos), rss_kib })
}
