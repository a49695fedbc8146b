//! The originally requested URL, assembled from the headers of the other proxy.

use std::borrow::Cow;
use std::fmt;

use super::{AUTH, ENVOY, FrontEnd};
use crate::paths::normalize;

/// Maximum length of the URL and of each header read, in bytes: four times nginx's default limit
/// for a request line.
const MAX_URL: usize = 32 * 1024;

/// The value of a header, which may be absent or repeated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Said<'r> {
    /// Absent.
    #[default]
    Nothing,
    /// One value.
    Once(&'r [u8]),
    /// More than one: two readers may pick different values, so none counts.
    Twice,
}

/// The headers in which proxies report the requested URL. `X-Original-URI` is not one of them:
/// upstream read it and attackers abused that (GHSA-5wcc-hf24-rf5h).
#[derive(Clone, Copy, Debug, Default)]
pub struct Forwarded<'r> {
    /// `X-Original-URL`.
    pub original_url: Said<'r>,
    /// `X-Forwarded-Proto`.
    pub proto: Said<'r>,
    /// `X-Forwarded-Host`.
    pub host: Said<'r>,
    /// `X-Forwarded-Uri`.
    pub uri: Said<'r>,
}

/// A question as received.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'r> {
    /// The proxy that asks.
    pub front_end: FrontEnd,
    /// `Host` as sent.
    pub host: &'r [u8],
    /// The request target as sent.
    pub target: &'r [u8],
    /// The headers of a trusted proxy.
    pub forwarded: Forwarded<'r>,
}

/// An absolute http or https URL, its parts validated.
#[derive(Debug)]
pub struct ForwardUrl<'r> {
    scheme: &'static str,
    authority: &'r [u8],
    host: Vec<u8>,
    port: Option<u16>,
    target: Cow<'r, [u8]>,
    normalized: Vec<u8>,
}

/// Why no URL could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardFlaw {
    /// The peer is not a trusted proxy.
    Untrusted,
    /// This header is missing.
    Missing(&'static str),
    /// This header is repeated.
    Repeated(&'static str),
    /// This is not part of a valid URL.
    Malformed(&'static str),
    /// `Host` and `X-Original-URL` belong to different providers.
    TwoProviders,
}

impl<'r> Forwarded<'r> {
    /// Collects the headers from lower-case names and values.
    #[must_use]
    pub fn gather(headers: impl Iterator<Item = (&'r [u8], &'r [u8])>) -> Self {
        let mut forwarded = Self::default();
        for (name, value) in headers {
            let said = match name {
                b"x-original-url" => &mut forwarded.original_url,
                b"x-forwarded-proto" => &mut forwarded.proto,
                b"x-forwarded-host" => &mut forwarded.host,
                b"x-forwarded-uri" => &mut forwarded.uri,
                _ => continue,
            };
            *said = match said {
                Said::Nothing => Said::Once(value),
                Said::Once(_) | Said::Twice => Said::Twice,
            };
        }
        forwarded
    }
}

impl<'r> ForwardUrl<'r> {
    /// The URL that a question is about (see the table in docs/protocol.md §9).
    ///
    /// # Errors
    /// What is missing or malformed.
    pub fn of(asked: &Asked<'r>) -> Result<Self, ForwardFlaw> {
        let Asked { front_end, host, target, forwarded } = *asked;
        match front_end {
            FrontEnd::Nginx => absolute(one(forwarded.original_url, ORIGINAL_URL)?, ORIGINAL_URL),
            FrontEnd::Traefik | FrontEnd::Caddy => {
                let scheme = scheme(once(forwarded.proto, PROTO)?, PROTO)?;
                let host = once(forwarded.host, HOST)?;
                let uri = one(forwarded.uri, URI)?;
                Self::new(scheme, (host, HOST), (Cow::Borrowed(uri), URI))
            }
            FrontEnd::Envoy => {
                let scheme = match forwarded.proto {
                    Said::Nothing => "https",
                    Said::Once(proto) => scheme(proto, PROTO)?,
                    Said::Twice => return Err(ForwardFlaw::Repeated(PROTO)),
                };
                let prefix = [AUTH, ENVOY].concat();
                let rest = target.strip_prefix(prefix.as_slice());
                let rest = rest.ok_or(ForwardFlaw::Malformed(PATH))?;
                let target = match rest {
                    [] | [b'?', ..] => Cow::Owned([b"/", rest].concat()),
                    rest => Cow::Borrowed(rest),
                };
                Self::new(scheme, (host, "Host"), (target, PATH))
            }
        }
    }

    fn new(
        scheme: &'static str,
        (authority, host_of): (&'r [u8], &'static str),
        (target, target_of): (Cow<'r, [u8]>, &'static str),
    ) -> Result<Self, ForwardFlaw> {
        let (host, port) = host_and_port(authority).ok_or(ForwardFlaw::Malformed(host_of))?;
        let readable = target.len() <= MAX_URL && !target.iter().any(u8::is_ascii_control);
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        let normalized = normalize(path).filter(|_| readable);
        let normalized = normalized.ok_or(ForwardFlaw::Malformed(target_of))?;
        Ok(Self { scheme, authority, host, port, target, normalized })
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.scheme
    }

    /// Host and port as reported.
    #[must_use]
    pub fn authority(&self) -> &'r [u8] {
        self.authority
    }

    /// The host as in nginx's `$host`: lower case, no port, no trailing dot.
    #[must_use]
    pub fn host(&self) -> &[u8] {
        &self.host
    }

    /// The port, if any.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Path and query, as the client sent them.
    #[must_use]
    pub fn target(&self) -> &[u8] {
        &self.target
    }

    /// The path, as the client sent it.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        self.target.split(|byte| *byte == b'?').next().unwrap_or_default()
    }

    /// The query, as the client sent it.
    #[must_use]
    pub fn query(&self) -> Option<&[u8]> {
        self.target.splitn(2, |byte| *byte == b'?').nth(1)
    }

    /// The path as nginx would serve it.
    #[must_use]
    pub fn normalized(&self) -> &[u8] {
        &self.normalized
    }
}

