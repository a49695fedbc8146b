//! Renewals that wait for the outpost's settings, because authentik does not accept the client's
//! secret, or its keys are unknown. The refresh token stays valid (docs/protocol.md §4.8).

use std::cell::RefCell;
use std::sync::Arc;

use gate::outpost::SettingsCall;
use gate::renewal::Renewed;
use nginx::lifecycle::uptime;

use super::outcome;
use super::question::{Case, InStore};
use crate::authentik::core_server::{self, Cause};
use crate::ngx::Zone;
use crate::outpost::{self, Called};

/// Maximum waiting per worker; further ones fail at once.
const MOST: usize = 256;

struct Waiting {
    case: Case,
    renewed: Renewed,
    called: Called,
    /// By the monotonic clock.
    until: u64,
}

thread_local! {
    // Used on the event-loop thread only.
    static WAITING: RefCell<Vec<Waiting>> = RefCell::default();
}

/// Returns `None` if newer settings may help: authentik is asked again when they are there.
pub(super) fn put_off(zone: Zone, case: Case, renewed: Renewed) -> Option<(Case, Renewed)> {
    let may_help = match &renewed {
        Renewed::NotNow(error) => error.is_about_client(),
        Renewed::GoesOn(_) | Renewed::OtherKeys(..) | Renewed::Ended(_) => false,
    };
    if !may_help || case.is_last || !case.is_of_outpost {
        return Some((case, renewed));
    }
    if outpost::newest(&case.provider).is_some() {
        return ask_again(zone, case, renewed);
    }
    let called = outpost::called_for(zone, &case.provider, Cause::SignIn);
    let Some(called) = called.filter(|called| !outpost::has_answered(*called)) else {
        return Some((case, renewed));
    };
    WAITING.with_borrow_mut(|waiting| {
        if waiting.len() >= MOST {
            return Some((case, renewed));
        }
        waiting.push(Waiting { case, renewed, called, until: uptime() + SettingsCall::WAIT });
        None
    })
}

/// Asks again with settings that have arrived. On the event loop.
pub(crate) fn deliver() {
    let time = uptime();
    let due = WAITING.with_borrow_mut(|waiting| {
        let is_due = |one: &Waiting| outpost::has_answered(one.called) || one.until <= time;
        let (due, others): (Vec<Waiting>, _) =
            std::mem::take(waiting).into_iter().partition(is_due);
        *waiting = others;
        due
    });
    let Some(zone) = Zone::of_worker() else { return };
    for Waiting { case, renewed, .. } in due {
        if let Some((case, renewed)) = ask_again(zone, Case { is_last: true, ..case }, renewed) {
            outcome::settle(case, renewed, InStore::Nothing);
        }
    }
}

/// Asks again with the current settings, if they are newer.
fn ask_again(zone: Zone, case: Case, renewed: Renewed) -> Option<(Case, Renewed)> {
    let Some(provider) = outpost::newest(&case.provider) else { return Some((case, renewed)) };
    let Some(known) = core_server::at_hand(zone, &provider) else { return Some((case, renewed)) };
    // If no thread takes it, the lease ends by itself.
    Case { provider: Arc::clone(&provider), is_last: true, ..case }.submit(known);
    None
}
