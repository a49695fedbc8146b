//! Asking authentik about credentials, on a thread.

use std::sync::Arc;

use authentik_io::pool::Cancel;
use gate::credentials::{Credentials, Inquiry, Round, after_doubt, of_password, of_token, probe};
use gate::identity::Rendered;
use gate::provider::Provider;
use gate::question::{CoreError, Endpoints};
use gate::store::Key;
use gate::token::Keys;
use nginx::suspend::Ticket;

use crate::authentik::asking::Caller;
use crate::authentik::threads::{Errand, Line};
use crate::ngx::now;

/// The question, and where the zone keeps the answer.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) credentials: Credentials,
    pub(super) provider: Arc<Provider>,
    pub(super) is_of_outpost: bool,
    pub(super) sender: Option<u64>,
    pub(super) answer: Key,
    pub(super) lease: Key,
}

/// The result of a thread.
pub(super) struct Judged {
    pub(super) case: Case,
    pub(super) round: Round,
    pub(super) result: Result<Rendered, CoreError>,
}

/// Submits the question to a thread; `ticket` is that of the request that asks. Returns whether it
/// was accepted.
pub(super) fn submit(
    ticket: Ticket,
    case: Case,
    round: Round,
    (endpoints, keys): (Endpoints, Keys),
) -> bool {
    let (key, time) = (case.provider.key, now());
    let errand = Errand {
        line: Line::Credentials,
        provider: Some(&key),
        sender: case.sender,
        ticket: Some(ticket),
        cancel: Cancel::default(),
    };
    errand.hand_over(move |client, deadline| {
        let Case { provider, credentials, .. } = &case;
        let caller = Caller { client, provider, endpoints: &endpoints, time, deadline };
        let result = match round {
            Round::First | Round::Last => ask(caller, credentials, &keys),
            Round::Client => Err(after_doubt(caller.ask(&probe()).err())),
        };
        let judged = Judged { case, round, result };
        Box::new(move || super::publish(ticket, judged))
    })
}

/// Asks until authentik says yes; otherwise returns the last no.
fn ask(caller: Caller<'_>, credentials: &Credentials, keys: &Keys) -> Result<Rendered, CoreError> {
    let mut last = Err(CoreError::Misconfigured("nothing to ask".to_owned()));
    for inquiry in credentials.inquiries() {
        last = ask_one(caller, &inquiry, keys);
        if last.is_ok() {
            break;
        }
    }
    last
}

fn ask_one(caller: Caller<'_>, inquiry: &Inquiry, keys: &Keys) -> Result<Rendered, CoreError> {
    let Caller { provider, time, .. } = caller;
    match inquiry {
        Inquiry::Token(asked) => Ok(of_token(asked, &caller.ask(asked)?, provider, time)),
        Inquiry::Password(asked) => of_password(caller.ask(asked)?, provider, keys, time),
    }
}
