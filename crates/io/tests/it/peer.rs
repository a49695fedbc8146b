//! A server that does what a test says, and remembers what it heard.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use authentik_gate::http::{HttpRequest, HttpResponse, Method, TransportError};
use authentik_gate::provider::Trust;
use authentik_gate::secret::Secret;
use authentik_io::client::Client;

/// Stands in every form that is sent: no error may repeat it.
pub(crate) const SECRET: &str = "hunter2";

pub(crate) struct Peer {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// Calls `behave` with each connection, each on a thread of its own. What it returns is heard.
    pub(crate) fn start(behave: impl Fn(TcpStream) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (behave, ears) = (Arc::new(behave), heard.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (behave, ears) = (behave.clone(), ears.clone());
                thread::spawn(move || {
                    let said = behave(stream.unwrap());
                    ears.lock().unwrap().push(said);
                });
            }
        });
        Self { address, heard }
    }

    /// Reads a request, writes these bytes and closes.
    pub(crate) fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |mut stream| {
            let said = read_request(&mut stream);
            let _ = stream.write_all(&bytes); // the client may have left in the middle
            said
        })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What the connections said, once there were as many as `count`.
    pub(crate) fn heard(&self, count: usize) -> Vec<String> {
        let patience = Instant::now() + Duration::from_secs(5);
        while self.heard.lock().unwrap().len() < count && Instant::now() < patience {
            thread::sleep(Duration::from_millis(5));
        }
        self.heard.lock().unwrap().clone()
    }
}

/// Head and body of one request.
pub(crate) fn read_request(stream: &mut impl Read) -> String {
    let mut said = Vec::new();
    let mut byte = [0];
    while !said.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        said.push(byte[0]);
    }
    let head = String::from_utf8(said).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    head + &String::from_utf8(body).unwrap()
}

pub(crate) fn get(url: String) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        url,
        claimed: None,
        user_agent: "goauthentik.io/outpost/2026.2.2".into(),
        bearer: None,
        body: Secret::new(""),
        max_response: 1000,
    }
}

pub(crate) fn form(url: String) -> HttpRequest {
    let body = Secret::new(format!("code=abc&client_secret={SECRET}"));
    HttpRequest { method: Method::PostForm, body, ..get(url) }
}

pub(crate) type Answer = Result<HttpResponse, TransportError>;

/// Fetches with five seconds of time.
pub(crate) fn fetch(request: &HttpRequest, trust: &Trust) -> Answer {
    fetch_within(Duration::from_secs(5), request, trust)
}

pub(crate) fn fetch_within(time: Duration, request: &HttpRequest, trust: &Trust) -> Answer {
    fetch_with(&Client::new(), time, request, trust)
}

pub(crate) fn fetch_with(
    client: &Client,
    time: Duration,
    request: &HttpRequest,
    trust: &Trust,
) -> Answer {
    let answer = client.fetch(request, trust, Instant::now() + time);
    if let Err(error) = &answer {
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
    }
    answer
}

pub(crate) fn text(response: &HttpResponse) -> &str {
    response.body.expose_str().unwrap()
}
