//! Proxy mode: where a request goes, and with which `Host` (docs/protocol.md §7.5).

use std::net::Ipv6Addr;

use crate::identity::SessionView;
use crate::provider::Provider;

/// The user's `backend_override` is unusable. No other backend is used instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadOverride;

/// The upstream URL for a visitor, without a trailing slash: the user's `backend_override`,
/// otherwise `internal_host`. The request's path and query are appended to it.
///
/// # Errors
/// The override is not an http or https URL of just scheme, host, port and path.
pub fn backend<'a>(
    provider: &'a Provider,
    session: Option<&SessionView<'a>>,
) -> Result<&'a [u8], BadOverride> {
    match session.map(|session| session.backend_override()) {
        None | Some(b"") => Ok(provider.internal_host.as_bytes()),
        Some(url) if is_backend(url) => Ok(without_final_slashes(url)),
        Some(_) => Err(BadOverride),
    }
}

/// The `Host` to send: the user's `host_header`, otherwise the host that was judged.
#[must_use]
pub fn host<'a>(
    provider: Option<&'a Provider>,
    session: Option<&SessionView<'a>>,
    asked: &'a [u8],
) -> &'a [u8] {
    match (session.map(|session| session.host_header()), provider) {
        (Some(host), _) if is_host(host) => host,
        (_, Some(provider)) => forwarded_host(provider, asked),
        (_, None) => asked,
    }
}

/// `X-Forwarded-Host`: the host that was judged. If the client sends none (HTTP/1.0), the
/// provider's own, by which the request was judged.
#[must_use]
pub fn forwarded_host<'a>(provider: &'a Provider, asked: &'a [u8]) -> &'a [u8] {
    let origin = &provider.external.origin;
    match (asked, origin.split_once("://")) {
        (b"", Some((_, own))) => own.as_bytes(),
        _ => asked,
    }
}

/// Runs on every request of such a user, hence byte by byte instead of with the `url` crate.
fn is_backend(url: &[u8]) -> bool {
    let rest = url.strip_prefix(b"http://").or_else(|| url.strip_prefix(b"https://"));
    let Some(rest) = rest else { return false };
    let host = rest.split(|byte| *byte == b'/').next().unwrap_or_default();
    // "http://unix:/path" is nginx's syntax for local sockets: never a user's backend.
    is_host(host)
        && !host.eq_ignore_ascii_case(b"unix:")
        && rest.iter().all(|byte| byte.is_ascii_graphic())
        && !rest.iter().any(|byte| b"?#@\\\"<>^`{|}$;".contains(byte))
}

/// `name`, `name:port`, `[address]`, `[address]:port`. nginx would answer 500 to an invalid port.
fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host.strip_prefix(b"[") {
        Some(rest) => {
            let end = rest.iter().position(|byte| *byte == b']').unwrap_or(rest.len());
            let (address, behind) = rest.split_at(end);
            let is_address =
                std::str::from_utf8(address).is_ok_and(|a| a.parse::<Ipv6Addr>().is_ok());
            (is_address, behind.strip_prefix(b"]").unwrap_or(b"?"))
        }
        None => {
            let end = host.iter().position(|byte| *byte == b':').unwrap_or(host.len());
            let (name, behind) = host.split_at(end);
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
            (!name.is_empty() && name.iter().all(plain), behind)
        }
    };
    name && (port.is_empty() || is_port(port))
}

/// A colon and a valid TCP port.
fn is_port(port: &[u8]) -> bool {
    let Some(digits) = port.strip_prefix(b":") else { return false };
    let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u16>().ok());
    digits.iter().all(u8::is_ascii_digit) && number.is_some_and(|port| port != 0)
}

fn without_final_slashes(mut url: &[u8]) -> &[u8] {
    while let Some(shorter) = url.strip_suffix(b"/") {
        url = shorter;
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_web_url_is_a_backend() {
        for (url, good) in [
            ("http://other:8080", true),
            ("https://app.internal/", true),
            ("http://foo.bar.baz/jane", true),
            ("http://[::1]:3000/x", true),
            ("", false),
            ("other:8080", false),
            ("//other", false),
            ("http://", false),
            ("http:///x", false),
            ("http://:80", false),
            ("http://h:", false),
            ("http://h:/x", false),
            ("http://h:0", false),
            ("http://h:65535", true),
            ("http://h:65536", false),
            ("http://h:99999", false),
            ("http://h:+80", false),
            ("http://h:8a", false),
            ("http://h:80:80", false),
            ("http://[::1]", true),
            ("http://[::1", false),
            ("http://[::1]x", false),
            ("http://[::1]:", false),
            ("http://[h]:80", false),
            ("http://::1", false),
            ("ftp://other", false),
            ("unix:/run/other.sock", false),
            ("http://unix:/run/other.sock:", false),
            ("http://user@other", false),
            ("http://a b", false),
            ("http://other/x?y", false),
            ("http://other/x#y", false),
            ("http://other\\@evil", false),
            ("http://other/$request_uri", false),
            ("http://öther", false),
            ("http://other\r\n", false),
        ] {
            assert_eq!(is_backend(url.as_bytes()), good, "{url}");
        }
    }

    #[test]
    fn a_final_slash_is_not_doubled_by_the_path_that_follows() {
        assert_eq!(without_final_slashes(b"http://a/b//"), b"http://a/b");
        assert_eq!(without_final_slashes(b"http://a"), b"http://a");
    }

    #[test]
    fn a_host_header_that_is_none_is_not_sent() {
        assert!(is_host(b"internal.example:8080"));
        for bad in [&b""[..], b"a b", b"a\r\nX: y", b"a/b", b":80", b"a:", b"a:99999"] {
            assert!(!is_host(bad));
        }
    }
}
