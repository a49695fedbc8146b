//! The byte stream below the WebSocket: TCP, or TLS over it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use authentik_gate::http::TransportError;
use authentik_gate::provider::Trust;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use url::{Host, Url};

use super::connection::LOOK;
use crate::client::error::io_error;
use crate::tls;

/// A connection whose reads time out after [`LOOK`], or as set by [`Stream::read_for`], with
/// `WouldBlock`.
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ClientConnection, Socket>>),
}

/// A socket whose waiting another thread may end, by [`shutdown`](TcpStream::shutdown). That reads
/// as a pause rather than the end, so that a goodbye can be sent.
pub(super) struct Socket {
    tcp: TcpStream,
    stopped: Arc<AtomicBool>,
}

impl Stream {
    /// Connects to the host of a `ws` or `wss` URL at one of these addresses. The first write does
    /// the TLS handshake.
    pub(super) fn connect(
        url: &Url,
        addresses: &[SocketAddr],
        trust: &Trust,
        deadline: Instant,
        stopped: Arc<AtomicBool>,
    ) -> Result<Self, TransportError> {
        let socket = Socket { tcp: tcp(addresses, deadline)?, stopped };
        if url.scheme() != "wss" {
            return Ok(Self::Plain(socket));
        }
        let config = tls::client_config(trust).map_err(TransportError::Tls)?;
        let name = server_name(url).ok_or_else(|| {
            TransportError::Tls("its name cannot stand in a certificate".to_owned())
        })?;
        let session = ClientConnection::new(config, name)
            .map_err(|error| TransportError::Tls(error.to_string()))?;
        Ok(Self::Tls(Box::new(StreamOwned::new(session, socket))))
    }

    /// Sets the read timeout.
    pub(super) fn read_for(&self, time: Duration) -> io::Result<()> {
        self.tcp().set_read_timeout(Some(time.max(Duration::from_millis(1))))
    }

    /// A handle with which another thread can end the waiting.
    pub(super) fn handle(&self) -> io::Result<TcpStream> {
        self.tcp().try_clone()
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => &socket.tcp,
            Self::Tls(session) => &session.sock.tcp,
        }
    }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.tcp.read(into) {
            Ok(0) if self.stopped.load(Ordering::Acquire) => Err(ErrorKind::WouldBlock.into()),
            read => read,
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// Connects to the first address that answers.
fn tcp(addresses: &[SocketAddr], deadline: Instant) -> Result<TcpStream, TransportError> {
    let mut failure = TransportError::Unreachable("its name has no address".to_owned());
    for address in addresses {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(TransportError::Timeout);
        }
        match TcpStream::connect_timeout(address, left.min(CONNECT_AT_MOST)) {
            Ok(socket) => {
                return prepare(&socket).map(|()| socket).map_err(|error| io_error(&error));
            }
            Err(error) => failure = io_error(&error),
        }
    }
    Err(failure)
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(LOOK))?;
    socket.set_write_timeout(Some(LOOK))
}

fn server_name(url: &Url) -> Option<ServerName<'static>> {
    match url.host()? {
        Host::Domain(name) => ServerName::try_from(name.to_owned()).ok(),
        Host::Ipv4(address) => Some(ServerName::IpAddress(address.into())),
        Host::Ipv6(address) => Some(ServerName::IpAddress(address.into())),
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(into),
            Self::Tls(session) => session.read(into),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(session) => session.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(session) => session.flush(),
        }
    }
}

/// Same as for HTTP.
const CONNECT_AT_MOST: Duration = Duration::from_secs(5);
