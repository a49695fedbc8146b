//! One question at a time over all workers: a lease in the zone, and patience for everybody else.

use std::time::Duration;

use gate::store::{Key, Owner, Record, kind};

use crate::ngx::{Fault, Request, Zone, now};

/// How long one question may take until another worker may ask, in seconds.
pub(crate) const LEASE: u64 = 12;
/// How often a request looks whether somebody else's question was answered.
pub(crate) const LOOK: Duration = Duration::from_millis(40);
/// How long a request waits for somebody else's question, in seconds.
const WAIT: u64 = 15;

/// Takes what only one may have, for `life` seconds. `false`: somebody has it.
pub(crate) fn take(zone: Zone, key: Key, life: u64) -> bool {
    let time = now();
    let Ok(record) = Record::new(key, Owner::NOBODY, kind::LEASE, time.plus(life), &[]) else {
        return false;
    };
    matches!(zone.with(|table| table.insert_if_absent(&record, time)), Some(Ok(true)))
}

/// Whether the request has waited as long as it may; the first call starts the clock.
pub(crate) fn has_waited_enough(r: &Request<'_>) -> Result<bool, Fault> {
    let state = r.state()?;
    let since = state.waits_since.get().unwrap_or(now().0);
    state.waits_since.set(Some(since));
    Ok(now().0.saturating_sub(since) > WAIT)
}
