//! The lower rungs: `POST /v1/feed` as a stream of server-sent events, or as a long-poll.

use std::time::Duration;

use tokio::sync::mpsc;
use zas_protocol::rest::{FeedRequest, Polled};
use zas_protocol::{CloseCode, Hello, ServerFrame};

use super::http::{Error, Http};
use crate::engine::connection::CONNECT_MS;
use crate::engine::{ConnId, Input, Millis};

/// One line of a stream holds at most this many bytes; a longer one ends the stream.
const LINE_MAX: usize = 1024 * 1024;
/// An answer to a poll may come this much later than the time it was held for.
const GRACE: Duration = Duration::from_secs(10);

/// Runs one stream until it ends; the last input is [`Input::Closed`].
pub(super) async fn stream(http: &Http, conn: ConnId, hello: Hello, inputs: mpsc::Sender<Input>) {
    let code = carry(http, conn, hello, &inputs).await.unwrap_or_else(|error| close_code(&error));
    let _ = inputs.send(Input::Closed { conn, code }).await;
}

/// Reads a stream to its end; the close code, if the server said one.
async fn carry(
    http: &Http,
    conn: ConnId,
    hello: Hello,
    inputs: &mpsc::Sender<Input>,
) -> Result<Option<u16>, Error> {
    let request = FeedRequest { hello, wait_ms: None, gather_ms: None, linger_ms: None, signals: Vec::new() };
    let opening = http.feed(&request, "text/event-stream", None);
    let Ok(opened) = tokio::time::timeout(Duration::from_millis(CONNECT_MS), opening).await else {
        return Ok(None);
    };
    let mut response = opened?;
    let mut buffer = Vec::new();
    let mut closing = false;
    while let Some(chunk) = response.chunk().await? {
        buffer.extend_from_slice(&chunk);
        while let Some(end) = buffer.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let data = line.strip_prefix(b"data:");
            if closing && let Some(code) = data {
                return Ok(serde_json::from_slice(code).ok());
            }
            closing |= line.starts_with(b"event:close");
            let frame = data.and_then(|json| serde_json::from_slice::<ServerFrame>(json).ok());
            let input = frame.map_or(Input::Heard { conn }, |frame| Input::Frame { conn, frame });
            if inputs.send(input).await.is_err() {
                return Ok(None);
            }
        }
        if buffer.len() > LINE_MAX {
            return Ok(None);
        }
    }
    Ok(None)
}

/// Runs one poll: its frames, then [`Input::PollAnswered`]; or [`Input::Closed`].
pub(super) async fn poll(
    http: &Http,
    conn: ConnId,
    hello: Hello,
    wait_ms: Millis,
    inputs: mpsc::Sender<Input>,
) {
    let request =
        FeedRequest { hello, wait_ms: Some(wait_ms), gather_ms: None, linger_ms: None, signals: Vec::new() };
    let limit = Duration::from_millis(wait_ms) + GRACE;
    let answer = async {
        let response = http.feed(&request, "application/json", Some(limit)).await?;
        Ok::<Polled, Error>(response.json().await?)
    };
    match answer.await {
        Ok(Polled { frames }) => {
            for frame in frames {
                if inputs.send(Input::Frame { conn, frame }).await.is_err() {
                    return;
                }
            }
            let _ = inputs.send(Input::PollAnswered { conn }).await;
        }
        Err(error) => {
            let _ = inputs.send(Input::Closed { conn, code: close_code(&error) }).await;
        }
    }
}

/// What a refused request amounts to on a socket.
fn close_code(error: &Error) -> Option<u16> {
    let status = error.code().map(|code| code.status());
    (status == Some(401)).then_some(CloseCode::Unauthenticated.code())
}
