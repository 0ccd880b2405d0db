//! Both ends by hand.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use zas_server::config::Config;

use crate::support::{PATIENCE, Server};

/// A connection.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    /// Read, and not yet taken.
    read: Vec<u8>,
}

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, read: Vec::new() }
    }

    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    /// One for which the kernel keeps little.
    pub(crate) async fn with_a_small_window(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        Self::new(socket.connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
        sent.expect("the other end reads").unwrap();
    }

    /// A head, lines ended by `\n`.
    pub(crate) async fn send_head(&mut self, lines: &str) {
        self.send(format!("{}\r\n\r\n", lines.trim_end().replace('\n', "\r\n"))).await;
    }

    /// A head, as it is.
    pub(crate) async fn head(&mut self) -> String {
        let end = self.position(b"\r\n\r\n").await + 4;
        String::from_utf8(self.read.drain(..end).collect()).unwrap()
    }

    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            assert!(self.more().await > 0, "ended after {} of {count} bytes", self.read.len());
        }
        self.read.drain(..count).collect()
    }

    pub(crate) async fn text(&mut self, count: usize) -> String {
        String::from_utf8(self.bytes(count).await).unwrap()
    }

    /// One chunk of a chunked body; empty at its end.
    pub(crate) async fn chunk(&mut self) -> Vec<u8> {
        let line = self.position(b"\r\n").await;
        let length: Vec<u8> = self.read.drain(..line + 2).collect();
        let length = usize::from_str_radix(std::str::from_utf8(&length).unwrap().trim(), 16).unwrap();
        let mut chunk = self.bytes(length + 2).await;
        chunk.truncate(length);
        chunk
    }

    /// What comes until the other end has ended or broken off.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.more().await > 0 {}
        std::mem::take(&mut self.read)
    }

    async fn position(&mut self, wanted: &[u8]) -> usize {
        loop {
            if let Some(found) = self.read.windows(wanted.len()).position(|part| part == wanted) {
                return found;
            }
            assert!(self.more().await > 0, "ended after {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    async fn more(&mut self) -> usize {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        // A reset is an end too.
        read.expect("the other end says something or ends").unwrap_or(0)
    }
}

/// Whether a head has a header, in whatever case.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The existing backend.
pub(crate) struct Backend {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// The next connection that Zas makes.
    pub(crate) async fn accept(&self) -> Wire {
        let (stream, _) = timeout(PATIENCE, self.listener.accept()).await.expect("Zas connects").unwrap();
        Wire::new(stream)
    }

    /// The next connection, and the head of what it asks.
    pub(crate) async fn asked(&self) -> (Wire, String) {
        let mut wire = self.accept().await;
        let head = wire.head().await;
        (wire, head)
    }

    /// From now on it answers everything by itself: with 200 and `backend METHOD TARGET`.
    pub(crate) fn answers_all(self) -> SocketAddr {
        let address = self.address;
        drop(self.tells());
        address
    }

    /// The same; it tells the head of each request.
    pub(crate) fn tells(self) -> mpsc::UnboundedReceiver<String> {
        let (heads, told) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                tokio::spawn(answer_all(Wire::new(stream), heads.clone()));
            }
        });
        told
    }
}

async fn answer_all(mut wire: Wire, heads: mpsc::UnboundedSender<String>) {
    let head = wire.head().await;
    // Nobody has to listen.
    let _ = heads.send(head.clone());
    if header(&head, "transfer-encoding").is_some() {
        while !wire.chunk().await.is_empty() {}
    }
    let mut line = head.split(' ');
    let body = format!("backend {} {}", line.next().unwrap(), line.next().unwrap());
    let length = body.len();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    wire.send(head + &body).await;
}

/// A server before a backend.
pub(crate) async fn both() -> (Server, Backend) {
    with(|_| {}).await
}

pub(crate) async fn with(configure: impl FnOnce(&mut Config)) -> (Server, Backend) {
    let backend = Backend::start().await;
    let server = before(backend.address, configure).await;
    (server, backend)
}

/// A server before whatever is at an address.
pub(crate) async fn before(backend: SocketAddr, configure: impl FnOnce(&mut Config)) -> Server {
    Server::with(|config| {
        config.upstream = Some(format!("http://{backend}").parse().unwrap());
        configure(config);
    })
    .await
}
