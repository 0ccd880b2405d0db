//! A batch of commands: what all of them need, each thing once and in one order, and what is
//! decided on it.

use std::collections::BTreeSet;

use zas_core::ledger::{self, Context, Facts, Pair, Submission};
use zas_protocol::{FileId, RoomId, TxnId, UserId};

use crate::port::Outcome;

/// The needs of many commands. In order, so that engines which lock rows lock them in one order.
#[derive(Debug, Default)]
pub(crate) struct BatchNeeds {
    pub(crate) txns: BTreeSet<(UserId, TxnId)>,
    pub(crate) rooms: BTreeSet<RoomId>,
    pub(crate) members: BTreeSet<(RoomId, UserId)>,
    pub(crate) rosters: BTreeSet<RoomId>,
    pub(crate) users: BTreeSet<UserId>,
    pub(crate) joining: BTreeSet<UserId>,
    pub(crate) pairs: BTreeSet<Pair>,
    pub(crate) files: BTreeSet<FileId>,
}

impl BatchNeeds {
    pub(crate) fn of(batch: &[Submission]) -> Self {
        let mut all = Self::default();
        for submission in batch {
            let needs = ledger::needs(submission);
            all.txns.extend(needs.txns.into_iter().map(|txn| (submission.user, txn)));
            all.rooms.extend(needs.rooms);
            all.members.extend(needs.members);
            all.rosters.extend(needs.rosters);
            all.users.extend(needs.users);
            all.joining.extend(needs.joining);
            all.pairs.extend(needs.pairs);
            all.files.extend(needs.files);
        }
        all
    }
}

/// Decides each command on what those before it left.
pub(crate) fn decide(facts: &mut Facts, batch: &[Submission], context: &mut Context<'_>) -> Vec<Outcome> {
    batch.iter().map(|submission| ledger::decide(facts, submission, context)).collect()
}
