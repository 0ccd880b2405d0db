//! Connections to the backend, each made in time or not at all.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::Service;

/// No connection came about in time.
#[derive(Debug, thiserror::Error)]
#[error("no connection came about in time")]
pub(super) struct Late;

/// Connects by TCP, and by TLS where the address says so, with the certificates that the system trusts.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    /// For name, connection and TLS together.
    within: Duration,
}

impl Connector {
    pub(super) fn new(within: Duration) -> io::Result<Self> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let builder = HttpsConnectorBuilder::new().try_with_platform_verifier().map_err(io::Error::other)?;
        Ok(Self { inner: builder.https_or_http().enable_http1().wrap_connector(http), within })
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connects = timeout(self.within, self.inner.call(address));
        Box::pin(async move { connects.await.unwrap_or_else(|_| Err(Late.into())) })
    }
}
