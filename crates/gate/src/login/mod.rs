//! Signing in with authentik: OAuth 2 authorization code flow with PKCE, state and nonce.
//!
//! Almost nothing is stored here until the browser returns. What a sign-in needs travels in two
//! halves, both of which must return within ten minutes: the *state*, sealed, through authentik
//! (return target, age, attempt), and the *binding*, 32 random bytes in a small cookie, which
//! proves that the browser that returns is the one that left (RFC 6749 §10.12). The verifier and
//! nonce are derived from the binding, so the verifier never appears in a URL and neither is
//! stored. Each sign-in has its own cookie, so many tabs may sign in at the same time.
//!
//! A target that is too long for the state is kept in the zone, see [`KeptLink`]; the state says
//! so.

mod binding;
mod callback_id;
mod kept_link;
mod proof;
mod state;
mod trail;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use url::{Url, form_urlencoded};

pub use callback_id::CallbackId;
pub use kept_link::KeptLink;
pub use proof::Proof;
pub use state::provider_tag_of_state;
pub use trail::{LoginTrail, Trail};

use crate::cookie;
use crate::destination::Destination;
pub use crate::provider::{CLOCK_SKEW, STATE_LIFE};
use crate::provider::{Provider, SameSite};
use crate::query::{Param, param};
use crate::reason::Reason;
use crate::redirect::RedirectTarget;
use crate::secret::Secret;
use crate::sender::Sender;
use crate::store::Key;
use crate::time::UnixTime;
use binding::{Binding, Unproven};
use state::{MAX_CARRIED, SignIn};

// What a state carries in place of a target. No target begins like this, and a module that does not
// know them treats them as the root.
const KEPT: &str = "#kept";
const TOO_LONG: &str = "#too-long";
const LOST: &str = "#lost";

/// Random bytes for one sign-in. Must not be reused.
pub struct Entropy {
    binding: [u8; 32],
    seal_nonce: [u8; 12],
    tag: [u8; 4],
}

impl Entropy {
    /// Takes 48 random bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 48]) -> Option<Self> {
        let (binding, rest) = bytes.split_first_chunk()?;
        let (seal_nonce, rest) = rest.split_first_chunk()?;
        let tag = rest.first_chunk()?;
        Some(Self { binding: *binding, seal_nonce: *seal_nonce, tag: *tag })
    }
}

/// When authentik asks for credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// If it does not know the browser.
    IfUnknown,
    /// Always: somebody else is to sign in.
    Always,
}

impl Prompt {
    /// The wish in the query of `start`.
    #[must_use]
    pub fn of_start(query: &[u8]) -> Self {
        match param(query, "prompt") {
            Param::One(value) if value == "login" => Self::Always,
            Param::One(_) | Param::Absent | Param::Repeated => Self::IfUnknown,
        }
    }
}

/// A new sign-in: where to send the browser and what it must remember.
pub struct Start {
    query: String,
    /// `Set-Cookie` values: the new login cookie, and deletions when too many are outstanding.
    pub set_cookies: Vec<String>,
    /// To be stored in the zone when the browser is redirected.
    pub link: Option<KeptLink>,
}

impl Start {
    /// Begins a sign-in that is to end at `destination`. `attempt` counts restarts of the same
    /// sign-in; `cookies` are the values of the request's `Cookie` headers; `former` is a session
    /// that ends with the sign-in.
    ///
    /// Returns `None` if sealing fails, which never happens in practice; answer 500.
    #[must_use]
    pub fn new(
        provider: &Provider,
        destination: &Destination,
        entropy: Entropy,
        now: UnixTime,
        attempt: u8,
        cookies: &[&[u8]],
        former: Option<Key>,
    ) -> Option<Self> {
        let Entropy { binding, seal_nonce, tag } = entropy;
        let binding = Binding::new(binding, &provider.login_key);
        let (target, link) = match destination {
            Destination::Page(page) if page.as_str().len() <= MAX_CARRIED => (page.as_str(), None),
            Destination::Page(page) => (KEPT, Some(KeptLink::new(provider, &binding, page, now)?)),
            Destination::TooLong => (TOO_LONG, None),
            Destination::Lost => (LOST, None),
        };
        let sign_in = SignIn {
            tag,
            binding_proof: binding.proof(),
            issued: now,
            attempt,
            // Other cookies come back with the browser.
            former: former.filter(|_| provider.cookie_samesite == SameSite::Strict),
            target: target.to_owned(),
        };
        let state = sign_in.seal(provider, seal_nonce)?;

        let mut set_cookies = binding::evict_oldest(provider, cookies);
        set_cookies.push(binding.set_cookie(provider, tag, now));
        Some(Self { query: authorize_query(provider, &state, &binding), set_cookies, link })
    }

