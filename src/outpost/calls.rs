//! Calls for settings that turned out to be outdated: authentik does not announce every change.

use std::sync::Arc;

use gate::hash::sha256;
use gate::outpost::SettingsCall;
use gate::provider::Provider;
use gate::store::Key;

use super::{Called, NUMBER, call, directory, last_call};
use crate::authentik::core_server::Cause;
use crate::authentik::lease;
use crate::ngx::Zone;

/// Calls for the settings, unless that was done for this provider and cause a moment ago, by the same
/// settings: the call that one can wait for.
pub(crate) fn called_for(zone: Zone, provider: &Provider, cause: Cause) -> Option<Called> {
    let lease = of_these_settings(SettingsCall::key(provider, cause));
    match lease::take(zone, lease, SettingsCall::ONCE_IN) {
        true => call(),
        false => last_call(),
    }
}

/// A lease that lasts no longer than the settings at hand: those that come may be outdated as well, and what
/// was found out by the former ones says nothing of them. Only authentik can bring others, so nobody else
/// makes more of it.
pub(crate) fn of_these_settings(lease: Key) -> Key {
    sha256(&[
        b"authentik lease of one state of the settings v1",
        &lease,
        &NUMBER.get().to_le_bytes(),
    ])
}

/// A provider of the outpost as it is now, if that differs from the one at hand.
pub(crate) fn newest(provider: &Arc<Provider>) -> Option<Arc<Provider>> {
    let directory = directory()?;
    let newest = directory.by_key(provider.key)?;
    (!Arc::ptr_eq(newest, provider)).then(|| Arc::clone(newest))
}
