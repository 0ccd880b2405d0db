//! The driver of the batcher over the store, as the server's committer.

use zas_core::batch::{Effect, Input};
use zas_core::ledger::{Decided, Refusal, Submission, Write};
use zas_core::shape;
use zas_protocol::{Ack, Command, ErrorCode, Event, EventBody, MessageId, Nack, Retry, TxnId, UserId};
use zas_store::{Outcome, StoreError};

use super::Node;
use crate::bug::Bug;
use crate::mailbox::Item;
use crate::message::{ToDevice, ToNode};
use crate::net::{LinkId, Net};
use crate::oracle::{Held, Violation};

/// How long a client waits before it tries again what was refused for the moment.
const TRY_AGAIN_MS: u64 = 1_000;

/// Who is told the outcome.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// A connection.
    Conn(LinkId),
    /// The sender of a request, by its number among those not answered.
    Request(u64),
}

/// A command with the way to answer it.
#[derive(Debug, Clone)]
pub struct Ticket {
    submission: Submission,
    answer: Answer,
    failure: ErrorCode,
}

pub(super) fn nack(txn_id: TxnId, code: ErrorCode) -> Nack {
    Nack { txn_id, code, retry_after_ms: (code.retry() == Retry::Later).then_some(TRY_AGAIN_MS), first: None }
}

impl Node {
    /// A command of any shape.
    pub(super) fn execute(
        &mut self,
        net: &mut Net,
        user: UserId,
        mut command: Command,
        answer: Answer,
    ) -> Held {
        match shape::normalize(&mut command, &self.limits) {
            Ok(()) => self.submit(net, user, command, answer),
            Err(code) => {
                let refused = nack(command.txn_id().clone(), code);
                self.reply(net, user, &answer, Err(refused))
            }
        }
    }

    /// A command of right shape.
    pub(super) fn submit(&mut self, net: &mut Net, user: UserId, command: Command, answer: Answer) -> Held {
        let txn_id = command.txn_id().clone();
        if self.draining {
            return self.reply(net, user, &answer, Err(nack(txn_id, ErrorCode::Draining)));
        }
        let throttled = net.throttled.get(&user).copied().filter(|&until| until > net.now && !net.calm);
        if let Some(until) = throttled {
            let wait = u64::try_from((until - net.now) / 1_000).unwrap_or(0);
            let refused = Nack { retry_after_ms: Some(wait), ..nack(txn_id, ErrorCode::RateLimited) };
            return self.reply(net, user, &answer, Err(refused));
        }
        let submission = Submission { user, command };
        self.batch(net, Input::Submit(Ticket { submission, answer, failure: ErrorCode::Internal }))
    }

