//! Responses with the headers that authentik's core sends.

use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, LOCATION, PRAGMA, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use crate::call::{Call, iri_to_uri};
use crate::json::{Json, object};
use crate::pages;

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// A response that is not sent yet.
pub(crate) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Reply {
    fn new(status: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Self { status, headers, body: body.into() }
    }

    /// An HTML page.
    pub(crate) fn html(status: u16, page: String) -> Self {
        Self::new(status, HTML, page)
    }

    /// No body.
    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, HTML, "")
    }

    /// 302.
    pub(crate) fn redirect(location: &str) -> Self {
        Self::empty(302).with(LOCATION, &iri_to_uri(location))
    }

    /// 405 with the methods that are allowed.
    pub(crate) fn wrong_method(allowed: &'static str) -> Self {
        Self::empty(405).with(ALLOW, allowed)
    }

    /// JSON of the metadata endpoints, which may be cached.
    pub(crate) fn metadata(json: &Json) -> Self {
        Self::new(200, JSON, json.spaced())
    }

    /// JSON of the token endpoints (RFC 6749, 5.1).
    pub(crate) fn json(status: u16, json: &Json) -> Self {
        let reply = Self::new(status, JSON, json.spaced());
        reply.with(CACHE_CONTROL, "no-store").with(PRAGMA, "no-cache")
    }

    /// JSON of the API, with the methods that its path allows.
    pub(crate) fn api(status: u16, allow: &str, json: &Json) -> Self {
        Self::new(status, JSON, json.raw()).with(ALLOW, allow)
    }

    /// 500 as authentik shows it when a view fails.
    pub(crate) fn server_error() -> Self {
        Self::html(500, pages::notice("Server Error", "Something failed in the stand-in."))
    }

    /// Content type JSON, with a body that may not be JSON.
    pub(crate) fn raw_json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200, JSON, body)
    }

    /// An OAuth error (RFC 6749, 5.2) with authentik's description.
    pub(crate) fn oauth_error(call: &Call, error: OauthError) -> Self {
        let (code, description) = error.texts();
        let id = call.id.as_str();
        let members = [("error", code), ("error_description", description), ("request_id", id)];
        Self::json(400, &object(members.map(|(name, text)| (name, text.into()))))
    }

    /// 404, like for an unknown application.
    pub(crate) fn not_found() -> Self {
        Self::html(404, pages::notice("Not Found", "There is no such page or application."))
    }

    /// Adds a header. An invalid value is ignored.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.append(name, value);
        }
        self
    }

    /// Replaces the status.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Sets the cookie of the authentik session, as behind http or https
    /// (docs/protocol.md §4.7).
    pub(crate) fn with_session(self, call: &Call, value: &str) -> Self {
        let site = if call.scheme() == "https" { "None; Secure" } else { "Lax" };
        let name = crate::core::SESSION_COOKIE;
        self.with(SET_COOKIE, &format!("{name}={value}; HttpOnly; Path=/; SameSite={site}"))
    }

    /// Whether the status is 200.
    pub(crate) fn is_ok(&self) -> bool {
        self.status == StatusCode::OK
    }

    /// Length of the body in bytes.
    pub(crate) fn body_length(&self) -> usize {
        self.body.len()
    }

    /// The response, with the headers common to all.
    pub(crate) fn into_response(self, call: &Call) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert("server", HeaderValue::from_static("uvicorn"));
        headers.extend(self.headers);
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("vary", "Accept-Language, Cookie"),
            ("content-language", "en"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Ok(id) = HeaderValue::from_str(&call.id) {
            headers.insert("x-authentik-id", id);
        }
        response
    }
}

/// Errors of the token endpoints (docs/protocol.md §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OauthError {
    /// Client or redirect URI.
    InvalidClient,
    /// Code, user, app password.
    InvalidGrant,
    /// Scope of a refresh.
    InvalidScope,
    /// Grant type.
    UnsupportedGrantType,
}

impl OauthError {
    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::InvalidClient => (
                "invalid_client",
                "Client authentication failed (e.g., unknown client, no client authentication \
                 included, or unsupported authentication method)",
            ),
            Self::InvalidGrant => (
                "invalid_grant",
                "The provided authorization grant or refresh token is invalid, expired, revoked, \
                 does not match the redirection URI used in the authorization request, or was \
                 issued to another client",
            ),
            Self::InvalidScope => (
                "invalid_scope",
                "The requested scope is invalid, unknown, malformed, or exceeds the scope granted by \
                 the resource owner",
            ),
            Self::UnsupportedGrantType => (
                "unsupported_grant_type",
                "The authorization grant type is not supported by the authorization server",
            ),
        }
    }
}
