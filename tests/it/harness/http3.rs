//! HTTP/3 with aioquic: `http3.py` next to this file.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::build::http3_python;
use super::http::{Request, Response};

/// A client with one connection at a time. It is used for all https requests, whatever their
/// address.
#[derive(Clone, Debug)]
pub(crate) struct Http3(Arc<Mutex<Client>>);

/// How a client abandons its requests.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GiveUp {
    /// Resets their streams; the connection stays open.
    Streams,
    /// Closes the connection properly.
    Connection,
    /// Silently, like a lost network.
    Silently,
}

#[derive(Debug)]
struct Client {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Http3 {
    /// A client that connects to this UDP port.
    pub(crate) fn to(address: SocketAddr) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/harness/http3.py");
        let mut process = Command::new(http3_python())
            .arg(script)
            .args([address.ip().to_string(), address.port().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python");
        let questions = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("a pipe"));
        Self(Arc::new(Mutex::new(Client { process, questions, answers })))
    }

    /// Sends a request and waits for its response.
    pub(crate) fn send(&self, request: &Request) -> Response {
        self.send_together(std::slice::from_ref(request)).remove(0)
    }

    /// Sends all at once, each on its own stream, and waits for all responses.
    pub(crate) fn send_together(&self, requests: &[Request]) -> Vec<Response> {
        let asked = requests.iter().map(question).collect();
        let answered = self.client().exchange(&Value::Array(asked));
        answered.iter().map(response).collect()
    }

    /// Sends all at once and abandons them after a while.
    pub(crate) fn give_up(&self, requests: &[Request], after: Duration, how: GiveUp) {
        let how = match how {
            GiveUp::Streams => "stream",
            GiveUp::Connection => "connection",
            GiveUp::Silently => "silence",
        };
        let asked = requests.iter().map(|request| {
            let mut question = question(request);
            question["abort"] = json!(how);
            question["after"] = json!(after.as_secs_f64());
            question
        });
        let told = self.client().exchange(&Value::Array(asked.collect()));
        assert!(told.iter().all(|one| one["error"] == "given up"), "{told:#?}");
    }

    fn client(&self) -> MutexGuard<'_, Client> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Client {
    fn exchange(&mut self, asked: &Value) -> Vec<Value> {
        let questions = self.questions.as_mut().expect("a client that runs");
        writeln!(questions, "{asked}").expect("the client has left");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        let answered: Value = serde_json::from_str(&line).expect("the client has left");
        answered.as_array().expect("a list").clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The client exits at the end of its input.
        drop(self.questions.take());
        let _ = self.process.wait();
    }
}

fn question(request: &Request) -> Value {
    let latin1 = |bytes: &[u8]| -> String { bytes.iter().copied().map(char::from).collect() };
    let (fields, body) = request.to_fields();
    let fields: Vec<_> = fields.iter().map(|(name, value)| json!([name, latin1(value)])).collect();
    json!({ "fields": fields, "body": STANDARD.encode(body) })
}

fn response(answer: &Value) -> Response {
    assert!(answer["error"].is_null(), "HTTP/3: {}", answer["error"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut fields: Vec<_> = answer["fields"]
        .as_array()
        .expect("fields")
        .iter()
        .map(|field| (text(&field[0]), text(&field[1])))
        .collect();
    let at = fields.iter().position(|(name, _)| name == ":status").expect("a status");
    let status = fields.remove(at).1.parse().expect("a status");
    let body = STANDARD.decode(text(&answer["body"])).expect("base64");
    Response::new(status, fields, body)
}
