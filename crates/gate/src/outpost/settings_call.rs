//! Requests for the outpost's settings: authentik does not announce every change.

use crate::hash::sha256;
use crate::provider::Provider;
use crate::question::Cause;
use crate::store::Key;

/// A request for settings, because a provider's were found outdated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettingsCall;

impl SettingsCall {
    /// Minimum interval per provider and cause, in seconds.
    pub const ONCE_IN: u64 = 60;

    /// How long a sign-in waits for the settings, in seconds: the code is valid for a minute.
    pub const WAIT: u64 = 30;

    /// Key of the lease on which those who need the settings wait.
    #[must_use]
    pub fn key(provider: &Provider, cause: Cause) -> Key {
        sha256(&[b"authentik call for settings v1", &[cause.number()], &provider.key.0])
    }

    /// Key of such a lease, or of another one about a provider, that counts for this publication of
    /// the settings only: the next settings may be outdated as well, whatever was found out about
    /// these. Only authentik can change the settings, so clients cannot cause more questions this
    /// way.
    #[must_use]
    pub fn within(publication: u64, lease: &Key) -> Key {
        let label = b"authentik lease of one state of the settings v1";
        sha256(&[label, lease, &publication.to_le_bytes()])
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

    #[test]
    fn a_lease_within_other_settings_is_another_one() {
        let lease = SettingsCall::key(&testing::provider(), Cause::SignIn);
        let other = SettingsCall::key(&testing::provider(), Cause::Logout);
        let within = SettingsCall::within(1, &lease);
        assert_eq!(SettingsCall::within(1, &lease), within);
        assert_ne!(SettingsCall::within(2, &lease), within);
        assert_ne!(SettingsCall::within(1, &other), within);
        assert_ne!(lease, within);
    }
}
