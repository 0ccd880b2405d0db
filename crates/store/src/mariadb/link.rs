//! Connections in use: one that writes, a few that read. Every operation runs as a task of its own, to its
//! end, whether or not anybody still waits for it; and within a time of its own, whatever the server does.
//! A connection that failed, or was not done in time, is let go: nobody knows where it stands.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::{Connection as _, MySqlConnection, query, raw_sql};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use super::columns::get;
use super::connect::{Durability, Role, Server};
use super::error::{self, Failure};
use super::{Options, open};
use crate::error::StoreError;

/// For how long an operation waits for its turn and the server. With the COMMIT it is less than what a client
/// waits.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// For how long one that writes much does.
pub(super) const MUCH_PATIENCE: Duration = Duration::from_secs(60);
/// For how long a COMMIT that was sent is waited for.
const COMMIT: Duration = Duration::from_secs(1);
/// How often a transaction runs that others are in the way of.
const ATTEMPTS: u32 = 6;
/// How long it waits before it runs again, times the number of runs before.
const BACK_OFF: Duration = Duration::from_millis(5);
/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_millis(200);

/// Work on a connection, under way.
pub(super) type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'c>>;

/// Work on a connection with what it is given: it may be begun more than once.
pub(super) trait Job<D, T>:
    for<'c> Fn(&'c mut MySqlConnection, &'c D) -> Work<'c, T> + Send + Sync
{
}

impl<D, T, F: for<'c> Fn(&'c mut MySqlConnection, &'c D) -> Work<'c, T> + Send + Sync> Job<D, T> for F {}

/// The connection that writes.
pub(super) struct Writer {
    server: Server,
    options: Options,
    turn: tokio::sync::Mutex<Held>,
    waiting: Semaphore,
    closed: AtomicBool,
}

#[derive(Default)]
struct Held {
    connection: Option<MySqlConnection>,
    /// The server's number of the connection before, while it may still hold what was its.
    before: Option<u64>,
}

impl Writer {
    pub(super) fn new(server: Server, options: Options) -> Self {
        Self {
            server,
            options,
            turn: tokio::sync::Mutex::default(),
            waiting: Semaphore::new(options.write_queue),
            closed: AtomicBool::new(false),
        }
    }

    /// One transaction: all of `work` or nothing. It runs again where another transaction was in its way, and
    /// on a new connection where the old one had gone before the COMMIT was sent.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where the COMMIT was sent and its answer never came.
    pub(super) async fn transact<D: Sync, T: Send>(
        &self,
        patience: Duration,
        with: &D,
        job: &impl Job<D, T>,
    ) -> Result<T, StoreError> {
        let until = Instant::now() + patience;
        let _place = self.waiting.try_acquire().map_err(|_| StoreError::Busy)?;
        let mut held = timeout_at(until, self.turn.lock()).await.map_err(|_| too_late())?;
        let mut reconnected = false;
        let mut attempt = 0;
        loop {
            if self.closed.load(Ordering::Acquire) {
                return Err(closed());
            }
            let mut connection = match held.connection.take() {
                Some(connection) => connection,
                None => {
                    reconnected = true;
                    self.connect(&mut held).await?
                }
            };
            attempt += 1;
            let failure = match timeout_at(until, job(&mut connection, with)).await {
                Ok(Ok(value)) => {
                    let committed = timeout(COMMIT, raw_sql("COMMIT").execute(&mut connection)).await;
                    match committed.map(|committed| committed.map_err(Failure::from)) {
                        Ok(Ok(_)) => {
                            held.connection = Some(connection);
                            return Ok(value);
                        }
                        Ok(Err(failure)) if error::did_not_commit(&failure) => failure,
                        Ok(Err(_)) | Err(_) => return Err(StoreError::Unknown),
                    }
                }
                Ok(Err(failure)) => failure,
                Err(_) => return Err(too_late()),
            };
            match failure {
                Failure::Lost(why) if reconnected => return Err(StoreError::Unavailable(why)),
                Failure::Lost(_) => continue,
                _ => {}
            }
            if let Ok(Ok(_)) = timeout_at(until, raw_sql("ROLLBACK").execute(&mut connection)).await {
                held.connection = Some(connection);
            }
            match failure {
                Failure::Again(_) if attempt < ATTEMPTS && Instant::now() < until => {
                    tokio::time::sleep(BACK_OFF * attempt).await;
                }
                // Not the rows are to blame, and it has been tried often enough.
                Failure::Again(StoreError::Busy) => return Err(locked()),
                failure => return Err(failure.into()),
            }
        }
    }

