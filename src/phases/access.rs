//! Access: asks the gate, applies its verdict.

use gate::decision::{Facts, Grounds, Permit, Policy, Verdict, decide};
use gate::identity::{HEADERS, ProviderHeaders, SessionView, folds_to};
use gate::paths::{PathFacts, Subject, UnauthPaths};
use gate::provider::Provider;
use gate::request::{RequestFacts, Sender};

use crate::conf::LocationConf;
use crate::endpoints::sign_in;
use crate::ngx::header_list::{HeaderName, NewHeader};
use crate::ngx::{Fault, Flow, Request};
use crate::{answers, sessions};

/// Called again whenever a waiting request is woken.
pub(crate) fn access(r: &mut Request<'_>) -> Result<Flow, Fault> {
    if !r.is_main() {
        return Ok(Flow::Next);
    }
    if r.is_suspended() {
        return Ok(Flow::Suspended); // the client's socket woke us, not the answer
    }
    #[cfg(feature = "suspend-all")]
    if let Some(flow) = crate::worker::suspend_once(r)? {
        return Ok(flow);
    }
    let location = r.location();
    let Some(provider) = location.provider() else {
        return Ok(Flow::Next); // `authentik_provider off;`
    };
    let facts = Facts { request: &Judged(r), session: sessions::find(r, provider)? };
    match decide(&policy(location, &provider.unauth_paths), facts) {
        Verdict::Admit(permit) => admit(r, &permit, provider),
        Verdict::SignIn(reason) => sign_in::of_page(r, provider, reason),
        Verdict::Refuse(reason) => answers::refuse(r, reason),
    }
}

fn policy<'p>(location: &'p LocationConf, provider_paths: &'p UnauthPaths) -> Policy<'p> {
    Policy {
        provider_paths,
        location_paths: location.unauth_paths(),
        unauthenticated: location.unauthenticated(),
    }
}

/// The request as the gate sees it: read only where the decision needs it.
struct Judged<'a, 'r>(&'a Request<'r>);

impl RequestFacts for Judged<'_, '_> {
    fn sender(&self) -> Sender {
        Sender::of(&self.0.sender_hints())
    }

    fn path(&self) -> PathFacts<'_> {
        let target = self.0.raw_target();
        let raw = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        PathFacts { normalized: self.0.path(), raw, subject: Subject::Path }
    }
}

/// Lets the request through. The only writer of identity headers; only a [`Permit`] opens it.
fn admit<'r>(
    r: &mut Request<'r>,
    permit: &Permit<'r>,
    provider: &'r Provider,
) -> Result<Flow, Fault> {
    match permit.identity() {
        Ok(session) => {
            answers::note(r, "known", None)?;
            set_identity_headers(r, session, &provider.headers)?;
        }
        Err(Grounds::Path) => answers::note(r, "unauth_path", None)?,
        Err(Grounds::Pass) => answers::note(r, "pass", None)?,
    }
    Ok(Flow::Admit)
}

fn set_identity_headers<'r>(
    r: &mut Request<'r>,
    session: &SessionView<'r>,
    provider: &'r ProviderHeaders,
) -> Result<(), Fault> {
    for extra in session.extra_headers() {
        r.remove_headers(|name, _| folds_to(name, extra.lowercase))?;
    }
    let values = session.user_headers().into_iter().chain(provider.values());
    let named = NAMES.iter().zip(values).map(|(name, value)| NewHeader { name: *name, value });
    let extra = session.extra_headers().map(|extra| NewHeader {
        name: HeaderName::new(extra.name, extra.lowercase),
        value: extra.value,
    });
    let count = HEADERS.len() + session.extra_headers().count();
    r.add_headers(count, named.chain(extra))?;
    r.state()?.headers_set.set(true);
    Ok(())
}

/// The names of the identity headers as nginx wants them, in the order of [`HEADERS`].
static NAMES: [HeaderName<'static>; HEADERS.len()] = names();

const fn names() -> [HeaderName<'static>; HEADERS.len()] {
    let mut names = [HeaderName::new(b"", b""); HEADERS.len()];
    let mut to: &mut [HeaderName<'_>] = &mut names;
    let mut from: &[(&str, &str)] = &HEADERS;
    while let ([name, names @ ..], [(written, lowercase), headers @ ..]) = (to, from) {
        *name = HeaderName::new(written.as_bytes(), lowercase.as_bytes());
        (to, from) = (names, headers);
    }
    names
}