    /// Has authentik ask who it is, though it knows the browser (OpenID Connect Core §3.1.2.1). Whoever
    /// signs in then replaces the former user's session at authentik.
    #[must_use]
    pub fn with_prompt(mut self, prompt: Prompt) -> Self {
        match prompt {
            Prompt::IfUnknown => {}
            Prompt::Always => self.query.push_str("&prompt=login"),
        }
        self
    }

    /// The URL to send the browser to. `None` unless the endpoint is an http or https URL. The
    /// endpoint's query is kept, its fragment is not (RFC 6749 §3.1).
    #[must_use]
    pub fn authorize_url(&self, authorization_endpoint: &str) -> Option<String> {
        let mut url = Url::parse(authorization_endpoint).ok()?;
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        url.set_fragment(None);
        let query = match url.query() {
            None | Some("") => self.query.clone(),
            Some(present) => format!("{}&{}", present.trim_end_matches('&'), self.query),
        };
        url.set_query(Some(&query));
        Some(url.into())
    }
}

/// The parameters of docs/protocol.md §4.3 in alphabetical order, with PKCE (RFC 7636 §4.3) and
/// nonce (OpenID Connect Core §3.1.2.1).
fn authorize_query(provider: &Provider, state: &str, binding: &Binding) -> String {
    let nonce = binding.nonce();
    form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &provider.client_id)
        .append_pair("code_challenge", &challenge_of(&binding.verifier()))
        .append_pair("code_challenge_method", "S256")
        .append_pair("nonce", nonce.expose_str().unwrap_or_default())
        .append_pair("redirect_uri", &provider.external.redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", &provider.sign_in_scope)
        .append_pair("state", state)
        .finish()
}

/// `S256` of RFC 7636 §4.2.
fn challenge_of(verifier: &Secret) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.expose()))
}

/// A returning browser.
pub struct Callback;

/// A sign-in that returned in time to the browser that began it.
#[derive(Debug)]
pub struct Opened {
    /// Where to go, checked again with the provider's current settings.
    pub destination: Destination,
    /// Key of the link in the zone; the link is not needed after the sign-in.
    pub link: Option<Key>,
    /// PKCE code verifier for the token request.
    pub verifier: Secret,
    /// What the token's `nonce` must be.
    pub nonce: Secret,
    /// How many times this sign-in was restarted.
    pub attempt: u8,
    /// Key of a session that ends with this sign-in, if the browser does not send its cookie when it
    /// comes back: with `SameSite=Strict`.
    pub former: Option<Key>,
    /// Identifies the sign-in in logs.
    pub tag: [u8; 4],
    /// `Set-Cookie` values that end this sign-in; those of other tabs stay.
    pub clear_cookies: Vec<String>,
}

/// Why a state cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateFlaw {
    /// Not in our format.
    Malformed,
    /// From another provider.
    ForeignProvider,
    /// In our format, but not sealed with this provider's key, nor with a recent former key.
    BadSeal,
    /// Ours, but older than ten minutes or from the future.
    Expired(Restart),
    /// Ours and in time, but this browser has no cookie for that sign-in: blocked, lost, already
    /// signed in some other way, or somebody else began it.
    NoCookie(Restart),
    /// Ours and in time, but the cookie for that sign-in does not match.
    CookieMismatch,
}

