//! One request to authentik and its response, on a connection of its own.

mod agent;
pub(crate) mod error;
pub(crate) mod wire;

use std::io::Read;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use authentik_gate::http::{HttpRequest, HttpResponse, Method, TransportError};
use authentik_gate::provider::Trust;
use authentik_gate::secret::Secret;
use ureq::http::{Request, Response};
use ureq::{Agent, AsSendBody, Body};

/// The HTTP client that all threads of a worker share.
///
/// Each request opens a connection and closes it. A code can be redeemed only once: if the server
/// closes a kept-alive connection, it is unclear whether that has happened, so the login would fail
/// or the code be sent twice. A connection is cheap: TLS sessions are resumed, and a worker asks
/// once per login or per unknown token.
///
/// No redirects, no cookies, no proxies. `https_proxy` in the environment is ignored on purpose:
/// the client secret is sent here, and nginx hides the environment from its workers anyway.
#[derive(Default)]
pub struct Client {
    /// One per way of verifying certificates; a configuration has few.
    agents: Mutex<Vec<(Trust, Agent)>>,
}

impl Client {
    /// Creates a client. Reads no files and opens no connections yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sends the request and reads the whole response, whatever its status. Blocks, at most until
    /// the deadline.
    ///
    /// # Errors
    /// There was no usable response in time; the error is fit for the log.
    pub fn fetch(
        &self,
        request: &HttpRequest,
        trust: &Trust,
        deadline: Instant,
    ) -> Result<HttpResponse, TransportError> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(TransportError::Timeout);
        }
        let head = wire::head(request)?;
        let agent = self.agent(trust)?;
        let response = match request.method {
            Method::Get => run(&agent, head, left),
            Method::PostForm | Method::PostJson => {
                run(&agent, head.map(|()| request.body.expose()), left)
            }
        };
        let response = response.map_err(|error| error::transport_error(error, deadline))?;
        read(response, request.max_response, deadline)
    }

    fn agent(&self, trust: &Trust) -> Result<Agent, TransportError> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, agent)) = agents.iter().find(|(known, _)| known == trust) {
            return Ok(agent.clone());
        }
        let agent = agent::agent(trust).map_err(TransportError::Tls)?;
        agents.push((trust.clone(), agent.clone()));
        Ok(agent)
    }
}

fn run<B: AsSendBody>(
    agent: &Agent,
    request: Request<B>,
    left: Duration,
) -> Result<Response<Body>, ureq::Error> {
    let request = agent
        .configure_request(request)
        .timeout_global(Some(left))
        .timeout_resolve(Some(left.min(CONNECT_AT_MOST)))
        .timeout_connect(Some(left.min(CONNECT_AT_MOST)))
        .build();
    agent.run(request)
}

fn read(
    mut response: Response<Body>,
    max: usize,
    deadline: Instant,
) -> Result<HttpResponse, TransportError> {
    let status = response.status().as_u16();
    if status > 599 {
        return Err(TransportError::Protocol("the answer has no valid status".to_owned()));
    }
    let announced = response.body().content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |announced| announced > max) {
        return Err(TransportError::TooLarge);
    }
    // A single allocation if the length is known: a growing buffer leaves copies of tokens behind.
    let mut body = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    let limit = u64::try_from(max).unwrap_or(u64::MAX);
    let mut reader = response.body_mut().with_config().limit(limit).reader();
    match reader.read_to_end(&mut body) {
        Ok(_) => Ok(HttpResponse { status, body: Secret::new(body) }),
        Err(error) => Err(error::transport_error(ureq::Error::from(error), deadline)),
    }
}

/// Limit for name resolution, TCP and TLS: if these take longer, the deadline does not help.
const CONNECT_AT_MOST: Duration = Duration::from_secs(5);
