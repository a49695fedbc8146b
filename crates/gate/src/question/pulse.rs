//! Whether authentik answers at all.

use super::{CoreError, Endpoints, get};
use crate::hash;
use crate::http::{HttpRequest, HttpResponse, TransportError};
use crate::provider::Provider;
use crate::store::Key;

/// Whether authentik answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// It does.
    There,
    /// It does not, or what stands before it says so.
    Away(CoreError),
}

/// Asks the token endpoint, which a sign-in needs too, whether it is there. authentik answers
/// `GET` with 405.
#[must_use]
pub fn pulse_request(provider: &Provider, endpoints: &Endpoints) -> HttpRequest {
    get(endpoints.token.clone(), provider)
}

impl Pulse {
    /// Reads the response, of which only the status matters.
    #[must_use]
    pub fn read(response: Result<&HttpResponse, &TransportError>) -> Self {
        match response {
            Ok(HttpResponse { status: status @ (429 | 500..), .. }) => {
                Self::Away(CoreError::Unavailable { about: "token_endpoint", status: *status })
            }
            // Too much is an answer too, and a busy worker of ours says nothing about authentik.
            Ok(_) | Err(TransportError::TooLarge | TransportError::Overloaded) => Self::There,
            Err(error) => Self::Away(CoreError::Unreachable(error.clone())),
        }
    }

    /// How long the answer counts, in seconds.
    #[must_use]
    pub fn counts_for(&self) -> u64 {
        match self {
            Self::There => 10,
            Self::Away(_) => 30,
        }
    }

    /// What the zone keeps of it.
    #[must_use]
    pub fn content(&self) -> &'static [u8] {
        match self {
            Self::There => THERE,
            Self::Away(_) => AWAY,
        }
    }

    /// Whether authentik was there, from [`Self::content`].
    #[must_use]
    pub fn of_content(content: &[u8]) -> Option<bool> {
        match content {
            THERE => Some(true),
            AWAY => Some(false),
            _ => None, // lint: bytes, not an enum
        }
    }

    /// The keys in the zone of the answer about an authentik, and of the lease to ask it.
    #[must_use]
    pub fn keys(endpoints: &Endpoints) -> (Key, Key) {
        let url = endpoints.token.as_bytes();
        (
            hash::sha256(&[b"authentik pulse\0", url]),
            hash::sha256(&[b"authentik pulse lease\0", url]),
        )
    }
}

const THERE: &[u8] = b"there";
const AWAY: &[u8] = b"away";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use crate::testing::provider;

    fn read(status: u16) -> Pulse {
        Pulse::read(Ok(&HttpResponse { status, body: Secret::default() }))
    }

    #[test]
    fn whatever_authentik_says_is_an_answer_and_what_stands_for_it_is_none() {
        for (status, is_there) in
            [(200, true), (404, true), (405, true), (429, false), (500, false), (502, false)]
        {
            assert_eq!(read(status) == Pulse::There, is_there, "{status}");
        }
        for (error, is_there) in [
            (TransportError::Timeout, false),
            (TransportError::TooLarge, true),
            (TransportError::Overloaded, true),
        ] {
            assert_eq!(Pulse::read(Err(&error)) == Pulse::There, is_there, "{error}");
        }
    }

    #[test]
    fn an_answer_is_kept_for_this_authentik_for_a_moment() {
        for pulse in [read(405), read(502)] {
            let is_there = pulse == Pulse::There;
            assert_eq!(Pulse::of_content(pulse.content()), Some(is_there));
            assert!(pulse.counts_for() <= 30);
        }
        assert_eq!(Pulse::of_content(b""), None);
        let endpoints = |token: &str| Endpoints {
            issuer: String::new(),
            authorization: String::new(),
            token: token.to_owned(),
            introspection: None,
            revocation: None,
            end_session: String::new(),
            jwks_uri: None,
            signing: crate::question::Signing::ClientSecret,
        };
        let (here, there) = (endpoints("https://a.example/t"), endpoints("https://b.example/t"));
        let (answer, lease) = Pulse::keys(&here);
        assert_ne!(answer, lease);
        assert_ne!(answer, Pulse::keys(&there).0);
        assert_eq!(pulse_request(&provider(), &here).url, "https://a.example/t");
    }
}
