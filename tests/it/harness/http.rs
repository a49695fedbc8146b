//! A small HTTP/1.1 client that does exactly what a test says: raw bytes, pipelining, aborting
//! midway.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// A request under construction, one method per decision. Sent by [`Request::send`] and friends.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    address: SocketAddr,
    method: String,
    target: String,
    host: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
}

impl Request {
    /// `method target` to the server at `address`, with this `Host`.
    pub(crate) fn new(address: SocketAddr, method: &str, host: &str, target: &str) -> Self {
        Self {
            address,
            method: method.to_owned(),
            target: target.to_owned(),
            host: host.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Adds a header without replacing any: calling it twice gives two lines.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets `Accept-Language`, also of a [navigation](Self::navigation).
    pub(crate) fn language(mut self, wishes: &str) -> Self {
        self.headers.retain(|(name, _)| name != "Accept-Language");
        self.header("Accept-Language", wishes)
    }

    /// Sends it to another address.
    pub(crate) fn to(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    /// Adds several headers.
    pub(crate) fn headers(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |request, (name, value)| request.header(name, value))
    }

    /// The headers that Chrome sends when a person opens a page.
    pub(crate) fn navigation(self) -> Self {
        self.headers(NAVIGATION)
    }

    /// Sets another `Host`.
    pub(crate) fn host(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    /// Sets another target, sent verbatim.
    pub(crate) fn target(mut self, target: &str) -> Self {
        self.target = target.to_owned();
        self
    }

    /// Sets another method.
    pub(crate) fn method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    /// Sets a body with `Content-Length`.
    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Some(body.as_ref().to_owned());
        self
    }

    /// Sends it on a new connection.
    pub(crate) fn send(&self) -> Response {
        self.try_send().unwrap_or_else(|error| panic!("{} {}: {error}", self.method, self.target))
    }

    /// Sends it on a new connection, which may break.
    pub(crate) fn try_send(&self) -> io::Result<Response> {
        let closing = self.headers.iter().any(|(name, _)| name == "Connection");
        let request =
            if closing { self.clone() } else { self.clone().header("Connection", "close") };
        Connection::try_open(self.address)?.try_request(&request)
    }

    /// Sends it `count` times, each on its own connection, and reads no answer before the last is
    /// sent. All connections are opened before: so that one worker does not accept them all.
    pub(crate) fn send_together(&self, count: usize) -> Vec<Response> {
        let request = self.clone().header("Connection", "close");
        let mut connections: Vec<Connection> =
            (0..count).map(|_| Connection::open(self.address)).collect();
        connections.iter_mut().for_each(|connection| connection.send(request.to_bytes()));
        let is_head = request.method == "HEAD";
        let answer = |mut connection: Connection| connection.try_response(is_head);
        connections.into_iter().map(|one| answer(one).expect("a whole response")).collect()
    }

    /// Sends it and returns only the status.
    pub(crate) fn status(&self) -> u16 {
        self.send().status
    }

    /// The bytes on the wire.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.target, self.host)
                .into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }

    /// The fields for HTTP/2 and HTTP/3, over https, and the body. There is no `Host`, and cookies
    /// are separate fields, as sent by browsers.
    pub(crate) fn to_fields(&self) -> (Vec<(String, Vec<u8>)>, &[u8]) {
        let pseudo = [
            (":method", self.method.as_str()),
            (":scheme", "https"),
            (":authority", &self.host),
            (":path", &self.target),
        ];
        let mut fields =
            pseudo.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).to_vec();
        for (name, value) in &self.headers {
            let name = name.to_ascii_lowercase();
            if name == "cookie" {
                let value = String::from_utf8_lossy(value);
                fields
                    .extend(value.split("; ").map(|pair| (name.clone(), pair.as_bytes().to_vec())));
            } else {
                fields.push((name, value.clone()));
            }
        }
        let body = self.body.as_deref().unwrap_or_default();
        let announced = fields.iter().any(|(name, _)| name == "content-length");
        if self.body.is_some() && !announced {
            fields.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
        }
        (fields, body)
    }
}

