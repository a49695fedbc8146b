//! Access: asks the gate and applies its verdict.

use gate::decision::{Facts, Grounds, Permit, Policy, Verdict, decide};
use gate::destination::Destination;
use gate::identity::{HeaderEncoding, ProviderHeaders, SessionView, folds_to};
use gate::paths::{PathFacts, Subject};
use gate::provider::{Mode, Provider};
use gate::reason::Reason;
use gate::request::{RequestFacts, of_domain};
use gate::sender::Sender;
use gate::status::Status;
use gate::upstream;
use nginx::header_list::{HeaderName, NewHeader};

use crate::conf::LocationConf;
use crate::endpoints::forward;
use crate::endpoints::sign_in;
use crate::ngx::host::{asked, authority};
use crate::ngx::{Fault, Flow, Request, sender};
use crate::request::answers;
use crate::request::verdict::verdict;
use crate::visitor::known::Known;
use crate::visitor::providers::{self, Chosen};
use crate::visitor::sessions::{self, Standing};
use crate::visitor::told::{NAMES, identity_headers, the_twelve};

/// Called again whenever a waiting request is woken.
pub(crate) fn access(r: &mut Request<'_>) -> Result<Flow, Fault> {
    if !r.is_main() {
        return Ok(Flow::Next);
    }
    if r.is_suspended() {
        return Ok(Flow::Suspended); // the client's socket woke us, not the answer
    }
    #[cfg(feature = "suspend-all")]
    if let Some(flow) = crate::testing::round_trip::suspend_once(r)? {
        return Ok(flow);
    }
    #[cfg(feature = "suspend-all")]
    crate::testing::defect::at(r, "access");
    let location = r.location();
    if let Some(trusted) = location.asked_by() {
        return forward::answer(r, trusted);
    }
    let provider = match providers::of_location(r)? {
        Chosen::Provider(provider) => provider,
        Chosen::InDoubt(provider) => match sessions::seek(r, provider)? {
            Some(Standing::SignedIn(_)) => provider,
            Some(Standing::Stranger(_)) => return answers::refuse(r, Reason::NoSettings),
            None => return Ok(Flow::Suspended),
        },
        Chosen::Off => return Ok(Flow::Next),
        Chosen::Nobody => return answers::unknown_host(r, authority(r)?).map(Flow::Refuse),
        Chosen::NotYet => return answers::refuse(r, Reason::NoSettings),
    };
    let policy = policy(location, provider);
    let verdict = verdict(r, provider, |r, visitor, effort| {
        decide(&policy, Facts { request: &SiteRequest { r, provider }, visitor, effort })
    })?;
    let Some(verdict) = verdict else { return Ok(Flow::Suspended) };
    match verdict {
        Verdict::Ask => answers::refuse(r, Reason::Internal), // for strangers there is none
        Verdict::Admit(permit) => admit(r, &permit, provider),
        Verdict::SignIn(reason) => sign_in::of_page(r, provider, reason),
        Verdict::Invite(reason) => answers::invite(r, provider, reason),
        Verdict::Refuse(reason) => answers::refuse(r, reason),
        Verdict::Forbid(rule) => {
            let page = Destination::of_request(provider, authority(r)?, r.raw_target());
            answers::forbid(r, provider, rule, &page)
        }
    }
}

fn policy<'p>(location: &'p LocationConf, provider: &'p Provider) -> Policy<'p> {
    Policy {
        provider_paths: &provider.unauth_paths,
        intercept_header_auth: provider.intercept_header_auth,
        open_directory: None,
        refusal_begins_sign_in: false,
        location_paths: location.unauth_paths(),
        require: location.require(),
        unauthenticated: location.unauthenticated(),
    }
}

/// The request as seen by the gate: read only as far as the decision needs it.
struct SiteRequest<'a, 'r> {
    r: &'a Request<'r>,
    provider: &'a Provider,
}

impl RequestFacts for SiteRequest<'_, '_> {
    fn sender(&self) -> Sender {
        sender::of(self.r)
    }

    fn path(&self) -> PathFacts<'_> {
        let mut parts = self.r.raw_target().splitn(2, |byte| *byte == b'?');
        let (raw, query) = (parts.next().unwrap_or_default(), parts.next());
        let subject = match self.provider.mode {
            Mode::ForwardSingle | Mode::Proxy => Subject::Path,
            Mode::ForwardDomain => {
                let scheme = self.r.scheme();
                // Empty if the host is not one of the domain's, so that no pattern matches: nginx
                // chooses the server, but the client claims the host.
                let asked = asked(self.r);
                let host = of_domain(self.provider, scheme, asked.host(), asked.port());
                let host = self.r.keep(&host).unwrap_or_default();
                Subject::Url { scheme, host, query }
            }
        };
        PathFacts { normalized: self.r.path(), raw, subject }
    }
}

/// Lets the request through. The only place that sets identity headers, and it requires a
/// [`Permit`].
fn admit<'r>(
    r: &mut Request<'r>,
    permit: &Permit<'r>,
    provider: &'r Provider,
) -> Result<Flow, Fault> {
    if provider.mode == Mode::Proxy {
        if upstream::backend(provider, permit.identity().ok()).is_err() {
            return answers::refuse(r, Reason::BackendOverride);
        }
        say_which_host(r, provider)?;
    }
    match permit.identity() {
        Ok(session) => {
            answers::note(r, Status::Known, None)?;
            set_identity_headers(r, session, &provider.headers)?;
        }
        Err(Grounds::Path) => answers::note(r, Status::UnauthPath, None)?,
        Err(Grounds::Pass) => answers::note(r, Status::Pass, None)?,
    }
    Ok(if permit.is_vote() { Flow::Admit } else { Flow::Next })
}

/// Sets `X-Forwarded-Host` to the requested host, regardless of what the client claims
/// (docs/protocol.md §7.5).
fn say_which_host<'r>(r: &mut Request<'r>, provider: &'r Provider) -> Result<(), Fault> {
    const NAME: HeaderName<'static> = HeaderName::new(b"X-Forwarded-Host", b"x-forwarded-host");
    r.remove_headers(|name, _| folds_to(name, b"x-forwarded-host"))?;
    let value = upstream::forwarded_host(provider, authority(r)?);
    r.add_headers(1, std::iter::once(NewHeader { name: NAME, value }))
}

fn set_identity_headers<'r>(
    r: &mut Request<'r>,
    session: &SessionView<'r>,
    provider: &'r ProviderHeaders,
) -> Result<(), Fault> {
    let encoding = r.location().header_encoding();
    let ready = r.held(|known: &Known| known.owner().view().is_same(*session));
    let ready = ready.filter(|_| encoding == HeaderEncoding::Utf8);
    if !session.has_extra_headers() {
        match ready {
            Some(ready) => r.add_ready_headers(ready)?,
            None => r.add_headers(NAMES.len(), the_twelve(session, provider, encoding))?,
        }
    } else {
        let extras = session.extra_headers().count();
        // Also removes the client's headers with these names.
        r.remove_headers(|name, _| session.overrides(name))?;
        r.add_headers(NAMES.len() + extras, identity_headers(session, provider, encoding))?;
    }
    r.state()?.headers_set.set(true);
    #[cfg(feature = "suspend-all")]
    crate::testing::defect::at(r, "admission");
    Ok(())
}
