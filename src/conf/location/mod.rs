//! What a location requires of its visitors, and what it inherits.

pub(super) mod values;

use std::sync::Arc;

use gate::decision::Unauthenticated;
use gate::identity::HeaderEncoding;
use gate::paths::UnauthPaths;
use gate::require::Requirements;
use gate::status::Format;
use nginx::cidr::Addresses;

use super::doubts;
use super::needs::{self, Needs};
use super::outpost_endpoint::{self, AskedBy};
use super::protection::{
    Choice, Protection, protect, warn_of_answer, warn_of_pass, warn_of_recipe,
    warn_of_rules_that_strangers_pass,
};
use super::report;
use super::status::StatusPage;
use crate::ngx::{Conf, Mistake, Place};

/// Configuration of a location, and of `http` and `server`, from which locations inherit.
#[derive(Default)]
pub(crate) struct LocationConf {
    pub(in crate::conf) provider: Option<Choice>,
    unauth_paths: Option<Arc<UnauthPaths>>,
    unauthenticated: Option<Unauthenticated>,
    identity_headers: Option<Arc<[Box<[u8]>]>>,
    strip_cookie: Option<bool>,
    header_auth: Option<bool>,
    header_encoding: Option<HeaderEncoding>,
    require: Option<Requirements>,
    /// Where it is set; not inherited.
    require_place: Option<Place>,
    needs: Needs,
    /// Not inherited, like any directive that answers requests.
    pub(in crate::conf) status: Option<StatusPage>,
    pub(in crate::conf) asked_by: Option<AskedBy>,
    /// The resolved `provider`.
    protection: Protection,
    /// nginx's `auth_request`.
    auth_request: Option<String>,
    /// `pass` under `satisfy any`.
    passes_any: bool,
    /// `pass` beside `authentik_require`.
    passes_rules: bool,
    /// nginx's `allow` or `deny`.
    has_rules: bool,
}

impl LocationConf {
    /// nginx's `allow` or `deny`.
    pub(in crate::conf) fn has_rules(&self) -> bool {
        self.has_rules
    }

    /// What protects the location.
    pub(crate) fn protection(&self) -> &Protection {
        &self.protection
    }

    /// `authentik_unauth_paths`.
    pub(crate) fn unauth_paths(&self) -> Option<&UnauthPaths> {
        self.unauth_paths.as_deref()
    }

    /// `authentik_unauthenticated`.
    pub(crate) fn unauthenticated(&self) -> Unauthenticated {
        self.unauthenticated.unwrap_or_default()
    }

    /// `authentik_require`.
    pub(crate) fn require(&self) -> Option<&Requirements> {
        self.require.as_ref()
    }

    /// Whether `authentik_status` ends sessions.
    pub(crate) fn may_end_sessions(&self) -> bool {
        self.status.as_ref().is_some_and(|page| page.may_end)
    }

    /// Whether `authentik_status` shows what is protected: only where access is restricted.
    pub(crate) fn may_show_coverage(&self) -> bool {
        self.status.as_ref().is_some_and(|page| page.is_guarded)
    }

    /// `authentik_status`.
    pub(crate) fn status(&self) -> Option<Format> {
        self.status.as_ref().map(|page| page.format)
    }

    /// `authentik_outpost_endpoint`: the trusted proxies.
    pub(crate) fn asked_by(&self) -> Option<&Arc<Addresses>> {
        self.asked_by.as_ref().map(|asked_by| &asked_by.trusted)
    }

    /// `authentik_header_encoding`.
    pub(crate) fn header_encoding(&self) -> HeaderEncoding {
        self.header_encoding.unwrap_or_default()
    }

    /// `authentik_header_auth`.
    pub(crate) fn checks_header(&self) -> bool {
        self.header_auth.unwrap_or(true)
    }

    /// `authentik_strip_cookie`.
    pub(crate) fn strips_cookie(&self) -> bool {
        self.strip_cookie.unwrap_or(true)
    }
}

