//! `authentik_outpost_endpoint trusted=ADDRESS …`: forward authentication for other proxies.

use std::sync::Arc;

use nginx::cidr::{Addresses, Remark};
use nginx::content::Answerer;

use super::duplicate;
use super::location::LocationConf;
use super::protection::Protection;
use crate::ngx::{Conf, Mistake, Place};

/// Which proxies may ask, and where that is configured.
#[derive(Clone)]
pub(crate) struct AskedBy {
    pub(super) trusted: Arc<Addresses>,
    place: Place,
}

/// Nobody is trusted by default: a trusted peer chooses the page that is judged.
pub(super) fn set_outpost_endpoint(
    conf: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    if conf.asked_by.is_some() {
        return Err(duplicate("authentik_outpost_endpoint"));
    }
    let mut trusted = Addresses::default();
    for word in cf.arguments() {
        let Some(address) = word.strip_prefix("trusted=") else {
            return Err(said(&format!(
                "unknown option \"{word}\"; write trusted=ADDRESS for each proxy that asks"
            )));
        };
        match trusted.add(address) {
            Some(Remark::None) => {}
            Some(Remark::LowBits) => cf.warn(&format!(
                "authentik_outpost_endpoint: low address bits of \"{address}\" are meaningless"
            )),
            Some(Remark::Everybody) => cf.warn(&format!(
                "authentik_outpost_endpoint: \"{address}\" trusts everybody to say which page is \
                 asked for"
            )),
            None => {
                return Err(said(&format!(
                    "\"{address}\" is neither an address nor a network nor \"unix:\"; write e.g. \
                     trusted=10.0.0.0/8"
                )));
            }
        }
    }
    conf.asked_by = Some(AskedBy { trusted: Arc::new(trusted), place: cf.place() });
    Ok(())
}

/// Each kind of proxy gets a response that it understands.
pub(super) fn warn_of_answer(asked_by: &AskedBy, cf: &Conf<'_>) {
    let place = &asked_by.place;
    cf.warn_without_place(&format!(
        "authentik_unauthenticated: has no effect beside authentik_outpost_endpoint, where each kind of \
         proxy has an answer of its own; delete it, in {place}"
    ));
}

/// Rejects what would let requests through unjudged.
pub(super) fn check(
    asked_by: &AskedBy,
    protection: &Protection,
    cf: &Conf<'_>,
) -> Result<(), Mistake> {
    let place = &asked_by.place;
    if matches!(protection, Protection::Off) {
        return Err(said(&format!(
            "no provider; add authentik_provider auto; or the name of a provider, in {place}"
        )));
    }
    if let Some(directive) = cf.location_answers_by() {
        return Err(said(&format!(
            "\"{directive}\" of the location answers before access is checked; remove it, in \
             {place}"
        )));
    }
    if cf.answerer() != Answerer::Nobody {
        return Err(said(&format!(
            "another directive, like proxy_pass, answers in this location; give it a location of its \
             own, in {place}"
        )));
    }
    if cf.location_satisfies_any() {
        return Err(said(&format!(
            "with \"satisfy any\" others admit before access is checked; write satisfy all; in \
             {place}"
        )));
    }
    Ok(())
}

fn said(what: &str) -> Mistake {
    Mistake::Said(format!("authentik_outpost_endpoint: {what}"))
}
