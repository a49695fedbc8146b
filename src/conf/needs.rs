//! Directives that mean something only where visitors are asked who they are. Where a line is missing
//! they would promise what nobody does.
//!
//! What `http` says is for whichever servers use it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ServerConf;
use crate::ngx::{Conf, Mistake, Place};

/// The directives, but for `authentik_require`, which is judged where it stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    UnauthPaths,
    Unauthenticated,
    IdentityHeaders,
    StripCookie,
}

/// One of them, in a server or a location.
pub(crate) struct Need {
    directive: Directive,
    place: Place,
    met: AtomicBool,
}

/// Those in force in a location, each as often as there are directives: once.
#[derive(Default)]
pub(super) struct Needs([Option<Arc<Need>>; 4]);

impl Needs {
    /// It was said here.
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

    /// Notes what a location that is merged comes to. Headers and cookies are removed on a whole
    /// server as soon as any part of it is protected.
    pub(super) fn settle(&self, protected: bool, server: &mut ServerConf) {
        for need in self.0.iter().flatten() {
            match need.directive {
                Directive::UnauthPaths | Directive::Unauthenticated => {
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

/// When all was read.
pub(crate) fn check(cf: &mut Conf<'_>) -> Result<(), Mistake> {
    let needs = std::mem::take(&mut cf.main_conf().needs);
    let unmet = needs.iter().filter(|need| !need.met.load(Ordering::Relaxed));
    for Need { directive, place, .. } in unmet.map(|need| &**need) {
        let said = match directive {
            Directive::UnauthPaths => {
                "authentik_unauth_paths: nobody is asked who they are here, so every path is open"
            }
            Directive::Unauthenticated => {
                "authentik_unauthenticated: nobody is asked who they are here, so everybody gets in"
            }
            Directive::IdentityHeaders => {
                "authentik_identity_headers: no part of this server is protected, so what clients \
                 send is not removed"
            }
            Directive::StripCookie => {
                // Opens nothing: on such a server there are no sessions.
                cf.warn_without_place(&format!(
                    "authentik_strip_cookie: has no effect, since no part of this server is \
                     protected; delete it, or add authentik_provider NAME; in {place}"
                ));
                continue;
            }
        };
        return Err(Mistake::Said(format!("{said}; add authentik_provider NAME; in {place}")));
    }
    Ok(())
}