fn once<'r>(said: Said<'r>, name: &'static str) -> Result<&'r [u8], ForwardFlaw> {
    match said {
        Said::Nothing => Err(ForwardFlaw::Missing(name)),
        Said::Twice => Err(ForwardFlaw::Repeated(name)),
        Said::Once(value) => Ok(value),
    }
}

/// Parsed by hand: a URL library would normalise what has to be judged as sent.
fn absolute<'r>(url: &'r [u8], name: &'static str) -> Result<ForwardUrl<'r>, ForwardFlaw> {
    let flaw = ForwardFlaw::Malformed(name);
    let colon = url.iter().position(|byte| *byte == b':').ok_or(flaw)?;
    let (before, rest) = url.split_at(colon);
    let rest = rest.strip_prefix(b"://").ok_or(flaw)?;
    let end = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let target: &[u8] = if target.is_empty() { b"/" } else { target };
    ForwardUrl::new(scheme(before, name)?, (authority, name), (Cow::Borrowed(target), name))
}

/// A URL or path. Proxies on the way may have joined two headers into a list.
fn one<'r>(said: Said<'r>, name: &'static str) -> Result<&'r [u8], ForwardFlaw> {
    let value = once(said, name)?;
    if is_list(value) { Err(ForwardFlaw::Repeated(name)) } else { Ok(value) }
}

/// Whether this may be several values joined by a proxy on the way (RFC 9110 section 5.3): a comma,
/// an optional space, then the beginning of a path or URL. Which one was requested is unclear, and
/// the client may have sent all but the last.
fn is_list(target: &[u8]) -> bool {
    let mut parts = target.split(|byte| *byte == b',').skip(1);
    parts.any(|part| {
        let part = part.trim_ascii_start();
        part.starts_with(b"/") || starts_with_scheme(part)
    })
}

fn starts_with_scheme(text: &[u8]) -> bool {
    let colon = text.windows(3).position(|part| part == b"://");
    let name = colon.and_then(|colon| text.get(..colon));
    name.is_some_and(|name| scheme(name, "").is_ok())
}

fn scheme(text: &[u8], name: &'static str) -> Result<&'static str, ForwardFlaw> {
    // Traefik sends `ws` and `wss` for a WebSocket.
    match text.to_ascii_lowercase().as_slice() {
        b"https" | b"wss" => Ok("https"),
        b"http" | b"ws" => Ok("http"),
        _ => Err(ForwardFlaw::Malformed(name)),
    }
}

/// A name or bracketed IPv6 address, and the port. No user info, no list, nothing that a URL parser
/// could take for the end of the authority.
fn host_and_port(text: &[u8]) -> Option<(Vec<u8>, Option<u16>)> {
    const LONGEST: usize = 255;
    let (name, port) = if text.starts_with(b"[") {
        let end = text.iter().position(|byte| *byte == b']')?;
        text.split_at(end + 1)
    } else {
        let end = text.iter().position(|byte| *byte == b':').unwrap_or(text.len());
        text.split_at(end)
    };
    let port = match port {
        [] => None,
        [b':', digits @ ..] if digits.iter().all(u8::is_ascii_digit) => {
            Some(std::str::from_utf8(digits).ok()?.parse().ok()?)
        }
        _ => return None,
    };
    let host = name.to_ascii_lowercase();
    if let Some(address) = host.strip_prefix(b"[") {
        let address = address.strip_suffix(b"]")?;
        let plain = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        return (!address.is_empty() && address.iter().all(plain)).then_some((host, port));
    }
    let host = host.strip_suffix(b".").unwrap_or(&host).to_vec();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let label = |label: &[u8]| !label.is_empty() && label.iter().all(plain);
    let right = host.len() <= LONGEST && host.split(|byte| *byte == b'.').all(label);
    right.then_some((host, port))
}

const ORIGINAL_URL: &str = "X-Original-URL";
const PROTO: &str = "X-Forwarded-Proto";
const HOST: &str = "X-Forwarded-Host";
const URI: &str = "X-Forwarded-Uri";
const PATH: &str = "the path behind the prefix";

impl fmt::Display for ForwardFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untrusted => f.write_str("the proxy that asks is not trusted"),
            Self::Missing(what) => write!(f, "{what} is missing"),
            Self::Repeated(what) => write!(f, "{what} has two values"),
            Self::Malformed(what) => write!(f, "{what} cannot be read"),
            Self::TwoProviders => {
                f.write_str("Host and X-Original-URL name hosts of different providers")
            }
        }
    }
}
