//! The node's TCP listener: only so many connections, and none that sits idle.
//!
//! Without this anybody could open connections, say nothing, and leave the node without a file descriptor for its own log.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, sleep};

use crate::addresses::{Addresses, Share};

/// The most connections, where the system allows as many files.
const MAX_CONNECTIONS: u64 = 8192;
/// How long a connection may carry nothing in either direction. Waits for news end after 30 seconds, and an open WebSocket is
/// pinged every 30.
const IDLE: Duration = Duration::from_secs(90);
/// How long the first bytes of a connection may take, by which HTTP/1 is told from HTTP/2.
const FIRST: Duration = Duration::from_secs(30);
/// The length of HTTP/2's greeting. No request with a host is shorter.
const FIRST_BYTES: usize = 24;
/// How long to wait after the system could not accept, so as not to spin.
const AGAIN: Duration = Duration::from_millis(100);

/// A listener that takes no more connections than it has places for; the others wait in the system's queue.
#[derive(Debug)]
pub(crate) struct Places {
    listener: TcpListener,
    free: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

impl Places {
    pub(crate) fn new(listener: TcpListener, addresses: Arc<Addresses>) -> Self {
        let places = MAX_CONNECTIONS.min(open_files() / 2).max(1);
        let places = usize::try_from(places).unwrap_or(Semaphore::MAX_PERMITS);
        Self { listener, free: Arc::new(Semaphore::new(places)), addresses }
    }
}

/// How many files this process may open, after asking for as many as it can get.
fn open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(4 * MAX_CONNECTIONS, |maximum| maximum.min(4 * MAX_CONNECTIONS));
    let raised = Rlimit { current: Some(wanted), maximum };
    match current {
        Some(current) if current < wanted && setrlimit(Resource::Nofile, raised).is_ok() => wanted,
        Some(current) => current,
        None => u64::MAX,
    }
}

impl Places {
    /// The next connection, once there is a place for it. Cancel safe.
    pub(crate) async fn accept(&self) -> Connection {
        loop {
            // The semaphore is never closed; were it, no place would ever be free again.
            let Ok(place) = Arc::clone(&self.free).acquire_owned().await else {
                std::future::pending().await
            };
            match self.listener.accept().await {
                // Closed at once where its address has its share: no answer would be read before the next one comes.
                Ok((stream, peer)) => match self.addresses.connect(peer.ip()) {
                    Some(share) => return Connection::new(stream, peer.ip(), place, share),
                    None => tracing::debug!(%peer, "a connection too many from one address"),
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(AGAIN).await;
                }
            }
        }
    }
}

/// A connection in its place. It ends by itself when its first bytes do not come within [`FIRST`], or when nothing has moved
/// for [`IDLE`].
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    idle: Pin<Box<Sleep>>,
    /// Bytes that came, as long as they are the first.
    first: usize,
    peer: IpAddr,
    _place: OwnedSemaphorePermit,
    _share: Share,
}

impl Connection {
    fn new(stream: TcpStream, peer: IpAddr, place: OwnedSemaphorePermit, share: Share) -> Self {
        // Small messages, each of which somebody waits for. Where it cannot be set they come late.
        let _ = stream.set_nodelay(true);
        Self { stream, idle: Box::pin(sleep(FIRST)), first: 0, peer, _place: place, _share: share }
    }

    /// Who is at the other end.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// What came of an attempt to read or write: progress sets the clock back, and waiting ends when it has run out.
    fn watched<T>(&mut self, attempt: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if attempt.is_ready() && self.first >= FIRST_BYTES {
            self.idle.as_mut().reset(Instant::now() + IDLE);
            return attempt;
        }
        match self.idle.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => attempt,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let attempt = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.first = self.first.saturating_add(buffer.filled().len() - before);
        self.watched(attempt, cx)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watched(attempt, cx)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_flush(cx);
        self.watched(attempt, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.watched(attempt, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addresses::Limits;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// Lost if this fails: a stranger's silent connections keep every customer out, for ever.
    #[tokio::test(start_paused = true)]
    async fn a_silent_connection_loses_its_place_to_the_next() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let places = Places {
            listener,
            free: Arc::new(Semaphore::new(1)),
            addresses: Addresses::new(Limits::default()),
        };
        let _silent = TcpStream::connect(address).await.unwrap();
        let mut first = places.accept().await;
        let mut customer = TcpStream::connect(address).await.unwrap();
        customer.write_all(b"hello").await.unwrap();
        let seat = tokio::spawn(async move {
            let mut second = places.accept().await;
            let mut heard = [0; 5];
            second.read_exact(&mut heard).await.map(|_| heard)
        });
        let ended = first.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        assert!(!seat.is_finished(), "two connections in one place");
        drop(first);
        assert_eq!(seat.await.unwrap().unwrap(), *b"hello");
    }

    /// Lost if this fails: a client keeps its place for half an hour with a byte a minute of a request that never comes.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_begins_byte_by_byte_loses_its_place() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let places = Places {
            listener,
            free: Arc::new(Semaphore::new(1)),
            addresses: Addresses::new(Limits::default()),
        };
        let mut slow = TcpStream::connect(address).await.unwrap();
        let mut connection = places.accept().await;
        let start = Instant::now();
        let ended = loop {
            assert!(start.elapsed() < 2 * FIRST, "it still has its place");
            // It fails once the other side is gone.
            let _ = slow.write_all(b"P").await;
            if let Err(error) = connection.read(&mut [0; 1]).await {
                break error;
            }
            sleep(Duration::from_secs(2)).await;
        };
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        assert!((FIRST..FIRST + Duration::from_secs(5)).contains(&start.elapsed()), "{:?}", start.elapsed());
    }
}
