//! The first rung: a WebSocket.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use bytes::Bytes;
use futures_util::SinkExt as _;
use zas_protocol::CloseCode;
use zas_protocol::limits::FRAME_BYTES;

use super::{Gone, Inbound, Pipe};

/// How long a close frame may take to get out.
const FAREWELL: Duration = Duration::from_secs(1);

/// Frames that are ready at once leave in writes of about so many bytes. An idle socket holds far less.
const TOGETHER: usize = 4 * 1024;

/// The bounds of every socket: the library's own defaults cost over 100 KiB for each.
pub fn bounded(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .read_buffer_size(1024)
        .write_buffer_size(TOGETHER)
        .max_write_buffer_size(256 * 1024)
        .max_message_size(FRAME_BYTES)
        .max_frame_size(FRAME_BYTES)
}

/// A socket as a pipe.
pub struct SocketPipe(pub WebSocket);

impl Pipe for SocketPipe {
    const SPEAKS: bool = true;

    async fn send(&mut self, frame: Bytes) -> Result<(), Gone> {
        let text = Utf8Bytes::try_from(frame).map_err(|_| Gone)?;
        self.0.feed(Message::Text(text)).await.map_err(|_| Gone)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        self.0.flush().await.map_err(|_| Gone)
    }

    async fn receive(&mut self) -> Inbound {
        match self.0.recv().await {
            Some(Ok(Message::Text(text))) => Inbound::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(_))) => Inbound::Broken(CloseCode::ProtocolViolation),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Inbound::Alive,
            Some(Ok(Message::Close(_))) | None => Inbound::End,
            // Over the size limit, or no WebSocket: reading cannot go on after either.
            Some(Err(error)) if too_large(&error) => Inbound::Broken(CloseCode::FrameTooLarge),
            Some(Err(_)) => Inbound::End,
        }
    }

    async fn close(&mut self, code: CloseCode) {
        let frame = CloseFrame { code: code.code(), reason: Utf8Bytes::from_static(code.reason()) };
        // A client that does not take it learns from the closed connection.
        let _ = tokio::time::timeout(FAREWELL, self.0.send(Message::Close(Some(frame)))).await;
    }
}

/// axum hides the error's type; its source says "Message too long" or "Space limit exceeded".
fn too_large(error: &axum::Error) -> bool {
    let mut source: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = source {
        let text = error.to_string();
        if text.contains("too long") || text.contains("too large") || text.contains("Space limit exceeded") {
            return true;
        }
        source = error.source();
    }
    false
}