/// One keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects; panics on failure.
    pub(crate) fn open(address: SocketAddr) -> Self {
        Self::try_open(address).unwrap_or_else(|error| panic!("connect to {address}: {error}"))
    }

    /// Connects.
    pub(crate) fn try_open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Writes bytes verbatim.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the server closed the connection while we were sending");
    }

    /// Writes bytes verbatim.
    pub(crate) fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes.as_ref())
    }

    /// Sends a request and waits for its response.
    pub(crate) fn request(&mut self, request: &Request) -> Response {
        self.try_request(request).unwrap_or_else(|error| {
            panic!("{} {}: {error}", request.method, request.target);
        })
    }

    /// Sends a request and waits for its response.
    pub(crate) fn try_request(&mut self, request: &Request) -> io::Result<Response> {
        self.try_send(request.to_bytes())?;
        self.try_response(request.method == "HEAD")
    }

    /// Reads the next response of pipelined requests.
    pub(crate) fn response(&mut self) -> Response {
        self.try_response(false).expect("a whole response")
    }

    /// Reads a response; there is no body in response to `HEAD`.
    pub(crate) fn try_response(&mut self, to_head: bool) -> io::Result<Response> {
        let status_line = self.line()?;
        let status = status_line
            .strip_prefix("HTTP/1.")
            .and_then(|rest| rest.get(2..5))
            .and_then(|code| code.parse().ok())
            .ok_or_else(|| malformed(&format!("status line {status_line:?}")))?;

        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| malformed(&line))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }

        let mut response = Response { status, headers, body: Vec::new() };
        if !to_head && !matches!(status, 100..=199 | 204 | 304) {
            response.body = self.body(&response)?;
        }
        Ok(response)
    }

    /// Closes the sending side.
    pub(crate) fn finish(&self) {
        let _ = self.stream.get_ref().shutdown(Shutdown::Write);
    }

    /// Everything received until the server closes.
    pub(crate) fn read_to_end(&mut self) -> String {
        let mut all = Vec::new();
        let _ = self.stream.read_to_end(&mut all);
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Everything received up to and including these words.
    pub(crate) fn read_until(&mut self, words: &str) -> String {
        let mut read = Vec::new();
        let mut byte = [0];
        while !read.ends_with(words.as_bytes()) {
            let found = self.stream.read(&mut byte).expect("more to come");
            assert_eq!(
                found,
                1,
                "the end came before {words:?}: {:?}",
                String::from_utf8_lossy(&read)
            );
            read.push(byte[0]);
        }
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Number of bytes received until the server closes.
    pub(crate) fn count_to_end(&mut self) -> u64 {
        io::copy(&mut self.stream, &mut io::sink()).expect("everything until the end")
    }

    fn body(&mut self, response: &Response) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if response.header("transfer-encoding").is_some() {
            loop {
                let size = self.line()?;
                let size = usize::from_str_radix(size.trim(), 16).map_err(|_| malformed(&size))?;
                let mut chunk = vec![0; size];
                self.stream.read_exact(&mut chunk)?;
                body.append(&mut chunk);
                self.line()?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        if let Some(length) = response.header("content-length") {
            body = vec![0; length.parse().map_err(|_| malformed(length))?];
            self.stream.read_exact(&mut body)?;
        } else {
            self.stream.read_to_end(&mut body)?;
        }
        Ok(body)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    pub(super) fn new(status: u16, headers: Vec<(String, String)>, body: Vec<u8>) -> Self {
        Self { status, headers, body }
    }

    /// Status code.
    pub(crate) fn status(&self) -> u16 {
        self.status
    }

    /// The first header with this name, in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All headers with this name, in order.
    pub(crate) fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_ascii_lowercase();
        self.headers
            .iter()
            .filter(move |(found, _)| found.to_ascii_lowercase() == name)
            .map(|(_, value)| value.as_str())
    }

    /// `Location`; panics if missing.
    pub(crate) fn location(&self) -> &str {
        self.header("location").unwrap_or_else(|| panic!("no Location in {self:#?}"))
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed response: {what}"))
}

/// Longer than any timeout of the module, so that a hanging request fails its own test.
const PATIENCE: Duration = Duration::from_secs(40);

/// Chrome 130 opening a page from the address bar.
const NAVIGATION: &[(&str, &str)] = &[
    ("Upgrade-Insecure-Requests", "1"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0.0.0"),
    (
        "Accept",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    ),
    ("Sec-Fetch-Site", "none"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-User", "?1"),
    ("Sec-Fetch-Dest", "document"),
    ("Accept-Language", "en"),
];

/// Headers that ask for a WebSocket (RFC 6455 §4.1, with the key of its §1.3).
pub(crate) const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
