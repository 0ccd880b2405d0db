//! Work that holds a core for long (hashing, decoding images) runs beside the runtime: so many at
//! once, so many waiting, and the next one is refused at once. Nobody's login slows a message.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use zas_protocol::ErrorCode;

use crate::error::ApiError;

/// How long who is refused waits before trying again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A bounded pool for one kind of work.
#[derive(Debug)]
pub struct Pool {
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Pool {
    /// Runs `at_once` jobs side by side while up to `waiting` more wait.
    #[must_use]
    pub fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            running: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(at_once + waiting)),
        }
    }

    /// Runs a job to its end, even when its asker goes away meanwhile.
    ///
    /// # Errors
    /// [`ErrorCode::Overloaded`] when too many wait already.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let overloaded = || ApiError::later(ErrorCode::Overloaded, RETRY_AFTER);
        let place = self.admitted.clone().try_acquire_owned().map_err(|_| overloaded())?;
        let turn = self.running.clone().acquire_owned().await.map_err(ApiError::internal)?;
        tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            job()
        })
        .await
        .map_err(ApiError::internal)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn the_place_after_the_last_is_refused_at_once_and_free_again_later() {
        let pool = Arc::new(Pool::new(1, 1));
        let (release, held) = mpsc::channel::<()>();
        let (started, mut running) = tokio::sync::mpsc::unbounded_channel();
        let job = {
            let pool = pool.clone();
            tokio::spawn(async move {
                pool.run(move || {
                    started.send(()).unwrap();
                    held.recv().unwrap();
                })
                .await
            })
        };
        running.recv().await.unwrap();
        let mut waiting = Box::pin(pool.run(|| 2));
        assert!(futures_util::poll!(waiting.as_mut()).is_pending(), "one may wait");
        let refused = pool.run(|| 3).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::Overloaded);
        assert!(refused.retry_after.is_some());
        release.send(()).unwrap();
        job.await.unwrap().unwrap();
        assert_eq!(waiting.await.unwrap(), 2);
        assert_eq!(pool.run(|| 4).await.unwrap(), 4);
    }
}
