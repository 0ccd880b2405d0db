//! Makes a failing plan smaller: operations are left out as long as it still fails in the same
//! way (the same promise), halves first, then single ones.

use crate::bug::Bug;
use crate::oracle::Violation;
use crate::plan::Plan;
use crate::run_caught;

/// Runs that a shrinking may take.
const RUNS: usize = 300;

/// A smaller plan that fails like this one, and how.
#[must_use]
pub fn shrink(plan: &Plan, violation: &Violation, bug: Option<Bug>) -> (Plan, Violation) {
    let (mut best, mut found) = (plan.clone(), violation.clone());
    let mut runs = 0;
    let mut size = best.steps.len().div_ceil(2).max(1);
    loop {
        let mut at = 0;
        let mut smaller = false;
        while at < best.steps.len() && runs < RUNS {
            let mut tried = best.clone();
            tried.steps.drain(at..(at + size).min(best.steps.len()));
            runs += 1;
            match run_caught(&tried, bug) {
                Err(other) if other.promise() == violation.promise() => {
                    (best, found, smaller) = (tried, other, true);
                }
                _ => at += size,
            }
        }
        if runs >= RUNS || (size == 1 && !smaller) {
            return (best, found);
        }
        size = size.div_ceil(2).max(1);
    }
}
