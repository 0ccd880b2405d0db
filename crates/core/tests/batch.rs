//! The commit batcher under any sequence of outcomes.

use std::collections::BTreeSet;

use proptest::prelude::*;
use zas_core::batch::{Batcher, Effect, GIVE_UP, Input, RECHECK_EVERY};
use zas_protocol::{Limits, Micros};

fn batcher(commit_queue: usize, commit_batch: usize) -> Batcher<u32> {
    Batcher::new(&Limits { commit_queue, commit_batch, ..Limits::default() })
}

fn step(batcher: &mut Batcher<u32>, now: Micros, input: Input<u32>) -> Vec<Effect<u32>> {
    let mut effects = Vec::new();
    batcher.handle(now, input, &mut effects);
    effects
}

#[test]
fn idle_a_command_commits_alone_and_at_once() {
    let mut machine = batcher(10, 10);
    assert_eq!(step(&mut machine, 0, Input::Submit(1)), [Effect::Commit(vec![1])]);
    assert_eq!(step(&mut machine, 0, Input::Answered), []);
    assert!(machine.is_idle());
    assert_eq!(machine.next_deadline(), None);
}

#[test]
fn what_comes_during_a_commit_goes_together_up_to_the_batch() {
    let mut machine = batcher(10, 3);
    assert_eq!(step(&mut machine, 0, Input::Submit(0)), [Effect::Commit(vec![0])]);
    for ticket in 1..=4 {
        assert_eq!(step(&mut machine, 0, Input::Submit(ticket)), []);
    }
    assert_eq!(step(&mut machine, 0, Input::Answered), [Effect::Commit(vec![1, 2, 3])]);
    assert_eq!(step(&mut machine, 0, Input::Answered), [Effect::Commit(vec![4])]);
    assert_eq!(step(&mut machine, 0, Input::Answered), []);
}

#[test]
fn the_queue_takes_its_limit_and_refuses_the_next() {
    let mut machine = batcher(3, 10);
    step(&mut machine, 0, Input::Submit(0));
    for ticket in 1..=3 {
        assert_eq!(step(&mut machine, 0, Input::Submit(ticket)), [], "{ticket}");
    }
    assert_eq!(step(&mut machine, 0, Input::Submit(4)), [Effect::Refuse(4)]);
    assert_eq!(step(&mut machine, 0, Input::Answered), [Effect::Commit(vec![1, 2, 3])]);
    assert_eq!(step(&mut machine, 0, Input::Submit(5)), []);
}

#[test]
fn a_failed_batch_runs_again_whole_then_one_by_one() {
    let mut machine = batcher(10, 10);
    step(&mut machine, 0, Input::Submit(0));
    for ticket in 1..=3 {
        step(&mut machine, 0, Input::Submit(ticket));
    }
    assert_eq!(step(&mut machine, 0, Input::Answered), [Effect::Commit(vec![1, 2, 3])]);
    step(&mut machine, 0, Input::Submit(4));
    assert_eq!(step(&mut machine, 0, Input::Failed(vec![1, 2, 3])), [Effect::Commit(vec![1, 2, 3])]);
    assert_eq!(step(&mut machine, 0, Input::Failed(vec![1, 2, 3])), [Effect::Commit(vec![1])]);
    assert_eq!(step(&mut machine, 0, Input::Answered), [Effect::Commit(vec![2])]);
    assert_eq!(step(&mut machine, 0, Input::Failed(vec![2])), [Effect::Fail(2), Effect::Commit(vec![3])]);
    assert_eq!(step(&mut machine, 0, Input::Answered), [Effect::Commit(vec![4])], "the next ones wait");
}

#[test]
fn a_single_command_that_fails_is_tried_twice() {
    let mut machine = batcher(10, 10);
    step(&mut machine, 0, Input::Submit(1));
    assert_eq!(step(&mut machine, 0, Input::Failed(vec![1])), [Effect::Commit(vec![1])]);
    assert_eq!(step(&mut machine, 0, Input::Failed(vec![1])), [Effect::Fail(1)]);
    assert!(machine.is_idle());
}

