//! Calls for the settings that somebody found outdated: authentik does not tell of each change.

use std::sync::Arc;

use gate::hash::sha256;
use gate::provider::Provider;
use gate::store::Key;

use super::{Called, call, directory, last_call};
use crate::authentik::core_server::Cause;
use crate::authentik::lease;
use crate::ngx::Zone;

/// For one provider settings are called for once in this time, in seconds.
const CALL: u64 = 60;

/// Calls for the settings, unless that was done for this provider and cause a moment ago: the call that
/// one can wait for.
pub(crate) fn called_for(zone: Zone, provider: &Provider, cause: Cause) -> Option<Called> {
    match lease::take(zone, call_key(provider, cause), CALL) {
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

/// What those wait for who wait for a call.
pub(crate) fn call_key(provider: &Provider, cause: Cause) -> Key {
    let cause = match cause {
        Cause::SignIn => 0,
        Cause::Credentials => 1,
        Cause::Logout => 2,
    };
    sha256(&[b"authentik call for settings v1", &[cause], &provider.key.0])
}
