//! A question on a thread, and how far a request is with what it needs to know.

use std::time::Instant;

use authentik_io::client::Client;
use gate::provider::Provider;
use gate::question::{CoreError, Endpoints, Question};
use gate::reason::Reason;
use gate::time::UnixTime;

/// What a request learns when it needs to know something.
pub(crate) enum Learnt<T> {
    /// This.
    Known(T),
    /// Nothing yet: the request was suspended.
    Waiting,
    /// Nothing, and it will not be known soon.
    Failed(Reason),
}

impl<T> Learnt<T> {
    /// The same, made into something else.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Learnt<U> {
        match self {
            Self::Known(known) => Learnt::Known(make(known)),
            Self::Waiting => Learnt::Waiting,
            Self::Failed(reason) => Learnt::Failed(reason),
        }
    }
}

/// Whether a question of a request was taken.
pub(crate) enum Put {
    /// The request waits for the answer.
    Waiting,
    /// It was not, and this is why.
    Refused(Reason),
}

/// Who asks, on a thread: of whom, and until when.
#[derive(Clone, Copy)]
pub(crate) struct Caller<'d> {
    pub(crate) client: &'d Client,
    pub(crate) provider: &'d Provider,
    pub(crate) endpoints: &'d Endpoints,
    pub(crate) time: UnixTime,
    pub(crate) deadline: Instant,
}

impl Caller<'_> {
    /// Asks authentik.
    pub(crate) fn ask<Q: Question>(self, question: &Q) -> Result<Q::Answer, CoreError> {
        let Self { client, provider, endpoints, time, deadline } = self;
        let request = question.to_http(provider, endpoints)?;
        let response = client.fetch(&request, &provider.trust, deadline);
        question.read(provider, response.as_ref(), time)
    }
}
