//! One question at a time over all workers: a lease in the zone, and patience for everybody else.

use std::time::Duration;

use gate::store::{Key, Owner, Record, TooBig, kind};
use gate::time::UnixTime;

use crate::ngx::{Fault, Request, Zone, now};
use crate::sessions;

/// How long one question may take until another worker may ask, in seconds.
pub(crate) const LEASE: u64 = 12;
/// How often a request looks whether somebody else's question was answered.
pub(crate) const LOOK: Duration = Duration::from_millis(40);
/// How long a request waits for somebody else's question, in seconds.
const WAIT: u64 = 15;

/// Takes what only one may have, for `life` seconds. `false`: somebody has it.
pub(crate) fn take(zone: Zone, key: Key, life: u64) -> bool {
    take_as(zone, life, |expires| Record::new(key, Owner::NOBODY, kind::LEASE, expires, &[]))
}

/// The same for a question that a client without an account causes, whose sender it is.
pub(crate) fn take_for_stranger(zone: Zone, key: Key, sender: Option<u64>, life: u64) -> bool {
    take_as(zone, life, |expires| Record::of_stranger(key, sender, expires, &[]))
}

fn take_as(
    zone: Zone,
    life: u64,
    lease: impl FnOnce(UnixTime) -> Result<Record<'static>, TooBig>,
) -> bool {
    let time = now();
    let Ok(lease) = lease(time.plus(life)) else { return false };
    let taken = zone.with(|table| table.insert_if_absent(&lease, time));
    let Some(Ok(Some(inserted))) = taken else { return false };
    sessions::warn_if_full(&inserted);
    true
}

/// Whether the request has waited as long as it may; the first call starts the clock.
pub(crate) fn has_waited_enough(r: &Request<'_>) -> Result<bool, Fault> {
    let state = r.state()?;
    let since = state.waits_since.get().unwrap_or(now().0);
    state.waits_since.set(Some(since));
    Ok(now().0.saturating_sub(since) > WAIT)
}
