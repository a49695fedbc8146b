//! One connection: commands out, replies in.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Instant;

use authentik_gate::secret::Secret;
use authentik_io::tls::Connector;
use redis::{Parser, Value};
use zeroize::Zeroizing;

use super::settings::Server;
use super::stream::Stream;
use super::trouble::Trouble;
use super::value;

/// Limit of all replies to one question. The longest is a part of the stream of ends.
const MAX_REPLIES: usize = 8 << 20;

/// The name that `CLIENT LIST` shows.
const CLIENT: &str = "ngx_http_authentik_module";

pub(super) struct Connection {
    stream: Stream,
    parser: Parser,
}

/// What a server says about itself.
pub(super) struct Greeting {
    /// `redis` 6.2.0 is `[6, 2]`.
    pub(super) version: [u32; 2],
    /// `standalone`, `cluster` or `sentinel`.
    pub(super) mode: String,
    /// `master` or `replica`; a Sentinel has none.
    pub(super) role: String,
}

impl Connection {
    /// Connects and logs in. A server without an answer in RESP2 is none.
    pub(super) fn open(
        server: &Server,
        tls: Option<&Connector>,
        login: Option<(&str, &Secret)>,
        deadline: Instant,
    ) -> Result<(Self, Greeting), Trouble> {
        let stream = Stream::connect(server, tls, deadline).map_err(|e| Trouble::connecting(&e))?;
        let mut connection = Self { stream, parser: Parser::new() };
        // Since Redis 6; one round trip for everything. Never refused by an ACL.
        let mut hello: Vec<&[u8]> = vec![b"HELLO", b"2"];
        if let Some((user, password)) = login {
            hello.extend([b"AUTH", user.as_bytes(), password.expose()]);
        }
        hello.extend([b"SETNAME".as_slice(), CLIENT.as_bytes()]);
        let mut replies = connection.ask(&packed(&hello), 1, deadline, true)?;
        let said = match replies.pop() {
            Some(Value::ServerError(error)) => return Err(Trouble::greeting(&error)),
            said => said.unwrap_or(Value::Nil),
        };
        let greeting = greeting(&said).ok_or(Trouble::NotRedis)?;
        Ok((connection, greeting))
    }

    /// Sends commands, packed one after the other, and reads this number of replies. After an
    /// error, the connection is unusable.
    pub(super) fn ask(
        &mut self,
        packed: &[u8],
        count: usize,
        deadline: Instant,
        is_first: bool,
    ) -> Result<Vec<Value>, Trouble> {
        self.stream.limit(deadline, MAX_REPLIES);
        let sent = self.stream.write_all(packed).and_then(|()| self.stream.flush());
        sent.map_err(|error| Trouble::talking(&error, is_first))?;
        let mut replies = Vec::with_capacity(count);
        for _ in 0..count {
            let mut heard = Heard { stream: &mut self.stream, failure: None };
            match self.parser.parse_value(&mut heard) {
                Ok(reply) => replies.push(reply),
                // The parser's own errors quote what it has read.
                Err(_) => {
                    let talking = |error| Trouble::talking(&error, is_first);
                    return Err(heard.failure.map_or(Trouble::NotRedis, talking));
                }
            }
        }
        Ok(replies)
    }
}

/// What the parser reads, and why it could read no more.
struct Heard<'h> {
    stream: &'h mut Stream,
    failure: Option<io::Error>,
}

impl Read for Heard<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(into);
        let kind = match &read {
            Ok(0) if !into.is_empty() => ErrorKind::UnexpectedEof,
            Ok(_) => return read,
            Err(error) if error.kind() == ErrorKind::Interrupted => return read,
            Err(error) => error.kind(),
        };
        self.failure = Some(read.err().unwrap_or_else(|| kind.into()));
        Err(kind.into())
    }
}

/// A command as it is sent. It may contain a password.
fn packed(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length = parts.iter().map(|part| part.len() + 24).sum::<usize>() + 24;
    // With room for all of it: a copy that grows leaves parts behind.
    let mut packed = Zeroizing::new(Vec::with_capacity(length));
    packed.extend(format!("*{}\r\n", parts.len()).into_bytes());
    for part in parts {
        packed.extend(format!("${}\r\n", part.len()).into_bytes());
        packed.extend_from_slice(part);
        packed.extend_from_slice(b"\r\n");
    }
    packed
}

fn greeting(said: &Value) -> Option<Greeting> {
    let pairs = value::array(said)?;
    let named = |name: &str| {
        let mut pairs = pairs.chunks_exact(2);
        let found = pairs.find(|pair| pair.first().and_then(value::text) == Some(name))?;
        found.get(1).and_then(value::text)
    };
    let mut numbers = named("version")?.split('.').map(|number| number.parse().unwrap_or(0));
    Some(Greeting {
        version: [numbers.next()?, numbers.next().unwrap_or(0)],
        mode: named("mode").unwrap_or_default().to_owned(),
        role: named("role").unwrap_or_default().to_owned(),
    })
}
