//! What authentik says of credentials: asked on a thread.

use std::sync::Arc;

use authentik_io::pool::Cancel;
use gate::credentials::{Credentials, Inquiry};
use gate::identity::{BasicAttributes, Rendered, render};
use gate::provider::Provider;
use gate::question::{CoreError, Endpoints, ExchangeCode};
use gate::secret::Secret;
use gate::store::Key;
use gate::token::{Expected, Keys, verify};
use nginx::suspend::Ticket;

use crate::authentik::asking::Caller;
use crate::authentik::threads::{Errand, Line};
use crate::ngx::now;

/// What is asked about, and where the zone gets the answer.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) credentials: Credentials,
    pub(super) provider: Arc<Provider>,
    pub(super) is_of_outpost: bool,
    pub(super) sender: Option<u64>,
    pub(super) answer: Key,
    pub(super) lease: Key,
}

/// Which question of a subject it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// What the credentials are worth.
    First,
    /// They are worth nothing, it seems: whether authentik knows us.
    Client,
    /// What they are worth, with newer settings.
    Last,
}

/// What a thread brings back.
pub(super) struct Judged {
    pub(super) subject: Subject,
    pub(super) turn: Turn,
    pub(super) result: Result<Rendered, CoreError>,
}

/// Hands the question to a thread; `ticket` is that of the request that asks. Says whether it was taken.
pub(super) fn submit(
    ticket: Ticket,
    subject: Subject,
    turn: Turn,
    (endpoints, keys): (Endpoints, Keys),
) -> bool {
    let (key, time) = (subject.provider.key, now());
    let errand = Errand {
        line: Line::Credentials,
        provider: Some(&key),
        sender: subject.sender,
        ticket: Some(ticket),
        cancel: Cancel::default(),
    };
    errand.hand_over(move |client, deadline| {
        let Subject { provider, credentials, .. } = &subject;
        let caller = Caller { client, provider, endpoints: &endpoints, time, deadline };
        let result = match turn {
            Turn::First | Turn::Last => ask(caller, credentials, &keys),
            Turn::Client => Err(ask_about_us(caller)),
        };
        let judged = Judged { subject, turn, result };
        Box::new(move || super::publish(ticket, judged))
    })
}

/// Asks until authentik says yes; else the last no counts.
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
    let provider = caller.provider;
    let basic = provider.basic_auth.as_ref();
    let basic = basic.map(|(user, password)| BasicAttributes { user, password });
    match inquiry {
        Inquiry::Token(introspect) => {
            let claims = caller.ask(introspect)?;
            Ok(render(&claims, provider, introspect.token.expose(), basic))
        }
        Inquiry::Password(sign_in) => {
            let tokens = caller.ask(sign_in)?;
            // The ID token here, not the access token (authentik-outpost.md §4.3).
            let token = tokens.id_token.ok_or(CoreError::Garbled { about: "token_endpoint" })?;
            let claims = verify(token.expose(), &Expected::of(provider, None), keys, caller.time)?;
            Ok(render(&claims, provider, token.expose(), basic))
        }
    }
}

/// What authentik thinks of us. A code that nobody has is refused for the code's sake if our secret
/// is right, for ours if it is not (recordings number 8).
fn ask_about_us(caller: Caller<'_>) -> CoreError {
    let (code, verifier) = (Secret::new(NO_CODE), Secret::new(NO_CODE));
    match caller.ask(&ExchangeCode { code, verifier }) {
        Err(error) => error,
        Ok(_) => CoreError::Garbled { about: "token_endpoint" },
    }
}

/// No code of authentik's: it is too short.
const NO_CODE: &str = "is-this-client-known";
