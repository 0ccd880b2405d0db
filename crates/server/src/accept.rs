//! A connection below HTTP, for as long as it lives: what a client may cost that sends too much
//! before it has said who it is, that reads nothing, or that speaks HTTP/2.
//!
//! HTTP/2 is refused: it holds a mebibyte of a body before any handler is asked, and has no time
//! limit of its own. The proxy that ends TLS speaks it to browsers and HTTP/1.1 to us.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tower::Layer as _;

/// No method of HTTP/1 begins so (RFC 9113 §3.4).
const HTTP2_PREFACE: &[u8] = b"PRI ";

/// Guards each connection that is accepted, and tells its requests of its [`Allowance`].
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// A write that makes no progress for this long ends the connection.
    pub stall: Duration,
}

impl<S> Accept<TcpStream, S> for Guard {
    type Stream = Guarded<TcpStream>;
    type Service = AddExtension<S, Allowance>;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(stream.set_nodelay(true).map(|()| {
            let allowance = Allowance::default();
            let service = Extension(allowance.clone()).layer(service);
            (Guarded::new(stream, self.stall, allowance), service)
        }))
    }
}

/// How many bytes a connection may still send, and how long it may read nothing. Nobody counts the
/// bytes until somebody [limits](Self::limit) it.
#[derive(Debug, Clone)]
pub struct Allowance(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bytes: AtomicUsize,
    /// In milliseconds; 0 for what [`Guard`] says.
    stall: AtomicU64,
}

const UNLIMITED: usize = usize::MAX;

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(Shared { bytes: AtomicUsize::new(UNLIMITED), stall: AtomicU64::new(0) }))
    }
}

impl Allowance {
    /// Lets it send about `bytes` more, until what is returned is dropped. One more ends it.
    #[must_use]
    pub fn limit(&self, bytes: usize) -> Limited {
        self.0.bytes.store(bytes, Ordering::Relaxed);
        Limited(self.clone())
    }

    /// From now on it may read nothing for so long; as long as [`Guard`] says without an argument.
    pub fn may_stall(&self, stall: Option<Duration>) {
        let ms = stall.map_or(0, |stall| u64::try_from(stall.as_millis()).unwrap_or(u64::MAX));
        self.0.stall.store(ms, Ordering::Relaxed);
    }

    fn stall(&self) -> Option<Duration> {
        let ms = self.0.stall.load(Ordering::Relaxed);
        (ms > 0).then(|| Duration::from_millis(ms))
    }

    /// Takes what has been read; whether it may be.
    fn take(&self, bytes: usize) -> bool {
        let left = self.0.bytes.load(Ordering::Relaxed);
        if left == UNLIMITED {
            return true;
        }
        // Only the connection itself takes, so that nothing is lost between.
        self.0.bytes.store(left.saturating_sub(bytes), Ordering::Relaxed);
        bytes <= left
    }
}

/// A connection is limited while this lives.
#[derive(Debug)]
pub struct Limited(Allowance);

impl Drop for Limited {
    fn drop(&mut self) {
        self.0.0.bytes.store(UNLIMITED, Ordering::Relaxed);
    }
}

/// A guarded connection.
#[derive(Debug)]
pub struct Guarded<T> {
    inner: T,
    /// How much of [`HTTP2_PREFACE`] has come; `None` once something else has.
    preface: Option<usize>,
    allowance: Allowance,
    stall: Duration,
    /// Runs while nothing can be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<T> Guarded<T> {
    fn new(inner: T, stall: Duration, allowance: Allowance) -> Self {
        Self { inner, preface: Some(0), allowance, stall, stalled: None }
    }

    /// Looks at what has come.
    fn admit(&mut self, read: &[u8]) -> io::Result<()> {
        for &byte in read {
            let Some(matched) = self.preface else { break };
            self.preface = (HTTP2_PREFACE[matched] == byte).then_some(matched + 1);
            if self.preface == Some(HTTP2_PREFACE.len()) {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "HTTP/2"));
            }
        }
        if self.allowance.take(read.len()) {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "too long for a client that is not known yet"))
    }

    /// What became of a write, or that none has got anywhere for too long.
    fn written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall = self.allowance.stall().unwrap_or(self.stall);
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        stalled.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Guarded<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.inner).poll_read(context, buffer);
        if let Poll::Ready(Ok(())) = read {
            let admitted = self.admit(&buffer.filled()[before..]);
            if admitted.is_err() {
                // What fails has read nothing.
                buffer.set_filled(before);
            }
            return Poll::Ready(admitted);
        }
        read
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Guarded<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const STALL: Duration = Duration::from_secs(10);

    /// A client's end, the server's, and its allowance. The pipe between holds eight bytes.
    fn connection() -> (DuplexStream, Guarded<DuplexStream>, Allowance) {
        let (client, server) = duplex(8);
        let allowance = Allowance::default();
        (client, Guarded::new(server, STALL, allowance.clone()), allowance)
    }

    #[tokio::test]
    async fn a_limited_connection_sends_its_bytes_and_no_more_and_an_unlimited_one_as_many_as_it_likes() {
        let (mut client, mut server, allowance) = connection();
        let limited = allowance.limit(8);
        let mut read = [0; 4];
        for _ in 0..2 {
            client.write_all(b"four").await.unwrap();
            server.read_exact(&mut read).await.unwrap();
        }
        drop(limited);
        client.write_all(b"more").await.unwrap();
        server.read_exact(&mut read).await.unwrap();
        let _limited = allowance.limit(3);
        client.write_all(b"four").await.unwrap();
        assert_eq!(server.read(&mut read).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn http_2_is_refused_however_its_first_bytes_come() {
        for pieces in [vec!["PRI * HT"], vec!["P", "R", "I", " "]] {
            let (mut client, mut server, _) = connection();
            let read = tokio::spawn(async move { server.read_to_end(&mut Vec::new()).await });
            for piece in pieces {
                // It may be refused before the last piece.
                let _ = client.write_all(piece.as_bytes()).await;
            }
            assert_eq!(read.await.unwrap().unwrap_err().kind(), io::ErrorKind::Unsupported);
        }
        for other in ["PR PRI ", "GET PRI ", "PUT / "] {
            let (mut client, mut server, _) = connection();
            client.write_all(other.as_bytes()).await.unwrap();
            drop(client);
            assert!(server.read_to_end(&mut Vec::new()).await.is_ok(), "{other}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_ends_once_its_reader_has_read_nothing_for_too_long() {
        let (mut client, mut server, _) = connection();
        let writes = tokio::spawn(async move { server.write_all(&[0; 40]).await });
        // Slow is no fault.
        for _ in 0..3 {
            tokio::time::sleep(STALL - Duration::from_secs(1)).await;
            client.read_exact(&mut [0; 8]).await.unwrap();
        }
        let error = tokio::time::timeout(STALL + Duration::from_secs(1), writes).await.unwrap().unwrap();
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_may_be_allowed_to_read_nothing_for_longer() {
        let (mut client, mut server, allowance) = connection();
        allowance.may_stall(Some(3 * STALL));
        let writes = tokio::spawn(async move { server.write_all(&[0; 16]).await });
        tokio::time::sleep(2 * STALL).await;
        client.read_exact(&mut [0; 16]).await.unwrap();
        writes.await.unwrap().unwrap();
        let (_client, mut server, allowance) = connection();
        allowance.may_stall(Some(3 * STALL));
        allowance.may_stall(None);
        let writes = server.write_all(&[0; 16]);
        let error = tokio::time::timeout(STALL + Duration::from_secs(1), writes).await.unwrap();
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