impl From<&StateFlaw> for Reason {
    fn from(flaw: &StateFlaw) -> Self {
        match flaw {
            StateFlaw::Malformed => Self::StateMalformed,
            StateFlaw::ForeignProvider | StateFlaw::BadSeal => Self::StateForeign,
            StateFlaw::Expired(_) => Self::StateExpired,
            StateFlaw::NoCookie(_) => Self::StateNoCookie,
            StateFlaw::CookieMismatch => Self::StateMismatch,
        }
    }
}

/// What a genuine state still tells when its sign-in cannot go on: enough to start again. Only the
/// caller's attempt counter prevents an endless loop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// Where the person wanted to go. Without the cookie, a kept link is lost.
    pub destination: Destination,
    /// How many times this sign-in was already restarted.
    pub attempt: u8,
}

impl Restart {
    /// How many times a sign-in without its cookie is restarted before the visitor is told.
    const MOST: u8 = 2;

    /// Whether to restart the sign-in without asking. Frames never start one on their own.
    #[must_use]
    pub fn is_begun_anew(&self, sender: Sender) -> bool {
        self.attempt < Self::MOST && sender != Sender::Frame
    }
}

impl Callback {
    /// Opens the state that came back. `cookies` are the values of the request's `Cookie` headers;
    /// `kept` looks up a sealed link in the zone.
    ///
    /// # Errors
    /// The first check that fails. Any flaw must lead to an error page or a new sign-in.
    pub fn open(
        provider: &Provider,
        state: &[u8],
        cookies: &[&[u8]],
        now: UnixTime,
        kept: impl FnOnce(&Key) -> Option<Vec<u8>>,
    ) -> Result<Opened, StateFlaw> {
        let (sign_in, key) = SignIn::open(provider, state, now)?;
        let SignIn { tag, binding_proof, issued, attempt, former, target } = sign_in;
        if now.since(issued) > STATE_LIFE || issued.since(now) > CLOCK_SKEW {
            let destination = told(provider, &target);
            return Err(StateFlaw::Expired(Restart { destination, attempt }));
        }
        let name = binding::cookie_name(provider, tag);
        let binding = match Binding::find(cookies, &name, &binding_proof, key) {
            Ok(binding) => binding,
            Err(Unproven::NoCookie) => {
                let destination = told(provider, &target);
                return Err(StateFlaw::NoCookie(Restart { destination, attempt }));
            }
            Err(Unproven::Mismatch) => return Err(StateFlaw::CookieMismatch),
        };
        let link = (target == KEPT).then(|| binding.link_key());
        let found = link.as_ref().and_then(kept);
        let found = found.and_then(|sealed| kept_link::open(provider, &binding, sealed));
        Ok(Opened {
            destination: told(provider, found.as_deref().unwrap_or(&target)),
            link,
            verifier: binding.verifier(),
            nonce: binding.nonce(),
            attempt,
            former,
            tag,
            clear_cookies: vec![cookie::delete(provider, &name)],
        })
    }
}

/// The destination for the target in a state.
fn told(provider: &Provider, target: &str) -> Destination {
    match target {
        KEPT | LOST => Destination::Lost,
        TOO_LONG => Destination::TooLong,
        target => Destination::of(RedirectTarget::parse(target, provider), provider),
    }
}

impl fmt::Display for StateFlaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the state is malformed",
            Self::ForeignProvider => "the state belongs to another provider",
            Self::BadSeal => "the state is not sealed with this provider's key",
            Self::Expired(_) => "the state has expired",
            Self::NoCookie(_) => "the browser sent no cookie for this sign-in",
            Self::CookieMismatch => "the browser's cookie belongs to another sign-in",
        })
    }
}

/// The first four bytes in lower-case hex: tags of sign-ins and providers.
fn hex(tag: [u8; 4]) -> String {
    format!("{:08x}", u32::from_be_bytes(tag))
}

/// Reads what [`hex`] wrote.
fn unhex(text: &[u8]) -> Option<[u8; 4]> {
    let text = std::str::from_utf8(text).ok()?;
    let tag = u32::from_str_radix(text, 16).ok()?.to_be_bytes();
    (hex(tag) == text).then_some(tag)
}

#[cfg(test)]
mod tests;
