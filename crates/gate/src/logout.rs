//! Logout through the browser: authentik reports the end of a session in a frame, and we send the
//! browser to authentik.
//!
//! For what authentik reports server to server, as a token, see [`crate::token::Logout`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::{Url, form_urlencoded};

use crate::provider::Provider;
use crate::query::{Param, param};
use crate::redirect::RedirectTarget;
use crate::response::Response;

/// Longest token sent along, in bytes: a request line may have 8 kB (nginx's default).
const LONGEST_HINT: usize = 6 * 1024;
/// Longest URL with a return address, in bytes, for the same reason.
const LONGEST_URL: usize = 7 * 1024 + 512;

/// A front-channel request (OpenID Connect Front-Channel Logout 1.0 §2): the browser loads it in a
/// frame of an authentik page. Its only proof is the `sid`, which cannot be guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrontchannelLogout {
    /// The issuer of the session.
    pub iss: String,
    /// The session at authentik that has ended.
    pub sid: String,
}

impl FrontchannelLogout {
    /// `None` unless the query has exactly one issuer and one session.
    #[must_use]
    pub fn parse(query: &[u8]) -> Option<Self> {
        let one = |name| match param(query, name) {
            Param::One(value) if !value.is_empty() => Some(value),
            Param::One(_) | Param::Absent | Param::Repeated => None,
        };
        Some(Self { iss: one("iss")?, sid: one("sid")? })
    }

    /// The response, whether or not there was a session: not cacheable, and framed only by these
    /// providers' authentik.
    #[must_use]
    pub fn answer<'p>(providers: impl Iterator<Item = &'p Provider>) -> Response {
        let mut ancestors: Vec<String> = Vec::new();
        for provider in providers {
            // Browsers may reach authentik under another host than nginx does.
            let seen = [Some(&provider.issuer), provider.given.authorization.as_ref()];
            for url in seen.into_iter().flatten().filter_map(|url| Url::parse(url).ok()) {
                let origin = url.origin().ascii_serialization();
                if !ancestors.contains(&origin) {
                    ancestors.push(origin);
                }
            }
        }
        let policy = format!("default-src 'none'; frame-ancestors {}", ancestors.join(" "));
        Response::empty(200)
            .with("Content-Security-Policy", policy)
            .with("X-Content-Type-Options", "nosniff")
            .with("Referrer-Policy", "no-referrer")
    }
}

/// Where the browser returns after a logout: `rd` if it is a page of the provider, otherwise the
/// provider's setting. authentik must have it registered.
#[must_use]
pub fn way_back(query: &[u8], provider: &Provider) -> Option<String> {
    let asked = match param(query, "rd") {
        Param::One(rd) if !rd.is_empty() => RedirectTarget::parse(&rd, provider).ok(),
        Param::One(_) | Param::Absent | Param::Repeated => None,
    };
    let asked = asked.map(|target| target.as_str().to_owned());
    asked.or_else(|| provider.post_logout_redirect_uri.clone())
}

