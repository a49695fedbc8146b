//! Where a sign-in ends, even if its target is no longer known.

use crate::page::{Action, Occasion, Page};
use crate::provider::Provider;
use crate::query::{Param, param};
use crate::reason::Reason;
use crate::redirect::{RedirectFlaw, RedirectTarget};
use crate::response::Response;
use crate::wording::Text;

/// Where a sign-in ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// At this page.
    Page(RedirectTarget),
    /// The link is longer than [`crate::redirect::MAX_TARGET`].
    TooLong,
    /// The link was kept in the zone ([`crate::login::KeptLink`]) but is gone.
    Lost,
}

impl Destination {
    /// The requested page: see [`RedirectTarget::of_request`].
    #[must_use]
    pub fn of_request(provider: &Provider, host: &[u8], raw_request_uri: &[u8]) -> Self {
        Self::of(RedirectTarget::of_request(provider, host, raw_request_uri), provider)
    }

    /// The target in the query of `start`.
    #[must_use]
    pub fn of_start(provider: &Provider, query: &[u8]) -> Self {
        match param(query, "rd") {
            Param::One(rd) => Self::of(RedirectTarget::parse(&rd, provider), provider),
            Param::Absent | Param::Repeated => Self::root(provider),
        }
    }

    /// `external_host`.
    #[must_use]
    pub fn root(provider: &Provider) -> Self {
        Self::Page(RedirectTarget::external_root(provider))
    }

    /// A link refused for its length is reported to the visitor. Other refused targets are unsafe
    /// (docs/protocol.md §4.2) and become `external_host`.
    pub(crate) fn of(target: Result<RedirectTarget, RedirectFlaw>, provider: &Provider) -> Self {
        match target {
            Ok(target) => Self::Page(target),
            Err(RedirectFlaw::TooLong) => Self::TooLong,
            Err(
                RedirectFlaw::ControlCharacter
                | RedirectFlaw::NotAUrl
                | RedirectFlaw::NotWeb
                | RedirectFlaw::UserInfo
                | RedirectFlaw::ForeignHost
                | RedirectFlaw::OwnEndpoint,
            ) => Self::root(provider),
        }
    }

    /// The page, or `external_host` if there is none.
    #[must_use]
    pub fn page_or_root(&self, provider: &Provider) -> RedirectTarget {
        match self {
            Self::Page(page) => page.clone(),
            Self::TooLong | Self::Lost => RedirectTarget::external_root(provider),
        }
    }

    /// The hint for the page of a failed sign-in, if there is one.
    #[must_use]
    pub const fn hint(&self) -> Option<Text> {
        match self {
            Self::Page(_) => None,
            Self::TooLong | Self::Lost => Some(Text::OpenAfterwards),
        }
    }

    /// The response to a successful sign-in: a redirect to the page, or why that is not possible.
    #[must_use]
    pub fn arrive(&self, provider: &Provider, occasion: &Occasion<'_>) -> Response {
        let root = match self {
            Self::Page(page) => return Response::signed_in(provider, page, occasion),
            Self::TooLong | Self::Lost => RedirectTarget::external_root(provider),
        };
        let reply = Reason::LinkTooLong.reply();
        let page = Page {
            title: occasion.text(reply.title),
            sentence: occasion.text(reply.sentence),
            hint: occasion.text(Text::OpenAgain),
            code: reply.code,
            action: Some(Action {
                label: occasion.text(Text::ToStartPage),
                url: root.as_str(),
                new_tab: false,
            }),
            home: None,
        };
        Response::page(200, &page, occasion)
    }

    /// Why a successful sign-in does not end at the requested page, for the log.
    #[must_use]
    pub const fn why_not(&self) -> Option<&'static str> {
        match self {
            Self::Page(_) => None,
            Self::TooLong => Some("it is longer than 8 kB"),
            Self::Lost => Some("the zone no longer has it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redirect::MAX_TARGET;
    use crate::testing::{OCCASION, domain_provider, provider};

    #[test]
    fn what_is_too_long_is_told_and_what_is_foreign_ends_at_the_root() {
        let long = "a".repeat(MAX_TARGET);
        for provider in [provider(), domain_provider()] {
            let root = Destination::root(&provider);
            let host: &[u8] = b"app.example.com";
            let of_request = |uri: &str| Destination::of_request(&provider, host, uri.as_bytes());
            assert!(
                matches!(of_request("/p"), Destination::Page(page) if page.as_str().ends_with("/p"))
            );
            assert_eq!(of_request(&format!("/{long}")), Destination::TooLong);
            assert_eq!(of_request(&format!("?{long}")), Destination::TooLong);
            assert_eq!(of_request(&format!("http://evil.example/{long}")), root);
            assert_eq!(of_request("http://evil.example/"), root);

            let of_start = |query: &str| Destination::of_start(&provider, query.as_bytes());
            assert_eq!(
                of_start(&format!("rd=https://app.example.com/{long}")),
                Destination::TooLong
            );
            assert_eq!(of_start("rd=https://evil.example/"), root);
            assert_eq!(of_start("rd=/p&rd=/p"), root);
            assert_eq!(of_start(""), root);
        }
    }

    #[test]
    fn who_was_signed_in_is_shown_the_page_or_told_why_not() {
        let provider = provider();
        let page = RedirectTarget::parse("/p", &provider).unwrap();
        let arrived = Destination::Page(page.clone()).arrive(&provider, &OCCASION);
        assert_eq!(arrived, Response::signed_in(&provider, &page, &OCCASION));
        for lost in [Destination::TooLong, Destination::Lost] {
            let told = lost.arrive(&provider, &OCCASION);
            assert_eq!(told.status, 200);
            assert!(told.body.contains("too long") && told.body.contains("once more"));
            assert!(told.body.contains("href=\"https://ext.example/\""), "{}", told.body);
            assert!(lost.why_not().is_some() && lost.hint() == Some(Text::OpenAfterwards));
        }
    }
}
