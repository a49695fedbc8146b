//! Calls for settings that turned out to be outdated: authentik does not announce every change.

use std::sync::Arc;

use gate::outpost::SettingsCall;
use gate::provider::Provider;

use super::{Called, call, directory, last_call};
use crate::authentik::core_server::Cause;
use crate::authentik::lease;
use crate::ngx::Zone;

/// Calls for the settings, unless that was done for this provider and cause a moment ago: the call that
/// one can wait for.
pub(crate) fn called_for(zone: Zone, provider: &Provider, cause: Cause) -> Option<Called> {
    match lease::take(zone, SettingsCall::key(provider, cause), SettingsCall::ONCE_IN) {
        true => call(),
        false => last_call(),
    }
}

/// A provider of the outpost as it is now, if that differs from the one at hand.
pub(crate) fn newest(provider: &Arc<Provider>) -> Option<Arc<Provider>> {
    let directory = directory()?;
    let newest = directory.by_key(provider.key)?;
    (!Arc::ptr_eq(newest, provider)).then(|| Arc::clone(newest))
}
