//! The commit batcher: many commands, one commit. Idle, a command commits alone and at once;
//! while a commit is on its way the next ones gather, and go together when it is back. No timer
//! delays anything.
//!
//! Tickets are the driver's: a command with the way to answer it. They move out with
//! [`Effect::Commit`] and come back with what happened, so that each is always in one place. Only
//! the driver of the store owns a batch in flight; a client that goes away changes nothing here.
//!
//! | a batch | what follows |
//! |---|---|
//! | was answered, well or badly | the next one |
//! | failed, and was rolled back | again whole, then one by one: a bad row never fails its neighbours |
//! | is lost: nobody knows whether it committed | the queue is held until its names are re-read; past [`GIVE_UP`] it and all behind it are `unknown` |

use std::collections::VecDeque;

use zas_protocol::{Limits, Micros};

/// How long after a lost commit the queue is held, in microseconds.
pub const GIVE_UP: Micros = 5_000_000;
/// How long after a re-reading that failed the next is tried, in microseconds.
pub const RECHECK_EVERY: Micros = 250_000;

/// What the driver says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input<T> {
    /// A command to commit.
    Submit(T),
    /// Every ticket of the batch is answered: it committed, or all of it was refused for a
    /// reason that is not in its rows (a full disk).
    Answered,
    /// The batch was rolled back; its tickets, in their order.
    Failed(Vec<T>),
    /// The connection was lost during COMMIT; its tickets, in their order.
    Lost(Vec<T>),
    /// The lost batch was re-read and what was found stored is answered; the tickets that are
    /// certainly not stored, in their order.
    Rechecked(Vec<T>),
    /// The lost batch could not be re-read; its tickets, in their order.
    RecheckFailed(Vec<T>),
    /// Time passed.
    Tick,
}

/// What the driver does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect<T> {
    /// Run these in one transaction and come back with [`Input::Answered`], [`Input::Failed`] or
    /// [`Input::Lost`].
    Commit(Vec<T>),
    /// The queue is full: answer `overloaded`.
    Refuse(T),
    /// It failed alone, too: answer with its error.
    Fail(T),
    /// Look which of these are stored and come back with [`Input::Rechecked`] or
    /// [`Input::RecheckFailed`].
    Recheck(Vec<T>),
    /// Answer these `unknown`.
    GiveUp(Vec<T>),
}

/// How a batch in flight is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    First,
    Again,
    Alone,
}

#[derive(Debug)]
enum State<T> {
    /// Nothing in flight, nothing waits.
    Idle,
    /// A batch is with the driver.
    Committing {
        run: Run,
        /// When a commit of these tickets was first lost, if one was.
        lost_at: Option<Micros>,
    },
    /// A lost batch is with the driver, to be re-read.
    Rechecking { lost_at: Micros },
    /// A lost batch could not be re-read; it waits here for the next try.
    Waiting { lost_at: Micros, until: Micros, tickets: Vec<T> },
}

/// The machine.
#[derive(Debug)]
pub struct Batcher<T> {
    state: State<T>,
    /// Of a batch that failed: those that still have to run alone, before all others.
    alone: VecDeque<T>,
    queue: VecDeque<T>,
    max_queue: usize,
    max_batch: usize,
}

