//! What has become a WebSocket: bytes both ways, whatever they mean.

use std::time::Duration;

use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::body::Beat;

/// What is read at once, each way.
const READ_BYTES: usize = 8 * 1024;

/// Carries bytes between two connections once both have changed their protocol, until both have ended,
/// one breaks, or nothing has come from either for `idle`.
pub(super) async fn relay(client: OnUpgrade, backend: OnUpgrade, idle: Duration) {
    let Ok((client, backend)) = tokio::try_join!(client, backend) else { return };
    carry(TokioIo::new(client), TokioIo::new(backend), idle).await;
}

async fn carry(client: impl AsyncRead + AsyncWrite, backend: impl AsyncRead + AsyncWrite, idle: Duration) {
    let beat = Beat::new();
    let (client_says, client_hears) = split(client);
    let (backend_says, backend_hears) = split(backend);
    let both = async {
        // An error of one direction is the end of both.
        let _ = tokio::try_join!(
            one_way(client_says, backend_hears, &beat),
            one_way(backend_says, client_hears, &beat)
        );
    };
    tokio::select! {
        () = both => {}
        () = beat.still(idle) => {}
    }
}

async fn one_way(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    beat: &Beat,
) -> std::io::Result<()> {
    let mut bytes = vec![0; READ_BYTES];
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        beat.moved();
        to.write_all(&bytes[..read]).await?;
        to.flush().await?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::duplex;
    use tokio::time::{Instant, sleep};

    use super::*;

    const IDLE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_ends_once_neither_end_has_said_anything_for_too_long() {
        let (mut client, ours) = duplex(64);
        let (mut backend, theirs) = duplex(64);
        let carried = tokio::spawn(async move {
            let began = Instant::now();
            carry(ours, theirs, IDLE).await;
            began.elapsed()
        });
        let mut heard = [0; 1];
        for _ in 0..2 {
            sleep(IDLE - Duration::from_secs(1)).await;
            client.write_all(b"x").await.unwrap();
            backend.read_exact(&mut heard).await.unwrap();
            sleep(IDLE - Duration::from_secs(1)).await;
            backend.write_all(b"y").await.unwrap();
            client.read_exact(&mut heard).await.unwrap();
        }
        assert_eq!(client.read(&mut heard).await.unwrap(), 0);
        assert_eq!(carried.await.unwrap().as_secs(), (5 * IDLE).as_secs() - 4);
    }

    #[tokio::test]
    async fn an_end_that_has_said_all_still_hears_the_other() {
        let (mut client, ours) = duplex(64);
        let (mut backend, theirs) = duplex(64);
        let carried = tokio::spawn(carry(ours, theirs, IDLE));
        client.write_all(b"bye").await.unwrap();
        client.shutdown().await.unwrap();
        let mut heard = String::new();
        backend.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "bye");
        backend.write_all(b"good bye").await.unwrap();
        drop(backend);
        heard.clear();
        client.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "good bye");
        carried.await.unwrap();
    }
}
