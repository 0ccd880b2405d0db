//! One connection. It speaks the wire's frames (`spec/protocol.md`) and understands of them what a
//! measurement needs; the bare loop that Zas is compared with speaks the same.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use zas_protocol::frame::SUBPROTOCOL;

/// What is heard, as far as it is understood.
#[derive(Debug, Deserialize)]
pub(crate) struct Heard<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) txn_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) room: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) text: Option<Cow<'a, str>>,
    #[serde(default)]
    pub(crate) seq: Option<u64>,
    #[serde(default)]
    pub(crate) retry_after_ms: Option<u64>,
}

/// An open connection.
pub struct Line {
    socket: WebSocketStream<TcpStream>,
}

impl Line {
    /// Connects from an address of this machine's own network (any of 127.0.0.0/8, so that more than one
    /// address's ports can be used), says hello and waits until it is caught up.
    ///
    /// # Errors
    /// What the network or the server has against it.
    pub async fn open(server: SocketAddr, from: SocketAddr, path: &str, hello: &str) -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(from)?;
        let stream = socket.connect(server).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{server}{path}").into_client_request().map_err(io::Error::other)?;
        request.headers_mut().insert(
            "sec-websocket-protocol",
            SUBPROTOCOL.parse().map_err(|_| io::Error::other("the subprotocol is a header"))?,
        );
        let config = WebSocketConfig::default().read_buffer_size(4 * 1024).write_buffer_size(0);
        let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
            .await
            .map_err(io::Error::other)?;
        let mut line = Self { socket };
        line.say(hello.to_owned()).await?;
        while !line.hear(|heard| heard.kind == "synced").await? {}
        Ok(line)
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) async fn say(&mut self, frame: String) -> io::Result<()> {
        self.socket.send(Message::text(frame)).await.map_err(io::Error::other)
    }

    /// The next frame, looked at by `look`.
    ///
    /// # Errors
    /// When the connection is gone.
    pub(crate) async fn hear<R>(&mut self, look: impl FnOnce(&Heard<'_>) -> R) -> io::Result<R> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let heard = serde_json::from_str(&text).map_err(io::Error::other)?;
                    return Ok(look(&heard));
                }
                Some(Ok(Message::Close(frame))) => {
                    return Err(io::Error::other(format!("closed: {frame:?}")));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(io::Error::other(error)),
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }
}
