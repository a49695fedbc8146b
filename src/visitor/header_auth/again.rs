//! Credentials that were rejected, but wait for something that may change this: see
//! [`gate::credentials`].

use std::cell::RefCell;
use std::sync::Arc;

use gate::credentials::{Doubt, Recourse, Round, recourse};
use gate::identity::Rendered;
use gate::provider::ProviderKey;
use gate::question::CoreError;
use nginx::lifecycle::uptime;
use nginx::suspend::Ticket;

use super::judge::{self, Case, Judged};
use crate::authentik::core_server::{self, Cause};
use crate::authentik::lease;
use crate::ngx::Zone;
use crate::outpost::{self, Called};

/// Maximum waiting per worker; further ones are rejected at once.
const MOST: usize = 256;

/// Rejected credentials that wait.
struct Waiting {
    ticket: Ticket,
    judged: Judged,
    what: What,
    /// By the monotonic clock.
    until: u64,
}

/// What they wait for.
enum What {
    /// The answer whether authentik knows this client.
    Client,
    /// The outpost's settings.
    Settings(Called),
}

thread_local! {
    // Used on the event-loop thread only.
    static WAITING: RefCell<Vec<Waiting>> = RefCell::default();
}

/// Handles a result from a thread. Returns the results that are final, with their requests.
pub(super) fn sift(zone: Zone, ticket: Ticket, judged: Judged) -> Vec<(Ticket, Judged)> {
    let mut came = Vec::new();
    let ended = (judged.round == Round::Client).then(|| Doubt::Open.key(&judged.case.provider));
    if ended.is_some() {
        came = those_in_doubt(judged.case.provider.key, &judged.result);
    }
    came.push((ticket, judged));
    let stays = |(ticket, judged)| put_off(zone, ticket, judged);
    let stay = came.into_iter().filter_map(stays).collect();
    // Last: other workers then see whether settings were requested.
    if let Some(doubt) = ended {
        zone.with(|table| table.remove(&doubt));
    }
    stay
}

/// The results that no longer wait and are final.
pub(super) fn due(zone: Zone) -> Vec<(Ticket, Judged)> {
    let time = uptime();
    let due = take(|waiting| match waiting.what {
        What::Settings(called) => outpost::has_answered(called) || waiting.until <= time,
        What::Client => {
            let doubt = Doubt::Open.key(&waiting.judged.case.provider);
            waiting.until <= time || !lease::is_taken(zone, &doubt)
        }
    });
    let again = |Waiting { ticket, judged, what, .. }| match what {
        What::Settings(_) => ask_again(zone, ticket, judged),
        // Another worker has asked: if it has requested settings, the last request shows it.
        What::Client => put_off(zone, ticket, judged),
    };
    due.into_iter().filter_map(again).collect()
}

/// Returns `None` if the result waits, or authentik is asked once more.
fn put_off(zone: Zone, ticket: Ticket, judged: Judged) -> Option<(Ticket, Judged)> {
    let error = judged.result.as_ref().err();
    let Some(recourse) = error.and_then(|error| recourse(judged.round, error)) else {
        return Some((ticket, judged));
    };
    let provider = Arc::clone(&judged.case.provider);
    if judged.case.is_of_outpost {
        if outpost::newest(&provider).is_some() {
            return ask_again(zone, ticket, judged);
        }
        let called = match recourse {
            Recourse::Settings => outpost::called_for(zone, &provider, Cause::Credentials),
            Recourse::Client => outpost::last_call(),
        };
        if let Some(called) = called.filter(|called| !outpost::has_answered(*called)) {
            return wait(ticket, judged, What::Settings(called));
        }
    }
    if recourse == Recourse::Settings {
        return Some((ticket, judged));
    }
    if lease::is_taken(zone, &Doubt::Open.key(&provider)) {
        return wait(ticket, judged, What::Client);
    }
    doubt(zone, ticket, judged)
}

/// Asks whether authentik knows this client, unless that was done recently.
fn doubt(zone: Zone, ticket: Ticket, judged: Judged) -> Option<(Ticket, Judged)> {
    let provider = &judged.case.provider;
    let lately = Doubt::Lately;
    let key = outpost::of_these_settings(&lately.key(provider));
    let is_due = |_: &_| lease::take(zone, key, lately.life());
    let Some(known) = core_server::at_hand(zone, provider).filter(is_due) else {
        return Some((ticket, judged));
    };
    let open = Doubt::Open.key(provider);
    lease::take(zone, open, Doubt::Open.life());
    if judge::submit(ticket, judged.case.clone(), Round::Client, known) {
        return None;
    }
    zone.with(|table| table.remove(&open));
    Some((ticket, judged))
}

/// The doubt is resolved: returns this worker's results that waited for it, now with its outcome.
fn those_in_doubt(
    provider: ProviderKey,
    result: &Result<Rendered, CoreError>,
) -> Vec<(Ticket, Judged)> {
    let waited = take(|waiting| {
        matches!(waiting.what, What::Client) && waiting.judged.case.provider.key == provider
    });
    let told = |Waiting { ticket, mut judged, .. }: Waiting| {
        judged.round = Round::Client;
        judged.result.clone_from(result);
        (ticket, judged)
    };
    waited.into_iter().map(told).collect()
}

fn wait(ticket: Ticket, judged: Judged, what: What) -> Option<(Ticket, Judged)> {
    WAITING.with_borrow_mut(|waiting| {
        if waiting.len() >= MOST {
            return Some((ticket, judged));
        }
        waiting.push(Waiting { ticket, judged, what, until: uptime() + Doubt::WAIT });
        None
    })
}

fn take(is_wanted: impl FnMut(&Waiting) -> bool) -> Vec<Waiting> {
    WAITING.with_borrow_mut(|waiting| {
        let (wanted, others) = std::mem::take(waiting).into_iter().partition(is_wanted);
        *waiting = others;
        wanted
    })
}

/// Asks again with the current settings, if they are newer.
fn ask_again(zone: Zone, ticket: Ticket, judged: Judged) -> Option<(Ticket, Judged)> {
    let newer = outpost::newest(&judged.case.provider).filter(|_| judged.case.is_of_outpost);
    let Some(provider) = newer else { return Some((ticket, judged)) };
    let Some(known) = core_server::at_hand(zone, &provider) else { return Some((ticket, judged)) };
    let case = Case { provider, ..judged.case.clone() };
    if judge::submit(ticket, case, Round::Last, known) { None } else { Some((ticket, judged)) }
}
