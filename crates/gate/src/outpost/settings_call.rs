//! A call for the settings of the outpost: authentik does not tell of each change.

use crate::hash::sha256;
use crate::provider::Provider;
use crate::question::Cause;
use crate::store::Key;

/// A call for settings that somebody found outdated for a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsCall;

impl SettingsCall {
    /// For one provider and cause there is one in this time, in seconds.
    pub const ONCE_IN: u64 = 60;

    /// A sign-in waits so long for what it brings, in seconds: the code is good for a minute.
    pub const WAIT: u64 = 30;

    /// What those wait for who wait for it.
    #[must_use]
    pub fn key(provider: &Provider, cause: Cause) -> Key {
        sha256(&[b"authentik call for settings v1", &[cause.number()], &provider.key.0])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn each_provider_has_calls_of_its_own_for_each_cause() {
        let providers = [testing::provider(), testing::other_provider()];
        let causes = [Cause::SignIn, Cause::Credentials, Cause::Logout];
        let of = |provider| causes.map(|cause| SettingsCall::key(provider, cause));
        let mut keys = providers.each_ref().map(of).concat();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 6);
    }
}
