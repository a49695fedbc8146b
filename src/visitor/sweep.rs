//! Expired records go in time, also when nobody comes, and what was in them goes with them.

use std::time::Duration;

use crate::ngx::{Zone, now};

/// How often the zone is swept.
pub(crate) const EVERY: Duration = Duration::from_secs(5);

/// So many times until it was swept from end to end: once a minute, if it is not larger than 50 MB.
const STEPS: u32 = 12;
/// Blocks of the zone that are looked at under one lock: about a hundred microseconds if each of them
/// is a record that expired, a tenth of that if none is.
const AT_ONCE: u32 = 128;
/// Blocks of one step at most, so that it never takes more than a few milliseconds.
const AT_MOST: u32 = 8192;

/// Takes a step.
pub(crate) fn step(zone: Zone) {
    let time = now();
    let blocks = zone.with(|table| table.fill().blocks_total).unwrap_or(0);
    let due = (blocks / STEPS).clamp(AT_ONCE, AT_MOST);
    for _ in 0..due.div_ceil(AT_ONCE) {
        // A table that is damaged is recovered by whoever opens it next.
        let _ = zone.with(|table| table.sweep(time, AT_ONCE));
    }
}
