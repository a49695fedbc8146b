//! How long the sessions of a provider last, as configured.

/// `session_lifetime`, `recheck`, `idle_timeout` and `refresh` of a provider. Times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How long a session lasts after the sign-in, at most.
    pub session_lifetime: u64,
    /// How long after the sign-in a visitor may browse before authentik is asked again; `None` if it
    /// never is.
    pub recheck: Option<u64>,
    /// How long a session may be unused; `None` if that does not matter.
    pub idle_timeout: Option<u64>,
    /// Whether sessions outlive their access token, if authentik issues a refresh token.
    pub refresh: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self { session_lifetime: 12 * 3600, recheck: Some(3600), idle_timeout: None, refresh: true }
    }
}
