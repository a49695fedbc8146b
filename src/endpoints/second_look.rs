//! authentik has changed since a sign-in started: the keys of its tokens, or the client's secret.
//!
//! This is not announced (docs/protocol.md §2.3). So what does not fit is a reason to look again while
//! the visitor waits: first for the published keys, then, for an outpost, for its settings. Only what
//! authentik itself answered to an exchange is such a reason, and each look is taken at most once a
//! minute for a provider, across all workers.

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
    /// What could not be verified. Without them the code is good still.
    tokens: Option<Tokens>,
    /// What there is to say if nothing helps.
    error: CoreError,
    /// The provider as authentik has it now.
    newer: Option<Arc<Provider>>,
}

enum Stage {
    /// The keys were outdated.
    Keys,
    /// The settings were called for; until when they are waited for, by the clock of leases.
    Settings(Called, u64),
    /// Everything is as new as it gets.
    Done,
}

/// How the second look continues.
pub(super) enum Looked {
    /// The request waits.
    Waiting,
    /// The tokens are good: the session to store.
    SignedIn(Rendered),
    /// The keys are not known, and will not be soon.
    Unknown(Reason),
    /// The provider is another one now: the callback starts again with it.
    Provider,
    /// The tokens are bad, or nothing has helped.
    Failed(CoreError),
}

/// The provider that the callback continues with, if it is newer than the one it began with.
pub(super) fn newer(r: &Request<'_>) -> Option<Arc<Provider>> {
    r.existing_state()?.second_look.borrow().as_ref()?.newer.clone()
}

/// Whether this sign-in is at something that was outdated. With the newer provider and the code it is
/// exchanged as any other.
pub(super) fn is_under_way(r: &Request<'_>) -> bool {
    let Some(state) = r.existing_state() else { return false };
    let look = state.second_look.borrow();
    look.as_ref().is_some_and(|look| look.tokens.is_some() || look.newer.is_none())
}

/// Tokens came that are not signed with what is known of the provider's keys.
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

/// Whether the client's secret may be another one now: `error` says so, and authentik can be asked. It
/// is tried once.
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

/// The application has another issuer now, it seems: another slug, say. Its sessions and sign-ins are
/// those of another provider then, so this sign-in ends here, and the next one goes to that.
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

/// Goes on as far as it gets. To be called again whenever the request was woken.
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

/// Calls for the settings, or waits for those that another sign-in has called for.
fn settings(r: &Request<'_>, provider: &Arc<Provider>) -> Stage {
    if !providers::is_of_outpost(r, provider) || is_replaced(r, provider).is_some() {
        return Stage::Done;
    }
    let Some(zone) = r.main_conf().zone() else { return Stage::Done };
    let called = outpost::called_for(zone, provider, Cause::SignIn);
    called.map_or(Stage::Done, |called| Stage::Settings(called, uptime() + SettingsCall::WAIT))
}

/// The same of a provider that may be none of the outpost.
fn is_replaced(r: &Request<'_>, provider: &Arc<Provider>) -> Option<Arc<Provider>> {
    outpost::newest(provider).filter(|_| providers::is_of_outpost(r, provider))
}
