//! What the gate is told of a request: borrowed, already parsed by nginx.

use crate::paths::PathFacts;
use crate::provider::Provider;
use crate::sender::Sender;

/// The parts of a request that decide how it is answered. No other header has a say.
///
/// A trait, because a request with a known session needs none of them.
pub trait RequestFacts {
    /// What kind of answer its sender can use.
    fn sender(&self) -> Sender;
    /// The path in both readings.
    fn path(&self) -> PathFacts<'_>;
}

/// `host[:port]` of a request to a domain-level provider, the default port left out; empty when the
/// host is not `cookie_domain` or below it.
///
/// `server` is the host as nginx validated and lower-cased it, `requested` the `Host` header.
#[must_use]
pub fn authority(provider: &Provider, scheme: &str, server: &[u8], requested: &[u8]) -> Vec<u8> {
    let Some(domain) = provider.cookie_domain.as_deref() else { return Vec::new() };
    let below = server.strip_suffix(domain.as_bytes());
    if !below.is_some_and(|below| below.is_empty() || below.ends_with(b".")) {
        return Vec::new();
    }
    let default: &[u8] = if scheme == "https" { b"443" } else { b"80" };
    let port = requested.rsplitn(2, |byte| *byte == b':').next().unwrap_or_default();
    let has_port = port.len() < requested.len() && !port.is_empty();
    if has_port && port != default && port.iter().all(u8::is_ascii_digit) {
        [server, b":", port].concat()
    } else {
        server.to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_level_request_is_named_by_a_host_of_the_domain_only() {
        let provider = crate::testing::domain_provider(); // example.com
        for (scheme, server, requested, expected) in [
            ("https", "app.example.com", "App.Example.com", "app.example.com"),
            ("https", "app.example.com", "app.example.com:443", "app.example.com"),
            ("http", "app.example.com", "app.example.com:80", "app.example.com"),
            ("https", "app.example.com", "app.example.com:8443", "app.example.com:8443"),
            ("https", "example.com", "example.com", "example.com"),
            ("https", "evilexample.com", "evilexample.com", ""),
            ("https", "example.com.evil.org", "example.com.evil.org", ""),
            ("https", "", "", ""),
        ] {
            let found = authority(&provider, scheme, server.as_bytes(), requested.as_bytes());
            assert_eq!(String::from_utf8(found).unwrap(), expected, "{scheme} {requested}");
        }
    }
}
