//! COLD: accepting connections and the limits every one of them is under.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::door::{Arrival, Door};

const CONNECTIONS: usize = 16;
const HEAD_MAX: usize = 8 * 1024;
const READ_WITHIN: Duration = Duration::from_secs(2);
/// Reading, one second for the core's answer, and a peer that reads slowly.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// Out of file descriptors: accepting again at once would only spin.
const REST: Duration = Duration::from_millis(50);

/// A place connections come from.
pub(super) enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    pub(super) fn unix(listener: std::os::unix::net::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener).map(Self::Unix)
    }

    pub(super) fn tcp(listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener).map(Self::Tcp)
    }

    /// Takes one connection and serves it for as long as it holds its seat.
    async fn take(&self, router: &Router, seat: OwnedSemaphorePermit) -> io::Result<()> {
        match self {
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred()?.uid();
                tokio::spawn(serve_one(stream, Door::Unix { uid }, router.clone(), seat));
            }
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(serve_one(stream, Door::Tcp, router.clone(), seat));
            }
        }
        Ok(())
    }

    /// Serves what is accepted, at most [`CONNECTIONS`] at a time; the rest waits in the listener's queue.
    pub(super) async fn serve(self, router: Router) {
        let seats = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
            if let Err(error) = self.take(&router, seat).await {
                tracing::warn!(event = "accept_failed", %error);
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// One request. What goes wrong from here is the peer's business: it sees the connection close.
async fn serve_one<S>(stream: S, door: Door, router: Router, seat: OwnedSemaphorePermit)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let arrival = Arrival { door, read_by: Instant::now() + READ_WITHIN };
    let service = TowerToHyperService::new(router.layer(Extension(arrival)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ_WITHIN)
        .max_buf_size(HEAD_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(CLOSE_WITHIN, connection).await;
    drop(seat);
}
