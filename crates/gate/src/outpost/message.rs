//! Messages of the outpost's WebSocket (docs/protocol.md §3.2).

use serde_json::{Value, json};

use crate::json;

/// A message from authentik.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// authentik has received a hello.
    Ack,
    /// Settings have changed, or may have.
    Update,
    /// This authentik session has ended: the `sid` of tokens (docs/protocol.md §3.2). Not empty.
    SessionEnd(String),
    /// Nothing relevant here.
    Other,
}

/// Sent after connecting and every ten seconds: 4 members of upstream's, as JSON.
///
/// The version must parse as one, or authentik's admin page fails (docs/protocol.md §3.2). It is
/// ours, not authentik's: authentik calls an outpost outdated only if its `buildHash` equals the
/// server's own, which is empty in releases, so ours is neither.
#[must_use]
pub fn hello(instance: &str, hostname: &str) -> String {
    let hostname: String = hostname.chars().take(MAX_HOSTNAME).collect();
    json!({
        "instruction": HELLO,
        "args": {
            "version": env!("CARGO_PKG_VERSION"),
            "buildHash": BUILD_HASH,
            "uuid": instance,
            "hostname": hostname,
        },
    })
    .to_string()
}

/// Parses a text frame; `None` if it is not a message.
#[must_use]
pub fn read_message(text: &[u8]) -> Option<Message> {
    let members = json::object(text)?;
    Some(match members.get("instruction")?.as_u64()? {
        ACK => Message::Ack,
        UPDATE => Message::Update,
        SESSION_END => {
            let id = members.get("args").and_then(|args| args.get("session_id"));
            // An empty one would end all sessions that have no `sid`.
            match id.and_then(Value::as_str).filter(|id| is_session_id(id)) {
                Some(id) => Message::SessionEnd(id.to_owned()),
                None => return None,
            }
        }
        _ => Message::Other,
    })
}

fn is_session_id(id: &str) -> bool {
    (1..=MAX_SESSION_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

const ACK: u64 = 0;
const HELLO: u64 = 1;
const UPDATE: u64 = 2;
const SESSION_END: u64 = 4;

const BUILD_HASH: &str = "nginx";

/// Currently 64 hex digits.
const MAX_SESSION_ID: usize = 256;

const MAX_HOSTNAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authentiks_messages_are_understood() {
        // Recorded frames.
        let sid = "653bb1245e828fcda4fa53fcd5a3def5bd7654e651f54b4132b73d74e64435c4";
        let end = format!(
            r#"{{"instruction": 4, "args": {{"type": "event.session.end", "session_id": "{sid}"}}}}"#
        );
        for (text, message) in [
            (r#"{"instruction": 0, "args": {}}"#, Message::Ack),
            (r#"{"instruction": 2, "args": {}}"#, Message::Update),
            (end.as_str(), Message::SessionEnd(sid.to_owned())),
            (r#"{"instruction": 3, "args": {"type": "event.provider.specific"}}"#, Message::Other),
            (r#"{"instruction": 99, "more": [1]}"#, Message::Other),
        ] {
            assert_eq!(read_message(text.as_bytes()), Some(message), "{text}");
        }
    }

    #[test]
    fn what_is_no_message_ends_no_session() {
        let long = format!(r#"{{"instruction":4,"args":{{"session_id":"{}"}}}}"#, "a".repeat(257));
        for text in [
            r#"{"instruction":4,"args":{"session_id":""}}"#,
            r#"{"instruction":4,"args":{"session_id":null}}"#,
            r#"{"instruction":4,"args":{"session_id":7}}"#,
            r#"{"instruction":4,"args":{"session_id":"a b"}}"#,
            r#"{"instruction":4,"args":{"session_id":"a","session_id":"b"}}"#,
            r#"{"instruction":4,"args":{}}"#,
            r#"{"instruction":4}"#,
            &long,
            r#"{"instruction":"2","args":{}}"#,
            r#"{"instruction":-1}"#,
            r#"{"instruction":2.5}"#,
            r"{}",
            "[1,2]",
            "this is not json",
            "",
        ] {
            assert_eq!(read_message(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_hello_has_four_members_and_a_version_that_parses() {
        let hello = json::object(hello("u", "h\"\n").as_bytes()).unwrap();
        assert_eq!(hello["instruction"], 1);
        let args = hello["args"].as_object().unwrap();
        let names: Vec<&str> = args.keys().map(String::as_str).collect();
        assert_eq!(names, ["buildHash", "hostname", "uuid", "version"]);
        assert_eq!((&args["uuid"], &args["hostname"]), (&json!("u"), &json!("h\"\n")));
        let version = args["version"].as_str().unwrap();
        assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
        // Equal to the server's own with another version would be "outdated".
        assert_ne!(args["buildHash"], "");
    }
}
