//! Commands into commits: one task drives the batcher over the store. A client that goes away
//! leaves its command in here, where it is finished like any other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use zas_core::batch::{Batcher, Effect, Input};
use zas_core::ledger::{Refusal, Submission, Write};
use zas_core::{policy, shape};
use zas_protocol::{Ack, Command, ErrorCode, Limits, MessageLabel, Micros, Nack, Retry, TxnId, UserId};
use zas_store::{Store, StoreError};

use crate::auth::limits::Gate;
use crate::clock;
use crate::feed::mailbox::{Item, Mailbox};
use crate::metrics::{Metrics, Stage};
use crate::nodehub::NodeHub;
use crate::webhooks::Webhooks;

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Stored(Ack),
    /// It is not stored by this attempt.
    Refused(Nack),
}

/// How long a client waits before it tries again what was refused for the moment.
const TRY_AGAIN_MS: u64 = 1_000;

/// Who is told the outcome.
enum Answer {
    Once(oneshot::Sender<Outcome>),
    Mailbox(Arc<Mailbox>),
}

/// Whose rate a command counts for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paced {
    /// Its giver's.
    ByUser,
    /// A key's, which has counted it.
    ByKey,
}

struct Ticket {
    submission: Submission,
    answer: Answer,
    arrived: Instant,
    /// What the store said when it failed last.
    failure: ErrorCode,
}

/// A handle to the committer's task, cheap to clone.
#[derive(Clone)]
pub struct Committer {
    tickets: mpsc::Sender<Ticket>,
    gate: Arc<Gate>,
    metrics: Arc<Metrics>,
    limits: Arc<Limits>,
    draining: watch::Receiver<bool>,
    finished: watch::Receiver<()>,
}

impl Committer {
    /// Starts the task.
    #[must_use]
    pub fn start(
        store: Arc<dyn Store>,
        hub: NodeHub,
        webhooks: Webhooks,
        gate: Arc<Gate>,
        metrics: Arc<Metrics>,
        limits: Limits,
        draining: watch::Receiver<bool>,
    ) -> Self {
        let (sender, tickets) = mpsc::channel(limits.commit_queue);
        let (running, finished) = watch::channel(());
        let work = Work { store, hub, webhooks, metrics: metrics.clone() };
        tokio::spawn(run(tickets, work, Batcher::new(&limits), draining.clone(), running));
        Self { tickets: sender, gate, metrics, limits: Arc::new(limits), draining, finished }
    }

    /// Commits a command of any shape and waits for its outcome.
    pub async fn execute(&self, user: UserId, command: Command) -> Outcome {
        self.wait(user, command, Paced::ByUser).await
    }

    /// The same at the order of who holds a key of the server-side API, whose own rate is its limit. What
    /// the server itself says is marked as such.
    pub async fn execute_for_server(&self, user: UserId, command: Command) -> Outcome {
        self.wait(user, command, Paced::ByKey).await
    }

    async fn wait(&self, user: UserId, mut command: Command, paced: Paced) -> Outcome {
        let txn_id = command.txn_id().clone();
        if let Err(code) = shape::normalize(&mut command, &self.limits) {
            self.metrics.outcome(code.name());
            return Outcome::Refused(nack(txn_id, code));
        }
        if let Command::Send { label, .. } = &mut command
            && user == policy::SERVER
        {
            *label = Some(MessageLabel::System);
        }
        let (answer, outcome) = oneshot::channel();
        match self.submit(user, command, Answer::Once(answer), paced) {
            Ok(()) => outcome.await.unwrap_or_else(|_| Outcome::Refused(nack(txn_id, ErrorCode::Unknown))),
            Err(nack) => Outcome::Refused(nack),
        }
    }

    /// Commits a command whose shape its session has checked; its outcome goes to the mailbox.
    pub fn execute_for(&self, mailbox: &Arc<Mailbox>, user: UserId, command: Command) {
        if let Err(nack) = self.submit(user, command, Answer::Mailbox(mailbox.clone()), Paced::ByUser) {
            mailbox.push(Item::Outcome(Outcome::Refused(nack)));
        }
    }