    pub(super) fn batch(&mut self, net: &mut Net, input: Input<Ticket>) -> Held {
        let now = self.clock(net);
        let mut effects = Vec::new();
        self.batcher.handle(now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Commit(batch) => {
                    self.too_early(net, &batch)?;
                    let delay = net.micros(100, 10_000);
                    self.later(net, delay, ToNode::Commit(batch));
                }
                Effect::Recheck(batch) => {
                    let delay = net.micros(100, 300_000);
                    self.later(net, delay, ToNode::Recheck(batch));
                }
                Effect::Refuse(ticket) => self.refuse(net, &ticket, ErrorCode::Overloaded)?,
                Effect::Fail(ticket) => self.refuse(net, &ticket, ticket.failure)?,
                Effect::GiveUp(batch) => {
                    for ticket in batch {
                        self.refuse(net, &ticket, ErrorCode::Unknown)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// For bugs: what is said before the commit.
    fn too_early(&mut self, net: &mut Net, batch: &[Ticket]) -> Held {
        let (ack, fan_out) = (net.has(Bug::AckBeforeCommit), net.has(Bug::FanOutBeforeCommit));
        for Ticket { submission, answer, .. } in batch.iter().filter(|_| ack || fan_out) {
            let Command::Send { txn_id, room, text, .. } = &submission.command else { continue };
            let (seq, at) = (net.head(*room) + 1, self.wall_clock(net));
            let message = MessageId(room.0);
            if ack {
                let said = Ack { txn_id: txn_id.clone(), room: *room, seq, at, message: Some(message) };
                self.reply(net, submission.user, answer, Ok(said))?;
            } else {
                let body = EventBody::text(message, text.clone());
                let (sender, txn_id) = (Some(submission.user), Some(txn_id.clone()));
                self.fan_out(net, &Event { room: *room, seq, at, sender, txn_id, body });
            }
        }
        Ok(())
    }

    /// The store runs a batch; its node may be gone by now.
    pub(super) fn commit(&mut self, net: &mut Net, batch: Vec<Ticket>) -> Held {
        let result = self.run(net, &batch)?;
        let delay = net.micros(100, 20_000);
        self.later(net, delay, ToNode::Committed(batch, result));
        Ok(())
    }

    /// Runs a batch whose node has died meanwhile: the store may have got it.
    ///
    /// # Errors
    /// What it shows to be wrong.
    pub fn commit_orphaned(&mut self, net: &mut Net, batch: &[Ticket]) -> Held {
        if net.rng.chance(300) {
            self.run(net, batch)?.map(drop).unwrap_or_default();
        }
        Ok(())
    }

    fn run(
        &mut self,
        net: &mut Net,
        batch: &[Ticket],
    ) -> Result<Result<Vec<Outcome>, StoreError>, Violation> {
        if net.bad_luck(net.weather.commit_fails) {
            net.seen.note("commits failed");
            let error = if net.rng.chance(300) { StoreError::Full } else { StoreError::Busy };
            return Ok(Err(error));
        }
        let lost = net.bad_luck(net.weather.commit_lost);
        if lost {
            net.seen.note("commits lost");
        }
        if lost && net.rng.chance(500) {
            return Ok(Err(StoreError::Unknown));
        }
        let mut submissions: Vec<Submission> = batch.iter().map(|ticket| ticket.submission.clone()).collect();
        if net.has(Bug::NoDedupe) {
            for Submission { user, command } in &mut submissions {
                if let Command::Send { txn_id, .. } = command
                    && net.oracle.is_stored(*user, txn_id)
                {
                    *txn_id = TxnId::new(&format!("{txn_id}-again")).unwrap_or_else(|_| txn_id.clone());
                }
            }
        }
        let now = self.wall_clock(net);
        let outcomes = match net.model.commit(&submissions, now) {
            Ok(outcomes) => outcomes,
            Err(error) => return Ok(Err(error)),
        };
        for (ticket, outcome) in batch.iter().zip(&outcomes) {
            if let Ok(decided) = outcome {
                if decided.writes.is_empty() {
                    net.seen.note("commands asked again");
                }
                let Submission { user, command } = &ticket.submission;
                net.oracle.committed(*user, command.txn_id(), decided)?;
            }
        }
        Ok(if lost { Err(StoreError::Unknown) } else { Ok(outcomes) })
    }

    /// The store's answer.
    pub(super) fn committed(
        &mut self,
        net: &mut Net,
        mut batch: Vec<Ticket>,
        result: Result<Vec<Outcome>, StoreError>,
    ) -> Held {
        let input = match result {
            Ok(outcomes) => {
                for (ticket, outcome) in batch.into_iter().zip(outcomes) {
                    self.outcome(net, &ticket, outcome)?;
                }
                Input::Answered
            }
            Err(StoreError::Unknown) if net.has(Bug::LostIsRefused) => {
                for ticket in batch {
                    self.refuse(net, &ticket, ErrorCode::Forbidden)?;
                }
                Input::Answered
            }
            Err(StoreError::Unknown) => Input::Lost(batch),
            Err(error) if error.code() == ErrorCode::StorageFull => {
                for ticket in batch {
                    self.refuse(net, &ticket, ErrorCode::StorageFull)?;
                }
                Input::Answered
            }
            Err(error) => {
                batch.iter_mut().for_each(|ticket| ticket.failure = error.code());
                Input::Failed(batch)
            }
        };
        self.batch(net, input)
    }

    fn outcome(&mut self, net: &mut Net, ticket: &Ticket, outcome: Outcome) -> Held {
        let user = ticket.submission.user;
        match outcome {
            Ok(Decided { ack, writes }) => {
                self.reply(net, user, &ticket.answer, Ok(ack))?;
                for write in &writes {
                    if let Write::Append { event, .. } = write {
                        self.publish(net, event);
                    }
                }
                Ok(())
            }
            Err(Refusal { code, first }) => {
                let refused = nack(ticket.submission.command.txn_id().clone(), code);
                self.reply(net, user, &ticket.answer, Err(Nack { first, ..refused }))
            }
        }
    }

    /// Looks which commands of a lost commit are stored. If any is, its events were not fanned
    /// out: connections come back with their cursors.
    pub(super) fn recheck(&mut self, net: &mut Net, batch: Vec<Ticket>) -> Held {
        if net.bad_luck(net.weather.read_fails) {
            return self.batch(net, Input::RecheckFailed(batch));
        }
        let mut missing = Vec::new();
        let mut any = false;
        for ticket in batch {
            let Submission { user, command } = &ticket.submission;
            match net.model.txn(*user, command.txn_id()) {
                Some(ack) => {
                    any = true;
                    self.reply(net, *user, &ticket.answer, Ok(ack))?;
                }
                None => missing.push(ticket),
            }
        }
        if any {
            self.reconnect_all(net);
        }
        self.batch(net, Input::Rechecked(missing))
    }

    fn refuse(&mut self, net: &mut Net, ticket: &Ticket, code: ErrorCode) -> Held {
        let refused = nack(ticket.submission.command.txn_id().clone(), code);
        self.reply(net, ticket.submission.user, &ticket.answer, Err(refused))
    }

    fn reply(&mut self, net: &mut Net, user: UserId, answer: &Answer, outcome: Result<Ack, Nack>) -> Held {
        if let Err(nack) = &outcome {
            net.oracle.refused(user, &nack.txn_id, nack.code)?;
        }
        match answer {
            Answer::Conn(link) => self.post(net, *link, Item::Outcome(outcome)),
            Answer::Request(number) => {
                if let Some(asked) = self.posts.remove(number) {
                    net.answer(&asked, ToDevice::Posted(outcome));
                }
            }
        }
        Ok(())
    }
}
