//! The module's own responses, as values.

use crate::page::{self, Occasion, Page};
use crate::provider::{Provider, SameSite};
use crate::redirect::RedirectTarget;

/// A response, without what nginx adds to every response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers in order; `Set-Cookie` may repeat.
    pub headers: Vec<(&'static str, String)>,
    /// Type of the body, if there is one.
    pub content_type: Option<&'static str>,
    /// The body; empty for redirects, which nginx writes.
    pub body: String,
}

const NO_STORE: (&str, &str) = ("Cache-Control", "no-store");

impl Response {
    /// 302 to an absolute URL, never cached.
    #[must_use]
    pub fn redirect(location: impl Into<String>) -> Self {
        Self {
            status: 302,
            headers: vec![
                ("Location", location.into()),
                (NO_STORE.0, NO_STORE.1.to_owned()),
                ("Referrer-Policy", "no-referrer".to_owned()),
            ],
            content_type: None,
            body: String::new(),
        }
    }

    /// Redirects to the end of a sign-in. This redirect was initiated by another site, authentik;
    /// if the session cookie is not sent with such requests, a page of this site goes on by itself.
    #[must_use]
    pub fn signed_in(
        provider: &Provider,
        target: &RedirectTarget,
        occasion: &Occasion<'_>,
    ) -> Self {
        match provider.cookie_samesite {
            SameSite::Lax | SameSite::None => Self::redirect(target.as_str()),
            SameSite::Strict => {
                Self::for_people(200, page::going_on(target.as_str(), occasion), occasion)
            }
        }
    }

    /// A page for people.
    #[must_use]
    pub fn page(status: u16, page: &Page<'_>, occasion: &Occasion<'_>) -> Self {
        Self::for_people(status, page.to_html(occasion), occasion)
    }

    fn for_people(status: u16, html: String, occasion: &Occasion<'_>) -> Self {
        Self::with_body(status, &page::HEADERS, html)
            .with("Content-Language", occasion.language.tag())
            .with("Vary", "Accept-Language")
    }

    /// Allows any page to frame it.
    #[must_use]
    pub fn framed(mut self) -> Self {
        self.headers.retain(|(name, _)| *name != page::FRAME_OPTIONS);
        for (_, value) in &mut self.headers {
            if let Some(rest) = value.strip_suffix(page::NO_FRAME) {
                *value = rest.to_owned();
            }
        }
        self
    }

    /// A short message for programs.
    #[must_use]
    pub fn json(status: u16, body: String) -> Self {
        Self::with_body(status, &page::JSON_HEADERS, body)
    }

    /// An OAuth or OpenID Connect error (RFC 6749 §5.2).
    #[must_use]
    pub fn oauth_error(status: u16, error: &str, description: &str) -> Self {
        let body = serde_json::json!({ "error": error, "error_description": description });
        Self::json(status, format!("{body}\n"))
    }

    /// Plain text, for another proxy.
    #[must_use]
    pub fn text(status: u16, words: &str) -> Self {
        Self {
            status,
            headers: vec![(NO_STORE.0, NO_STORE.1.to_owned())],
            content_type: Some("text/plain; charset=utf-8"),
            body: words.to_owned(),
        }
    }

    /// With these headers, including the content type.
    pub(crate) fn with_body(
        status: u16,
        headers: &[(&'static str, &'static str)],
        body: String,
    ) -> Self {
        let is_type = |name: &str| name.eq_ignore_ascii_case("content-type");
        let content_type = headers.iter().find(|(name, _)| is_type(name)).map(|(_, value)| *value);
        let others = headers.iter().filter(|(name, _)| !is_type(name));
        let headers = others.map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { status, headers, content_type, body }
    }

    /// Without a body.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: vec![(NO_STORE.0, NO_STORE.1.to_owned())],
            content_type: None,
            body: String::new(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a `Set-Cookie` for each cookie.
    #[must_use]
    pub fn with_cookies(mut self, cookies: impl IntoIterator<Item = String>) -> Self {
        self.headers.extend(cookies.into_iter().map(|cookie| ("Set-Cookie", cookie)));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Settings;
    use crate::testing::{self, OCCASION};

    #[test]
    fn a_page_is_in_no_frame_unless_it_may() {
        let page =
            Page { title: "t", sentence: "s", hint: "", code: "c", action: None, home: None };
        let closed = Response::page(401, &page, &OCCASION);
        let says = |response: &Response, what: &str| {
            response.headers.iter().any(|(name, value)| *name == what || value.contains(what))
        };
        for what in ["X-Frame-Options", "frame-ancestors 'none'", "form-action 'none'"] {
            assert!(says(&closed, what), "{what}");
        }
        let framed = closed.framed();
        assert!(!says(&framed, "X-Frame-Options") && !says(&framed, "frame-ancestors"));
        assert!(says(&framed, "form-action 'none'") && says(&framed, "default-src 'none'"));
    }

    #[test]
    fn a_sign_in_goes_on_from_a_page_of_this_site_where_only_its_own_requests_have_the_session() {
        let provider = |word| {
            let cookie_samesite = SameSite::parse(word);
            Provider::new(Settings { cookie_samesite, ..testing::settings() }).unwrap()
        };
        for word in ["lax", "none"] {
            let provider = provider(word);
            let target = RedirectTarget::external_root(&provider);
            assert_eq!(Response::signed_in(&provider, &target, &OCCASION).status, 302, "{word}");
        }
        let strict = provider("strict");
        let target = RedirectTarget::parse("/p?a=1&b=\"'<x>", &strict).unwrap();
        let page = Response::signed_in(&strict, &target, &OCCASION);
        assert_eq!(page.status, 200);
        let url = "https://ext.example/p?a=1&amp;b=%22%27%3Cx%3E";
        let refresh = format!("<meta http-equiv=\"refresh\" content=\"0;url={url}\">");
        assert!(page.body.contains(&refresh), "{}", page.body);
        assert!(page.body.contains(&format!("href=\"{url}\"")), "{}", page.body);
        assert!(!page.headers.iter().any(|(name, _)| *name == "Location"));
    }

    #[test]
    fn a_page_has_one_content_type() {
        let page =
            Page { title: "t", sentence: "s", hint: "", code: "c", action: None, home: None };
        let response = Response::page(400, &page, &OCCASION);
        assert_eq!(response.content_type, Some("text/html; charset=utf-8"));
        assert!(response.headers.iter().all(|(name, _)| *name != "Content-Type"));
        assert!(response.headers.iter().any(|(name, _)| *name == "Content-Security-Policy"));
    }
}
