//! Applications behind `fastcgi_pass`, `scgi_pass` and `uwsgi_pass`: they record the variables.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A listener that responds 200 to everything and records what it received.
#[derive(Debug)]
pub(crate) struct Cgi {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Variables>>>,
}

/// The protocol, named by its nginx directive.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Fastcgi,
    Scgi,
    Uwsgi,
}

/// Name and value of each variable, duplicates kept.
type Variables = Vec<(String, String)>;

impl Cgi {
    /// Listens until the process exits.
    pub(crate) fn start(protocol: Protocol) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let received = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serve(protocol, stream, &record);
            }
        });
        Self { address, received }
    }

    /// The address for the `*_pass` directive.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Number of requests.
    pub(crate) fn count(&self) -> usize {
        self.received.lock().expect("not poisoned").len()
    }

    /// The values of this variable in the last request.
    pub(crate) fn last(&self, name: &str) -> Vec<String> {
        let received = self.received.lock().expect("not poisoned");
        let variables = received.last().expect("the application was asked");
        let named = variables.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| value.clone()).collect()
    }
}

/// Records first, so that the record exists once the response has arrived.
fn serve(
    protocol: Protocol,
    mut stream: TcpStream,
    record: &Mutex<Vec<Variables>>,
) -> io::Result<()> {
    let variables = match protocol {
        Protocol::Fastcgi => fastcgi(&mut stream),
        Protocol::Scgi => scgi(&mut stream),
        Protocol::Uwsgi => uwsgi(&mut stream),
    }?;
    record.lock().expect("not poisoned").push(variables);
    match protocol {
        Protocol::Fastcgi => answer_fastcgi(&mut stream),
        Protocol::Scgi => stream.write_all(b"Status: 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        Protocol::Uwsgi => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    }
}

/// <https://python.ca/scgi/protocol.txt>
fn scgi(stream: &mut TcpStream) -> io::Result<Variables> {
    let mut length = 0;
    loop {
        match byte(stream)? {
            b':' => break,
            digit => length = length * 10 + usize::from(digit.wrapping_sub(b'0')),
        }
    }
    let mut head = vec![0; length];
    stream.read_exact(&mut head)?;
    byte(stream)?; // the comma
    let words: Vec<String> = head.split(|&b| b == 0).map(text).collect();
    Ok(words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
}

/// <https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html>
fn uwsgi(stream: &mut TcpStream) -> io::Result<Variables> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let mut block = vec![0; usize::from(u16::from_le_bytes([head[1], head[2]]))];
    stream.read_exact(&mut block)?;

    let mut words = Vec::new();
    let mut rest = block.as_slice();
    while let [low, high, tail @ ..] = rest {
        let (word, tail) = tail.split_at(usize::from(u16::from_le_bytes([*low, *high])));
        words.push(text(word));
        rest = tail;
    }
    Ok(words.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
}

/// <https://fastcgi-archives.github.io/FastCGI_Specification.html>
fn fastcgi(stream: &mut TcpStream) -> io::Result<Variables> {
    const PARAMS: u8 = 4;
    const STDIN: u8 = 5;
    let mut block = Vec::new();
    loop {
        let mut head = [0; 8];
        stream.read_exact(&mut head)?;
        let length = usize::from(u16::from_be_bytes([head[4], head[5]]));
        let mut content = vec![0; length + usize::from(head[6])];
        stream.read_exact(&mut content)?;
        content.truncate(length);
        match head[1] {
            PARAMS => block.append(&mut content),
            STDIN if content.is_empty() => break,
            _ => {}
        }
    }
    let mut variables = Vec::new();
    let mut rest = block.as_slice();
    while !rest.is_empty() {
        let name_length = fastcgi_length(&mut rest);
        let value_length = fastcgi_length(&mut rest);
        let (name, tail) = rest.split_at(name_length);
        let (value, tail) = tail.split_at(value_length);
        variables.push((text(name), text(value)));
        rest = tail;
    }
    Ok(variables)
}

fn answer_fastcgi(stream: &mut TcpStream) -> io::Result<()> {
    let answer = b"Status: 200 OK\r\nContent-Length: 2\r\n\r\nok";
    stream.write_all(&[1, 6, 0, 1, 0, answer.len() as u8, 0, 0])?;
    stream.write_all(answer)?;
    stream.write_all(&[1, 3, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

fn fastcgi_length(rest: &mut &[u8]) -> usize {
    let short = rest[0] < 0x80;
    let (head, tail) = rest.split_at(if short { 1 } else { 4 });
    *rest = tail;
    head.iter().fold(0, |sum, &b| sum << 8 | usize::from(b)) & 0x7fff_ffff
}

fn byte(stream: &mut TcpStream) -> io::Result<u8> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
