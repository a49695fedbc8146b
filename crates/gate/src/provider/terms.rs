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

impl Terms {
    /// The longest interval in which one use of a session is noted, in seconds.
    pub const NOTED_EVERY: u64 = 5;

    /// The interval in which one use of a session is noted, in seconds: shorter if it may not be
    /// unused for long.
    #[must_use]
    pub fn noted_every(&self) -> u64 {
        self.idle_timeout.map_or(Self::NOTED_EVERY, |idle| (idle / 10).clamp(1, Self::NOTED_EVERY))
    }

    /// After how many seconds without a noted use a session is over: the last use may not have been
    /// noted.
    #[must_use]
    pub fn over_after(&self) -> Option<u64> {
        self.idle_timeout.map(|idle| idle.saturating_add(self.noted_every()))
    }
}

impl Default for Terms {
    fn default() -> Self {
        Self { session_lifetime: 12 * 3600, recheck: Some(3600), idle_timeout: None, refresh: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_not_over_before_its_time_though_not_each_use_is_noted() {
        for (idle_timeout, noted_every, over_after) in [
            (None, 5, None),
            (Some(1), 1, Some(2)),
            (Some(30), 3, Some(33)),
            (Some(3_600), 5, Some(3_605)),
            (Some(u64::MAX), 5, Some(u64::MAX)),
        ] {
            let terms = Terms { idle_timeout, ..Terms::default() };
            assert_eq!((terms.noted_every(), terms.over_after()), (noted_every, over_after));
        }
    }
}
