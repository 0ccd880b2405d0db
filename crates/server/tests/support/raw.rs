//! A client that says whatever bytes a test wants, and hears what comes back.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::PATIENCE;

/// A connection.
pub(crate) struct Raw {
    stream: TcpStream,
    /// Read, and not yet taken.
    read: Vec<u8>,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The head, in lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }

    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A WebSocket frame (RFC 6455 §5.2): its first byte, and its payload under a mask of zeros, which is
/// a mask as good as any.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend((length as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// The first byte of a whole text frame.
pub(crate) const TEXT: u8 = 0x81;

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    /// One for which the kernel keeps little, so that it is the server who has to wait.
    pub(crate) async fn with_a_small_window(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        Self { stream: socket.connect(address).await.unwrap(), read: Vec::new() }
    }

    /// One that has become a socket.
    pub(crate) async fn socket(address: SocketAddr) -> Self {
        let mut raw = Self::connect(address).await;
        raw.handshake().await;
        raw
    }

    /// Asks for a socket, and waits until it is one.
    pub(crate) async fn handshake(&mut self) {
        self.send(HANDSHAKE.as_bytes()).await;
        assert_eq!(self.answer().await.expect("a handshake is answered").status, 101);
    }

    /// Sends what the server still takes: one that has refused already may be gone.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes)).await.expect("the server reads or closes");
    }

    /// Sends what the kernel and the server take without waiting.
    pub(crate) async fn send_what_fits(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            self.stream.writable().await.unwrap();
            match self.stream.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(_) => break,
            }
        }
    }

    /// Sends the same over and over and reads nothing, until the server ends it.
    pub(crate) async fn send_until_it_ends(&mut self, bytes: &[u8]) {
        while self.stream.write_all(bytes).await.is_ok() {}
    }

    /// One answer; `None` when the connection ends without.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        loop {
            if let Some(answer) = self.take_answer() {
                return Some(answer);
            }
            if self.more().await == 0 {
                assert!(self.read.is_empty(), "{:?}", String::from_utf8_lossy(&self.read));
                return None;
            }
        }
    }

    /// An answer, if it is there already.
    pub(crate) fn answer_so_far(&mut self) -> Option<Answer> {
        self.read_so_far();
        self.take_answer()
    }

    /// Reads what is there.
    fn read_so_far(&mut self) {
        let mut part = [0; 4096];
        while let Ok(read @ 1..) = self.stream.try_read(&mut part) {
            self.read.extend(&part[..read]);
        }
    }

    /// Whether it has ended already; what came before is passed over.
    pub(crate) fn has_ended(&mut self) -> bool {
        let mut part = [0; 4096];
        loop {
            match self.stream.try_read(&mut part) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
    }

    fn take_answer(&mut self) -> Option<Answer> {
        let end = self.read.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.read[..end]).to_lowercase();
        let mut answer = Answer { status: head[9..12].parse().unwrap(), head, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        answer.body = self.read.get(end..end + length)?.to_vec();
        self.read.drain(..end + length);
        Some(answer)
    }

    /// One frame that the server sends: its first byte and its payload; `None` when it closes without.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            let frame = self.take_frame();
            if frame.is_some() || self.more().await == 0 {
                return frame;
            }
        }
    }

    fn take_frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let (head, length) = self.frame_head()?;
        let payload = self.read.get(head..head + length)?.to_vec();
        let first = self.read[0];
        self.read.drain(..head + length);
        Some((first, payload))
    }

    fn frame_head(&self) -> Option<(usize, usize)> {
        let short = usize::from(*self.read.get(1)?);
        match short {
            0..=125 => Some((2, short)),
            126 => Some((4, usize::from(u16::from_be_bytes(self.read.get(2..4)?.try_into().unwrap())))),
            _ => {
                let length = u64::from_be_bytes(self.read.get(2..10)?.try_into().unwrap());
                Some((10, usize::try_from(length).unwrap()))
            }
        }
    }

    /// The code that it is closed with, if it is there already.
    pub(crate) fn close_code_so_far(&mut self) -> Option<u16> {
        self.read_so_far();
        while let Some((first, payload)) = self.take_frame() {
            if first & 0x0f == 8 {
                return payload.first_chunk().map(|&code| u16::from_be_bytes(code));
            }
        }
        None
    }

    /// The code that it is closed with, whatever comes before; `None` when it is closed without one.
    pub(crate) async fn close_code(&mut self) -> Option<u16> {
        while let Some((first, payload)) = self.frame().await {
            if first & 0x0f == 8 {
                return payload.first_chunk().map(|&code| u16::from_be_bytes(code));
            }
        }
        None
    }

    /// Waits until the server closes; all that it said before.
    pub(crate) async fn ended(&mut self) -> Vec<u8> {
        while self.more().await > 0 {}
        std::mem::take(&mut self.read)
    }

    /// Reads; 0 when it has ended.
    async fn more(&mut self) -> usize {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        // A reset is an end too.
        read.expect("the server answers or closes").unwrap_or(0)
    }
}

/// A good handshake.
pub(crate) const HANDSHAKE: &str = "GET /v1/ws HTTP/1.1\r\nhost: here\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-version: 13\r\nsec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\
     sec-websocket-protocol: zas.v1.json\r\n\r\n";
