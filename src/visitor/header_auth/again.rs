//! Credentials that are asked about once more: what authentik knows of us is another thing than here.
//!
//! authentik tells nobody of a new client secret (docs/protocol.md §2.3). To who comes with the former one
//! no token is active (number 10), as if all were made up. So a token that is not is a reason to ask, once
//! a minute for a provider, over all workers, whether authentik knows us. If it does not, or what a
//! password brings does not fit, an outpost's settings are called for, and with what comes authentik is
//! asked once more. Who is refused meanwhile waits for that.

use std::cell::RefCell;
use std::sync::Arc;

use gate::hash::sha256;
use gate::provider::{Provider, ProviderKey};
use gate::question::CoreError;
use gate::store::Key;
use gate::token::TokenFlaw;
use nginx::lifecycle::uptime;
use nginx::suspend::Ticket;

use super::judge::{self, Judged, Subject, Turn};
use crate::authentik::core_server::{self, Cause};
use crate::authentik::lease;
use crate::ngx::Zone;
use crate::outpost::{self, Called};

/// Whether authentik knows us is asked once in this time, in seconds.
const DOUBT: u64 = 60;
/// How long credentials wait for what comes of it, in seconds.
const WAIT: u64 = 5;
/// How many wait in a worker; more are refused at once.
const MOST: usize = 256;

/// Credentials that were refused, and wait.
struct Waiting {
    ticket: Ticket,
    judged: Judged,
    what: What,
    /// By the clock that nobody sets.
    until: u64,
}

/// What they wait for.
enum What {
    /// Whether authentik knows us.
    Client,
    /// The outpost's settings.
    Settings(Called),
}

thread_local! {
    // Used on the event-loop thread only.
    static WAITING: RefCell<Vec<Waiting>> = RefCell::default();
}

/// Takes what came back. Gives what stays as it is, and whose it is.
pub(super) fn sift(zone: Zone, ticket: Ticket, mut judged: Judged) -> Vec<(Ticket, Judged)> {
    let mut came = Vec::new();
    if judged.turn == Turn::Client {
        let rejection = judged.result.err().filter(CoreError::is_about_client);
        came = those_in_doubt(judged.subject.provider.key, rejection.as_ref());
        judged.result = Err(rejection.unwrap_or(INACTIVE));
    }
    let ended = (judged.turn == Turn::Client).then(|| Doubt::Open.key(&judged.subject.provider));
    came.push((ticket, judged));
    let stays = |(ticket, judged)| put_off(zone, ticket, judged);
    let stay = came.into_iter().filter_map(stays).collect();
    // Last: other workers then see whether settings were called for.
    if let Some(doubt) = ended {
        zone.with(|table| table.remove(&doubt));
    }
    stay
}

/// What is not waited for any more, and stays as it is.
pub(super) fn due(zone: Zone) -> Vec<(Ticket, Judged)> {
    let time = uptime();
    let due = take(|waiting| match waiting.what {
        What::Settings(called) => outpost::has_answered(called) || waiting.until <= time,
        What::Client => {
            let doubt = Doubt::Open.key(&waiting.judged.subject.provider);
            waiting.until <= time || !lease::is_taken(zone, &doubt)
        }
    });
    let again = |Waiting { ticket, judged, what, .. }| match what {
        What::Settings(_) => ask_again(zone, ticket, judged),
        // Another worker has asked: whether it has called for settings is seen by the call.
        What::Client => put_off(zone, ticket, judged),
    };
    due.into_iter().filter_map(again).collect()
}

/// `None` if it waits, or authentik is asked once more.
fn put_off(zone: Zone, ticket: Ticket, judged: Judged) -> Option<(Ticket, Judged)> {
    let Err(error) = &judged.result else { return Some((ticket, judged)) };
    let is_refused = *error == INACTIVE && judged.turn == Turn::First;
    let is_ours = error.is_about_client() || error.is_about_keys();
    if judged.turn == Turn::Last || !(is_refused || is_ours) {
        return Some((ticket, judged));
    }
    let provider = Arc::clone(&judged.subject.provider);
    if judged.subject.is_of_outpost {
        if outpost::newest(&provider).is_some() {
            return ask_again(zone, ticket, judged);
        }
        let called = match is_ours {
            true => outpost::called_for(zone, &provider, Cause::Credentials),
            false => outpost::last_call(),
        };
        if let Some(called) = called.filter(|called| !outpost::has_answered(*called)) {
            return wait(ticket, judged, What::Settings(called));
        }
    }
    if !is_refused {
        return Some((ticket, judged));
    }
    if lease::is_taken(zone, &Doubt::Open.key(&provider)) {
        return wait(ticket, judged, What::Client);
    }
    doubt(zone, ticket, judged)
}

/// Asks whether authentik knows us, unless that was done lately.
fn doubt(zone: Zone, ticket: Ticket, judged: Judged) -> Option<(Ticket, Judged)> {
    let provider = &judged.subject.provider;
    let is_due = |_: &_| lease::take(zone, Doubt::Lately.key(provider), DOUBT);
    let Some(known) = core_server::at_hand(zone, provider).filter(is_due) else {
        return Some((ticket, judged));
    };
    let open = Doubt::Open.key(provider);
    lease::take(zone, open, WAIT);
    if judge::submit(ticket, judged.subject.clone(), Turn::Client, known) {
        return None;
    }
    zone.with(|table| table.remove(&open));
    Some((ticket, judged))
}

/// The doubt has ended: those of this worker who waited for that, with what became of it.
fn those_in_doubt(provider: ProviderKey, rejection: Option<&CoreError>) -> Vec<(Ticket, Judged)> {
    let waited = take(|waiting| {
        matches!(waiting.what, What::Client) && waiting.judged.subject.provider.key == provider
    });
    let told = |Waiting { ticket, mut judged, .. }: Waiting| {
        judged.turn = Turn::Client;
        judged.result = Err(rejection.cloned().unwrap_or(INACTIVE));
        (ticket, judged)
    };
    waited.into_iter().map(told).collect()
}

fn wait(ticket: Ticket, judged: Judged, what: What) -> Option<(Ticket, Judged)> {
    WAITING.with_borrow_mut(|waiting| {
        if waiting.len() >= MOST {
            return Some((ticket, judged));
        }
        waiting.push(Waiting { ticket, judged, what, until: uptime() + WAIT });
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

/// With the settings of now, if they are newer.
fn ask_again(zone: Zone, ticket: Ticket, judged: Judged) -> Option<(Ticket, Judged)> {
    let newer = outpost::newest(&judged.subject.provider).filter(|_| judged.subject.is_of_outpost);
    let Some(provider) = newer else { return Some((ticket, judged)) };
    let Some(known) = core_server::at_hand(zone, &provider) else { return Some((ticket, judged)) };
    let subject = Subject { provider, ..judged.subject.clone() };
    if judge::submit(ticket, subject, Turn::Last, known) { None } else { Some((ticket, judged)) }
}

/// Whether authentik knows us is not certain.
#[derive(Clone, Copy)]
enum Doubt {
    /// It is being asked.
    Open,
    /// It was asked lately.
    Lately,
}

impl Doubt {
    /// Names the lease.
    fn key(self, provider: &Provider) -> Key {
        sha256(&[b"authentik doubt of the client v1", &[self as u8], &provider.key.0])
    }
}

/// What authentik says of a token that is none, and to a client that is none.
const INACTIVE: CoreError = CoreError::BadToken(TokenFlaw::Inactive);
