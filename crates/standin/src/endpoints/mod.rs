//! The endpoints of authentik's core that the module talks to or sends browsers to.

mod authorize;
pub(crate) mod discovery;
pub(crate) mod refresh;
mod session;
mod token;
mod userinfo;

use crate::call::Call;
use crate::core::Core;
use crate::outpost;
use crate::reply::Reply;

/// Answers a request. The order matters: the slugs come last.
pub(crate) fn answer(core: &mut Core, call: &Call) -> Reply {
    match call.path.as_str() {
        "/application/o/authorize/" => authorize::authorize(core, call),
        "/application/o/token/" => token::token(core, call),
        "/application/o/introspect/" => userinfo::introspect(core, call),
        "/application/o/userinfo/" => userinfo::userinfo(core, call),
        "/application/o/revoke/" => userinfo::revoke(core, call),
        session::LOGIN_FLOW => session::login(core, call),
        session::INVALIDATION_FLOW => session::invalidate(core, call),
        session::PROVIDER_INVALIDATION_FLOW => session::signed_out_of_application(core, call),
        "/" => session::home(core, call),
        path if path.starts_with("/api/v3/") => outpost::answer(core, call),
        path if path.starts_with("/-/standin/") => outpost::control(core, call),
        "/-/health/live/" | "/-/health/ready/" => Reply::empty(200),
        path => match path.strip_prefix("/application/o/").and_then(|rest| rest.split_once('/')) {
            Some((slug, rest)) => of_application(core, call, slug, rest),
            None => Reply::not_found(),
        },
    }
}

fn of_application(core: &mut Core, call: &Call, slug: &str, rest: &str) -> Reply {
    let Some(provider) = core.application(slug).cloned() else {
        return Reply::not_found();
    };
    match rest {
        "" => discovery::issuer_itself(call, &provider),
        ".well-known/openid-configuration" => discovery::configuration(call, &provider),
        "jwks/" => discovery::key_set(core, call, &provider),
        "end-session/" => session::end_session(core, call),
        _ => Reply::not_found(),
    }
}
