//! The first rung from outside: the handshake, the first frames, and then silence.

use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderMap;
use reqwest::{Response, header};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use zas_client::handshake::{self, Refusal, Socket};
use zas_protocol::frame::SUBPROTOCOL;
use zas_protocol::{ClientFrame, CloseCode, Cursor, Hello, ServerFrame};

use super::idle::{LONGEST, PING, Quiet};
use super::{ANSWER, FIRST_FRAMES, Site, is_ours};
use crate::doctor::{Finding, bad, good};

/// What came of it.
pub(super) struct Looked {
    pub(super) finding: Finding,
    /// Whether the server took the token in it.
    pub(super) welcomed: bool,
    pub(super) quiet: Option<Quiet>,
}

impl Looked {
    const fn ended(finding: Finding) -> Self {
        Self { finding, welcomed: false, quiet: None }
    }
}

/// Opens one, says hello, and leaves it alone for a while. Without a token the server's farewell is
/// what shows that frames pass.
pub(super) async fn look(site: &Site, idle: Duration) -> Looked {
    let request = site.upgrades.get(site.address("v1/ws")).header(header::ORIGIN, &site.origin);
    let (mut socket, headers) = match timeout(ANSWER, handshake::open(request)).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(Refusal::Answered(response))) => return Looked::ended(refused(&response)),
        Ok(Err(Refusal::Unanswered(_))) | Err(_) => {
            return Looked::ended(bad(
                "socket",
                "the handshake gets no answer, and other requests do: something on the way drops upgrades; let \
                 WebSockets pass there",
            ));
        }
    };
    if let Some(finding) = without_subprotocol(&headers) {
        return Looked::ended(finding);
    }
    match greet(site, &mut socket).await {
        Some(Heard::Welcome) => {}
        Some(Heard::Closed(code)) if code == CloseCode::OriginNotAllowed.code() => {
            return Looked::ended(origin_refused(site));
        }
        Some(Heard::Closed(_)) => {
            return Looked::ended(good("socket", "opens, and frames pass both ways"));
        }
        None => {
            return Looked::ended(bad(
                "socket",
                "opens, and then no frame comes through: something on the way (a proxy that inspects, an antivirus) \
                 takes the upgrade and not what follows; exempt this address there",
            ));
        }
    }
    let quiet = if idle.is_zero() { None } else { Some(leave_alone(&mut socket, idle).await) };
    Looked { finding: good("socket", "opens, and frames pass both ways"), welcomed: true, quiet }
}

/// Why an answer is no handshake: Zas itself refuses only what doesn't ask for one.
fn refused(response: &Response) -> Finding {
    let status = response.status().as_u16();
    if is_ours(response) {
        return bad(
            "socket",
            format!(
                "Zas is asked, and not for a socket ({status}): the Upgrade header was lost on the way. nginx: \
                 proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \
                 $connection_upgrade; (docs/guides/behind-a-proxy.md has the whole)"
            ),
        );
    }
    bad(
        "socket",
        format!(
            "something before Zas answers {status} to the handshake, and passes other requests on: let WebSockets \
             through to /v1/ws there"
        ),
    )
}

/// Browsers give up a socket whose answer doesn't name the subprotocol that they asked for.
fn without_subprotocol(headers: &HeaderMap) -> Option<Finding> {
    if headers.get("sec-websocket-protocol").is_some_and(|value| value == SUBPROTOCOL) {
        return None;
    }
    Some(bad(
        "socket",
        "the subprotocol was lost on the way, and browsers then give up: let Sec-WebSocket-Protocol pass both ways \
         (nginx: no proxy_set_header and no proxy_hide_header for it)",
    ))
}

fn origin_refused(site: &Site) -> Finding {
    let origin = &site.origin;
    if *origin != site.base.origin().ascii_serialization() {
        return bad(
            "socket",
            format!(
                "pages of {origin} may not connect: add it to allowed_origins (ZAS_ALLOWED_ORIGINS={origin})"
            ),
        );
    }
    bad(
        "socket",
        format!(
            "Zas takes its own pages for another site's: the proxy changes the Host header. nginx: proxy_set_header \
             Host $http_host; if it has to: allowed_origins (ZAS_ALLOWED_ORIGINS={origin})"
        ),
    )
}

enum Heard {
    Welcome,
    Closed(u16),
}

/// Says hello. `None` when nothing comes back.
async fn greet(site: &Site, socket: &mut Socket) -> Option<Heard> {
    let hello = Hello { token: site.token.clone(), cursor: Some(Cursor::new()), seen: None };
    let hello = serde_json::to_string(&ClientFrame::hello(hello)).ok()?;
    // A refused origin is closed before it is heard; what that said is still to be read.
    let _ = socket.send(Message::text(hello)).await;
    let answer = async {
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Message::Text(text)
                    if matches!(serde_json::from_str(&text), Ok(ServerFrame::Welcome { .. })) =>
                {
                    return Some(Heard::Welcome);
                }
                Message::Close(close) => return close.map(|close| Heard::Closed(close.code.into())),
                _ => {}
            }
        }
        None
    };
    timeout(FIRST_FRAMES, answer).await.ok().flatten()
}

/// Says nothing for as long as the longest silence there is, then pings at the usual rhythm.
async fn leave_alone(socket: &mut Socket, idle: Duration) -> Quiet {
    let start = Instant::now();
    let mut ping_at = start + LONGEST;
    let cut = loop {
        tokio::select! {
            () = sleep_until(start + idle) => break false,
            () = sleep_until(ping_at) => {
                let ping = serde_json::to_string(&ClientFrame::ping(0)).unwrap_or_default();
                if socket.send(Message::text(ping)).await.is_err() {
                    break true;
                }
                ping_at += PING;
            }
            message = socket.next() => match message {
                // A code of ours is the server's own decision.
                Some(Ok(Message::Close(Some(close)))) => break !(4_000..5_000).contains(&u16::from(close.code)),
                Some(Ok(Message::Close(None)) | Err(_)) | None => break true,
                Some(Ok(_)) => {}
            },
        }
    };
    Quiet { rung: "socket", lived: start.elapsed(), cut }
}
