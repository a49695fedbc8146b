//! What an authentik sends to its outpost.

use std::io::{Cursor, Read, Write};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use authentik_gate::http::HttpResponse;
use authentik_gate::outpost::{
    Board, Call, Directory, Message, Origin, OutpostSettings, Provenance, Snapshot,
    read_fingerprint, read_instances, read_message, read_pem, read_providers, vault,
};
use authentik_gate::provider::Trust;
use authentik_gate::secret::Secret;
use tungstenite::protocol::Role;
use tungstenite::{Message as Frame, WebSocket};
use url::Url;

use crate::redirects::stays;

static SETTINGS: LazyLock<[OutpostSettings; 2]> = LazyLock::new(|| {
    let settings = |browser: Option<&str>| {
        let token = Secret::new("the-outpost's-token");
        OutpostSettings::new("https://authentik.internal:9443", browser, token, Trust::System)
            .unwrap()
    };
    [settings(None), settings(Some("https://sso.example.com"))]
});

const UUID: &str = "bd1be30d-caa4-40d6-8a08-419a42b720cb";

/// Answers of the REST API. The first byte is the status.
pub(crate) fn outpost_rest(data: &[u8]) {
    let Some((status, body)) = data.split_first() else { return };
    let status = [200, 200, 200, 401, 404, 500][usize::from(*status) % 6];
    let response = HttpResponse { status, body: Secret::new(body) };
    if let Ok(outpost) = read_instances(&response) {
        assert!(status == 200 && SETTINGS[0].socket_url(&outpost.pk, 0, UUID).is_some());
    }
    let pair = Call::KeyPair(UUID);
    if let Ok(fingerprint) = read_fingerprint(&response, pair) {
        assert!(status == 200 && !fingerprint.is_empty());
    }
    if let Ok(pem) = read_pem(&response, Call::PrivateKey(UUID)) {
        assert!(pem.expose_str().unwrap().contains("-----BEGIN "));
    }
    for settings in &*SETTINGS {
        let Ok(page) = read_providers(&response, 1, settings) else { continue };
        assert!(status == 200 && page.next.is_none_or(|next| next > 1), "an endless list");
        let unusable = page.unusable;
        let snapshot = Snapshot { providers: page.providers, unusable, ..Snapshot::default() };
        serve(snapshot, settings);
    }
}

/// Settings as they reach the workers: from a file or from shared memory.
fn serve(snapshot: Snapshot, settings: &OutpostSettings) {
    let json = snapshot.to_json().unwrap();
    assert_eq!(Snapshot::from_json(json.expose()).as_ref().ok(), Some(&snapshot));
    let directory = Directory::build(snapshot.clone(), settings, None);
    assert!(directory.len() <= snapshot.providers.len());
    let _ = directory.skipped();
    assert!(!directory.hosts().contains(char::is_control));
    for provider in directory.providers() {
        // Whatever the settings are, its own root is a page of it and it is found by its key.
        let root = authentik_gate::redirect::RedirectTarget::external_root(provider);
        if provider.cookie_domain.is_none() {
            stays(provider, root.as_str());
        }
        assert!(directory.by_key(provider.key).is_some());
        assert!(!provider.client_secret.is_empty(), "anybody can sign for it");
        for url in [&provider.external.redirect_uri, &provider.issuer] {
            let url = Url::parse(url).unwrap();
            assert!(matches!(url.scheme(), "http" | "https"), "{url}");
        }
        assert!(!provider.cookie_name.contains(|c: char| !c.is_ascii_graphic() || c == ';'));
    }
    // Built from the same settings once more, nothing changes.
    let again = Directory::build(snapshot, settings, Some(&directory));
    let keys = |directory: &Directory| -> Vec<_> { directory.providers().map(|p| p.key).collect() };
    assert_eq!(keys(&again), keys(&directory));
}

