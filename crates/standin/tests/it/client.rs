//! A tiny HTTP client of its own: what it sends is under the test's control to the byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A response, or what came instead of one.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        let named = self.headers.iter().find(|(header, _)| header == name);
        named.map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn location(&self) -> &str {
        assert_eq!(self.status, 302, "{self:?}");
        self.header("location")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The code in a redirect to the application.
    pub(crate) fn code(&self) -> String {
        let code = self.location().split("&code=").nth(1).expect("a code in the location");
        code.split('&').next().unwrap().to_owned()
    }

    /// `name=value` of the cookie that is set.
    pub(crate) fn cookie(&self) -> String {
        self.header("set-cookie").split(';').next().unwrap().to_owned()
    }
}

pub(crate) fn get(address: SocketAddr, target: &str, headers: &[&str]) -> Answer {
    send(address, &request("GET", target, address, headers, ""))
}

pub(crate) fn post(address: SocketAddr, target: &str, form: &[(&str, &str)]) -> Answer {
    post_with(address, target, form, &[])
}

pub(crate) fn post_with(
    address: SocketAddr,
    target: &str,
    form: &[(&str, &str)],
    headers: &[&str],
) -> Answer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut all = vec!["Content-Type: application/x-www-form-urlencoded"];
    all.extend(headers);
    send(address, &request("POST", target, address, &all, &body))
}

/// A request; Host is the address unless the headers bring one.
pub(crate) fn request(
    method: &str,
    target: &str,
    address: SocketAddr,
    headers: &[&str],
    body: &str,
) -> String {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        head += &format!("Host: {address}\r\n");
    }
    for header in headers {
        head += &format!("{header}\r\n");
    }
    format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

pub(crate) fn send(address: SocketAddr, request: &str) -> Answer {
    let bytes = exchange(address, request).expect("an answer");
    let text = String::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).expect("a status").parse().unwrap();
    let headers = lines
        .map(|line| line.split_once(": ").expect("a header"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Answer { status, headers, body: body.to_owned() }
}

/// All that comes back until the connection ends.
pub(crate) fn exchange(address: SocketAddr, request: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Header, payload (text) and signature of a token.
pub(crate) fn token_parts(token: &Value) -> (Value, String, Vec<u8>) {
    let parts: Vec<Vec<u8>> = token
        .as_str()
        .expect("a token")
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url"))
        .collect();
    let [header, payload, signature] = parts.try_into().expect("three parts");
    (serde_json::from_slice(&header).unwrap(), String::from_utf8(payload).unwrap(), signature)
}

pub(crate) fn claims(token: &Value) -> Value {
    serde_json::from_str(&token_parts(token).1).unwrap()
}
