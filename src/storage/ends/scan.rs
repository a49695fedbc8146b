//! Sessions of the zone that have ended in the store, part by part if all must be looked at.

use std::cell::RefCell;
use std::collections::VecDeque;

use authentik_store::{End, Ended};
use gate::identity::{is_of_user, opened_of, provider_of};
use gate::provider::ProviderKey;

use super::super::{NEVER, Service};
use super::{PLACES, in_zone};
use crate::authentik::threads;
use crate::ngx::Zone;

/// Part of the zone that must be searched from beginning to end.
struct Scan {
    whose: Whose,
    from: u32,
}

#[derive(Clone, Copy)]
enum Whose {
    /// The sessions of a user name, opened until then.
    Name([u8; 16], u64),
    /// All that the store has.
    Everybody,
}

thread_local! {
    // Used on the event-loop thread only.
    static SCANS: RefCell<VecDeque<Scan>> = RefCell::default();
}

/// Ends sessions in the zone that have ended in the store.
pub(in crate::storage) fn apply(zone: Zone, end: &End) {
    let at = end.at;
    let is_older = |beginning: &[u8]| opened_of(beginning).is_none_or(|opened| opened <= at);
    let is_of = |beginning: &[u8], provider: &Option<[u8; 16]>| {
        provider.is_none_or(|provider| provider_of(beginning) == Some(ProviderKey(provider)))
    };
    in_zone(zone, |table| match &end.ended {
        Ended::Session(key) => table.remove(key).map(drop),
        Ended::Subject(whose, provider) => {
            let wanted = |beginning: &[u8]| is_older(beginning) && is_of(beginning, provider);
            table.remove_wanted_by_subject(whose, wanted).map(drop)
        }
        Ended::Sid(whose, provider) => {
            let wanted = |beginning: &[u8]| is_older(beginning) && is_of(beginning, provider);
            table.remove_wanted_by_sid(whose, wanted).map(drop)
        }
        Ended::Name(whose) => {
            scan(Whose::Name(*whose, at));
            Ok(())
        }
    });
}

/// Forgets all sessions in the zone that the store has: they are read again from there.
pub(in crate::storage) fn forget_all() {
    scan(Whose::Everybody);
}

/// Whether [`forget_all`] is still at work.
pub(in crate::storage) fn is_forgetting() -> bool {
    SCANS.with_borrow(|scans| scans.iter().any(|scan| matches!(scan.whose, Whose::Everybody)))
}

fn scan(whose: Whose) {
    SCANS.with_borrow_mut(|scans| scans.push_back(Scan { whose, from: 0 }));
    threads::come_round();
}

/// Searches a part of the zone, once per turn of the event loop.
pub(in crate::storage) fn step(service: &Service) {
    let Some(Scan { whose, from }) = SCANS.with_borrow_mut(VecDeque::pop_front) else { return };
    let wanted = |beginning: &[u8]| match &whose {
        Whose::Name(name, at) => {
            is_of_user(beginning, name) && opened_of(beginning).is_none_or(|opened| opened <= *at)
        }
        Whose::Everybody => opened_of(beginning).is_some_and(|opened| opened != NEVER),
    };
    let removed = in_zone(service.zone, |table| table.remove_wanted_from(from, PLACES, wanted));
    let next = removed.and_then(Result::ok).and_then(|(_, next)| next);
    if let Some(from) = next {
        SCANS.with_borrow_mut(|scans| scans.push_front(Scan { whose, from }));
    }
    if SCANS.with_borrow(|scans| !scans.is_empty()) {
        threads::come_round();
    }
}
