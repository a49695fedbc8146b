//! Removes expired records, even without requests, and wipes their contents.

use std::cell::RefCell;
use std::time::Duration;

use nginx::lifecycle::worker_number;
use nginx::ticker::Ticker;

use crate::ngx::{Authentik, Zone, now};

/// How often the zone is swept.
const EVERY: Duration = Duration::from_secs(5);

/// Steps for sweeping the whole zone: once a minute, if it is not larger than 50 MB.
const STEPS: u32 = 12;
/// Blocks checked under one lock: about a hundred microseconds if all of them are expired records,
/// a tenth of that if none is.
const AT_ONCE: u32 = 128;
/// Maximum number of blocks per step, so that it never takes more than a few milliseconds.
const AT_MOST: u32 = 8192;

thread_local! {
    // Used on the event-loop thread only.
    static TICKER: RefCell<Option<Ticker>> = const { RefCell::new(None) };
}

/// Called once per worker process. One worker sweeps.
pub(crate) fn start() {
    TICKER.set((worker_number() == 0).then(|| Ticker::start::<Authentik>(EVERY, step)));
}

/// Called when the worker exits.
pub(crate) fn stop() {
    TICKER.take();
}

/// Takes one step.
fn step() {
    let Some(zone) = Zone::of_worker() else { return };
    let time = now();
    let blocks = zone.with(|table| table.fill().blocks_total).unwrap_or(0);
    let due = (blocks / STEPS).clamp(AT_ONCE, AT_MOST);
    for _ in 0..due.div_ceil(AT_ONCE) {
        // A damaged table is recovered by the next one to open it.
        let _ = zone.with(|table| table.sweep(time, AT_ONCE));
    }
}