    /// Reads alone, and once.
    pub(super) async fn run<T: Send>(
        &self,
        job: impl for<'c> FnOnce(&'c mut MySqlConnection) -> Work<'c, T> + Send,
    ) -> Result<T, StoreError> {
        let until = Instant::now() + PATIENCE;
        let mut held = timeout_at(until, self.turn.lock()).await.map_err(|_| too_late())?;
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        let mut connection = match held.connection.take() {
            Some(connection) => connection,
            None => self.connect(&mut held).await?,
        };
        let work = async {
            let done = job(&mut connection).await?;
            raw_sql("COMMIT").execute(&mut connection).await?;
            Ok::<_, Failure>(done)
        };
        // One that failed may have its transaction open, and is let go.
        let done = timeout_at(until, work).await.map_err(|_| too_late())??;
        held.connection = Some(connection);
        Ok(done)
    }

    /// A connection that is the only one of its kind, on a server that is as durable as was asked for.
    async fn connect(&self, held: &mut Held) -> Result<MySqlConnection, StoreError> {
        let mut connection = self.server.connect(Role::Writer).await?;
        let prepared = timeout(PATIENCE, self.prepare(&mut connection, held.before)).await;
        held.before = Some(prepared.map_err(|_| too_late())??);
        Ok(connection)
    }

    /// The connection's number, once it may write.
    async fn prepare(&self, c: &mut MySqlConnection, before: Option<u64>) -> Result<u64, StoreError> {
        let durability = Durability::read(c).await?;
        durability.usable()?;
        let faults = durability.faults();
        if !faults.is_empty() && !self.options.undurable {
            return Err(StoreError::Other(format!(
                "the server may lose what it has acknowledged: {}; set it right, or take the risk with \
                 --database-undurable",
                faults.join(", ")
            )));
        }
        if self.options.sole {
            self.claim(c, before).await?;
        }
        // A transaction begins with its first statement, so that none is spent on beginning it.
        raw_sql("SET autocommit = 0").execute(&mut *c).await.map_err(Failure::from)?;
        let row = query("SELECT CONNECTION_ID()").fetch_one(c).await.map_err(Failure::from)?;
        Ok(get::<i64>(&row, 0)?.unsigned_abs())
    }

    /// Claims the database for this process: a lock of the server's that goes with the connection. Where the
    /// connection before ours still has it, which the server has not noticed to be gone, that one is ended.
    async fn claim(&self, c: &mut MySqlConnection, before: Option<u64>) -> Result<(), StoreError> {
        for wait in [0, 2] {
            if open::claim(c, wait).await? {
                return Ok(());
            }
            if before.is_some() && open::holder(c).await? == before {
                let kill = query("KILL CONNECTION ?").bind(before).persistent(false);
                let _it_may_have_ended_meanwhile = kill.execute(&mut *c).await;
            }
        }
        Err(StoreError::InUse(self.server.database.clone()))
    }

    /// Finishes what waits, and lets the connection go.
    pub(super) async fn close(&self) {
        let mut held = self.turn.lock().await;
        self.closed.store(true, Ordering::Release);
        say_goodbye(held.connection.take()).await;
    }
}

/// Connections that read.
pub(super) struct Readers {
    server: Server,
    most: u32,
    idle: Mutex<Vec<MySqlConnection>>,
    free: Semaphore,
    waiting: Semaphore,
}

/// How much of an operation's reading is of one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// It is one statement, or its statements need not agree.
    Each,
    /// All of it.
    One,
}

impl Readers {
    pub(super) fn new(server: Server, options: Options) -> Self {
        Self {
            server,
            most: options.readers.max(1),
            idle: Mutex::default(),
            free: Semaphore::new(options.readers.max(1) as usize),
            waiting: Semaphore::new(options.read_queue),
        }
    }

    /// Reads on a free connection; once more on a new one where the old one had gone.
    pub(super) async fn read<D: Sync, T: Send>(
        &self,
        moment: Moment,
        with: &D,
        job: &impl Job<D, T>,
    ) -> Result<T, StoreError> {
        let until = Instant::now() + PATIENCE;
        let _place = self.waiting.try_acquire().map_err(|_| StoreError::Busy)?;
        let _turn = timeout_at(until, self.free.acquire())
            .await
            .map_err(|_| StoreError::Busy)?
            .map_err(|_| closed())?;
        loop {
            let kept = self.idle().pop();
            let is_new = kept.is_none();
            let mut connection = match kept {
                Some(connection) => connection,
                None => self.server.connect(Role::Reader).await?,
            };
            match timeout_at(until, look(&mut connection, moment, with, job)).await {
                Ok(Err(Failure::Lost(why))) => {
                    // Its neighbours went the same way.
                    self.idle().clear();
                    if is_new {
                        return Err(StoreError::Unavailable(why));
                    }
                }
                Ok(Err(failure)) => {
                    // Only a transaction that ended well is known to have ended.
                    if moment == Moment::Each {
                        self.idle().push(connection);
                    }
                    return Err(failure.into());
                }
                Ok(Ok(value)) => {
                    self.idle().push(connection);
                    return Ok(value);
                }
                Err(_) => return Err(too_late()),
            }
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<MySqlConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finishes what is being read, and lets the connections go.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.free.acquire_many(self.most).await {
            self.free.close();
            drop(all);
        }
        let idle = std::mem::take(&mut *self.idle());
        for connection in idle {
            say_goodbye(Some(connection)).await;
        }
    }
}

async fn look<D, T>(
    connection: &mut MySqlConnection,
    moment: Moment,
    with: &D,
    job: &impl Job<D, T>,
) -> Result<T, Failure> {
    if moment == Moment::Each {
        return job(connection, with).await;
    }
    raw_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY").execute(&mut *connection).await?;
    let value = job(&mut *connection, with).await?;
    raw_sql("COMMIT").execute(connection).await?;
    Ok(value)
}

async fn say_goodbye(connection: Option<MySqlConnection>) {
    if let Some(connection) = connection {
        let _gone_either_way = timeout(GOODBYE, connection.close()).await;
    }
}

/// Runs to its end in a task of its own.
pub(super) async fn to_its_end<T, E, F>(work: F) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    // A task ends without an answer when there was a bug in it.
    tokio::spawn(work).await.unwrap_or_else(|_| Err(StoreError::Unknown.into()))
}

fn closed() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

fn locked() -> StoreError {
    StoreError::Unavailable("another transaction keeps what is needed locked".to_owned())
}

fn too_late() -> StoreError {
    StoreError::Unavailable("the server does not answer".to_owned())
}

/// What the operations of a store share.
pub(super) struct Link {
    pub(super) writer: Writer,
    pub(super) readers: Readers,
}

impl Link {
    pub(super) fn new(server: Server, options: Options) -> Arc<Self> {
        Arc::new(Self {
            writer: Writer::new(server.clone(), options),
            readers: Readers::new(server, options),
        })
    }
}
