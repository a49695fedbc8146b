//! What authentik says of credentials: asked on a thread.

use std::sync::Arc;
use std::time::Instant;

use authentik_io::client::Client;
use authentik_io::pool::Cancel;
use gate::credentials::Credentials;
use gate::identity::{BasicAttributes, Rendered, render};
use gate::provider::Provider;
use gate::question::{Answer, CoreError, Endpoints, Question};
use gate::secret::Secret;
use gate::store::Key;
use gate::time::UnixTime;
use gate::token::{Expected, Keys, verify};
use nginx::suspend::Ticket;

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
        let judge = Judge { provider, endpoints: &endpoints, keys: &keys, time };
        let result = match turn {
            Turn::First | Turn::Last => judge.all(client, credentials, deadline),
            Turn::Client => Err(judge.client(client, deadline)),
        };
        let judged = Judged { subject, turn, result };
        Box::new(move || super::publish(ticket, judged))
    })
}

/// What a thread needs to know.
struct Judge<'j> {
    provider: &'j Provider,
    endpoints: &'j Endpoints,
    keys: &'j Keys,
    time: UnixTime,
}

impl Judge<'_> {
    /// Asks until authentik says yes; else the last no counts.
    fn all(
        &self,
        client: &Client,
        credentials: &Credentials,
        deadline: Instant,
    ) -> Result<Rendered, CoreError> {
        let mut last = Err(CoreError::Misconfigured("nothing to ask".to_owned()));
        for question in credentials.questions() {
            last = self.one(client, &question, deadline);
            if last.is_ok() {
                break;
            }
        }
        last
    }

    fn one(
        &self,
        client: &Client,
        question: &Question,
        deadline: Instant,
    ) -> Result<Rendered, CoreError> {
        let Self { provider, keys, time, .. } = *self;
        let basic = provider.basic_auth.as_ref();
        let basic = basic.map(|(user, password)| BasicAttributes { user, password });
        match (self.ask(client, question, deadline)?, question) {
            (Answer::Claims(claims), Question::Introspect { token }) => {
                Ok(render(&claims, provider, token.expose(), basic))
            }
            (Answer::Tokens(tokens), _) => {
                // The ID token here, not the access token (docs/protocol.md §5.2).
                let token =
                    tokens.id_token.ok_or(CoreError::Garbled { about: "token_endpoint" })?;
                let claims = verify(token.expose(), &Expected::of(provider, None), keys, time)?;
                Ok(render(&claims, provider, token.expose(), basic))
            }
            (Answer::Claims(_) | Answer::Endpoints(_) | Answer::Keys(_), _) => {
                Err(CoreError::Garbled { about: "introspection_endpoint" })
            }
        }
    }

    /// What authentik thinks of us. A code that nobody has is refused for the code's sake if our secret
    /// is right, for ours if it is not (docs/protocol.md §4.4).
    fn client(&self, client: &Client, deadline: Instant) -> CoreError {
        let (code, verifier) = (Secret::new(NO_CODE), Secret::new(NO_CODE));
        let question = Question::ExchangeCode { code, verifier };
        match self.ask(client, &question, deadline) {
            Err(error) => error,
            Ok(_) => CoreError::Garbled { about: "token_endpoint" },
        }
    }

    fn ask(
        &self,
        client: &Client,
        question: &Question,
        deadline: Instant,
    ) -> Result<Answer, CoreError> {
        let Self { provider, endpoints, time, .. } = *self;
        let request = question.to_http(provider, Some(endpoints))?;
        let response = client.fetch(&request, &provider.trust, deadline);
        question.read(provider, response.as_ref(), time)
    }
}

/// No code of authentik's: it is too short.
const NO_CODE: &str = "is-this-client-known";
