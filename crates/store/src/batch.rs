//! A batch of commands: what all of them need, each thing once and in one order, and what is
//! decided on it.

use zas_core::ledger::{self, Context, Facts, Needs, Submission};

use crate::port::Outcome;

/// The needs of many commands: each thing once, and in order, so that engines which lock rows lock
/// them in one order.
pub(crate) fn needs(batch: &[Submission]) -> Needs {
    fn once<T: Ord>(of: &mut Vec<T>) {
        of.sort_unstable();
        of.dedup();
    }
    let mut all = Needs::default();
    batch.iter().for_each(|submission| ledger::needs(submission, &mut all));
    let Needs { txns, rooms, members, rosters, users, joining, pairs, files } = &mut all;
    once(txns);
    once(rooms);
    once(members);
    once(rosters);
    once(users);
    once(joining);
    once(pairs);
    once(files);
    all
}

/// Decides each command on what those before it left.
pub(crate) fn decide(facts: &mut Facts, batch: &[Submission], context: &mut Context<'_>) -> Vec<Outcome> {
    batch.iter().map(|submission| ledger::decide(facts, submission, context)).collect()
}
