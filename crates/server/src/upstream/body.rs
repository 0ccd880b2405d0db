//! Bodies on their way through: as long as they keep coming they may take as long as they like, and be
//! as large; one that stands still is given up.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use crate::body::Late;

/// When something last moved; shared by who moves it and who waits.
#[derive(Debug, Clone)]
pub(super) struct Beat(Arc<Mutex<Option<Instant>>>);

impl Beat {
    /// Beats now.
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Some(Instant::now()))))
    }

    fn set(&self, last: Option<Instant>) {
        // One value is whole at every moment.
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }

    /// Something has moved.
    pub(super) fn moved(&self) {
        self.set(Some(Instant::now()));
    }

    /// It is somebody else who is waited for; silence does not count.
    fn rests(&self) {
        self.set(None);
    }

    /// Ends once nothing has moved for `wait`.
    pub(super) async fn still(&self, wait: Duration) {
        loop {
            let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
            match last {
                Some(last) if last + wait <= Instant::now() => return,
                Some(last) => sleep_until(last + wait).await,
                // What moves meanwhile has its whole time yet.
                None => sleep(wait).await,
            }
        }
    }
}

/// Who is told, and of what: that a body broke off.
type Told = Box<dyn FnOnce(&BoxError) + Send + Sync>;

/// A body that ends with an error when nothing comes of it for too long.
pub(super) struct Steady<B> {
    body: B,
    wait: Duration,
    /// Runs while nothing comes.
    late: Option<Pin<Box<Sleep>>>,
    beat: Option<Beat>,
    told: Option<Told>,
    held: Option<Box<dyn Send + Sync>>,
}

impl<B> Steady<B> {
    pub(super) fn new(body: B, wait: Duration) -> Self {
        Self { body, wait, late: None, beat: None, told: None, held: None }
    }

    /// Tells `beat` whether it is waited for.
    pub(super) fn beating(mut self, beat: Beat) -> Self {
        self.beat = Some(beat);
        self
    }

    /// Tells `told` if it breaks off.
    pub(super) fn telling(mut self, told: impl FnOnce(&BoxError) + Send + Sync + 'static) -> Self {
        self.told = Some(Box::new(told));
        self
    }

    /// Keeps something until it has ended.
    pub(super) fn holding(mut self, held: impl Send + Sync + 'static) -> Self {
        self.held = Some(Box::new(held));
        self
    }

    fn broken(&mut self, error: BoxError) -> BoxError {
        if let Some(told) = self.told.take() {
            told(&error);
        }
        error
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Steady<B>
where
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.late = None;
            if let Some(beat) = &this.beat {
                beat.moved();
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| this.broken(error.into()))));
        }
        if let Some(beat) = &this.beat {
            beat.rests();
        }
        let wait = this.wait;
        let late = this.late.get_or_insert_with(|| Box::pin(sleep(wait)));
        late.as_mut().poll(context).map(|()| Some(Err(this.broken(Late.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::body::Body as AnyBody;
    use http_body_util::BodyExt as _;
    use tokio::sync::mpsc;

    use super::*;

    const WAIT: Duration = Duration::from_secs(10);

    /// A body that comes as it is sent.
    fn piped() -> (mpsc::UnboundedSender<Result<Bytes, BoxError>>, AnyBody) {
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
        (sender, AnyBody::from_stream(stream))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_takes_its_time_and_is_given_up_once_it_stands_still() {
        let (sender, body) = piped();
        let was_told = Arc::new(AtomicBool::new(false));
        let told = was_told.clone();
        let mut body = Steady::new(body, WAIT).telling(move |_| told.store(true, Ordering::Relaxed));
        tokio::spawn(async move {
            for _ in 0..4 {
                sleep(WAIT - Duration::from_secs(1)).await;
                sender.send(Ok(Bytes::from_static(b"x"))).unwrap();
            }
            std::future::pending::<()>().await;
        });
        for _ in 0..4 {
            assert!(body.frame().await.unwrap().is_ok());
        }
        assert!(!was_told.load(Ordering::Relaxed));
        assert!(body.frame().await.unwrap().unwrap_err().is::<Late>());
        assert!(was_told.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_counted_from_the_last_move_and_not_while_somebody_else_is_waited_for() {
        let beat = Beat::new();
        let (sender, body) = piped();
        let mut body = Steady::new(body, 5 * WAIT).beating(beat.clone());
        let began = Instant::now();
        let still = tokio::spawn(async move {
            beat.still(WAIT).await;
            began.elapsed()
        });
        let reads = tokio::spawn(async move { while body.frame().await.is_some() {} });
        sleep(3 * WAIT).await;
        sender.send(Ok(Bytes::from_static(b"x"))).unwrap();
        sleep(WAIT / 2).await;
        drop(sender);
        reads.await.unwrap();
        assert_eq!(still.await.unwrap().as_secs(), (3 * WAIT + WAIT / 2 + WAIT).as_secs());
    }
}
