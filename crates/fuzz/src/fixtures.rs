//! Providers, recorded answers, and how an input is taken apart.

use authentik_gate::keyring::Keyring;
use authentik_gate::provider::{Mode, Provider, Settings};
use authentik_gate::secret::Secret;
use authentik_gate::time::UnixTime;
use serde_json::Value;

/// Seconds after the recording of the ten-year tokens.
pub(crate) const NOW: UnixTime = UnixTime(1_795_311_600);

pub(crate) const KEYRING: Keyring<'_> = Keyring::new(&[5; Keyring::SIZE]);

/// A file of `tests/data/authentik-2026.2.2/`.
macro_rules! recorded {
    ($file:literal) => {
        include_str!(concat!("../../../tests/data/authentik-2026.2.2/", $file))
    };
}
pub(crate) use recorded;

/// A member of a recorded object.
pub(crate) fn member(recorded: &str, name: &str) -> String {
    let object: Value = serde_json::from_str(recorded).unwrap();
    object[name].as_str().unwrap().to_owned()
}

/// A recorded provider, e.g. `p-proxy`.
pub(crate) fn recorded_provider(name: &str) -> Provider {
    let clients: Value = serde_json::from_str(recorded!("clients.json")).unwrap();
    let text = |key: &str| clients[name][key].as_str().unwrap().to_owned();
    Provider::new(Settings {
        name: name.to_owned(),
        issuer: text("issuer"),
        client_id: text("client_id"),
        client_secret: Some(Secret::new(text("client_secret"))),
        external_host: "http://proxy.example.test:8880".to_owned(),
        ..Settings::default()
    })
    .unwrap()
}

fn settings() -> Settings {
    Settings {
        name: "wiki".into(),
        issuer: "https://sso.example.com/application/o/wiki/".into(),
        client_id: "client-123".into(),
        client_secret: Some(Secret::new("secret")),
        external_host: "https://ext.example".into(),
        ..Settings::default()
    }
}

/// The provider of `https://ext.example`.
pub(crate) fn single() -> Provider {
    Provider::new(settings()).unwrap()
}

/// The provider of one application somewhere else.
pub(crate) fn single_at(external_host: &str) -> Provider {
    Provider::new(Settings { external_host: external_host.into(), ..settings() }).unwrap()
}

/// `forward_domain` over `example.com`, signing in at `https://auth.example.com`.
pub(crate) fn domain() -> Provider {
    Provider::new(Settings {
        mode: Mode::ForwardDomain,
        external_host: "https://auth.example.com".into(),
        cookie_domain: Some(".example.com".into()),
        ..settings()
    })
    .unwrap()
}

/// The input up to the first line end, and what follows it.
pub(crate) fn first_line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, rest) = data.split_at(end);
    (line, rest.get(1..).unwrap_or_default())
}

/// The bytes that are valid UTF-8, which is what most parsers of text are given.
pub(crate) fn lossy(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}
