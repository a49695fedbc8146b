//! What an outpost reports to authentik if a proxy does not say which page was requested
//! (docs/protocol.md §2.6).

use serde_json::{Map, Value, json};

use crate::forward::{ForwardFlaw, FrontEnd};
use crate::hash::sha256;
use crate::secret::Secret;
use crate::store::Key;
use crate::text::loggable;

/// A question from a trusted proxy from which no URL can be made.
#[derive(Clone, Copy, Debug)]
pub struct Misconfiguration<'e> {
    /// Name of the outpost.
    pub outpost: &'e str,
    /// Name of the provider whose host was asked; empty if there is none.
    pub provider: &'e str,
    /// The proxy that asks.
    pub front_end: FrontEnd,
    /// What is wrong.
    pub flaw: ForwardFlaw,
    /// Address of the proxy.
    pub client: &'e str,
    /// The target as sent.
    pub target: &'e [u8],
}

impl Misconfiguration<'_> {
    /// Minimum interval between reports, over all workers, in seconds.
    pub const ONCE_IN: u64 = 60;

    /// Key of the lease for reporting one.
    #[must_use]
    pub fn key() -> Key {
        sha256(&[b"authentik misconfiguration event v1"])
    }

    /// Whether a proxy's configuration is to blame, as far as can be told: an untrusted peer, or
    /// one that asks about two hosts, may be anybody.
    #[must_use]
    pub fn is_one(flaw: ForwardFlaw) -> bool {
        match flaw {
            ForwardFlaw::Missing(_) | ForwardFlaw::Repeated(_) | ForwardFlaw::Malformed(_) => true,
            ForwardFlaw::Untrusted | ForwardFlaw::TwoProviders => false,
        }
    }

    /// The event in authentik's format. Of `headers`, lower-case names and values, each name is
    /// reported once, its value only if it says where a request was for: no cookies, no
    /// credentials, and no query, which may contain a code.
    #[must_use]
    pub fn to_json<'h>(&self, headers: impl Iterator<Item = (&'h [u8], &'h [u8])>) -> Secret {
        let Self { outpost, provider, front_end, flaw, client, target } = *self;
        let from = front_end.name();
        let mut told = Map::new();
        for (name, value) in headers.take(MAX_HEADERS) {
            let name = text(name);
            let value = match name.as_str() {
                "host" | "x-forwarded-host" | "x-forwarded-proto" | "x-forwarded-port"
                | "x-forwarded-method" | "x-original-method" => text(value),
                "x-original-url" | "x-forwarded-uri" => text(without_query(value)),
                _ => NOT_TOLD.to_owned(),
            };
            told.entry(name).or_insert(Value::String(value));
        }
        let message = format!(
            "Outpost {outpost} (Provider {provider}) failed to detect a forward URL from {from}: {flaw}"
        );
        // authentik accepts only a valid address.
        let address: Option<std::net::IpAddr> = client.parse().ok();
        let mut event = json!({
            "action": "configuration_error",
            "app": "authentik.providers.proxy",
            "context": {
                "message": message,
                "provider": provider,
                "outpost": outpost,
                "url": text(without_query(target)),
                "headers": told,
            },
        });
        if let (Some(address), Some(members)) = (address, event.as_object_mut()) {
            members.insert("client_ip".to_owned(), address.to_string().into());
        }
        Secret::new(event.to_string())
    }
}

fn without_query(target: &[u8]) -> &[u8] {
    target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
}

fn text(bytes: &[u8]) -> String {
    loggable(&String::from_utf8_lossy(bytes), MAX_TEXT)
}

const NOT_TOLD: &str = "(not told)";

const MAX_HEADERS: usize = 64;

/// Maximum length of a name or value, in characters.
const MAX_TEXT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_event_is_upstreams_and_holds_no_secret() {
        let asked = Misconfiguration {
            outpost: "edge",
            provider: "wiki",
            front_end: FrontEnd::Traefik,
            flaw: ForwardFlaw::Missing("X-Forwarded-Host"),
            client: "192.0.2.7",
            target: b"/outpost.goauthentik.io/auth/traefik?code=geheim",
        };
        let headers: [(&[u8], &[u8]); 6] = [
            (b"host", b"outpost.internal"),
            (b"cookie", b"authentik_proxy=geheim"),
            (b"authorization", b"Bearer geheim"),
            (b"x-forwarded-uri", b"/page?code=geheim"),
            (b"x-forwarded-uri", b"/geheim"),
            (b"x-api-key", b"geheim"),
        ];
        let event = asked.to_json(headers.into_iter());
        let text = event.expose_str().unwrap();
        assert!(!text.contains("geheim"), "{text}");
        let event: Value = serde_json::from_str(text).unwrap();
        let expected = json!({
            "action": "configuration_error",
            "app": "authentik.providers.proxy",
            "client_ip": "192.0.2.7",
            "context": {
                "message": "Outpost edge (Provider wiki) failed to detect a forward URL from Traefik: \
                            X-Forwarded-Host is missing",
                "provider": "wiki",
                "outpost": "edge",
                "url": "/outpost.goauthentik.io/auth/traefik",
                "headers": {
                    "host": "outpost.internal",
                    "cookie": "(not told)",
                    "authorization": "(not told)",
                    "x-forwarded-uri": "/page",
                    "x-api-key": "(not told)",
                },
            },
        });
        assert_eq!(event, expected);
        let local = Misconfiguration { client: "unix:", ..asked };
        assert!(!local.to_json([].into_iter()).expose_str().unwrap().contains("client_ip"));
    }

    #[test]
    fn what_a_stranger_does_is_no_misconfiguration() {
        for (flaw, is_one) in [
            (ForwardFlaw::Missing("x"), true),
            (ForwardFlaw::Repeated("x"), true),
            (ForwardFlaw::Malformed("x"), true),
            (ForwardFlaw::Untrusted, false),
            (ForwardFlaw::TwoProviders, false),
        ] {
            assert_eq!(Misconfiguration::is_one(flaw), is_one, "{flaw:?}");
        }
    }
}
