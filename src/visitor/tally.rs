//! How many sessions each provider has, for the status: counted in the zone, a part at a time.
//!
//! A worker counts at most once in [`COUNTS_FOR`] seconds, however often it is asked.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use gate::identity::provider_of;
use gate::provider::ProviderKey;
use gate::store::kind;
use nginx::lifecycle::uptime;

use crate::ngx::{Fault, Request, Zone, now};

/// How long a count is not repeated, in seconds.
const COUNTS_FOR: u64 = 5;
/// Places of the zone that are read under one lock.
const PLACES: u32 = 2048;
/// How many times that, before other requests have their turn.
const LOCKS: usize = 8;
/// Time for other requests.
const PAUSE: Duration = Duration::from_millis(1);

/// Sessions by provider.
pub(crate) type Tally = HashMap<ProviderKey, u32>;

/// A request's count under way.
pub(crate) struct Counting {
    from: u32,
    tally: Tally,
}

#[derive(Clone, Default)]
struct Latest {
    tally: Rc<Tally>,
    /// When it was begun, by the monotonic clock.
    begun: Option<u64>,
}

thread_local! {
    // Used on the event-loop thread only.
    static LATEST: RefCell<Latest> = RefCell::default();
}

/// The sessions of each provider, as counted lately. `None` while the request waits.
pub(crate) fn sessions(r: &mut Request<'_>) -> Result<Option<Rc<Tally>>, Fault> {
    let Some(zone) = r.main_conf().zone() else { return Ok(Some(Rc::default())) };
    let clock = uptime();
    if let Some(counting) = r.state()?.counting.take() {
        return count(r, zone, *counting);
    }
    let latest = LATEST.with_borrow(Clone::clone);
    if latest.begun.is_some_and(|begun| clock.saturating_sub(begun) < COUNTS_FOR) {
        return Ok(Some(latest.tally));
    }
    LATEST.with_borrow_mut(|latest| latest.begun = Some(clock));
    count(r, zone, Counting { from: 0, tally: Tally::new() })
}

/// Counts on, as far as it goes in one turn.
fn count(r: &mut Request<'_>, zone: Zone, counting: Counting) -> Result<Option<Rc<Tally>>, Fault> {
    let Counting { mut from, mut tally } = counting;
    let time = now();
    for _ in 0..LOCKS {
        let next = zone.with(|table| {
            table.survey(from, PLACES, time, |_, _, found| {
                let is_session = found.kind() == kind::SESSION;
                if let Some(provider) = provider_of(found.beginning()).filter(|_| is_session) {
                    *tally.entry(provider).or_default() += 1;
                }
                true
            })
        });
        match next.flatten() {
            Some(next) => from = next,
            None => {
                let tally = Rc::new(tally);
                LATEST.with_borrow_mut(|latest| latest.tally = Rc::clone(&tally));
                return Ok(Some(tally));
            }
        }
    }
    r.suspend(PAUSE)?;
    r.state()?.counting.set(Some(Box::new(Counting { from, tally })));
    Ok(None)
}
