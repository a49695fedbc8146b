//! The state of a stand-in: its settings, and what it has issued.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::call::Call;
use crate::claims::subject;
use crate::fault::Planned;
use crate::json::{Json, Members};
use crate::keys::{Keys, random_alphanumeric, random_bytes, random_hex};
use crate::logout::LogoutTry;
use crate::outpost::Hub;
use crate::settings::{ProviderSettings, Settings, User};

/// Cookie of the browser's session at authentik.
pub(crate) const SESSION_COOKIE: &str = "authentik_session";

/// The whole state, behind one lock.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) faults: Vec<Planned>,
    pub(crate) codes: HashMap<String, Code>,
    /// Access tokens by their text: introspection and userinfo accept no others.
    pub(crate) tokens: HashMap<String, Issued>,
    /// Refresh tokens by their text, also used ones.
    pub(crate) refresh_tokens: HashMap<String, RefreshToken>,
    /// Browser sessions by the value of their cookie.
    pub(crate) sessions: HashMap<String, Session>,
    /// The outposts' web sockets.
    pub(crate) hub: Arc<Hub>,
    /// Events reported by outposts, as sent.
    pub(crate) events: Vec<Value>,
    /// The URL it listens on: `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    /// By how much `scopes_to_request` is rotated: its order changes with each start of the server
    /// (docs/protocol.md §2.3).
    pub(crate) scope_rotation: usize,
    /// A reference to itself, for delayed actions.
    pub(crate) me: Weak<Mutex<Self>>,
    /// Logouts sent to applications.
    pub(crate) logouts: Vec<LogoutTry>,
}

/// A browser that has signed in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) username: String,
    /// Claim `sid`: the same in all applications of one browser session.
    pub(crate) sid: String,
    pub(crate) auth_time: u64,
    /// Whether no code was issued since the sign-in: `prompt=login` is then satisfied.
    pub(crate) fresh: bool,
}

/// An authorization code.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) client_id: String,
    pub(crate) session: Session,
    pub(crate) scopes: Vec<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<Challenge>,
    pub(crate) expires: u64,
}

/// What the verifier must match (RFC 7636).
#[derive(Clone, Debug)]
pub(crate) enum Challenge {
    Plain(String),
    S256(String),
}

/// An access token.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) client_id: String,
    pub(crate) scope: String,
    pub(crate) expires: u64,
    /// Claims of the id token issued with it, returned by introspection.
    pub(crate) claims: Members,
    /// The user's claims among them, returned by userinfo.
    pub(crate) user_claims: Members,
}

/// A refresh token.
#[derive(Clone, Debug)]
pub(crate) struct RefreshToken {
    pub(crate) client_id: String,
    /// The browser's session at sign-in, which may have ended since.
    pub(crate) session: Session,
    /// As granted at sign-in.
    pub(crate) scopes: Vec<String>,
    pub(crate) expires: u64,
    /// When the first refresh with it was answered.
    pub(crate) used: Option<Instant>,
    /// A predecessor was used after the session had ended.
    pub(crate) is_orphan: bool,
    /// Claims of the id token issued with it, returned by introspection.
    pub(crate) claims: Members,
}

impl RefreshToken {
    /// A used token is refused at once, but refreshes in parallel all succeed
    /// (docs/protocol.md §4.8): those that arrived before the first one was answered.
    pub(crate) fn is_usable_for(&self, arrived: Instant) -> bool {
        self.used.is_none_or(|used| arrived < used)
    }
}

impl Core {
    pub(crate) fn new(mut settings: Settings) -> Option<Self> {
        settings.number_providers();
        Some(Self {
            settings,
            keys: Keys::of_generation(0)?,
            faults: Vec::new(),
            codes: HashMap::new(),
            tokens: HashMap::new(),
            refresh_tokens: HashMap::new(),
            sessions: HashMap::new(),
            hub: Arc::new(Hub::default()),
            events: Vec::new(),
            url: String::new(),
            scope_rotation: random_bytes(1).first().map_or(0, |byte| usize::from(*byte)),
            me: Weak::new(),
            logouts: Vec::new(),
        })
    }