/// Completes `child` from `parent`, and tells the server what it must know about its locations.
pub(crate) fn merge(
    parent: &LocationConf,
    child: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    // Destructured: a new setting does not compile until its inheritance is decided.
    let LocationConf {
        provider,
        unauth_paths,
        unauthenticated,
        identity_headers,
        strip_cookie,
        header_auth,
        header_encoding,
        require,
        require_place,
        needs,
        status,
        asked_by,
        protection,
        auth_request,
        passes_any,
        passes_rules,
        has_rules,
    } = child;
    if let Some(page) = status {
        page.answers_alone(cf)?;
    }
    let said_here = provider.is_some();
    let answer_said_here = unauthenticated.is_some();
    inherit(provider, &parent.provider);
    inherit(unauth_paths, &parent.unauth_paths);
    inherit(unauthenticated, &parent.unauthenticated);
    inherit(identity_headers, &parent.identity_headers);
    inherit(strip_cookie, &parent.strip_cookie);
    inherit(header_auth, &parent.header_auth);
    inherit(header_encoding, &parent.header_encoding);
    inherit(require, &parent.require);
    inherit(asked_by, &parent.asked_by);
    needs.inherit(&parent.needs);
    *auth_request = cf.auth_request();
    let asks_itself = auth_request.is_some();
    inherit(auth_request, &parent.auth_request);
    inherit(auth_request, &cf.main_conf().auth_request);

    let place = protect(provider.as_ref(), protection, cf)?;
    *has_rules = cf.has_access_rules() || parent.has_rules || cf.main_conf().has_rules;
    if let Some(page) = status {
        // Under `satisfy any` a session alone is enough, whatever the address.
        let by_session = place.is_some();
        let by_rules = *has_rules && !(by_session && cf.location_satisfies_any());
        page.settle((by_session && require.is_some()) || by_rules)?;
    }
    needs.settle(place.is_some(), cf.server_conf());
    if let (None, Some(require)) = (place, require_place) {
        return Err(Mistake::Said(format!(
            "authentik_require: nothing is protected here, so everybody gets in; {}; in {require}",
            needs::CURE
        )));
    }
    if let (Some(asked_by), true) = (&*asked_by, answer_said_here) {
        outpost_endpoint::warn_of_answer(asked_by, cf);
    }
    if let Some(asked_by) = asked_by {
        outpost_endpoint::check(asked_by, protection, cf)?;
        cf.server_conf().asked_by_proxies = true;
    }
    if let Some(place) = place {
        doubts::note_error_log(cf);
        // Most servers that inherit the default and answer by themselves redirect to https.
        if !provider.as_ref().is_some_and(Choice::is_default) {
            warn_of_answer(place, said_here, cf);
        }
        let asked = auth_request.as_deref().filter(|uri| is_outpost(uri));
        if let Some(asked) = asked.filter(|_| said_here || asks_itself) {
            warn_of_recipe(place, asked, cf);
        }
        let passes = *unauthenticated == Some(Unauthenticated::Pass);
        // An internal location is reached only by requests that were already judged.
        *passes_rules = passes && require.is_some() && !cf.location_is_internal();
        if *passes_rules && !parent.passes_rules {
            warn_of_rules_that_strangers_pass(place, cf);
        }
        *passes_any = passes && cf.location_satisfies_any();
        if *passes_any && !parent.passes_any {
            warn_of_pass(place, cf);
        }
    }
    report::add(child, cf);
    if let Some(names) = &child.identity_headers {
        let server = cf.server_conf();
        for name in names.iter() {
            if !server.identity_headers.contains(name) {
                server.identity_headers.push(name.clone());
            }
        }
    }
    Ok(())
}

/// What authentik's recipe, and its derivatives, use as the `auth_request` URI.
fn is_outpost(uri: &str) -> bool {
    uri.contains("outpost.goauthentik.io") || uri.ends_with("/auth/nginx")
}

fn inherit<T: Clone>(own: &mut Option<T>, parent: &Option<T>) {
    if own.is_none() {
        own.clone_from(parent);
    }
}
