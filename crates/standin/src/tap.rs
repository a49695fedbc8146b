//! The socket below the HTTP server: keeps the bytes as received (hyper lower-cases header names),
//! and corrupts the output if a test wants that.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::keys::random_bytes;

/// What happens to the bytes written by the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// They are sent unchanged.
    Clean,
    /// Random bytes are sent instead, then the connection ends.
    Garbage,
    /// The head and this many bytes of the body are sent, then the connection ends.
    CutBody(usize),
    /// These bytes replace the next ones; the rest is sent unchanged.
    Instead(Vec<u8>),
    /// These bytes are sent instead, then the connection ends.
    Last(Vec<u8>),
    /// Nothing is sent any more.
    Broken,
}

/// One connection, as the server's middleware sees it.
#[derive(Clone, Debug)]
pub(crate) struct Connection(Arc<Mutex<Tapped>>);

#[derive(Debug)]
struct Tapped {
    number: u64,
    read: Vec<u8>,
    recording: bool,
    wire: Wire,
}

impl Connection {
    /// A unique number.
    pub(crate) fn number(&self) -> u64 {
        self.lock().number
    }

    /// The head of the current request, as received, without the empty line.
    pub(crate) fn head(&self) -> Vec<u8> {
        let tapped = self.lock();
        let end = head_length(&tapped.read).unwrap_or(tapped.read.len());
        tapped.read.get(..end).unwrap_or_default().trim_ascii_end().to_vec()
    }

    /// The request has been read completely: the next byte begins another one. (Clients that
    /// pipeline would confuse this; neither nginx nor ureq does.)
    pub(crate) fn request_done(&self) {
        self.lock().read.clear();
    }

    /// The connection is not HTTP/1.1 any more, or not recorded: stop keeping bytes.
    pub(crate) fn stop_recording(&self) {
        let mut tapped = self.lock();
        tapped.recording = false;
        tapped.read = Vec::new();
    }

    /// Corrupts what is written from now on.
    pub(crate) fn set_wire(&self, wire: Wire) {
        self.lock().wire = wire;
    }

    fn lock(&self) -> MutexGuard<'_, Tapped> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Length of a head including its final empty line.
fn head_length(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

/// Connections so far, over all listeners.
static ACCEPTED: AtomicU64 = AtomicU64::new(0);

/// A listener whose connections are tapped.
pub(crate) struct TapListener(pub(crate) TcpListener);

impl Listener for TapListener {
    type Io = TapStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((stream, address)) = self.0.accept().await {
                // Send responses at once; otherwise a small one may wait for an ACK.
                let _ = stream.set_nodelay(true);
                let number = ACCEPTED.fetch_add(1, Ordering::Relaxed);
                let read = Vec::new();
                let tapped = Tapped { number, read, recording: true, wire: Wire::Clean };
                let connection = Connection(Arc::new(Mutex::new(tapped)));
                return (TapStream { stream, connection }, address);
            }
            // Out of file descriptors: some become free when connections end.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, TapListener>> for Connection {
    fn connect_info(stream: IncomingStream<'_, TapListener>) -> Self {
        stream.io().connection.clone()
    }
}

/// A socket and its tap.
pub(crate) struct TapStream {
    stream: TcpStream,
    connection: Connection,
}

impl TapStream {
    /// Writes `other`, but reports that `bytes` were written.
    fn write_instead(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut other: Vec<u8>,
        then: Wire,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        while !other.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &other))?;
            other.drain(..written);
            let rest = other.clone();
            self.connection.lock().wire =
                if then == Wire::Clean { Wire::Instead(rest) } else { Wire::Last(rest) };
        }
        self.connection.lock().wire = then;
        Poll::Ready(Ok(bytes.len()))
    }
}

impl AsyncRead for TapStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let mut tapped = self.connection.lock();
        if tapped.recording {
            tapped.read.extend_from_slice(buffer.filled().get(before..).unwrap_or_default());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for TapStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = self.connection.lock().wire.clone();
        let garbage;
        let (bytes, then) = match wire {
            Wire::Clean => (bytes, Wire::Clean),
            Wire::Broken => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Wire::Garbage => {
                garbage = random_bytes(bytes.len());
                (garbage.as_slice(), Wire::Broken)
            }
            Wire::Instead(other) => return self.write_instead(context, other, Wire::Clean, bytes),
            Wire::Last(other) => return self.write_instead(context, other, Wire::Broken, bytes),
            Wire::CutBody(kept) => {
                let end = head_length(bytes).unwrap_or_default() + kept;
                (bytes.get(..end).unwrap_or(bytes), Wire::Broken)
            }
        };
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.connection.lock().wire = then;
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
