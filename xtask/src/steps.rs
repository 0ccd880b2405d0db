//! Numbered steps with elapsed time: one live line on a terminal, plain lines elsewhere. Lanes
//! run side by side; the steps of a lane one after the other.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::report::Counts;

/// How a step ended.
pub(crate) enum Outcome {
    /// Well; with how many tests, where it counts any.
    Passed(Counts),
    /// Badly; with what to show.
    Failed(Counts, String),
    /// Not at all, and why.
    Skipped(String),
}

type Work<'a> = Box<dyn FnOnce(&Note<'_>) -> Outcome + Send + 'a>;

/// One thing to do.
pub(crate) struct Step<'a> {
    name: &'static str,
    /// Whether what follows in the lane makes no sense without it.
    gate: bool,
    work: Work<'a>,
}

impl<'a> Step<'a> {
    /// A step whose failure does not stop the lane.
    pub(crate) fn check(name: &'static str, work: impl FnOnce(&Note<'_>) -> Outcome + Send + 'a) -> Self {
        Self { name, gate: false, work: Box::new(work) }
    }

    /// A step that the rest of its lane needs.
    pub(crate) fn gate(name: &'static str, work: impl FnOnce(&Note<'_>) -> Outcome + Send + 'a) -> Self {
        Self { name, gate: true, work: Box::new(work) }
    }
}

/// A step that ended.
pub(crate) struct Finished {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
}

/// Where a running step says what it is at.
pub(crate) struct Note<'a> {
    board: &'a Board,
    number: usize,
}

impl Note<'_> {
    /// Replaces what is shown beside the step's name.
    pub(crate) fn say(&self, text: &str) {
        let text = text.trim();
        if let (false, Some(row)) =
            (text.is_empty(), self.board.lock().running.iter_mut().find(|row| row.number == self.number))
        {
            text.clone_into(&mut row.detail);
        }
    }
}

struct Running {
    number: usize,
    name: &'static str,
    since: Instant,
    detail: String,
    said: Instant,
}

#[derive(Default)]
struct State {
    running: Vec<Running>,
    /// The number of the last step begun or passed over.
    last: usize,
    lanes_open: usize,
}

/// Shows steps as they run.
pub(crate) struct Board {
    total: usize,
    live: bool,
    state: Mutex<State>,
    changed: Condvar,
}

/// How often the live line is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// How often a long step says, without a terminal, that it is alive.
const SAY_EVERY: Duration = Duration::from_secs(30);

impl Board {
    /// A board for so many steps in all.
    pub(crate) fn new(total: usize) -> Self {
        let live = std::io::stdout().is_terminal();
        Self { total, live, state: Mutex::default(), changed: Condvar::new() }
    }