    /// Queues a command, if the user and the server can take one more.
    fn submit(&self, user: UserId, command: Command, answer: Answer, paced: Paced) -> Result<(), Nack> {
        let txn_id = command.txn_id().clone();
        let refuse = |code: ErrorCode, retry_after_ms| {
            self.metrics.outcome(code.name());
            Nack { txn_id: txn_id.clone(), code, retry_after_ms, first: None }
        };
        if *self.draining.borrow() {
            return Err(refuse(ErrorCode::Draining, Some(TRY_AGAIN_MS)));
        }
        if paced == Paced::ByUser
            && let Err(wait) = self.gate.command(user, clock::steady())
        {
            let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            return Err(refuse(ErrorCode::RateLimited, Some(wait)));
        }
        let ticket = Ticket {
            submission: Submission { user, command },
            answer,
            arrived: Instant::now(),
            failure: ErrorCode::Internal,
        };
        self.tickets.try_send(ticket).map_err(|_| refuse(ErrorCode::Overloaded, Some(TRY_AGAIN_MS)))
    }

    /// Waits until a draining committer has answered everything it took.
    pub async fn finish(&self) {
        let mut finished = self.finished.clone();
        // The task holds the sender: an error means that it has ended.
        while finished.changed().await.is_ok() {}
    }
}

type Running = Pin<Box<dyn Future<Output = Input<Ticket>> + Send>>;

/// Drives the batcher. At most one commit or re-reading runs; meanwhile tickets gather. The task
/// ends when the server drains and everything is answered.
async fn run(
    mut tickets: mpsc::Receiver<Ticket>,
    work: Work,
    mut batcher: Batcher<Ticket>,
    mut draining: watch::Receiver<bool>,
    running_until: watch::Sender<()>,
) {
    let work = Arc::new(work);
    let mut running: Option<Running> = None;
    let mut effects = Vec::new();
    let mut open = true;
    loop {
        for effect in effects.drain(..) {
            match effect {
                Effect::Commit(batch) => running = Some(Box::pin(work.clone().commit(batch))),
                Effect::Recheck(batch) => running = Some(Box::pin(work.clone().recheck(batch))),
                Effect::Refuse(ticket) => work.refuse(ticket, ErrorCode::Overloaded),
                Effect::Fail(ticket) => {
                    let code = ticket.failure;
                    work.refuse(ticket, code);
                }
                Effect::GiveUp(batch) => {
                    for ticket in batch {
                        work.refuse(ticket, ErrorCode::Unknown);
                    }
                }
            }
        }
        if !open && batcher.is_idle() {
            break;
        }
        let due = batcher.next_deadline().map(|at| at.saturating_sub(clock::steady()));
        let input = tokio::select! {
            biased;
            input = async { running.as_mut().expect("guarded").await }, if running.is_some() => {
                running = None;
                input
            }
            ticket = tickets.recv(), if open => match ticket {
                Some(ticket) => Input::Submit(ticket),
                None => {
                    open = false;
                    continue;
                }
            },
            () = wait_for_drain(&mut draining), if open => {
                tickets.close();
                continue;
            }
            () = tokio::time::sleep(micros(due.unwrap_or(0))), if due.is_some() => Input::Tick,
        };
        let now = clock::steady();
        batcher.handle(now, input, &mut effects);
        // What has arrived meanwhile joins the next commit, without a turn of the loop each.
        while let Ok(ticket) = tickets.try_recv() {
            batcher.handle(now, Input::Submit(ticket), &mut effects);
        }
    }
    drop(running_until);
}

