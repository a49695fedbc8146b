//! The head of a request, as sent on the wire.

use authentik_gate::http::{HttpRequest, Method, TransportError};
use authentik_gate::secret::Secret;
use ureq::http::Request;
use ureq::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderName,
    HeaderValue, USER_AGENT,
};
use url::Url;

/// Method, URL and headers, with exactly one `Host` (docs/protocol.md §1.2).
pub(super) fn head(request: &HttpRequest) -> Result<Request<()>, TransportError> {
    let url = web_url(&request.url).ok_or_else(|| {
        TransportError::Unreachable("its address is not an http or https URL".to_owned())
    })?;
    let own_host = host(&url);
    let claimed = request.claimed.as_ref();

    let mut head = Request::builder()
        .method(match request.method {
            Method::Get => "GET",
            Method::PostForm | Method::PostJson => "POST",
        })
        .uri(url.as_str())
        .header(HOST, claimed.map_or(own_host.as_str(), |claimed| &claimed.host))
        .header(USER_AGENT, &request.user_agent)
        .header(ACCEPT, "application/json")
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close");
    // Only then: otherwise authentik uses the scheme of its own connection.
    if let Some(claimed) = claimed.filter(|claimed| !claimed.host.eq_ignore_ascii_case(&own_host)) {
        head = head.header(X_FORWARDED_PROTO, claimed.scheme);
    }
    if let Some(token) = &request.bearer {
        head = head.header(AUTHORIZATION, bearer(token)?);
    }
    head = match request.method {
        Method::Get => head,
        Method::PostForm => head.header(CONTENT_TYPE, "application/x-www-form-urlencoded"),
        Method::PostJson => head.header(CONTENT_TYPE, "application/json"),
    };
    // A line break in a value, or a URL over 64 KB.
    head.body(()).map_err(|_| unwritable())
}

/// `Bearer TOKEN`, never printed.
pub(crate) fn bearer(token: &Secret) -> Result<HeaderValue, TransportError> {
    let value = Secret::new([b"Bearer ", token.expose()].concat());
    let mut value = HeaderValue::from_bytes(value.expose()).map_err(|_| unwritable())?;
    value.set_sensitive(true);
    Ok(value)
}

pub(crate) fn unwritable() -> TransportError {
    TransportError::Protocol("the request cannot be written as HTTP".to_owned())
}

fn web_url(text: &str) -> Option<Url> {
    let mut url = Url::parse(text).ok()?;
    // ureq would turn a user into an `Authorization` header.
    let plain = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !plain {
        return None;
    }
    url.set_fragment(None);
    Some(url)
}

/// `host[:port]`, without default port.
pub(crate) fn host(url: &Url) -> String {
    let name = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"))
}

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

#[cfg(test)]
mod tests {
    use super::*;
    use authentik_gate::http::ClaimedHost;

    fn get(url: &str, claimed: Option<(&str, &'static str)>) -> HttpRequest {
        HttpRequest {
            method: Method::Get,
            url: url.into(),
            claimed: claimed.map(|(host, scheme)| ClaimedHost { host: host.into(), scheme }),
            user_agent: "goauthentik.io/outpost/2026.2.2".into(),
            bearer: None,
            body: Secret::new(""),
            max_response: 100,
        }
    }

    #[test]
    fn the_claimed_host_goes_with_its_scheme_unless_it_is_the_urls_own() {
        // docs/protocol.md §1.2.
        for (url, claimed, host, proto) in [
            ("https://sso.example.com/x", None, "sso.example.com", None),
            ("https://sso.example.com:443/x", None, "sso.example.com", None),
            ("http://sso.example.com:80/x", None, "sso.example.com", None),
            ("http://sso.example.com:9000/x", None, "sso.example.com:9000", None),
            ("https://[::1]:9443/x", None, "[::1]:9443", None),
            (
                "http://core:9000/x",
                Some(("sso.example.com", "https")),
                "sso.example.com",
                Some("https"),
            ),
            ("https://core/x", Some(("core:8443", "https")), "core:8443", Some("https")),
            ("https://core/x", Some(("core", "https")), "core", None),
            ("https://core/x", Some(("CORE", "http")), "CORE", None),
        ] {
            let head = head(&get(url, claimed)).unwrap();
            let all = |name: &str| -> Vec<String> {
                let values = head.headers().get_all(name).iter();
                values.map(|value| value.to_str().unwrap().to_owned()).collect()
            };
            assert_eq!(all("host"), [host], "{url}");
            assert_eq!(all("x-forwarded-proto"), Vec::from_iter(proto), "{url}");
        }
    }

    #[test]
    fn what_is_not_a_plain_web_url_is_not_asked() {
        for url in [
            "",
            "sso",
            "ftp://h/",
            "file:///etc/passwd",
            "https://",
            "http://u:p@h/",
            "http://u@h/",
        ] {
            let error = head(&get(url, None)).unwrap_err();
            assert!(matches!(error, TransportError::Unreachable(_)), "{url}: {error:?}");
        }
    }

    #[test]
    fn a_line_break_cannot_add_a_header() {
        for break_it in [
            |r: &mut HttpRequest| r.user_agent.push_str("\r\nx: y"),
            |r: &mut HttpRequest| {
                r.claimed = Some(ClaimedHost { host: "h\nx: y".into(), scheme: "http" })
            },
        ] {
            let mut request = get("http://core/", None);
            break_it(&mut request);
            assert!(matches!(head(&request), Err(TransportError::Protocol(_))));
        }
        let url = head(&get("http://core/a\r\nx: y?q=a b#c", None)).unwrap().uri().to_string();
        assert_eq!(
            url, "http://core/ax:%20y?q=a%20b",
            "as a browser reads it, RFC 3986 after that"
        );
    }
}
