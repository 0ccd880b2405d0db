//! The top rung: a WebSocket.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, StatusCode};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use zas_protocol::limits::AUTH_FRAME_BYTES;
use zas_protocol::{ClientFrame, CloseCode, Hello, ServerFrame};

use super::http::Http;
use crate::engine::{ConnId, Input};
use crate::handshake::{self, Refusal, Socket};

/// The handshake takes at most this long.
const HANDSHAKE: Duration = Duration::from_secs(8);

/// Runs one socket until it ends; the last input is [`Input::Closed`].
pub(super) async fn run(
    http: &Http,
    conn: ConnId,
    mut hello: Hello,
    mut outgoing: mpsc::Receiver<ClientFrame>,
    inputs: mpsc::Sender<Input>,
) {
    hello.token = Some(http.access());
    let code = match timeout(HANDSHAKE, open(http)).await {
        Ok(Ok(mut socket)) => {
            if greet(&mut socket, hello).await.is_ok() {
                carry(&mut socket, conn, &mut outgoing, &inputs).await
            } else {
                None
            }
        }
        Ok(Err(code)) => code,
        Err(_) => None,
    };
    let _ = inputs.send(Input::Closed { conn, code }).await;
}

/// A socket before its first frame, or the close code that its refusal amounts to.
async fn open(http: &Http) -> Result<Socket, Option<u16>> {
    match handshake::open(http.request(Method::GET, "v1/ws")).await {
        Ok((socket, _)) => Ok(socket),
        Err(Refusal::Answered(response)) if response.status() == StatusCode::UNAUTHORIZED => {
            Err(Some(CloseCode::Unauthenticated.code()))
        }
        Err(_) => Err(None),
    }
}

async fn carry(
    socket: &mut Socket,
    conn: ConnId,
    outgoing: &mut mpsc::Receiver<ClientFrame>,
    inputs: &mpsc::Sender<Input>,
) -> Option<u16> {
    loop {
        tokio::select! {
            frame = outgoing.recv() => match frame {
                Some(frame) => send(socket, &frame).await.ok()?,
                None => return None,
            },
            message = socket.next() => {
                let input = match message {
                    Some(Ok(Message::Text(text))) => match serde_json::from_str::<ServerFrame>(&text) {
                        Ok(frame) => Input::Frame { conn, frame },
                        // A newer server's frame: what it means we cannot know, that it lives we can.
                        Err(_) => Input::Heard { conn },
                    },
                    Some(Ok(Message::Close(close))) => return close.map(|close| close.code.into()),
                    Some(Ok(_)) => Input::Heard { conn },
                    Some(Err(_)) | None => return None,
                };
                inputs.send(input).await.ok()?;
            }
        }
    }
}

/// Says hello. A cursor that makes the first frame larger than it may be follows by itself.
async fn greet(socket: &mut Socket, mut hello: Hello) -> Result<(), ()> {
    let size = serde_json::to_string(&ClientFrame::hello(hello.clone())).map_err(drop)?.len();
    let cursor = if size > AUTH_FRAME_BYTES { hello.cursor.take() } else { None };
    send(socket, &ClientFrame::hello(hello)).await?;
    match cursor {
        Some(cursor) => send(socket, &ClientFrame::resume(cursor)).await,
        None => Ok(()),
    }
}

async fn send(socket: &mut Socket, frame: &ClientFrame) -> Result<(), ()> {
    let text = serde_json::to_string(frame).map_err(drop)?;
    socket.send(Message::text(text)).await.map_err(drop)
}
