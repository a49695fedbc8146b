//! Directives that have an effect only where something is protected. Without protection they would
//! promise something that does not happen.
//!
//! In `http` they are defaults for protected servers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::{OutpostConf, ServerConf, doubts, report};
use crate::ngx::{Conf, Mistake, Place};

/// The directives, without `authentik_require`, which is checked where it is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    UnauthPaths,
    Unauthenticated,
    IdentityHeaders,
    StripCookie,
    HeaderEncoding,
    HeaderAuthOn,
    HeaderAuthOff,
}

/// One of them, in a server or location.
pub(crate) struct Need {
    directive: Directive,
    place: Place,
    met: AtomicBool,
}

/// Those in effect in a location, at most once each.
#[derive(Default)]
pub(super) struct Needs([Option<Arc<Need>>; 7]);

impl Needs {
    /// Records that the directive is used here.
    pub(super) fn say(&mut self, directive: Directive, cf: &mut Conf<'_>) {
        if cf.is_in_http() {
            return;
        }
        let need = Arc::new(Need { directive, place: cf.place(), met: AtomicBool::new(false) });
        cf.main_conf().needs.push(Arc::clone(&need));
        if let Some(slot) = self.0.get_mut(directive as usize) {
            *slot = Some(need);
        }
    }

    pub(super) fn inherit(&mut self, parent: &Self) {
        for (own, parent) in self.0.iter_mut().zip(&parent.0) {
            if own.is_none() {
                own.clone_from(parent);
            }
        }
    }

    /// Records whether a merged location is protected. Headers and cookies are removed on a whole
    /// server as soon as any part of it is protected.
    pub(super) fn settle(&self, protected: bool, server: &mut ServerConf) {
        for need in self.0.iter().flatten() {
            match need.directive {
                Directive::UnauthPaths
                | Directive::Unauthenticated
                | Directive::HeaderEncoding
                | Directive::HeaderAuthOn
                | Directive::HeaderAuthOff => {
                    need.met.fetch_or(protected, Ordering::Relaxed);
                }
                Directive::IdentityHeaders | Directive::StripCookie => {
                    server.needs.push(Arc::clone(need));
                }
            }
        }
        if server.uses_module() {
            for need in server.needs.drain(..) {
                need.met.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Called after everything was read.
pub(crate) fn check(cf: &mut Conf<'_>) -> Result<(), Mistake> {
    warn_of_outpost(cf);
    doubts::warn_of_uses(cf);
    report::finish(cf);
    let needs = std::mem::take(&mut cf.main_conf().needs);
    let unmet = needs.iter().filter(|need| !need.met.load(Ordering::Relaxed));
    for Need { directive, place, .. } in unmet.map(|need| &**need) {
        let said = match directive {
            Directive::UnauthPaths => {
                "authentik_unauth_paths: nothing is protected here, so every path is open"
            }
            Directive::Unauthenticated => {
                "authentik_unauthenticated: nothing is protected here, so everybody gets in"
            }
            Directive::IdentityHeaders => {
                "authentik_identity_headers: nothing in this server is protected, so headers sent \
                 by clients are not removed"
            }
            Directive::HeaderAuthOn => {
                "authentik_header_auth: nothing is protected here, so Authorization is not \
                 checked and everybody gets in"
            }
            // These open nothing.
            Directive::StripCookie => {
                warn(cf, "authentik_strip_cookie", "nothing in this server is protected", place);
                continue;
            }
            Directive::HeaderEncoding => {
                warn(cf, "authentik_header_encoding", NOTHING_IS_PROTECTED, place);
                continue;
            }
            Directive::HeaderAuthOff => {
                warn(cf, "authentik_header_auth", NOTHING_IS_PROTECTED, place);
                continue;
            }
        };
        return Err(Mistake::Said(format!("{said}; {CURE}; in {place}")));
    }
    Ok(())
}

/// What helps where nothing is protected.
pub(super) const CURE: &str =
    "add authentik_provider NAME; (instead of off, if that is there), or delete the directive";

const NOTHING_IS_PROTECTED: &str = "nothing is protected here";

fn warn(cf: &Conf<'_>, directive: &str, why: &str, place: &Place) {
    cf.warn_without_place(&format!("{directive}: has no effect, since {why}; {CURE}; in {place}"));
}

/// An outpost whose providers protect nothing: usually the line in the server is missing.
fn warn_of_outpost(cf: &mut Conf<'_>) {
    let main = cf.main_conf();
    let Some(OutpostConf { place, .. }) = main.outpost.as_ref().filter(|_| !main.uses_outpost)
    else {
        return;
    };
    let said = format!(
        "authentik_outpost: protects nothing, since no server has authentik_provider auto; add it \
         where visitors have to sign in, unless you only need its certificates; in {place}"
    );
    cf.warn_without_place(&said);
}
