//! A TCP proxy on loopback that breaks one connection at a given byte, once, and is transparent from
//! then on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// How a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// RST to both ends.
    Reset,
    /// FIN to both ends.
    Close,
    /// Neither end hears anything more.
    Silence,
}

/// Where to break: after so many bytes that way, over all connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    pub(crate) way: Way,
    pub(crate) at: u64,
    pub(crate) fault: Fault,
}

#[derive(Default)]
struct Shared {
    passed: [AtomicU64; 2],
    done: AtomicBool,
}

/// A running proxy; it ends with the value.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(server: SocketAddr, cut: Option<Cut>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared: Arc<Shared> = Arc::default();
        let connections = shared.clone();
        let task = tokio::spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let shared = connections.clone();
                open.spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        carry(client, server, cut, &shared).await;
                    }
                });
                while open.try_join_next().is_some() {}
            }
        });
        Self { address, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many bytes have gone that way.
    pub(crate) fn passed(&self, way: Way) -> u64 {
        self.shared.passed[way as usize].load(Ordering::Relaxed)
    }

    /// Whether it has broken something.
    pub(crate) fn has_cut(&self) -> bool {
        self.shared.done.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, cut: Option<Cut>, shared: &Shared) {
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut up, mut down) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    loop {
        let (way, read) = tokio::select! {
            read = client.read(&mut up) => (Way::Up, read),
            read = server.read(&mut down) => (Way::Down, read),
        };
        let Ok(count @ 1..) = read else { return };
        let (bytes, to) = match way {
            Way::Up => (&up[..count], &mut server),
            Way::Down => (&down[..count], &mut client),
        };
        let before = shared.passed[way as usize].fetch_add(count as u64, Ordering::Relaxed);
        let broken = cut.filter(|cut| cut.way == way && cut.at < before + count as u64);
        let broken = broken.filter(|_| !shared.done.swap(true, Ordering::Relaxed));
        let whole = broken.map_or(count, |cut| usize::try_from(cut.at.saturating_sub(before)).unwrap());
        if to.write_all(&bytes[..whole]).await.is_err() {
            return;
        }
        match broken.map(|cut| cut.fault) {
            None => {}
            Some(Fault::Close) => {
                let _ = (client.shutdown().await, server.shutdown().await);
                return;
            }
            Some(Fault::Reset) => {
                let _ = (client.set_zero_linger(), server.set_zero_linger());
                return;
            }
            // Held open until the proxy ends.
            Some(Fault::Silence) => std::future::pending().await,
        }
    }
}
