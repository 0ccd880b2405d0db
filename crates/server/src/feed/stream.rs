//! The second rung: server-sent events (WHATWG HTML §9.2), one frame a `data:` line.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::Stream;
use http::header;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval_at};
use zas_protocol::CloseCode;

use super::{Gone, Inbound, Pipe};

/// Frames between the session and the connection's own buffer.
const AHEAD: usize = 16;

/// The sending side.
pub struct StreamPipe {
    frames: mpsc::Sender<Bytes>,
    heartbeat: Interval,
}

/// A pipe, and the response whose body it writes.
#[must_use]
pub fn stream(ping: Duration) -> (StreamPipe, Response) {
    let (frames, body) = mpsc::channel(AHEAD);
    let response = Response::builder()
        .header(header::CONTENT_TYPE, "text/event-stream")
        .header(header::CACHE_CONTROL, "no-store, no-transform")
        // nginx buffers what it proxies unless it is told not to.
        .header("x-accel-buffering", "no")
        .body(Body::from_stream(Frames(body)))
        .unwrap_or_default();
    let heartbeat = interval_at(Instant::now() + ping, ping);
    (StreamPipe { frames, heartbeat }, response)
}

impl Pipe for StreamPipe {
    const SPEAKS: bool = false;

    async fn send(&mut self, frame: Bytes) -> Result<(), Gone> {
        let mut line = BytesMut::with_capacity(frame.len() + 8);
        line.put_slice(b"data:");
        line.put_slice(&frame);
        line.put_slice(b"\n\n");
        self.frames.send(line.freeze()).await.map_err(|_| Gone)
    }

    async fn receive(&mut self) -> Inbound {
        tokio::select! {
            () = self.frames.closed() => Inbound::End,
            _ = self.heartbeat.tick() => Inbound::Heartbeat,
        }
    }

    /// A stream has no close code: the client is told as an event of its own.
    async fn close(&mut self, code: CloseCode) {
        let line = format!("event:close\ndata:{}\n\n", code.code());
        let _ = tokio::time::timeout(Duration::from_secs(1), self.frames.send(line.into())).await;
    }
}

struct Frames(mpsc::Receiver<Bytes>);

impl Stream for Frames {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }
}
