//! What the gate is told of a request: borrowed, already parsed by nginx.

use crate::paths::PathFacts;
use crate::provider::Provider;

/// The parts of a request that decide how it is answered. No other header has a say.
///
/// A trait, because a request with a known session needs none of them.
pub trait RequestFacts {
    /// What kind of answer its sender can use.
    fn sender(&self) -> Sender;
    /// The path in both readings.
    fn path(&self) -> PathFacts<'_>;
}

/// Who waits for the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// A person's browser, which can follow a redirect to authentik and come back.
    Navigation,
    /// A script, a pre-flight, a WebSocket, a tool: needs a plain 401.
    Program,
}

/// The headers and the method that tell a navigation from a program.
#[derive(Clone, Copy, Debug, Default)]
pub struct SenderHints<'a> {
    /// Whether the method is `GET` or `HEAD`: another one loses its body in a redirect.
    pub safe_method: bool,
    /// `Upgrade` is present (WebSocket).
    pub upgrade: bool,
    /// `X-Requested-With` is present.
    pub requested_with: bool,
    /// `Sec-Fetch-Mode`.
    pub fetch_mode: Option<&'a [u8]>,
    /// `Sec-Fetch-Dest`.
    pub fetch_dest: Option<&'a [u8]>,
    /// `Accept`.
    pub accept: Option<&'a [u8]>,
}

impl Sender {
    /// A navigation is what says so (Fetch Metadata, W3C), else what accepts HTML.
    ///
    /// None of this is trusted with more than the form of a refusal.
    #[must_use]
    pub fn of(hints: &SenderHints<'_>) -> Self {
        if !hints.safe_method || hints.upgrade || hints.requested_with {
            return Self::Program;
        }
        let navigates = match (hints.fetch_mode, hints.fetch_dest) {
            (Some(mode), dest) => {
                mode == b"navigate"
                    && dest.is_none_or(|dest| matches!(dest, b"document" | b"iframe" | b"frame"))
            }
            (None, Some(dest)) => matches!(dest, b"document" | b"iframe" | b"frame"),
            (None, None) => hints.accept.is_some_and(accepts_html),
        };
        if navigates { Self::Navigation } else { Self::Program }
    }
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

fn accepts_html(accept: &[u8]) -> bool {
    const HTML: &[u8] = b"text/html";
    accept.windows(HTML.len()).take(1024).any(|part| part.eq_ignore_ascii_case(HTML))
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

    #[test]
    fn only_a_navigation_is_worth_a_redirect() {
        let html = Some(&b"text/html,application/xhtml+xml,*/*;q=0.8"[..]);
        let get = SenderHints { safe_method: true, ..SenderHints::default() };
        let fetch = |mode: &'static str, dest: &'static str| SenderHints {
            fetch_mode: Some(mode.as_bytes()),
            fetch_dest: Some(dest.as_bytes()),
            accept: html,
            ..get
        };
        let table = [
            ("old browser", SenderHints { accept: html, ..get }, true),
            ("curl", SenderHints { accept: Some(b"*/*"), ..get }, false),
            ("no Accept", get, false),
            ("json", SenderHints { accept: Some(b"application/json"), ..get }, false),
            ("Chrome", fetch("navigate", "document"), true),
            ("frame", fetch("navigate", "iframe"), true),
            ("fetch()", fetch("cors", "empty"), false),
            ("image", fetch("no-cors", "image"), false),
            ("websocket by fetch metadata", fetch("websocket", "empty"), false),
            ("form post", SenderHints { safe_method: false, accept: html, ..get }, false),
            ("upgrade", SenderHints { upgrade: true, accept: html, ..get }, false),
            ("jQuery", SenderHints { requested_with: true, accept: html, ..get }, false),
        ];
        for (name, hints, navigates) in table {
            assert_eq!(Sender::of(&hints) == Sender::Navigation, navigates, "{name}");
        }
    }
}
