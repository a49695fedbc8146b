//! Which requests the module answers itself.

use crate::provider::ENDPOINTS_PATH;
use crate::query::{Signature, signature};
use crate::sender::Sender;

/// A request that the module answers itself, on every server that uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Begins a sign-in.
    Start,
    /// Where authentik sends the browser back.
    Callback,
    /// Ends all sessions of the user.
    SignOut,
    /// Health check of this nginx, 204.
    Ping,
    /// authentik reports, server to server, that a session has ended.
    BackchannelLogout,
    /// The browser reports, from a frame in an authentik page, that its session there has ended.
    FrontchannelLogout,
}

impl Endpoint {
    /// Whether the endpoint acts on a request from this sender. Browsers fetch pages that nobody
    /// opened: prefetching a sign-out link must not end all sessions.
    #[must_use]
    pub const fn acts_for(self, sender: Sender) -> bool {
        match (self, sender) {
            // A logout is proven by its contents, whoever sends it.
            (Self::Ping | Self::BackchannelLogout | Self::FrontchannelLogout, _)
            | (_, Sender::Navigation | Sender::Submission | Sender::Program)
            // The end of a sign-in that the user started from within the frame, as its cookie
            // proves.
            | (Self::Callback, Sender::Frame) => true,
            (Self::Start | Self::SignOut, Sender::Frame)
            | (Self::Start | Self::Callback | Self::SignOut, Sender::Nobody) => false,
        }
    }

    /// What becomes of the endpoint while it is in doubt whether its provider is still that of the
    /// host: it may be another outpost's by now, and signs nobody in.
    #[must_use]
    pub const fn in_doubt(self) -> InDoubt {
        match self {
            // The logouts only end sessions, and prove themselves.
            Self::Ping | Self::BackchannelLogout | Self::FrontchannelLogout => InDoubt::Acts,
            // Nothing begins.
            Self::SignOut => InDoubt::ActsForKnown,
            Self::Start | Self::Callback => InDoubt::Waits,
        }
    }
}

/// See [`Endpoint::in_doubt`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InDoubt {
    /// It acts as ever.
    Acts,
    /// It acts for visitors who are signed in.
    ActsForKnown,
    /// It refuses until the settings are known.
    Waits,
}

/// Whether a request may be for an endpoint of some provider, whatever its prefix.
#[must_use]
pub fn may_be_endpoint(path: &[u8], query: &[u8]) -> bool {
    signature(query).is_some() || memchr::memmem::find(path, ENDPOINTS_PATH.as_bytes()).is_some()
}

/// Finds the endpoint of a request.
///
/// `path` is nginx's normalised URI, `query` the raw query, `prefix` the provider's
/// [`crate::provider::External::endpoints_path`]. All methods are accepted; paths are
/// case-sensitive and must match exactly (docs/protocol.md §4.1).
#[must_use]
pub fn endpoint(path: &[u8], query: &[u8], prefix: &str) -> Option<Endpoint> {
    // Signature queries come first: they match on any path (docs/protocol.md §4.1).
    match signature(query) {
        Some(Signature::Callback) => return Some(Endpoint::Callback),
        Some(Signature::Logout) => return Some(Endpoint::SignOut),
        None => {}
    }
    match path.strip_prefix(prefix.as_bytes())? {
        b"start" => Some(Endpoint::Start),
        b"callback" => Some(Endpoint::Callback),
        b"sign_out" => Some(Endpoint::SignOut),
        b"ping" => Some(Endpoint::Ping),
        b"backchannel_logout" => Some(Endpoint::BackchannelLogout),
        b"frontchannel_logout" => Some(Endpoint::FrontchannelLogout),
        _ => None, // lint: a byte string, not an enum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_doubt_nothing_begins() {
        let acts = [Endpoint::Ping, Endpoint::BackchannelLogout, Endpoint::FrontchannelLogout];
        assert!(acts.iter().all(|endpoint| endpoint.in_doubt() == InDoubt::Acts));
        assert_eq!(Endpoint::SignOut.in_doubt(), InDoubt::ActsForKnown);
        assert_eq!(Endpoint::Start.in_doubt(), InDoubt::Waits);
        assert_eq!(Endpoint::Callback.in_doubt(), InDoubt::Waits);
    }

    const PREFIX: &str = "/outpost.goauthentik.io/";

    #[test]
    fn an_endpoint_is_its_exact_path_or_a_signature_on_any_path() {
        for (path, query, expected) in [
            ("/outpost.goauthentik.io/start", "rd=/x", Some(Endpoint::Start)),
            ("/outpost.goauthentik.io/callback", "", Some(Endpoint::Callback)),
            ("/outpost.goauthentik.io/sign_out", "", Some(Endpoint::SignOut)),
            ("/outpost.goauthentik.io/ping", "", Some(Endpoint::Ping)),
            ("/outpost.goauthentik.io/backchannel_logout", "", Some(Endpoint::BackchannelLogout)),
            ("/outpost.goauthentik.io/frontchannel_logout", "", Some(Endpoint::FrontchannelLogout)),
            ("/outpost.goauthentik.io/", "", None),
            ("/outpost.goauthentik.io/ping/", "", None),
            ("/outpost.goauthentik.io/Ping", "", None),
            ("/outpost.goauthentik.io/auth/nginx", "", None),
            ("/x/outpost.goauthentik.io/ping", "", None),
            ("/outpost.goauthentik.iostart", "", None),
            ("/page", "X-authentik-auth-callback=true", Some(Endpoint::Callback)),
            ("/page", "X-authentik-logout=true", Some(Endpoint::SignOut)),
            ("/outpost.goauthentik.io/ping", "X-authentik-logout=true", Some(Endpoint::SignOut)),
            ("/page", "", None),
        ] {
            let (path, query) = (path.as_bytes(), query.as_bytes());
            let found = endpoint(path, query, PREFIX);
            assert_eq!(found, expected, "{path:?} {query:?}");
            assert!(found.is_none() || may_be_endpoint(path, query), "{path:?} {query:?}");
        }
        let below =
            endpoint(b"/app/outpost.goauthentik.io/ping", b"", "/app/outpost.goauthentik.io/");
        assert_eq!(below, Some(Endpoint::Ping));
    }

    #[test]
    fn whatever_the_prefix_a_path_of_endpoints_may_be_one() {
        assert!(may_be_endpoint(b"/app/outpost.goauthentik.io/ping", b""));
        assert!(may_be_endpoint(b"/", b"a=b&X-authentik-auth-callback=true"));
        assert!(!may_be_endpoint(b"/outpost.goauthentik", b""));
        assert!(!may_be_endpoint(b"/page", b"X-authentik-auth-callback="));
    }

    #[test]
    fn what_is_sent_unasked_has_no_effect() {
        use Sender::{Frame, Navigation, Nobody, Program, Submission};
        for endpoint in [Endpoint::Start, Endpoint::Callback, Endpoint::SignOut] {
            for sender in [Navigation, Submission, Program] {
                assert!(endpoint.acts_for(sender), "{endpoint:?} {sender:?}");
            }
            assert!(!endpoint.acts_for(Nobody), "{endpoint:?}");
            assert_eq!(endpoint.acts_for(Frame), endpoint == Endpoint::Callback, "{endpoint:?}");
        }
        for endpoint in [Endpoint::Ping, Endpoint::BackchannelLogout, Endpoint::FrontchannelLogout]
        {
            assert!(endpoint.acts_for(Nobody) && endpoint.acts_for(Frame), "{endpoint:?}");
        }
    }
}
