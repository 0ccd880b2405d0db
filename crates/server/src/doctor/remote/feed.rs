//! The lower rungs from outside: a stream whose frames must come one by one, and a poll that is held.

use std::time::Duration;

use reqwest::{Method, Response, header};
use tokio::time::{Instant, timeout};
use zas_protocol::rest::{FeedRequest, Polled};
use zas_protocol::{Hello, ServerFrame};

use super::idle::{LONGEST, Quiet};
use super::{ANSWER, FIRST_FRAMES, Site};
use crate::doctor::{Finding, bad, good, mind};

/// What came of one of them.
pub(super) struct Looked {
    pub(super) finding: Finding,
    pub(super) quiet: Option<Quiet>,
}

impl From<Finding> for Looked {
    fn from(finding: Finding) -> Self {
        Self { finding, quiet: None }
    }
}

fn request(hello: &Hello, wait: Option<Duration>) -> FeedRequest {
    let wait_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    FeedRequest { hello: hello.clone(), wait_ms, gather_ms: None, linger_ms: None, signals: Vec::new() }
}

fn answers(subject: &'static str, response: &Response) -> Option<Finding> {
    let status = response.status().as_u16();
    (status != 200)
        .then(|| bad(subject, format!("POST /v1/feed is answered by {status}: the proxy must pass it on")))
}

/// Opens a stream, waits for its first frames, and leaves it alone for a while.
pub(super) async fn stream(site: &Site, hello: Option<&Hello>, idle: Duration) -> Option<Looked> {
    let opening = site
        .request(Method::POST, "v1/feed")
        .header(header::ACCEPT, "text/event-stream")
        .header(header::ACCEPT_ENCODING, "gzip, br")
        .json(&request(hello?, None))
        .send();
    let mut response = match timeout(FIRST_FRAMES, opening).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => return Some(bad("stream", "the connection breaks before an answer").into()),
        Err(_) => return Some(held_back().into()),
    };
    if let Some(finding) = answers("stream", &response) {
        return Some(finding.into());
    }
    let encoding = response.headers().get(header::CONTENT_ENCODING).cloned();
    let compressed = encoding.is_some_and(|encoding| encoding != "identity");
    match timeout(FIRST_FRAMES, first_frames(&mut response, compressed)).await {
        Err(_) => return Some(held_back().into()),
        Ok(false) => return Some(bad("stream", "it ends before its first frames have come").into()),
        Ok(true) => {}
    }
    let quiet = if idle.is_zero() { None } else { Some(leave_alone(&mut response, idle).await) };
    let finding = if compressed {
        mind(
            "stream",
            "frames come one by one, but compressed, which costs the proxy memory for each reader and may hold them \
             back: leave text/event-stream out (nginx: gzip_types; Caddy: encode)",
        )
    } else {
        good("stream", "frames come one by one")
    };
    Some(Looked { finding, quiet })
}

fn held_back() -> Finding {
    bad(
        "stream",
        "it is opened, and its frames are held back: the proxy buffers the answer. nginx: proxy_buffering off; and no \
         proxy_ignore_headers X-Accel-Buffering; Caddy: flush_interval -1",
    )
}

/// Reads until all that was missed has come; of a compressed stream, until anything has. Whether it came.
async fn first_frames(response: &mut Response, compressed: bool) -> bool {
    let mut read = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        read.extend_from_slice(&chunk);
        let synced = || {
            read.split(|&byte| byte == b'\n')
                .filter_map(|line| line.strip_prefix(b"data:"))
                .any(|json| matches!(serde_json::from_slice(json), Ok(ServerFrame::Synced { .. })))
        };
        // A gzip header is 10 bytes and holds no frame.
        if (compressed && read.len() > 10) || (!compressed && synced()) {
            return true;
        }
    }
    false
}

async fn leave_alone(response: &mut Response, idle: Duration) -> Quiet {
    let start = Instant::now();
    let ended = timeout(idle, async { while let Ok(Some(_)) = response.chunk().await {} }).await;
    Quiet { rung: "stream", lived: start.elapsed(), cut: ended.is_ok() }
}

/// Polls once without waiting, then once for as long as clients do.
pub(super) async fn poll(site: &Site, hello: Option<&Hello>, idle: Duration) -> Option<Looked> {
    let hello = hello?;
    let ask = |wait: Duration| {
        let request = request(hello, Some(wait));
        site.request(Method::POST, "v1/feed").json(&request).timeout(wait + ANSWER).send()
    };
    let Ok(response) = ask(Duration::ZERO).await else {
        return Some(bad("poll", "no answer comes").into());
    };
    if let Some(finding) = answers("poll", &response) {
        return Some(finding.into());
    }
    if response.json::<Polled>().await.is_err() {
        return Some(bad("poll", "the answer was changed on the way: let /v1/feed pass as it is").into());
    }
    let finding = good("poll", "answers");
    if idle.is_zero() {
        return Some(finding.into());
    }
    let start = Instant::now();
    let cut = match ask(idle.min(LONGEST)).await {
        Ok(response) if response.status().as_u16() == 200 => response.json::<Polled>().await.is_err(),
        Ok(_) | Err(_) => true,
    };
    Some(Looked { finding, quiet: Some(Quiet { rung: "poll", lived: start.elapsed(), cut }) })
}
