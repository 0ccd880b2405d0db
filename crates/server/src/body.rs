//! Bodies of requests in time: one that does not come whole in `body_timeout_ms` is given up,
//! whoever reads it, and however steadily it drips.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures_util::Stream;
use http::StatusCode;
use tokio::time::Sleep;
use zas_protocol::ErrorCode;

use crate::error::ApiError;

/// The body took too long.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
pub struct Late;

/// Bounds the time of every request's body, if it has one.
pub async fn in_time(State(wait): State<Duration>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let timed = |body: Body| Body::from_stream(Timed { body: body.into_data_stream(), wait, late: None });
    next.run(request.map(timed)).await
}

struct Timed {
    body: BodyDataStream,
    wait: Duration,
    /// Runs from the first time that there was nothing to read.
    late: Option<Pin<Box<Sleep>>>,
}

impl Stream for Timed {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let part = Pin::new(&mut self.body).poll_next(context);
        if part.is_ready() {
            return part;
        }
        let wait = self.wait;
        let late = self.late.get_or_insert_with(|| Box::pin(tokio::time::sleep(wait)));
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
