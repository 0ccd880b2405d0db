//! Opening a WebSocket as an upgrade of a request (RFC 6455 §4.1), so that proxies, timeouts and TLS
//! are set in one place: the HTTP client's. It must speak HTTP/1.1, which alone has upgrades.

use reqwest::header::{CONNECTION, HeaderMap, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use reqwest::{RequestBuilder, Response, StatusCode, Upgraded};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use zas_protocol::frame::SUBPROTOCOL;

/// The largest message taken from a server: a frame of a whole group's positions fits well.
const FRAME_MAX: usize = 1024 * 1024;
/// Memory that one socket reads into at a time.
const READ_BUFFER: usize = 4 * 1024;

/// A socket before its first frame.
pub type Socket = WebSocketStream<Upgraded>;

/// Why there is no socket.
#[derive(Debug)]
pub enum Refusal {
    /// No answer came.
    Unanswered(reqwest::Error),
    /// An answer that is no handshake.
    Answered(Response),
}

/// Opens a socket by a `GET` of its address; the answer's headers beside it.
///
/// # Errors
/// [`Refusal`].
pub async fn open(request: RequestBuilder) -> Result<(Socket, HeaderMap), Refusal> {
    let key = generate_key();
    let request = request
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header("Sec-WebSocket-Version", "13")
        .header("Sec-WebSocket-Key", &key)
        .header("Sec-WebSocket-Protocol", SUBPROTOCOL);
    let response = request.send().await.map_err(Refusal::Unanswered)?;
    let expected = derive_accept_key(key.as_bytes());
    let accepted = response.headers().get(SEC_WEBSOCKET_ACCEPT).is_some_and(|accept| *accept == *expected);
    if response.status() != StatusCode::SWITCHING_PROTOCOLS || !accepted {
        return Err(Refusal::Answered(response));
    }
    let headers = response.headers().clone();
    let stream = response.upgrade().await.map_err(Refusal::Unanswered)?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(FRAME_MAX))
        .max_frame_size(Some(FRAME_MAX));
    Ok((WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await, headers))
}