#[test]
fn a_lost_commit_holds_the_queue_until_it_is_re_read() {
    let mut machine = batcher(10, 10);
    step(&mut machine, 0, Input::Submit(1));
    step(&mut machine, 0, Input::Submit(2));
    assert_eq!(step(&mut machine, 10, Input::Lost(vec![1])), [Effect::Recheck(vec![1])]);
    assert_eq!(step(&mut machine, 20, Input::Submit(3)), []);
    assert_eq!(step(&mut machine, 20, Input::RecheckFailed(vec![1])), []);
    let due = 20 + RECHECK_EVERY;
    assert_eq!(machine.next_deadline(), Some(due));
    assert_eq!(step(&mut machine, due - 1, Input::Tick), []);
    assert_eq!(step(&mut machine, due, Input::Tick), [Effect::Recheck(vec![1])]);
    assert_eq!(step(&mut machine, due, Input::Rechecked(vec![1])), [Effect::Commit(vec![1])], "not stored");
    assert_eq!(step(&mut machine, due, Input::Answered), [Effect::Commit(vec![2, 3])]);
}

#[test]
fn past_five_seconds_all_behind_a_lost_commit_are_unknown() {
    let mut machine = batcher(10, 1);
    for ticket in 1..=3 {
        step(&mut machine, 0, Input::Submit(ticket));
    }
    step(&mut machine, 0, Input::Lost(vec![1]));
    step(&mut machine, GIVE_UP - 1, Input::RecheckFailed(vec![1]));
    assert_eq!(machine.next_deadline(), Some(GIVE_UP));
    assert_eq!(step(&mut machine, GIVE_UP, Input::Tick), [Effect::GiveUp(vec![1, 2, 3])]);
    assert_eq!(step(&mut machine, GIVE_UP, Input::Submit(4)), [Effect::Commit(vec![4])], "and it goes on");
}

#[test]
fn a_commit_that_is_lost_again_and_again_counts_from_the_first_time() {
    let mut machine = batcher(10, 10);
    step(&mut machine, 0, Input::Submit(1));
    step(&mut machine, 0, Input::Lost(vec![1]));
    step(&mut machine, 1, Input::Rechecked(vec![1]));
    assert_eq!(step(&mut machine, GIVE_UP - 1, Input::Lost(vec![1])), [Effect::Recheck(vec![1])]);
    step(&mut machine, GIVE_UP - 1, Input::Rechecked(vec![1]));
    assert_eq!(step(&mut machine, GIVE_UP, Input::Lost(vec![1])), [Effect::GiveUp(vec![1])]);
}

#[test]
fn a_clock_that_jumps_back_does_not_hold_the_queue() {
    let mut machine = batcher(10, 10);
    let day = 86_400_000_000;
    step(&mut machine, day, Input::Submit(1));
    step(&mut machine, day, Input::Lost(vec![1]));
    step(&mut machine, day, Input::RecheckFailed(vec![1]));
    assert_eq!(step(&mut machine, 0, Input::Tick), [Effect::GiveUp(vec![1])]);
}

/// What the world does next; `Come` lets some commands arrive.
#[derive(Debug, Clone)]
enum Happens {
    Come(u8),
    Answered,
    Failed,
    Lost,
    /// Whether the lost batch turns out to be stored.
    Rechecked(bool),
    RecheckFailed,
    Later(Micros),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        3 => (1_u8..6).prop_map(Happens::Come),
        3 => Just(Happens::Answered),
        2 => Just(Happens::Failed),
        1 => Just(Happens::Lost),
        2 => any::<bool>().prop_map(Happens::Rechecked),
        1 => Just(Happens::RecheckFailed),
        1 => (0..GIVE_UP).prop_map(Happens::Later),
    ]
}

