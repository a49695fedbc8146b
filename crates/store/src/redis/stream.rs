//! The byte stream to a server: TCP, or TLS over it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use authentik_io::tls::{self, Connector};

use super::settings::Server;

pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<tls::Stream<Socket>>),
}

/// A socket with a deadline for everything that is read and written, and with a limit for what is
/// read: a peer can neither hold up a thread by sending slowly nor fill the memory.
pub(super) struct Socket {
    tcp: TcpStream,
    deadline: Instant,
    left: usize,
}

impl Stream {
    /// Connects to the first address that answers. The first write does the TLS handshake.
    pub(super) fn connect(
        server: &Server,
        tls: Option<&Connector>,
        deadline: Instant,
    ) -> io::Result<Self> {
        let socket = Socket { tcp: tcp(server, deadline)?, deadline, left: 0 };
        let Some(connector) = tls else { return Ok(Self::Plain(socket)) };
        let session = connector.open(&server.host, socket).map_err(io::Error::other)?;
        Ok(Self::Tls(Box::new(session)))
    }

    /// Limits what follows.
    pub(super) fn limit(&mut self, deadline: Instant, bytes: usize) {
        let socket = match self {
            Self::Plain(socket) => socket,
            Self::Tls(session) => &mut session.sock,
        };
        (socket.deadline, socket.left) = (deadline, bytes);
    }
}

fn tcp(server: &Server, deadline: Instant) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(ErrorKind::NotFound, "its name has no address");
    let Ok(found) = (server.host.as_str(), server.port).to_socket_addrs() else {
        return Err(failure);
    };
    for address in found {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                return Ok(tcp);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// The time until then.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}

impl Read for Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::Error::new(ErrorKind::InvalidData, "the answer is too long"));
        }
        let most = into.len().min(self.left);
        self.tcp.set_read_timeout(Some(left(self.deadline)?))?;
        let read = self.tcp.read(into.get_mut(..most).unwrap_or_default())?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.tcp.set_write_timeout(Some(left(self.deadline)?))?;
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
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
