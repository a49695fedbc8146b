//! A web socket client of its own (RFC 6455), one frame at a time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What came from the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Came {
    Text(String),
    Binary(Vec<u8>),
    Pong(Vec<u8>),
    /// With this code.
    Close(u16),
    /// The connection ended.
    End,
    /// Nothing in the time that was waited.
    Nothing,
}

pub(crate) struct Socket(TcpStream);

impl Socket {
    /// Head of the answer to a handshake, and the socket it may have opened.
    pub(crate) fn ask(address: SocketAddr, target: &str, headers: &[&str]) -> (String, Self) {
        let mut stream = TcpStream::connect(address).expect("a connection");
        let mut head = format!(
            "GET {target} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        );
        for header in headers {
            head += &format!("{header}\r\n");
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).expect("a request");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("an answer") == 1 {
            answer.extend_from_slice(&byte);
        }
        (String::from_utf8(answer).expect("text"), Self(stream))
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.frame(1, text.as_bytes());
    }

    /// A masked frame with this opcode; the mask is zero, so the payload stays readable.
    pub(crate) fn frame(&mut self, opcode: u8, payload: &[u8]) {
        let mut frame = vec![0x80 | opcode];
        match u8::try_from(payload.len()) {
            Ok(short @ 0..=125) => frame.push(0x80 | short),
            _ => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).expect("a frame is sent");
    }

    /// What comes within a quarter of a second, for those who expect nothing.
    pub(crate) fn soon(&mut self) -> Came {
        self.0.set_read_timeout(Some(Duration::from_millis(250))).expect("a timeout");
        let came = self.next();
        self.0.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        came
    }

    /// What comes next.
    pub(crate) fn next(&mut self) -> Came {
        let mut head = [0; 2];
        match self.0.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Came::Nothing,
            Err(_) => return Came::End,
        }
        let [first, length] = head;
        let mut length = usize::from(length);
        assert!(length < 127, "no long frame: {head:?}");
        if length == 126 {
            let mut extended = [0; 2];
            self.0.read_exact(&mut extended).expect("a length");
            length = usize::from(u16::from_be_bytes(extended));
        }
        let mut payload = vec![0; length];
        self.0.read_exact(&mut payload).expect("a payload");
        match first & 0x0f {
            1 => Came::Text(String::from_utf8(payload).expect("text")),
            2 => Came::Binary(payload),
            8 => Came::Close(match payload.as_slice() {
                [high, low, ..] => u16::from_be_bytes([*high, *low]),
                _ => 1005,
            }),
            10 => Came::Pong(payload),
            other => panic!("opcode {other}"),
        }
    }

    /// Everything that comes until the end, as bytes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.0.read_to_end(&mut bytes);
        bytes
    }
}
