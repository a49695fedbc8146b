//! A request, parsed for the endpoints.

use std::time::Instant;

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use crate::fault::Fault;
use crate::keys::random_hex;

/// A request to the stand-in.
pub(crate) struct Call {
    pub(crate) method: String,
    /// Where the server is mounted, e.g. `/auth`; empty = the root.
    pub(crate) sub_path: String,
    /// The path below that.
    pub(crate) path: String,
    /// As sent, without `?`.
    pub(crate) raw_query: String,
    query: Vec<(String, String)>,
    form: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Goes into `x-authentik-id` and `request_id`.
    pub(crate) id: String,
    pub(crate) faults: Vec<Fault>,
    /// When it arrived.
    pub(crate) arrived: Instant,
}

impl Call {
    /// `sub_path` is removed from the path; a path outside it becomes empty, which matches nothing.
    pub(crate) fn new(parts: &Parts, body: &Bytes, sub_path: &str) -> Self {
        let path = parts.uri.path();
        let raw_query = parts.uri.query().unwrap_or_default().to_owned();
        let is_form = header(&parts.headers, "content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        Self {
            method: parts.method.to_string(),
            sub_path: sub_path.to_owned(),
            path: path.strip_prefix(sub_path).unwrap_or_default().to_owned(),
            query: form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect(),
            raw_query,
            // Like Django: anything but a form is a form without fields.
            form: form_urlencoded::parse(if is_form { body } else { b"" }).into_owned().collect(),
            headers: parts.headers.clone(),
            body: body.clone(),
            id: random_hex(16),
            faults: Vec::new(),
            arrived: Instant::now(),
        }
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A field of the form.
    pub(crate) fn form(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The form.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.form.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// A cookie.
    pub(crate) fn cookie(&self, name: &str) -> Option<&str> {
        let headers = self.headers.get_all("cookie").into_iter();
        let pairs = headers.filter_map(|value| value.to_str().ok()).flat_map(|v| v.split(';'));
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    /// User and password of `Authorization: Basic`.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let credentials = self.header("authorization")?.strip_prefix("Basic ")?;
        let decoded = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
        decoded.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
    }

    /// The token of `Authorization: Bearer`, with the scheme in any letter case, like authentik. An
    /// empty one counts as none.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
    }

    /// `Host` and `X-Forwarded-Proto` of this request, and the sub-path: every URL and issuer
    /// derives from them (docs/protocol.md §1.2).
    pub(crate) fn origin(&self) -> String {
        let host = self.header("host").unwrap_or_default();
        format!("{}://{host}{}", self.scheme(), self.sub_path)
    }

    /// `https` if the request claims so.
    pub(crate) fn scheme(&self) -> &'static str {
        match self.header("x-forwarded-proto") {
            Some("https") => "https",
            _ => "http",
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Django's `iri_to_uri`, as far as a Location needs it: non-ASCII characters are percent-encoded
/// (docs/protocol.md §1.3).
pub(crate) fn iri_to_uri(text: &str) -> String {
    let byte = |byte: u8| match byte {
        0..=0x7f => char::from(byte).to_string(),
        0x80.. => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

/// Python's `quote_plus`, for the state in the redirect to the application.
pub(crate) fn quote_plus(text: &str) -> String {
    quoted(text, "", "+")
}

/// Python's `quote`, for descriptions in error redirects.
pub(crate) fn quote(text: &str) -> String {
    quoted(text, "/", "%20")
}

fn quoted(text: &str, also_safe: &str, space: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match char::from(byte) {
            ' ' => out.push_str(space),
            c if c.is_ascii_alphanumeric() || "_.-~".contains(c) || also_safe.contains(c) => {
                out.push(c);
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_comes_back_encoded_as_recorded() {
        // A recorded state with odd characters.
        assert_eq!(
            quote_plus("a b+c/d=é&x%zz#frag|<>\"'"),
            "a+b%2Bc%2Fd%3D%C3%A9%26x%25zz%23frag%7C%3C%3E%22%27"
        );
    }
}
