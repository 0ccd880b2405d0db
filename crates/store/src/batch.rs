//! A batch of commands: what all of them need, each thing once and in one order, and what is
//! decided on it.

use zas_core::ledger::{self, Context, Facts, MessageFacts, Needs, Submission};
use zas_protocol::{Event, EventBody, MessageId, MessageLabel, Seq};

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
    let Needs { txns, rooms, members, rosters, users, joining, pairs, files, messages, reactions, stays } =
        &mut all;
    once(txns);
    once(rooms);
    once(members);
    once(rosters);
    once(users);
    once(joining);
    once(pairs);
    once(files);
    once(messages);
    once(reactions);
    once(stays);
    all
}

/// A message as the rules see it; `rev` is the place of the last event that changed it.
pub(crate) fn message_facts(event: &Event, rev: Option<Seq>) -> Option<(MessageId, MessageFacts)> {
    let EventBody::Message { message, attachment, label, erased, .. } = &event.body else { return None };
    let facts = MessageFacts {
        room: event.room,
        seq: event.seq,
        sender: event.sender,
        rev: rev.unwrap_or(event.seq),
        plain: attachment.is_none() && *label != Some(MessageLabel::System),
        erased: *erased,
    };
    Some((*message, facts))
}

/// Decides each command on what those before it left.
pub(crate) fn decide(facts: &mut Facts, batch: &[Submission], context: &mut Context<'_>) -> Vec<Outcome> {
    batch.iter().map(|submission| ledger::decide(facts, submission, context)).collect()
}