    /// Runs lanes side by side to their ends. Steps are numbered as they begin.
    pub(crate) fn run<'a>(&self, lanes: Vec<Vec<Step<'a>>>) -> Vec<Finished> {
        self.lock().lanes_open = lanes.len();
        thread::scope(|scope| {
            let handles: Vec<_> = lanes.into_iter().map(|lane| scope.spawn(|| self.lane(lane))).collect();
            self.watch();
            handles
                .into_iter()
                .flat_map(|handle| handle.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }

    fn lane(&self, lane: Vec<Step<'_>>) -> Vec<Finished> {
        let _open = OpenLane(self);
        let mut stopped_by: Option<&'static str> = None;
        lane.into_iter()
            .map(|step| {
                let name = step.name;
                let outcome = match stopped_by {
                    Some(cause) => self.pass_over(name, cause),
                    None => self.step(name, step.work),
                };
                if step.gate && stopped_by.is_none() && !matches!(outcome, Outcome::Passed(_)) {
                    stopped_by = Some(name);
                }
                Finished { name, outcome }
            })
            .collect()
    }

    fn step(&self, name: &'static str, work: Work<'_>) -> Outcome {
        let since = Instant::now();
        let number = {
            let mut state = self.lock();
            state.last += 1;
            let number = state.last;
            state.running.push(Running { number, name, since, detail: String::new(), said: since });
            if !self.live {
                println!("[{number}/{}] {name} …", self.total);
            }
            number
        };
        let outcome = work(&Note { board: self, number });
        let mut state = self.lock();
        state.running.retain(|row| row.number != number);
        self.line(number, name, &outcome, Some(since.elapsed()));
        outcome
    }

    fn pass_over(&self, name: &'static str, cause: &str) -> Outcome {
        let mut state = self.lock();
        state.last += 1;
        let outcome = Outcome::Skipped(format!("needs \"{cause}\""));
        self.line(state.last, name, &outcome, None);
        outcome
    }

    fn line(&self, number: usize, name: &str, outcome: &Outcome, took: Option<Duration>) {
        let how = match outcome {
            Outcome::Passed(counts) if counts.total() > 1 => format!("ok, {} tests", counts.total()),
            Outcome::Passed(_) => "ok".into(),
            Outcome::Failed(counts, _) if counts.total() > 1 => {
                format!("FAILED, {} of {}", counts.failed, counts.total())
            }
            Outcome::Failed(..) => "FAILED".into(),
            Outcome::Skipped(why) => format!("SKIPPED: {why}"),
        };
        let took = took.map(|took| format!("  {}", seconds(took))).unwrap_or_default();
        let clear = if self.live { "\r\x1b[2K" } else { "" };
        println!("{clear}[{number}/{}] {name}: {how}{took}", self.total);
    }

    /// Draws until every lane has ended.
    fn watch(&self) {
        let mut state = self.lock();
        while state.lanes_open > 0 {
            if self.live {
                self.draw(&state);
            } else {
                self.say_alive(&mut state);
            }
            state = self.changed.wait_timeout(state, DRAW_EVERY).unwrap_or_else(PoisonError::into_inner).0;
        }
        if self.live {
            print!("\r\x1b[2K");
            flush();
        }
    }

    fn draw(&self, state: &State) {
        let width =
            std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok()).unwrap_or(80);
        let rows: Vec<String> = state
            .running
            .iter()
            .map(|row| {
                let head = format!(
                    "[{}/{}] {} … {}",
                    row.number,
                    self.total,
                    row.name,
                    seconds(row.since.elapsed())
                );
                if state.running.len() == 1 { format!("{head}  {}", row.detail) } else { head }
            })
            .collect();
        let line: String = rows.join("   ").chars().take(width.saturating_sub(1)).collect();
        print!("\r\x1b[2K{line}");
        flush();
    }

    fn say_alive(&self, state: &mut State) {
        for row in &mut state.running {
            if row.said.elapsed() >= SAY_EVERY {
                row.said = Instant::now();
                let (number, elapsed) = (row.number, seconds(row.since.elapsed()));
                println!("[{number}/{}] {} … {elapsed}  {}", self.total, row.name, row.detail);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends its lane for the watcher even when a step panics.
struct OpenLane<'a>(&'a Board);

impl Drop for OpenLane<'_> {
    fn drop(&mut self) {
        self.0.lock().lanes_open -= 1;
        self.0.changed.notify_all();
    }
}

fn flush() {
    // A screen that is gone is no reason to stop.
    let _ = std::io::stdout().flush();
}

fn seconds(elapsed: Duration) -> String {
    match elapsed.as_secs() {
        short @ ..=99 => format!("{short} s"),
        long => format!("{} min {} s", long / 60, long % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(finished: &[Finished]) -> Vec<(&str, &str)> {
        finished
            .iter()
            .map(|step| {
                let how = match &step.outcome {
                    Outcome::Passed(_) => "passed",
                    Outcome::Failed(..) => "failed",
                    Outcome::Skipped(_) => "skipped",
                };
                (step.name, how)
            })
            .collect()
    }

    #[test]
    fn a_gate_that_fails_stops_its_lane_and_no_other() {
        let failed = || Outcome::Failed(Counts::ONE_FAILED, "no".into());
        let board = Board::new(4);
        let finished = board.run(vec![
            vec![
                Step::gate("install", move |_| failed()),
                Step::check("build", |_| Outcome::Passed(Counts::ONE)),
            ],
            vec![
                Step::check("lint", move |_| failed()),
                Step::check("test", |_| Outcome::Passed(Counts::ONE)),
            ],
        ]);
        assert_eq!(
            names(&finished),
            [("install", "failed"), ("build", "skipped"), ("lint", "failed"), ("test", "passed")]
        );
    }
}
