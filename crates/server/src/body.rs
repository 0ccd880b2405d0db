//! Bodies of requests in time: one that does not come whole in `body_timeout_ms`, and what its bytes take
//! on the slowest line, is given up, whoever reads it, and however steadily it drips.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use http::StatusCode;
use tokio::time::{Instant, Sleep};
use zas_protocol::{ErrorCode, Limits};

use crate::error::ApiError;

/// The body took too long.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
pub struct Late;

/// How long a body may take.
#[derive(Debug, Clone, Copy)]
pub struct BodyTime {
    /// Whatever its size.
    wait: Duration,
    /// And a second for each so many of its bytes.
    bytes_per_second: u64,
}

impl BodyTime {
    /// As the limits say.
    #[must_use]
    pub fn of(limits: &Limits) -> Self {
        let wait = Duration::from_millis(limits.body_timeout_ms);
        Self { wait, bytes_per_second: limits.body_bytes_per_second }
    }

    fn after(self, bytes: u64) -> Duration {
        let ms = bytes.saturating_mul(1_000).checked_div(self.bytes_per_second).unwrap_or(0);
        self.wait + Duration::from_millis(ms)
    }
}

/// Bounds the time of every request's body, if it has one.
pub async fn in_time(State(time): State<BodyTime>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let timed =
        |body: Body| Body::from_stream(Timed { body: body.into_data_stream(), time, read: 0, late: None });
    next.run(request.map(timed)).await
}

struct Timed<B> {
    body: B,
    time: BodyTime,
    /// How many bytes have come.
    read: u64,
    /// Runs from the first time that there was nothing to read.
    late: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl<B: Stream<Item = Result<Bytes, axum::Error>> + Unpin> Stream for Timed<B> {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let part = Pin::new(&mut self.body).poll_next(context);
        if part.is_ready() {
            if let Poll::Ready(Some(Ok(part))) = &part {
                self.read += part.len() as u64;
            }
            return part;
        }
        let time = self.time.after(self.read);
        let (began, late) = self.late.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(tokio::time::sleep_until(now + time)))
        });
        let until = *began + time;
        if late.deadline() < until {
            late.as_mut().reset(until);
        }
        late.as_mut().poll(context).map(|()| Some(Err(axum::Error::new(Late))))
    }
}

/// Why a body could not be read. One that was slow may come faster the next time, so that a client
/// on a bad line does not take its message for refused.
#[must_use]
pub fn refused(status: StatusCode, rejection: &(dyn Error + 'static)) -> ApiError {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => ErrorCode::TooLarge.into(),
        _ if is_late(rejection) => ApiError::later(ErrorCode::Overloaded, Duration::from_secs(1)),
        _ => ErrorCode::BadRequest.into(),
    }
}

/// Whether an error is that a body was [`Late`].
#[must_use]
pub fn is_late(error: &(dyn Error + 'static)) -> bool {
    error.is::<Late>() || error.source().is_some_and(is_late)
}

#[cfg(test)]
mod tests {
    use futures_util::{StreamExt as _, stream};

    use super::*;

    /// How long a body of so many bytes is waited for that never ends.
    async fn given_up_after(bytes: usize) -> Duration {
        let limits = Limits { body_timeout_ms: 1_000, body_bytes_per_second: 100, ..Limits::default() };
        let part = Ok(Bytes::from(vec![0; bytes]));
        let body = Box::pin(stream::iter([part]).chain(stream::pending()));
        let mut timed = Timed { body, time: BodyTime::of(&limits), read: 0, late: None };
        let began = Instant::now();
        assert!(timed.next().await.unwrap().is_ok());
        let late = timed.next().await.unwrap().unwrap_err();
        assert!(is_late(&late));
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_bytes_give_a_body_a_second_more_and_one_less_does_not() {
        for (bytes, ms) in [(1, 1_010), (99, 1_990), (100, 2_000), (101, 2_010), (1_000, 11_000)] {
            let after = given_up_after(bytes).await;
            assert!((ms..ms + 5).contains(&after.as_millis()), "{bytes}: {after:?}");
        }
    }
}
