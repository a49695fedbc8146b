//! What the gate knows about a request: borrowed, already parsed by nginx.

use crate::paths::PathFacts;
use crate::provider::Provider;
use crate::sender::Sender;

/// The parts of a request that determine its response. No other header matters.
///
/// A trait, because a request with a known session needs none of them.
pub trait RequestFacts {
    /// What kind of response its sender can use.
    fn sender(&self) -> Sender;
    /// The path in both readings.
    fn path(&self) -> PathFacts<'_>;
    /// Whether a person opens a page, who can be sent to authentik and come back to it.
    fn is_navigation(&self) -> bool {
        self.sender() == Sender::Navigation
    }
}

/// The host a request is for: the only one that it is judged by and that others are told.
///
/// Taken from the request target (the absolute form, RFC 9112 section 3.2.2, or `:authority`),
/// otherwise from `Host`, which is ignored beside those.
#[derive(Clone, Copy, Debug, Default)]
pub struct Authority<'a> {
    host: &'a [u8],
    written: &'a [u8],
}

impl<'a> Authority<'a> {
    /// `host` is what nginx chose the server by: validated, lower case, without port and trailing
    /// dot. nginx found it in `written`.
    #[must_use]
    pub fn new(host: &'a [u8], written: &'a [u8]) -> Self {
        Self { host, written }
    }

    /// The name or address; empty if the client sent none (HTTP/1.0).
    #[must_use]
    pub fn host(&self) -> &'a [u8] {
        self.host
    }

    /// As the client wrote it.
    #[must_use]
    pub fn written(&self) -> &'a [u8] {
        self.written
    }

    /// The port next to it. nginx before 1.29.3 accepts, and ignores, anything after the colon: an
    /// invalid port counts as none.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        let behind = self.written.get(self.host.len()..)?;
        let digits = behind.strip_prefix(b".").unwrap_or(behind).strip_prefix(b":")?;
        // By hand: this runs on each request, and Rust would accept "+80".
        let port = digits.iter().try_fold(0_u16, |port, byte| {
            let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
            port.checked_mul(10)?.checked_add(digit)
        });
        port.filter(|port| *port != 0)
    }

    /// `host[:port]` if it is written like that; otherwise use [`Self::spell`].
    #[must_use]
    pub fn as_written(&self) -> Option<&'a [u8]> {
        let behind = self.written.strip_prefix(self.host)?;
        let is_port = |rest: &[u8]| !rest.starts_with(b"0") && self.port().is_some();
        (behind.is_empty() || behind.strip_prefix(b":").is_some_and(is_port))
            .then_some(self.written)
    }

    /// `host[:port]`.
    #[must_use]
    pub fn spell(&self) -> Vec<u8> {
        spell(self.host, self.port())
    }
}

fn spell(host: &[u8], port: Option<u16>) -> Vec<u8> {
    match port {
        Some(port) => [host, b":", port.to_string().as_bytes()].concat(),
        None => host.to_vec(),
    }
}

/// `host[:port]` of a request to a domain-level provider, without default port; empty if the host
/// is not `cookie_domain` or below it. `host` is in lower case.
#[must_use]
pub fn of_domain(provider: &Provider, scheme: &str, host: &[u8], port: Option<u16>) -> Vec<u8> {
    let Some(domain) = provider.cookie_domain.as_deref() else { return Vec::new() };
    let below = host.strip_suffix(domain.as_bytes());
    if !below.is_some_and(|below| below.is_empty() || below.ends_with(b".")) {
        return Vec::new();
    }
    let default = if scheme == "https" { 443 } else { 80 };
    spell(host, port.filter(|port| *port != default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_level_request_is_named_by_a_host_of_the_domain_only() {
        let provider = crate::testing::domain_provider(); // example.com
        for (scheme, host, port, expected) in [
            ("https", "app.example.com", None, "app.example.com"),
            ("https", "app.example.com", Some(443), "app.example.com"),
            ("http", "app.example.com", Some(80), "app.example.com"),
            ("https", "app.example.com", Some(8443), "app.example.com:8443"),
            ("https", "example.com", None, "example.com"),
            ("https", "evilexample.com", None, ""),
            ("https", "example.com.evil.org", None, ""),
            ("https", "", None, ""),
        ] {
            let found = of_domain(&provider, scheme, host.as_bytes(), port);
            assert_eq!(String::from_utf8(found).unwrap(), expected, "{scheme} {host} {port:?}");
        }
    }

    #[test]
    fn a_request_is_for_the_host_that_nginx_went_by_and_for_a_port_that_is_one() {
        for (host, written, port, spelt) in [
            ("wiki.test", "wiki.test", None, "wiki.test"),
            ("wiki.test", "wiki.test:8080", Some(8080), "wiki.test:8080"),
            ("wiki.test", "WIKI.test.:8080", Some(8080), "wiki.test:8080"),
            ("wiki.test", "wiki.test.", None, "wiki.test"),
            ("wiki.test", "wiki.test:", None, "wiki.test"),
            ("wiki.test", "wiki.test:0", None, "wiki.test"),
            ("wiki.test", "wiki.test:080", Some(80), "wiki.test:80"),
            ("wiki.test", "wiki.test:+80", None, "wiki.test"),
            ("wiki.test", "wiki.test:99999", None, "wiki.test"),
            ("wiki.test", "wiki.test:@evil.test", None, "wiki.test"),
            ("wiki.test", "wiki.test:x@evil.test:80", None, "wiki.test"),
            ("[::1]", "[::1]", None, "[::1]"),
            ("[::1]", "[::1]:8443", Some(8443), "[::1]:8443"),
            ("", "", None, ""),
        ] {
            let asked = Authority::new(host.as_bytes(), written.as_bytes());
            assert_eq!(asked.port(), port, "{written}");
            assert_eq!(asked.spell(), spelt.as_bytes(), "{written}");
            let as_written = (written == spelt).then_some(written.as_bytes());
            assert_eq!(asked.as_written(), as_written, "{written}");
        }
    }
}
