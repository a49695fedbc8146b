//! `/outpost.goauthentik.io/frontchannel_logout`: the browser reports that its session at authentik has
//! ended (OpenID Connect Front-Channel Logout 1.0).
//!
//! It does so in a frame on a page of authentik, from another site, without our cookies. Strangers can
//! send such a request too; it costs one lookup in the zone, where the session is found by its hash.

use std::sync::Arc;

use gate::logout::FrontchannelLogout;
use gate::provider::Provider;
use gate::reason::Reason;
use gate::response::Response;
use gate::shared_words::Word;
use gate::status::Status;
use gate::token::Ended;

use crate::ngx::log::Level;
use crate::ngx::{Fault, Flow, Request, sender};
use crate::request::answers;
use crate::storage::ends::Source;
use crate::visitor::sessions;

pub(super) fn frontchannel<'r>(
    r: &Request<'r>,
    default: &'r Arc<Provider>,
    query: &[u8],
) -> Result<Flow, Fault> {
    if r.method() != b"GET" {
        return Ok(Flow::Answer(Response::empty(405).with("Allow", "GET")));
    }
    let Some(FrontchannelLogout { iss, sid }) = FrontchannelLogout::parse(query) else {
        return refuse(r, "there is not exactly one iss and one sid");
    };
    let meant = || {
        let here = super::providers_here(r, default);
        here.map(|here| here.filter(|provider| provider.issuer == iss))
    };
    let Some(first) = meant()?.next() else {
        return refuse(r, "no provider of this server has the iss");
    };
    super::works_for(r, first)?;
    let keys: Vec<_> = meant()?.map(|provider| provider.key).collect();
    if let Some(zone) = r.main_conf().zone() {
        let whose = Ended::Session(sid);
        let stranger = Source::Stranger(sender::network(r));
        let (ended, _) = sessions::end_at(zone, &whose, Some(&keys), stranger);
        note(r, first, ended);
    }
    Ok(Flow::Answer(FrontchannelLogout::answer(meant()?.map(|meant| &**meant))))
}

fn note(r: &Request<'_>, provider: &Provider, ended: u32) {
    if ended == 0 {
        return; // as anybody can bring about
    }
    if let Some(words) = r.main_conf().shared_words().and_then(|zone| zone.get()) {
        words.add(Word::EndedByCore, u64::from(ended));
    }
    let name = &provider.name;
    r.log(
        Level::Info,
        format_args!(
            "authentik ended a session (front-channel), ended here: {ended}, provider: \"{name}\""
        ),
    );
}

fn refuse(r: &Request<'_>, why: &str) -> Result<Flow, Fault> {
    let reason = Reason::LogoutToken;
    answers::note(r, Status::Refused, Some(reason))?;
    answers::log_at(r, Level::Info, "logout refused", reason, why);
    let words = "the front-channel logout was refused; the error log says why";
    Ok(Flow::Answer(Response::oauth_error(400, "invalid_request", words)))
}