    /// The provider with this client id.
    pub(crate) fn client(&self, client_id: &str) -> Option<&ProviderSettings> {
        self.settings.providers.iter().find(|provider| provider.client_id == client_id)
    }

    /// The provider whose application has this slug.
    pub(crate) fn application(&self, slug: &str) -> Option<&ProviderSettings> {
        self.settings.providers.iter().find(|provider| provider.slug == slug)
    }

    /// The user with exactly this name.
    pub(crate) fn user(&self, username: &str) -> Option<&User> {
        self.settings.users.iter().find(|user| user.username == username)
    }

    /// The browser's session, unless it has ended or its user is inactive.
    pub(crate) fn session(&self, call: &Call) -> Option<&Session> {
        let session = self.sessions.get(call.cookie(SESSION_COOKIE)?)?;
        self.user(&session.username).filter(|user| user.active).and(Some(session))
    }

    /// Opens a session and returns the value of its cookie. Ends the browser's previous one.
    pub(crate) fn sign_in(&mut self, call: &Call, username: &str) -> (String, Session) {
        if let Some(old) = call.cookie(SESSION_COOKIE) {
            self.end_session(old);
        }
        let session = Session {
            username: username.to_owned(),
            sid: random_hex(32),
            auth_time: unix_now(),
            fresh: true,
        };
        let cookie = random_alphanumeric(32);
        self.sessions.insert(cookie.clone(), session.clone());
        (cookie, session)
    }

    /// Ends the session of this cookie and tells every outpost (docs/protocol.md §3.2).
    pub(crate) fn end_session(&mut self, cookie: &str) {
        if let Some(session) = self.sessions.remove(cookie) {
            self.announce_end(&session.sid);
            let of_it = |issued: &Issued| {
                let sid = issued.claims.iter().find(|(name, _)| name == "sid");
                sid.is_some_and(|(_, sid)| matches!(sid, Json::Value(sid) if *sid == session.sid))
            };
            self.tokens.retain(|_, issued| !of_it(issued));
            self.hub.session_ended(&session.sid);
        }
    }

    /// Tokens of inactive users are deleted before their sessions, so no application is told
    /// (docs/protocol.md §10.2).
    pub(crate) fn forget_inactive(&mut self) {
        let inactive = self.settings.users.iter().filter(|user| !user.active);
        let gone: Vec<Json> = inactive.map(|user| subject(&user.username).into()).collect();
        let is_gone = |(name, value): &(String, Json)| name == "sub" && gone.contains(value);
        self.tokens.retain(|_, issued| !issued.claims.iter().any(is_gone));
        let users = &self.settings.users;
        let is_active = |name: &str| users.iter().any(|user| user.active && user.username == *name);
        self.refresh_tokens.retain(|_, token| is_active(&token.session.username));
    }

    /// Ends the matching sessions; returns their number.
    pub(crate) fn end_sessions(&mut self, over: impl Fn(&Session) -> bool) -> usize {
        let gone = |(cookie, session): (&String, &Session)| over(session).then(|| cookie.clone());
        let cookies: Vec<String> = self.sessions.iter().filter_map(gone).collect();
        cookies.iter().for_each(|cookie| self.end_session(cookie));
        cookies.len()
    }

    /// Client authentication: HTTP Basic takes precedence over the form (docs/protocol.md §4.4).
    /// Returns the provider and whether the secret is right.
    pub(crate) fn authenticated(&self, call: &Call) -> Option<(&ProviderSettings, bool)> {
        let (client_id, secret) = match call.basic() {
            Some((client_id, secret)) => (client_id, Some(secret)),
            None => {
                (call.form("client_id")?.to_owned(), call.form("client_secret").map(str::to_owned))
            }
        };
        let provider = self.client(&client_id)?;
        Some((provider, secret.as_deref() == Some(provider.client_secret.as_str())))
    }
}

/// Whether the application's policies let this user in.
pub(crate) fn has_access(provider: &ProviderSettings, user: &User) -> bool {
    let groups = &provider.only_groups;
    user.active && (groups.is_empty() || user.groups.iter().any(|group| groups.contains(group)))
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
