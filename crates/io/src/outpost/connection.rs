//! One WebSocket connection of the outpost.

use std::io;
use std::time::{Duration, Instant};

use authentik_gate::http::TransportError;
use authentik_gate::outpost::{Message, hello, read_message};
use authentik_gate::question::USER_AGENT;
use tungstenite::error::Error;
use tungstenite::handshake::client::{ClientHandshake, Request, generate_key};
use tungstenite::handshake::{HandshakeError, MidHandshake};
use tungstenite::http::header::{
    AUTHORIZATION, CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
    USER_AGENT as USER_AGENT_HEADER,
};
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Message as Frame, WebSocket};
use url::Url;

use super::shared::Shared;
use super::stream::Stream;
use crate::client::error::io_error;
use crate::client::wire;

pub(super) struct Connection<'a> {
    shared: &'a Shared,
    socket: WebSocket<Stream>,
    /// Whether [`Shared::stop`] ends a read.
    is_woken: bool,
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        // Otherwise the connection would stay open.
        self.shared.waits_on(None);
    }
}

impl<'a> Connection<'a> {
    /// Resolves the host, connects and does the handshake.
    ///
    /// # Errors
    /// Why there is no connection, as a sentence for the log.
    pub(super) fn open(shared: &'a Shared, outpost: &str, attempt: u32) -> Result<Self, String> {
        let url = shared.settings.socket_url(outpost, attempt, &shared.identity.instance);
        let url = url.ok_or("the outpost or this nginx is not named by a UUID")?;
        let deadline = Instant::now() + shared.pace.handshake;
        let words = |error: TransportError| error.to_string();
        let stream = shared
            .names
            .addresses(&url, deadline, || shared.is_stopped())
            .and_then(|found| {
                let (trust, stopped) = (&shared.settings.trust, shared.stopped());
                Stream::connect(&url, &found, trust, deadline, stopped)
            })
            .map_err(words)?;
        let request = request(&url, shared).map_err(words)?;
        let started = ClientHandshake::start(stream, request, Some(socket_limits()));
        let socket = shake_hands(started.map_err(|error| refusal(&error))?, deadline, shared)?;
        let line = socket.get_ref().handle().ok();
        let is_woken = line.is_some();
        shared.waits_on(line);
        Ok(Self { shared, socket, is_woken })
    }

    /// Sends hellos and passes on messages from authentik until the connection ends or the agent is
    /// stopped. Returns why, as a sentence for the log.
    pub(super) fn listen(&mut self) -> String {
        let pace = &self.shared.pace;
        let mut acknowledged = Instant::now();
        let mut next_hello = acknowledged;
        while !self.shared.is_stopped() {
            let now = Instant::now();
            if now.saturating_duration_since(acknowledged) > pace.patience {
                return "authentik no longer answers on it".to_owned();
            }
            let said = if now >= next_hello {
                next_hello = now + pace.hello;
                self.say_hello()
            } else {
                Ok(())
            };
            let quiet = next_hello.min(acknowledged + pace.patience);
            match said.and_then(|()| self.read_until(quiet)) {
                Ok(Frame::Text(text)) => {
                    if self.hear(text.as_bytes()) == Some(Message::Ack) {
                        acknowledged = Instant::now();
                    }
                }
                Ok(Frame::Binary(bytes)) => self.shared.events.not_understood(bytes.len()),
                Ok(Frame::Close(frame)) => return self.closed_by_authentik(frame.as_ref()),
                // tungstenite answers a Ping itself with the next read.
                Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_)) => {}
                Err(Error::Io(error)) if is_pause(&error) => {}
                Err(error) => return loss(&error),
            }
        }
        self.say_goodbye();
        "this nginx process is about to exit".to_owned()
    }

    /// Sleeps until there is a message, the agent is stopped, or the next hello is due.
    fn read_until(&mut self, quiet: Instant) -> Result<Frame, Error> {
        let time = quiet.saturating_duration_since(Instant::now());
        let look = if self.is_woken { time } else { time.min(LOOK) };
        self.socket.get_ref().read_for(look)?;
        self.socket.read()
    }

    fn say_hello(&mut self) -> Result<(), Error> {
        let identity = &self.shared.identity;
        let hello = hello(&identity.instance, &identity.hostname);
        match self.socket.send(Frame::text(hello)) {
            // It is buffered; if it is never sent, the missing acknowledgement will show that.
            Err(Error::Io(error)) if is_pause(&error) => Ok(()),
            said => said,
        }
    }

    fn hear(&self, text: &[u8]) -> Option<Message> {
        let message = read_message(text);
        match &message {
            Some(Message::Update) => self.shared.update_pushed(),
            Some(Message::SessionEnd(session_id)) => self.shared.events.session_ended(session_id),
            Some(Message::Ack | Message::Other) => {}
            None => self.shared.events.not_understood(text.len()),
        }
        message
    }

    fn closed_by_authentik(&mut self, frame: Option<&CloseFrame>) -> String {
        let _ = self.socket.flush(); // the answering Close frame; authentik may be gone already
        match frame.map(|frame| u16::from(frame.code)) {
            Some(SERVICE_RESTART) => "authentik restarts".to_owned(),
            Some(code) => format!("authentik closed it (code {code})"),
            None => "authentik closed it".to_owned(),
        }
    }

    fn say_goodbye(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        // Best effort: authentik also notices when the connection ends.
        let _ = self.socket.close(Some(frame));
        let _ = self.socket.flush();
    }
}

