//! HTTP/2 frame by frame (RFC 9113), for what no client library would send.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// The client's connection preface (section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// Frame types (section 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH_PROMISE: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

// Flags.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const PADDED: u8 = 8;

/// A complete frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    frame_of_length(payload.len() as u32, kind, flags, stream, payload)
}

/// A frame whose length field is wrong.
pub(crate) fn frame_of_length(
    length: u32,
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &[u8],
) -> Vec<u8> {
    let [_, length @ ..] = length.to_be_bytes();
    [&length[..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Header fields in plain form, without compression (RFC 7541 section 6.2.2).
pub(crate) fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let string = |text: &[u8]| [&integer(text.len()), text].concat();
    let field = |(name, value): &(&str, &[u8])| {
        [&[0][..], &string(name.as_bytes()), &string(value)].concat()
    };
    fields.iter().flat_map(field).collect()
}

/// A request without a body, on its own stream.
pub(crate) fn request(stream: u32, fields: &[(&str, &[u8])]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(fields))
}

/// RFC 7541 section 5.1, with a prefix of seven bits.
fn integer(value: usize) -> Vec<u8> {
    if value < 127 {
        return vec![value as u8];
    }
    let mut rest = value - 127;
    let mut bytes = vec![127];
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}

/// A connection that sends nothing by itself.
#[derive(Debug)]
pub(crate) struct Http2 {
    stream: TcpStream,
}

impl Http2 {
    /// Connects and sends these bytes, as far as the server accepts them.
    pub(crate) fn send(address: SocketAddr, bytes: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        stream.set_write_timeout(Some(PATIENCE)).expect("an option");
        let _ = stream.write_all(bytes);
        Self { stream }
    }

    /// Connects with preface and settings, followed by these bytes.
    pub(crate) fn begin(address: SocketAddr, bytes: &[u8]) -> Self {
        Self::send(address, &[PREFACE, &frame(SETTINGS, 0, 0, &[]), bytes].concat())
    }

    /// Sends more bytes.
    pub(crate) fn go_on(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Discards what the server sends, so that it is not blocked.
    pub(crate) fn ignore_answers(&self) {
        let mut stream = self.stream.try_clone().expect("a socket");
        std::thread::spawn(move || io::copy(&mut stream, &mut io::sink()));
    }

    /// The payloads of HEADERS frames that the server sends until it closes, which it must. The
    /// client does not close first, or nginx would abort requests to the application.
    pub(crate) fn answers(mut self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        let ended = self.stream.read_to_end(&mut all);
        let waits = ended.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        assert!(!waits, "the connection stays open");
        let mut rest = &all[..];
        let mut answers = Vec::new();
        while let Some((head, behind)) = rest.split_at_checked(9) {
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let Some((payload, behind)) = behind.split_at_checked(length) else { break };
            if head[3] == HEADERS {
                answers.push(payload.to_vec());
            }
            rest = behind;
        }
        answers
    }
}

/// Whether the response status is 200, 204 or 206: RFC 7541 appendix A, indexes 8 to 10. nginx
/// sends others as literals.
pub(crate) fn is_success(answer: &[u8]) -> bool {
    // A table size update may come first.
    let status = answer.iter().find(|byte| **byte & 0xe0 != 0x20);
    status.is_some_and(|byte| matches!(byte, 0x88..=0x8a))
}

const PATIENCE: Duration = Duration::from_secs(5);