/// Where a browser signs out at authentik (OpenID Connect RP-Initiated Logout 1.0 §2; parameters in
/// docs/protocol.md §10.1).
///
/// The token is a hint that authentik can do without (docs/protocol.md §10.1); it is omitted if the
/// URL would get too long for servers on the way. The return address is honoured only with the
/// token, and comes with a random `state`.
#[must_use]
pub fn end_session_url(
    endpoint: &str,
    token: &[u8],
    way_back: Option<&str>,
    state: [u8; 16],
) -> String {
    if token.len() > LONGEST_HINT {
        return endpoint.to_owned();
    }
    let hint = form_urlencoded::byte_serialize(token).collect::<String>();
    let separator = if endpoint.contains('?') { '&' } else { '?' };
    let url = format!("{endpoint}{separator}id_token_hint={hint}");
    let Some(way_back) = way_back else { return url };
    let mut more = form_urlencoded::Serializer::new(String::new());
    more.append_pair("post_logout_redirect_uri", way_back)
        .append_pair("state", &URL_SAFE_NO_PAD.encode(state));
    let longer = format!("{url}&{}", more.finish());
    if longer.len() > LONGEST_URL { url } else { longer }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{GivenEndpoints, Settings};
    use crate::testing::{domain_provider, provider, settings};

    #[test]
    fn a_front_channel_request_names_an_issuer_and_a_session_once_each() {
        // As recorded, docs/protocol.md §10.3.
        let recorded = b"iss=http%3A%2F%2F127.0.0.1%3A9100%2Fapplication%2Fo%2Fapp-fc-two%2F\
            &sid=1f03f288&x=1&y=a+b";
        let parsed = FrontchannelLogout::parse(recorded).unwrap();
        assert_eq!(parsed.iss, "http://127.0.0.1:9100/application/o/app-fc-two/");
        assert_eq!(parsed.sid, "1f03f288");
        for none in
            ["", "iss=a", "sid=a", "iss=&sid=a", "iss=a&sid=", "iss=a&sid=b&sid=b", "iss&sid"]
        {
            assert_eq!(FrontchannelLogout::parse(none.as_bytes()), None, "{none}");
        }
    }

    #[test]
    fn the_answer_may_be_framed_by_authentik_alone() {
        let says = |response: &Response, name: &str| {
            let found = response.headers.iter().find(|(found, _)| *found == name);
            found.map(|(_, value)| value.clone())
        };
        let authorization = Some("https://login.example.com/application/o/authorize/".to_owned());
        let endpoints = GivenEndpoints { authorization, ..GivenEndpoints::default() };
        let apart = Provider::new(Settings { endpoints, ..settings() }).unwrap();
        for (providers, ancestors) in [
            (vec![&provider()], "https://sso.example.com"),
            (vec![&provider(), &domain_provider()], "https://sso.example.com"),
            (vec![&apart], "https://sso.example.com https://login.example.com"),
        ] {
            let answer = FrontchannelLogout::answer(providers.into_iter());
            let policy = says(&answer, "Content-Security-Policy").unwrap();
            assert_eq!(policy, format!("default-src 'none'; frame-ancestors {ancestors}"));
            assert_eq!(says(&answer, "Cache-Control").as_deref(), Some("no-store"));
            assert_eq!(says(&answer, "X-Frame-Options"), None);
            assert_eq!((answer.status, answer.body.as_str()), (200, ""));
        }
    }

    #[test]
    fn the_way_back_is_a_page_of_the_provider_or_what_its_settings_say() {
        let bare = provider();
        let home = Some("https://home.example.com/bye?x=1".to_owned());
        let set = Settings { post_logout_redirect_uri: home.clone(), ..settings() };
        let set = Provider::new(set).unwrap();
        for (query, way) in [
            ("", None),
            ("rd=", None),
            ("rd=/bye%3Fa%3D1", Some("https://ext.example/bye?a=1")),
            ("X-authentik-logout=true&rd=https://ext.example/", Some("https://ext.example/")),
            ("rd=https://evil.example/", None),
            ("rd=//evil.example/", None),
            ("rd=javascript:alert(1)", None),
            ("rd=/outpost.goauthentik.io/start", None),
            ("rd=/a&rd=/b", None),
        ] {
            let query = query.as_bytes();
            assert_eq!(way_back(query, &bare).as_deref(), way, "{}", query.escape_ascii());
            let way = way.or(home.as_deref());
            assert_eq!(way_back(query, &set).as_deref(), way, "{}", query.escape_ascii());
        }
    }

    #[test]
    fn the_hint_and_the_way_back_are_sent_as_far_as_they_fit() {
        let url = |endpoint, token: &str, way| {
            end_session_url(endpoint, token.as_bytes(), way, [0xff; 16])
        };
        assert_eq!(url("https://a/end/", "t.o.k", None), "https://a/end/?id_token_hint=t.o.k");
        assert_eq!(url("https://a/end/?x=1", "t", None), "https://a/end/?x=1&id_token_hint=t");
        assert_eq!(
            url("https://a/end/", "t", Some("https://ext.example/bye?a=1&b=ü")),
            "https://a/end/?id_token_hint=t&post_logout_redirect_uri=\
             https%3A%2F%2Fext.example%2Fbye%3Fa%3D1%26b%3D%C3%BC&state=_____________________w"
        );
        let long = "x".repeat(LONGEST_HINT);
        let hinted = url("https://a/end/", &long, Some("https://ext.example/"));
        assert!(hinted.contains("post_logout_redirect_uri"));
        let far = format!("https://ext.example/{}", "y".repeat(1_500));
        assert!(!url("https://a/end/", &long, Some(&far)).contains("post_logout"));
        let longer = format!("{long}x");
        assert_eq!(url("https://a/end/", &longer, Some("https://ext.example/")), "https://a/end/");
    }
}
