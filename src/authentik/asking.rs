//! Asking authentik on a thread, and the progress of a request that needs the answer.

use std::time::Instant;

use authentik_io::client::Client;
use gate::provider::Provider;
use gate::question::{CoreError, Endpoints, Question};
use gate::reason::Reason;
use gate::time::UnixTime;

/// The outcome of looking something up for a request.
pub(crate) enum Learnt<T> {
    /// The value.
    Known(T),
    /// Not known yet: the request was suspended.
    Waiting,
    /// Not known, and will not be soon.
    Failed(Reason),
}

impl<T> Learnt<T> {
    /// Maps the value with `make`.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Learnt<U> {
        match self {
            Self::Known(known) => Learnt::Known(make(known)),
            Self::Waiting => Learnt::Waiting,
            Self::Failed(reason) => Learnt::Failed(reason),
        }
    }
}

/// Whether a request's question was accepted.
pub(crate) enum Put {
    /// The request waits for the answer.
    Waiting,
    /// The question was not accepted, for this reason.
    Refused(Reason),
}

/// Everything a thread needs to ask authentik about a provider.
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
