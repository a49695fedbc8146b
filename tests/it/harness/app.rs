//! The application behind nginx, and what it received.

use authentik_standin::{Application, Seen};

/// The stand-in application.
pub(crate) struct App(Application);

/// One request as received by the application.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Path and query, as sent.
    pub(crate) target: String,
    /// In the original order and spelling.
    pub(crate) headers: Vec<(String, String)>,
}

impl App {
    /// Starts it on a free port.
    pub(crate) fn start() -> Self {
        Self(Application::start(None))
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        self.0.address().to_string()
    }

    /// Number of requests since [`App::forget`].
    pub(crate) fn hits(&self) -> u64 {
        self.0.hits()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Received {
        self.0.last().map(Received::from).expect("the application was asked")
    }

    /// All requests.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.0.requests().into_iter().map(Received::from).collect()
    }

    /// Forgets all requests so far.
    pub(crate) fn forget(&self) {
        self.0.forget_requests();
    }
}

impl From<Seen> for Received {
    fn from(seen: Seen) -> Self {
        let query = seen.query.map(|query| format!("?{query}")).unwrap_or_default();
        Self { target: format!("{}{query}", seen.path), headers: seen.headers }
    }
}

impl Received {
    /// The value of the header, which must occur at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} {} times: {values:?}", values.len());
        values.first().copied()
    }

    /// The values of all headers with exactly this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, value)| value.as_str()).collect()
    }

    /// Headers that an application could mistake for ours: case is ignored, `_` is the same as `-`.
    pub(crate) fn identity_headers(&self) -> Vec<(String, String)> {
        let folded = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        let ours = |header: &&(String, String)| folded(&header.0).starts_with("x-authentik-");
        self.headers.iter().filter(ours).cloned().collect()
    }
}

/// The identity headers for applications (docs/protocol.md §7.1).
pub(crate) const IDENTITY_HEADERS: [&str; 12] = [
    "X-authentik-username",
    "X-authentik-groups",
    "X-authentik-entitlements",
    "X-authentik-email",
    "X-authentik-name",
    "X-authentik-uid",
    "X-authentik-jwt",
    "X-authentik-meta-jwks",
    "X-authentik-meta-outpost",
    "X-authentik-meta-provider",
    "X-authentik-meta-app",
    "X-authentik-meta-version",
];