/// Bytes as authentik sends them once the WebSocket is open: no message is longer than allowed,
/// only messages with a session's name end one, and what we send in answer is masked and short.
pub(crate) fn outpost_message(data: &[u8]) {
    hear(data);
    let mut wire = Wire { sent: Vec::new(), heard: Cursor::new(data.to_vec()) };
    let config = Some(authentik_io::outpost::socket_limits());
    let mut socket = WebSocket::from_raw_socket(&mut wire, Role::Client, config);
    for read in 0.. {
        assert!(read <= data.len(), "more messages than bytes");
        match socket.read() {
            Ok(Frame::Text(text)) => {
                assert!(text.len() <= 64 * 1024);
                hear(text.as_bytes());
            }
            Ok(Frame::Binary(bytes)) => assert!(bytes.len() <= 64 * 1024),
            Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Close(_) | Frame::Frame(_)) => {}
            Err(_) => break,
        }
    }
    drop(socket);
    // Every answer belongs to a frame that was heard (a Pong, a Close), and is masked (RFC 6455 §5.1).
    assert!(wire.sent.len() <= 4 * data.len() + 16);
    let mut sent = wire.sent.as_slice();
    while let [kind, length, rest @ ..] = sent {
        assert!(matches!(kind, 0x8a | 0x88) && length & 0x80 != 0, "{kind:#x} {length:#x}");
        sent = rest.get(4 + usize::from(length & 0x7f)..).expect("a whole frame");
    }
}

fn hear(text: &[u8]) {
    match read_message(text) {
        Some(Message::SessionEnd(session)) => {
            assert!((1..=256).contains(&session.len()));
            assert!(session.bytes().all(|byte| byte.is_ascii_graphic()));
            let said: serde_json::Value = serde_json::from_slice(text).unwrap();
            assert!(said["instruction"] == 4 && said["args"]["session_id"] == session.as_str());
        }
        Some(Message::Ack | Message::Update | Message::Other) => {
            let said: serde_json::Value = serde_json::from_slice(text).unwrap();
            assert!(said["instruction"] != 4, "the end of a session was not heard");
        }
        None => {}
    }
}

/// What is heard, and what was sent.
struct Wire {
    sent: Vec<u8>,
    heard: Cursor<Vec<u8>>,
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.heard.read(into)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.sent.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Settings on disk, in shared memory and as JSON: only what was written with this token, and
/// completely, is read; settings of any contents can be served.
pub(crate) fn outpost_settings(data: &[u8]) {
    let settings = &SETTINGS[1];
    let token = &settings.token;
    let document = Secret::new(data);
    assert!(vault::open(data, token).is_none(), "forged");
    let sealed = vault::seal(&document, token, [1; vault::NONCE]).unwrap();
    assert_eq!(vault::open(&sealed, token).as_ref(), Some(&document));
    assert!(vault::open(&sealed, &Secret::new("another token")).is_none());

    let origin = Origin::of(settings);
    assert_eq!(origin.unmark(data), Provenance::Foreign);
    assert_eq!(origin.unmark(origin.mark(&document).expose()), Provenance::Own(data));

    // A board that somebody else has written on is empty, or unreadable.
    let words: Vec<AtomicU64> = data
        .chunks_exact(8)
        .map(|word| AtomicU64::new(u64::from_le_bytes(word.try_into().unwrap())))
        .collect();
    if let Some(board) = Board::new(&words) {
        if let Some((number, found)) = board.read() {
            assert!(number != 0 && found.len() <= words.len() * 8);
        }
        // After a reset of its header, what is published is read, whatever was below.
        words.iter().take(8).for_each(|word| word.store(0, Ordering::Relaxed));
        if let Ok(number) = board.publish(&data[..data.len().min(16)]) {
            let published = data[..data.len().min(16)].to_vec();
            assert_eq!(board.read(), Some((number, published)));
        }
    }
    if let Ok(snapshot) = Snapshot::from_json(data) {
        serve(snapshot, settings);
    }
}