async fn wait_for_drain(draining: &mut watch::Receiver<bool>) {
    if draining.wait_for(|draining| *draining).await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn micros(due: Micros) -> Duration {
    Duration::from_micros(u64::try_from(due).unwrap_or(0))
}

fn nack(txn_id: TxnId, code: ErrorCode) -> Nack {
    Nack { txn_id, code, retry_after_ms: (code.retry() == Retry::Later).then_some(TRY_AGAIN_MS), first: None }
}

/// What a commit needs.
struct Work {
    store: Arc<dyn Store>,
    hub: NodeHub,
    webhooks: Webhooks,
    metrics: Arc<Metrics>,
}

impl Work {
    async fn commit(self: Arc<Self>, mut batch: Vec<Ticket>) -> Input<Ticket> {
        let started = Instant::now();
        self.metrics.batch(batch.len());
        for ticket in &batch {
            self.metrics.stage(Stage::Queued, started.duration_since(ticket.arrived));
        }
        let submissions = batch.iter().map(|ticket| ticket.submission.clone()).collect();
        match self.store.commit(submissions, clock::now()).await {
            Ok(results) => {
                self.metrics.stage(Stage::Committed, started.elapsed());
                let committed = Instant::now();
                for (ticket, result) in batch.into_iter().zip(results) {
                    match result {
                        Ok(decided) => {
                            self.answer(ticket.answer, Outcome::Stored(decided.ack.clone()));
                            self.fan_out(&decided);
                        }
                        Err(refusal) => self.answer_refusal(ticket, refusal),
                    }
                }
                self.metrics.stage(Stage::FannedOut, committed.elapsed());
                Input::Answered
            }
            Err(StoreError::Unknown) => {
                tracing::error!(
                    commands = batch.len(),
                    "a commit was lost; its commands are looked up again"
                );
                Input::Lost(batch)
            }
            // Nothing in the rows is to blame: trying them one by one would change nothing.
            Err(error) if error.code() == ErrorCode::StorageFull => {
                tracing::error!(%error, commands = batch.len(), "the store takes no writes");
                for ticket in batch {
                    self.refuse(ticket, ErrorCode::StorageFull);
                }
                Input::Answered
            }
            Err(error) => {
                tracing::error!(%error, commands = batch.len(), "a commit failed and was rolled back");
                for ticket in &mut batch {
                    ticket.failure = error.code();
                }
                Input::Failed(batch)
            }
        }
    }

    /// Looks which commands of a lost commit are stored. If any is, connections have missed its
    /// events: they are told to come back with their cursors, which heals all of them alike.
    async fn recheck(self: Arc<Self>, batch: Vec<Ticket>) -> Input<Ticket> {
        let mut found = Vec::new();
        for ticket in &batch {
            match self.store.txn(ticket.submission.user, ticket.submission.command.txn_id()).await {
                Ok(ack) => found.push(ack),
                Err(error) => {
                    tracing::warn!(%error, "a lost commit can't be looked up yet");
                    return Input::RecheckFailed(batch);
                }
            }
        }
        let any = found.iter().any(Option::is_some);
        let mut missing = Vec::new();
        for (ticket, ack) in batch.into_iter().zip(found) {
            match ack {
                Some(ack) => self.answer(ticket.answer, Outcome::Stored(ack)),
                None => missing.push(ticket),
            }
        }
        if any {
            self.hub.reconnect_all();
            self.webhooks.look_again();
        }
        Input::Rechecked(missing)
    }

    fn fan_out(&self, decided: &zas_core::ledger::Decided) {
        for write in &decided.writes {
            match write {
                Write::Append { event, .. } => {
                    self.hub.committed(event);
                    self.webhooks.committed(event);
                }
                Write::SetProfile { user, profile_rev, .. } => self.hub.profile_changed(*user, *profile_rev),
                _ => {}
            }
        }
    }

    fn refuse(&self, ticket: Ticket, code: ErrorCode) {
        let txn_id = ticket.submission.command.txn_id().clone();
        self.answer(ticket.answer, Outcome::Refused(nack(txn_id, code)));
    }

    fn answer_refusal(&self, ticket: Ticket, refusal: Refusal) {
        let nack = nack(ticket.submission.command.txn_id().clone(), refusal.code);
        self.answer(ticket.answer, Outcome::Refused(Nack { first: refusal.first, ..nack }));
    }

    fn answer(&self, answer: Answer, outcome: Outcome) {
        self.metrics.outcome(match &outcome {
            Outcome::Stored(_) => "ok",
            Outcome::Refused(nack) => nack.code.name(),
        });
        match answer {
            // A client that went away hears it when it asks again.
            Answer::Once(sender) => drop(sender.send(outcome)),
            Answer::Mailbox(mailbox) => mailbox.push(Item::Outcome(outcome)),
        }
    }
}
