//! The application behind nginx, and what it received.

use authentik_standin::{Application, Seen};

/// The stand-in application.
pub(crate) struct App(Application);

/// One request as the application saw it.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    /// Path and query, as sent.
    pub(crate) target: String,
    /// In the order and spelling received.
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

    /// How many requests reached it since [`App::forget`].
    pub(crate) fn hits(&self) -> u64 {
        self.0.hits()
    }

    /// The last request that reached it.
    pub(crate) fn last(&self) -> Received {
        self.0.last().map(Received::from).expect("the application was asked")
    }

    /// All requests that reached it.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.0.requests().into_iter().map(Received::from).collect()
    }

    /// Counts from now on.
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
    /// The value of the header, which must be there at most once.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} {} times: {values:?}", values.len());
        values.first().copied()
    }

    /// The values of all headers of that very name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, value)| value.as_str()).collect()
    }

    /// Headers that an application could take for one of ours: case, `_` and `-` are the same.
    pub(crate) fn identity_headers(&self) -> Vec<(String, String)> {
        let folded = |name: &str| name.to_ascii_lowercase().replace('_', "-");
        let ours = |header: &&(String, String)| folded(&header.0).starts_with("x-authentik-");
        self.headers.iter().filter(ours).cloned().collect()
    }
}

/// What an application is told of a visitor (docs/protocol.md §7.1).
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