impl<T> Batcher<T> {
    /// An idle one, bounded by `commit_queue` and `commit_batch`.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            state: State::Idle,
            alone: VecDeque::new(),
            queue: VecDeque::new(),
            max_queue: limits.commit_queue.max(1),
            max_batch: limits.commit_batch.max(1),
        }
    }

    /// Whether nothing is in flight and nothing waits: a node that drains may stop.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// How many wait for a commit that has not begun.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.alone.len() + self.queue.len()
    }

    /// When [`Input::Tick`] is due.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Micros> {
        match self.state {
            State::Waiting { until, .. } => Some(until),
            _ => None,
        }
    }

    /// Takes a step. A result that does not fit the state (there is none in flight) changes
    /// nothing but gives its tickets up, so that none is lost.
    pub fn handle(&mut self, now: Micros, input: Input<T>, effects: &mut Vec<Effect<T>>) {
        match input {
            Input::Submit(ticket) => self.submit(ticket, effects),
            Input::Answered => {
                if matches!(self.state, State::Committing { .. }) {
                    self.next(effects);
                }
            }
            Input::Failed(tickets) => match self.state {
                State::Committing { run, lost_at } => self.failed(run, lost_at, tickets, effects),
                _ => give_up(tickets, effects),
            },
            Input::Lost(tickets) => match self.state {
                State::Committing { lost_at, .. } => {
                    let lost_at = lost_at.unwrap_or(now);
                    if held_too_long(now, lost_at) {
                        self.give_all_up(tickets, effects);
                    } else {
                        self.state = State::Rechecking { lost_at };
                        effects.push(Effect::Recheck(tickets));
                    }
                }
                _ => give_up(tickets, effects),
            },
            Input::Rechecked(missing) => match self.state {
                State::Rechecking { .. } if missing.is_empty() => self.next(effects),
                State::Rechecking { lost_at } => {
                    self.state = State::Committing { run: Run::First, lost_at: Some(lost_at) };
                    effects.push(Effect::Commit(missing));
                }
                _ => give_up(missing, effects),
            },
            Input::RecheckFailed(tickets) => match self.state {
                State::Rechecking { lost_at } if held_too_long(now, lost_at) => {
                    self.give_all_up(tickets, effects);
                }
                State::Rechecking { lost_at } => {
                    let until = (now + RECHECK_EVERY).min(lost_at + GIVE_UP).max(now);
                    self.state = State::Waiting { lost_at, until, tickets };
                }
                _ => give_up(tickets, effects),
            },
            Input::Tick => self.tick(now, effects),
        }
    }

    fn submit(&mut self, ticket: T, effects: &mut Vec<Effect<T>>) {
        if self.is_idle() {
            self.state = State::Committing { run: Run::First, lost_at: None };
            effects.push(Effect::Commit(vec![ticket]));
        } else if self.waiting() >= self.max_queue {
            effects.push(Effect::Refuse(ticket));
        } else {
            self.queue.push_back(ticket);
        }
    }

    fn failed(
        &mut self,
        run: Run,
        lost_at: Option<Micros>,
        mut tickets: Vec<T>,
        effects: &mut Vec<Effect<T>>,
    ) {
        match run {
            Run::First => {
                self.state = State::Committing { run: Run::Again, lost_at };
                effects.push(Effect::Commit(tickets));
            }
            Run::Again if tickets.len() > 1 => {
                // Those of an earlier batch that wait to run alone are younger than these.
                for ticket in tickets.drain(..).rev() {
                    self.alone.push_front(ticket);
                }
                self.next(effects);
            }
            Run::Again | Run::Alone => {
                effects.extend(tickets.into_iter().map(Effect::Fail));
                self.next(effects);
            }
        }
    }

    /// Starts what waits: those that must run alone, else as many as go together.
    fn next(&mut self, effects: &mut Vec<Effect<T>>) {
        let (run, batch) = if let Some(ticket) = self.alone.pop_front() {
            (Run::Alone, vec![ticket])
        } else if self.queue.is_empty() {
            self.state = State::Idle;
            return;
        } else {
            let n = self.queue.len().min(self.max_batch);
            (Run::First, self.queue.drain(..n).collect())
        };
        self.state = State::Committing { run, lost_at: None };
        effects.push(Effect::Commit(batch));
    }

    fn tick(&mut self, now: Micros, effects: &mut Vec<Effect<T>>) {
        let State::Waiting { lost_at, until, ref mut tickets } = self.state else { return };
        if now < until && !held_too_long(now, lost_at) {
            return;
        }
        let tickets = std::mem::take(tickets);
        if held_too_long(now, lost_at) {
            self.give_all_up(tickets, effects);
        } else {
            self.state = State::Rechecking { lost_at };
            effects.push(Effect::Recheck(tickets));
        }
    }

    fn give_all_up(&mut self, mut tickets: Vec<T>, effects: &mut Vec<Effect<T>>) {
        tickets.extend(self.alone.drain(..));
        tickets.extend(self.queue.drain(..));
        self.state = State::Idle;
        give_up(tickets, effects);
    }
}

/// Also when the clock jumped back: the queue must not be held for as long as it jumped.
const fn held_too_long(now: Micros, lost_at: Micros) -> bool {
    now >= lost_at + GIVE_UP || now < lost_at
}

fn give_up<T>(tickets: Vec<T>, effects: &mut Vec<Effect<T>>) {
    if !tickets.is_empty() {
        effects.push(Effect::GiveUp(tickets));
    }
}
