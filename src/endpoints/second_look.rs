//! authentik has changed since a sign-in started: the keys of its tokens, or the client's secret.
//!
//! Such changes are not announced (docs/protocol.md §2.3). So a mismatch is a reason to look again
//! while the visitor waits: first at the published keys, then, with an outpost, at its settings.
//! Only authentik's own response to an exchange is such a reason, and each look is taken at most
//! once a minute per provider, across all workers.

use std::sync::Arc;

use gate::identity::Rendered;
use gate::login::Proof;
use gate::outpost::SettingsCall;
use gate::provider::Provider;
use gate::question::{CoreError, Tokens};
use gate::reason::Reason;
use gate::secret::Secret;
use nginx::lifecycle::uptime;

use crate::authentik::asking::Learnt;
use crate::authentik::core_server::{self, Cause};
use crate::authentik::lease;
use crate::ngx::{Fault, Request, now};
use crate::outpost::{self, Called};
use crate::visitor::providers;

/// The second look of one sign-in.
pub(crate) struct SecondLook {
    stage: Stage,
    /// The tokens that could not be verified. If there are none, the code is still valid.
    tokens: Option<Tokens>,
    /// The error to report if nothing helps.
    error: CoreError,
    /// The provider's current state in authentik.
    newer: Option<Arc<Provider>>,
}

enum Stage {
    /// The keys were outdated.
    Keys,
    /// The settings were requested; the time limit, by the clock of leases.
    Settings(Called, u64),
    /// Nothing can get any newer.
    Done,
}

/// The result so far.
pub(super) enum Looked {
    /// The request waits.
    Waiting,
    /// The tokens are valid: the session to store.
    SignedIn(Rendered),
    /// The keys are unknown, and will not be known soon.
    Unknown(Reason),
    /// The provider has changed: the callback starts again with the new one.
    Provider,
    /// The tokens are invalid, or nothing helped.
    Failed(CoreError),
}

/// The provider that the callback continues with, if it is newer than the initial one.
pub(super) fn newer(r: &Request<'_>) -> Option<Arc<Provider>> {
    r.existing_state()?.second_look.borrow().as_ref()?.newer.clone()
}

/// Whether this sign-in is taking a second look. With the newer provider and the code, it is
/// exchanged like any other.
pub(super) fn is_under_way(r: &Request<'_>) -> bool {
    let Some(state) = r.existing_state() else { return false };
    let look = state.second_look.borrow();
    look.as_ref().is_some_and(|look| look.tokens.is_some() || look.newer.is_none())
}

/// The tokens are not signed with any known key of the provider.
pub(super) fn of_keys(
    r: &Request<'_>,
    provider: &Provider,
    tokens: Tokens,
    error: CoreError,
) -> Result<(), Fault> {
    if let Some(zone) = r.main_conf().zone() {
        core_server::outdate(zone, provider, Cause::SignIn);
    }
    begin(r, Stage::Keys, Some(tokens), error)
}

/// Whether the client's secret may have changed: `error` suggests it, and authentik can be asked.
/// Tried only once.
pub(super) fn of_client(
    r: &Request<'_>,
    provider: &Arc<Provider>,
    error: &CoreError,
) -> Result<bool, Fault> {
    if !error.is_about_client() || r.state()?.second_look.borrow().is_some() {
        return Ok(false);
    }
    let stage = settings(r, provider);
    let can_be_asked = !matches!(stage, Stage::Done) || is_replaced(r, provider).is_some();
    if can_be_asked {
        begin(r, stage, None, error.clone())?;
    }
    Ok(can_be_asked)
}

/// The application seems to have another issuer now, e.g. another slug. Its sessions and sign-ins
/// then belong to another provider: this sign-in ends here, and the next one uses the new provider.
pub(super) fn of_issuer(r: &Request<'_>, provider: &Arc<Provider>, error: &CoreError) {
    if error.is_about_issuer() {
        settings(r, provider);
    }
}

fn begin(
    r: &Request<'_>,
    stage: Stage,
    tokens: Option<Tokens>,
    error: CoreError,
) -> Result<(), Fault> {
    let newer = newer(r);
    r.state()?.second_look.replace(Some(Box::new(SecondLook { stage, tokens, error, newer })));
    Ok(())
}

/// Continues as far as possible. Call this again whenever the request was woken.
pub(super) fn go_on(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    nonce: &Secret,
) -> Result<Looked, Fault> {
    let Some(mut look) = r.state()?.second_look.take() else {
        return Err(Fault::Nginx("what to look at once more"));
    };
    let looked = step(r, provider, nonce, &mut look)?;
    r.state()?.second_look.replace(Some(look));
    Ok(looked)
}

fn step(
    r: &mut Request<'_>,
    provider: &Arc<Provider>,
    nonce: &Secret,
    look: &mut SecondLook,
) -> Result<Looked, Fault> {
    if let Stage::Keys | Stage::Done = look.stage {
        if let Some(tokens) = look.tokens.take() {
            match core_server::endpoints_and_keys(r, provider)? {
                Learnt::Known((_, keys)) => {
                    match Proof::of(tokens, nonce, provider, &keys, now()) {
                        Proof::OtherKeys(tokens, flaw) => {
                            look.error = flaw.into();
                            look.tokens = Some(tokens);
                        }
                        Proof::SignedIn(rendered) => return Ok(Looked::SignedIn(rendered)),
                        Proof::Nothing(error) => return Ok(Looked::Failed(error)),
                    }
                }
                Learnt::Waiting => {
                    look.tokens = Some(tokens);
                    return Ok(Looked::Waiting);
                }
                Learnt::Failed(reason) => {
                    look.tokens = Some(tokens);
                    return Ok(Looked::Unknown(reason));
                }
            }
        }
    }
    if let Stage::Keys = look.stage {
        look.stage = settings(r, provider);
    }
    if let Stage::Settings(called, until) = look.stage {
        let key = SettingsCall::key(provider, Cause::SignIn);
        if !outpost::has_answered(called) && uptime() < until {
            lease::wait(r, key)?;
            return Ok(Looked::Waiting);
        }
        lease::found(r, || key);
        look.stage = Stage::Done;
    }
    if let (None, Some(newer)) = (&look.newer, is_replaced(r, provider)) {
        look.newer = Some(newer);
        return Ok(Looked::Provider);
    }
    Ok(Looked::Failed(look.error.clone()))
}

/// Requests the settings, or waits for those that another sign-in has requested.
fn settings(r: &Request<'_>, provider: &Arc<Provider>) -> Stage {
    if !providers::is_of_outpost(r, provider) || is_replaced(r, provider).is_some() {
        return Stage::Done;
    }
    let Some(zone) = r.main_conf().zone() else { return Stage::Done };
    let called = outpost::called_for(zone, provider, Cause::SignIn);
    called.map_or(Stage::Done, |called| Stage::Settings(called, uptime() + SettingsCall::WAIT))
}

/// The same for a provider that may not be from the outpost.
fn is_replaced(r: &Request<'_>, provider: &Arc<Provider>) -> Option<Arc<Provider>> {
    outpost::newest(provider).filter(|_| providers::is_of_outpost(r, provider))
}