fn request(url: &Url, shared: &Shared) -> Result<Request, TransportError> {
    let request = Request::builder()
        .uri(url.as_str())
        .header(HOST, wire::host(url))
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, generate_key())
        .header(USER_AGENT_HEADER, USER_AGENT)
        .header(AUTHORIZATION, wire::bearer(&shared.settings.token)?);
    request.body(()).map_err(|_| wire::unwritable())
}

fn shake_hands(
    mut handshake: MidHandshake<ClientHandshake<Stream>>,
    deadline: Instant,
    shared: &Shared,
) -> Result<WebSocket<Stream>, String> {
    loop {
        handshake = match handshake.handshake() {
            Ok((socket, _)) => return Ok(socket),
            Err(HandshakeError::Failure(error)) => return Err(refusal(&error)),
            Err(HandshakeError::Interrupted(handshake)) => handshake,
        };
        if shared.is_stopped() || Instant::now() >= deadline {
            return Err(TransportError::Timeout.to_string());
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "others cannot come from a handshake")]
fn refusal(error: &Error) -> String {
    match error {
        Error::Http(answer) => match answer.status().as_u16() {
            // The same for a wrong token, a wrong outpost and an unknown path (docs/protocol.md
            // §3.1).
            status @ (401 | 403) => format!(
                "authentik refuses the WebSocket ({status}): the token is not, or no longer, that \
                 of this outpost"
            ),
            status @ (429 | 500..) => format!("authentik answered {status} to the WebSocket"),
            status => format!(
                "authentik answered {status} to the WebSocket; a proxy before it must pass on \
                 Upgrade and Connection"
            ),
        },
        Error::Io(error) => io_error(error).to_string(),
        _ => "what answers at this URL does not speak WebSocket".to_owned(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others are all about frames")]
fn loss(error: &Error) -> String {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed | Error::Io(_) => {
            "the connection was lost".to_owned()
        }
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            "the connection was lost".to_owned()
        }
        Error::Capacity(_) => "authentik sent a message that is too long".to_owned(),
        _ => "authentik sent what is not WebSocket".to_owned(),
    }
}

/// A read or write timed out, which is only a pause.
fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// Limits of what is read from the outpost's WebSocket, and of what waits to be sent.
#[must_use]
pub fn socket_limits() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(MAX_MESSAGE)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
}

/// Actual messages are 150 bytes long.
const MAX_MESSAGE: usize = 64 * 1024;

/// "Service Restart", IANA WebSocket close codes.
const SERVICE_RESTART: u16 = 1012;

/// Timeout of a read during the handshake, and of a write; hence the delay with which the end of
/// the agent may be noticed then.
pub(super) const LOOK: Duration = Duration::from_millis(200);
