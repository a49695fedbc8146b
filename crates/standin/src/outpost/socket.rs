//! `/ws/outpost/<pk>/` (docs/protocol.md §3.1).

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::extract::FromRequestParts as _;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::call::Call;
use crate::core::Core;
use crate::fault::Fault;
use crate::outpost::hub::{Command, Hello, Hub, Instance, OutpostConnection};
use crate::outpost::rest::of_token;
use crate::reply::Reply;
use crate::standin::{lock, spoil};
use crate::tap::{Connection, Wire};

/// A request for a web socket.
pub(crate) struct Handshake<'a> {
    pub(crate) core: &'a Mutex<Core>,
    pub(crate) call: &'a Call,
    pub(crate) connection: &'a Connection,
}

impl Handshake<'_> {
    /// Opens the socket, or refuses: 403 with an empty reason, whatever is wrong.
    pub(crate) async fn answer(self, parts: &mut Parts) -> Response {
        let Some(outpost) = self.outpost() else {
            return self.refused();
        };
        let Ok(upgrade) = WebSocketUpgrade::from_request_parts(parts, &()).await else {
            // Recorded: a plain GET without an upgrade.
            return Reply::empty(200).into_response(self.call);
        };
        let hub = Arc::clone(&lock(self.core).hub);
        let (number, commands) = hub.open(self.opened(&outpost));
        let talk = Talk { hub, number, outpost, connection: self.connection.clone() };
        upgrade.on_upgrade(move |socket| talk.run(socket, commands))
    }

    /// Primary key of the outpost in the path, if the token is its own.
    fn outpost(&self) -> Option<String> {
        if self.call.faults.contains(&Fault::Status(403)) {
            return None;
        }
        let pk = self.call.path.strip_prefix("/ws/outpost/")?.strip_suffix('/')?;
        let core = lock(self.core);
        let outpost = of_token(&core, self.call.bearer()?)?;
        (outpost.pk == pk).then(|| outpost.pk.clone())
    }

    fn refused(&self) -> Response {
        let refusal = b"HTTP/1.1 403 \r\ncontent-length: 0\r\n\r\n".to_vec();
        spoil(Reply::empty(403).into_response(self.call), Wire::Last(refusal), self.connection)
    }

    fn opened(&self, outpost: &str) -> OutpostConnection {
        OutpostConnection {
            outpost: outpost.to_owned(),
            instance_uuid: self.call.query("instance_uuid").map(str::to_owned),
            attempt: self.call.query("attempt").map(str::to_owned),
            opened: SystemTime::now(),
            closed: None,
            close_code: None,
            hellos: Vec::new(),
            received: Vec::new(),
            sent: Vec::new(),
        }
    }
}

/// An active connection.
struct Talk {
    hub: Arc<Hub>,
    number: usize,
    outpost: String,
    connection: Connection,
}

/// Runs however the task ends, including when the server goes down.
impl Drop for Talk {
    fn drop(&mut self) {
        self.hub.note(self.number, |known| known.closed = Some(SystemTime::now()));
    }
}

/// `None`: the connection has ended.
type More = Option<()>;

impl Talk {
    async fn run(self, mut socket: WebSocket, mut commands: UnboundedReceiver<Command>) {
        loop {
            let more = tokio::select! {
                // Pushes first, so that a close is not overtaken by incoming messages.
                biased;
                command = commands.recv() => match command {
                    Some(command) => self.obey(command, &mut socket, &mut commands).await,
                    None => None,
                },
                message = socket.recv() => match message {
                    Some(Ok(message)) => self.hear(message, &mut socket).await,
                    Some(Err(_)) | None => None,
                },
            };
            if more.is_none() {
                return;
            }
        }
    }

    async fn obey(
        &self,
        command: Command,
        socket: &mut WebSocket,
        commands: &mut UnboundedReceiver<Command>,
    ) -> More {
        match command {
            Command::Text(text) => self.say(text, socket).await,
            Command::Binary(bytes) => socket.send(Message::Binary(bytes.into())).await.ok(),
            Command::Raw(bytes) => {
                self.connection.set_wire(Wire::Instead(bytes));
                socket.send(Message::Text("in its place".into())).await.ok()
            }
            Command::Close(code) => close(socket, code).await,
            Command::Drop => None,
            Command::Freeze => loop {
                match commands.recv().await? {
                    Command::Thaw => return Some(()),
                    Command::Drop => return None,
                    Command::Text(_)
                    | Command::Binary(_)
                    | Command::Raw(_)
                    | Command::Close(_)
                    | Command::Freeze => {}
                }
            },
            Command::Thaw => Some(()),
        }
    }

    async fn hear(&self, message: Message, socket: &mut WebSocket) -> More {
        match message {
            Message::Text(text) => {
                let at = SystemTime::now();
                self.hub.note(self.number, |known| known.received.push((at, text.to_string())));
                match instruction(&text) {
                    // An ACK.
                    Some((0, _)) => Some(()),
                    Some((number, args)) => {
                        self.alive(number, at, args);
                        self.say(ACK.to_owned(), socket).await
                    }
                    None => close(socket, 1000).await,
                }
            }
            Message::Binary(_) => close(socket, 1000).await,
            Message::Ping(_) | Message::Pong(_) => Some(()),
            Message::Close(frame) => {
                let code = frame.map_or(1005, |frame| frame.code);
                self.hub.note(self.number, |known| known.close_code = Some(code));
                // Lets the reply be sent.
                let _ = socket.recv().await;
                None
            }
        }
    }

    fn alive(&self, instruction: i64, at: SystemTime, args: Value) {
        if instruction != 1 {
            return;
        }
        let mut uid = None;
        self.hub.note(self.number, |known| {
            let said = args.get("uuid").and_then(Value::as_str).map(str::to_owned);
            uid = said.or_else(|| known.instance_uuid.clone());
            known.hellos.push(Hello { at, args: args.clone() });
        });
        let uid = uid.unwrap_or_else(|| format!("connection-{}", self.number));
        self.hub.hello(&self.outpost, Instance { uid, last_seen: at, args });
    }

    async fn say(&self, text: String, socket: &mut WebSocket) -> More {
        let at = SystemTime::now();
        self.hub.note(self.number, |known| known.sent.push((at, text.clone())));
        socket.send(Message::Text(text.into())).await.ok()
    }
}

const ACK: &str = r#"{"instruction": 0, "args": {}}"#;

/// Number and args of a message; args may be missing, but otherwise must be an object.
fn instruction(text: &str) -> Option<(i64, Value)> {
    let message: Value = serde_json::from_str(text).ok()?;
    let number = message.get("instruction")?.as_i64()?;
    let args = message.get("args").cloned().unwrap_or_else(|| Value::Object(Default::default()));
    args.is_object().then_some((number, args))
}

/// Ends the connection once the other side has had time to reply.
async fn close(socket: &mut WebSocket, code: u16) -> More {
    let frame = CloseFrame { code, reason: "".into() };
    socket.send(Message::Close(Some(frame))).await.ok()?;
    let _ = tokio::time::timeout(Duration::from_millis(200), socket.recv()).await;
    None
}