/// Where each ticket is. A driver that follows the effects, and checks each against the promises.
#[derive(Default)]
struct Driver {
    now: Micros,
    next: u32,
    committing: Option<Vec<u32>>,
    rechecking: Option<Vec<u32>>,
    accepted: Vec<u32>,
    settled: BTreeSet<u32>,
}

impl Driver {
    fn apply(&mut self, machine: &mut Batcher<u32>, input: Input<u32>) -> Result<(), TestCaseError> {
        for effect in step(machine, self.now, input) {
            match effect {
                Effect::Commit(batch) => {
                    prop_assert!(self.committing.is_none() && self.rechecking.is_none(), "one at a time");
                    prop_assert!(!batch.is_empty() && batch.len() <= 4);
                    let oldest = self.accepted.iter().find(|ticket| !self.settled.contains(ticket));
                    prop_assert_eq!(Some(&batch[0]), oldest, "the oldest first");
                    prop_assert!(batch.is_sorted(), "in order");
                    self.committing = Some(batch);
                }
                Effect::Recheck(batch) => {
                    prop_assert!(self.committing.is_none() && self.rechecking.is_none());
                    self.rechecking = Some(batch);
                }
                Effect::Refuse(ticket) => {
                    self.accepted.retain(|&other| other != ticket);
                }
                Effect::Fail(ticket) => self.settle(&[ticket])?,
                Effect::GiveUp(tickets) => self.settle(&tickets)?,
            }
        }
        Ok(())
    }

    fn settle(&mut self, tickets: &[u32]) -> Result<(), TestCaseError> {
        for &ticket in tickets {
            prop_assert!(self.settled.insert(ticket), "{} was answered twice", ticket);
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_is_lost_doubled_or_reordered(events in prop::collection::vec(happens(), 0..200)) {
        let mut machine = batcher(6, 4);
        let mut driver = Driver::default();
        for event in events {
            match event {
                Happens::Come(n) => for _ in 0..n {
                    driver.next += 1;
                    driver.accepted.push(driver.next);
                    let ticket = driver.next;
                    driver.apply(&mut machine, Input::Submit(ticket))?;
                },
                Happens::Answered => if let Some(batch) = driver.committing.take() {
                    driver.settle(&batch)?;
                    driver.apply(&mut machine, Input::Answered)?;
                },
                Happens::Failed => if let Some(batch) = driver.committing.take() {
                    driver.apply(&mut machine, Input::Failed(batch))?;
                },
                Happens::Lost => if let Some(batch) = driver.committing.take() {
                    driver.apply(&mut machine, Input::Lost(batch))?;
                },
                Happens::Rechecked(stored) => if let Some(batch) = driver.rechecking.take() {
                    let missing = if stored { driver.settle(&batch)?; Vec::new() } else { batch };
                    driver.apply(&mut machine, Input::Rechecked(missing))?;
                },
                Happens::RecheckFailed => if let Some(batch) = driver.rechecking.take() {
                    driver.apply(&mut machine, Input::RecheckFailed(batch))?;
                },
                Happens::Later(by) => {
                    driver.now += by;
                    driver.apply(&mut machine, Input::Tick)?;
                }
            }
        }
        for _ in 0..1_000 {
            if let Some(batch) = driver.committing.take() {
                driver.settle(&batch)?;
                driver.apply(&mut machine, Input::Answered)?;
            } else if let Some(batch) = driver.rechecking.take() {
                driver.apply(&mut machine, Input::Rechecked(batch))?;
            } else if let Some(due) = machine.next_deadline() {
                driver.now = driver.now.max(due);
                driver.apply(&mut machine, Input::Tick)?;
            }
        }
        prop_assert!(machine.is_idle() && machine.waiting() == 0);
        prop_assert_eq!(driver.settled.into_iter().collect::<Vec<_>>(), driver.accepted);
    }
}
