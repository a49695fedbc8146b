//! An upstream that sends exactly what a test says.

use std::io::{self, BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A listener with handwritten responses.
#[derive(Debug)]
pub(crate) struct Wire {
    address: SocketAddr,
}

impl Wire {
    /// Listens until the process exits. `serve` gets the head of each connection's request and what
    /// follows it; when it returns, the connection is closed.
    pub(crate) fn start(
        serve: impl Fn(&str, &mut BufReader<TcpStream>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let serve = Arc::new(serve);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = Arc::clone(&serve);
                thread::spawn(move || {
                    let mut stream = BufReader::new(stream);
                    let head = head(&mut stream)?;
                    serve(&head, &mut stream)
                });
            }
        });
        Self { address }
    }

    /// The address for `proxy_pass`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn head(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}
