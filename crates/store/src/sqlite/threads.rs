//! Threads that own connections. SQLite blocks, so it has threads of its own: one that writes, a
//! few that read. A job is a closure; its answer comes back by a oneshot channel, and the job
//! runs to its end whether or not anybody still waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::StoreError;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Threads that share one bounded queue of jobs.
pub(super) struct Threads {
    queue: RwLock<Option<SyncSender<Job>>>,
}

impl Threads {
    /// Starts one thread for each connection. `held` is dropped when the last of them has let
    /// its connection go.
    pub(super) fn start<H: Clone + Send + 'static>(
        name: &str,
        connections: Vec<Connection>,
        capacity: usize,
        held: &H,
    ) -> Result<Self, StoreError> {
        let (sender, receiver) = sync_channel(capacity);
        let receiver = Arc::new(Mutex::new(receiver));
        for connection in connections {
            let (receiver, held) = (receiver.clone(), held.clone());
            thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || {
                    work(connection, &receiver);
                    drop(held);
                })
                .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        }
        Ok(Self { queue: RwLock::new(Some(sender)) })
    }

    /// Runs a job on the next free connection.
    ///
    /// # Errors
    /// [`StoreError::Busy`] when the queue is full, [`StoreError::Unavailable`] once closed,
    /// [`StoreError::Unknown`] when the job died without an answer.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A bug in one job must not take the thread, and so all that come after, with it.
            // An open transaction is rolled back as it unwinds.
            if let Ok(value) = catch_unwind(AssertUnwindSafe(|| job(connection))) {
                let _nobody_waits_any_more = answer.send(value);
            }
        });
        match self.queue.read().unwrap_or_else(PoisonError::into_inner).as_ref() {
            None => return Err(closed()),
            Some(queue) => queue.try_send(job).map_err(|error| match error {
                TrySendError::Full(_) => StoreError::Busy,
                TrySendError::Disconnected(_) => closed(),
            })?,
        }
        answered.await.map_err(|_| StoreError::Unknown)
    }

    /// Lets the threads end once the queue is empty.
    pub(super) fn close(&self) {
        self.queue.write().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

fn work(mut connection: Connection, jobs: &Mutex<Receiver<Job>>) {
    loop {
        // One idle thread waits in `recv`, the others for the lock.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(&mut connection),
            Err(_) => return,
        }
    }
}
