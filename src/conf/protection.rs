//! Uses of `authentik_provider`: what protects a location.

use std::sync::Arc;

use gate::provider::Provider;
use gate::server_names::ServerNames;
use nginx::conf::ServerName;

use super::{LocationConf, doubts, duplicate};
use crate::ngx::{Conf, Mistake, Place};

/// `authentik_provider NAME | auto | off`, or the same of `authentik_default_provider`.
#[derive(Clone)]
pub(super) struct Choice {
    provider: Chosen,
    place: Place,
    directive: &'static str,
}

#[derive(Clone)]
enum Chosen {
    Off,
    Named(String),
    Auto(Auto),
}

impl Choice {
    /// Whether it is `authentik_default_provider`'s.
    pub(super) fn is_default(&self) -> bool {
        self.directive == DEFAULT_PROVIDER
    }
}

const PROVIDER: &str = "authentik_provider";
const DEFAULT_PROVIDER: &str = "authentik_default_provider";

/// What protects a location.
#[derive(Default)]
pub(crate) enum Protection {
    /// Nothing.
    #[default]
    Off,
    /// This provider.
    By(Arc<Provider>),
    /// The outpost's provider for the host.
    Auto(Auto),
}

/// `authentik_provider auto [fallback=single]`.
#[derive(Clone, Copy, Default)]
pub(crate) struct Auto {
    /// The outpost's only provider answers for hosts without one.
    pub(crate) or_single: bool,
}

pub(super) fn set_provider(conf: &mut LocationConf, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    choose(PROVIDER, conf, cf)
}

/// In `http`: what servers inherit.
pub(super) fn set_default_provider(
    conf: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    choose(DEFAULT_PROVIDER, conf, cf)
}

fn choose(
    directive: &'static str,
    conf: &mut LocationConf,
    cf: &mut Conf<'_>,
) -> Result<(), Mistake> {
    if conf.provider.is_some() {
        return Err(duplicate(directive));
    }
    let mut words = cf.arguments().into_iter();
    let (name, option) = (words.next().unwrap_or_default(), words.next());
    let place = cf.place();
    let provider = match (name.as_str(), option.as_deref()) {
        ("auto", None) => Chosen::Auto(Auto::default()),
        ("auto", Some("fallback=single")) => Chosen::Auto(Auto { or_single: true }),
        ("auto", Some(other)) => {
            return Err(Mistake::Said(format!(
                "{directive}: unknown option \"{other}\"; auto takes fallback=single"
            )));
        }
        (_, Some(other)) => {
            return Err(Mistake::Said(format!(
                "{directive}: \"{other}\" is unexpected; name one provider, is a \";\" \
                 missing?"
            )));
        }
        ("off", None) => Chosen::Off,
        (_, None) => Chosen::Named(name),
    };
    conf.provider = Some(Choice { provider, place, directive });
    Ok(())
}

/// Resolves a location's choice, and returns where it was made. Tells the server what it must know
/// about its locations.
pub(super) fn protect<'c>(
    choice: Option<&'c Choice>,
    protection: &mut Protection,
    cf: &mut Conf<'_>,
) -> Result<Option<&'c Place>, Mistake> {
    let Some(choice) = choice else { return Ok(None) };
    let place = &choice.place;
    match &choice.provider {
        Chosen::Named(name) => {
            let found = resolve(name, choice, cf)?;
            doubts::note_use(name, &server_names(cf), cf);
            cf.server_conf().uses(&found);
            *protection = Protection::By(found);
            Ok(Some(place))
        }
        Chosen::Auto(auto) => {
            needs_outpost(choice, cf)?;
            cf.main_conf().uses_outpost = true;
            if cf.server_conf().auto.is_none() {
                cf.server_conf().names = server_names(cf);
            }
            let server = cf.server_conf().auto.get_or_insert_default();
            server.or_single |= auto.or_single;
            *protection = Protection::Auto(*auto);
            Ok(Some(place))
        }
        Chosen::Off => Ok(None),
    }
}

/// The names of the server whose locations are being merged.
fn server_names(cf: &Conf<'_>) -> ServerNames {
    let mut names = ServerNames::default();
    for name in cf.server_names() {
        match name {
            ServerName::Written(name) => names.add(name),
            ServerName::Pattern => names.add_regex(),
        }
    }
    names
}

fn resolve(name: &str, choice: &Choice, cf: &mut Conf<'_>) -> Result<Arc<Provider>, Mistake> {
    let Choice { place, directive, .. } = choice;
    let main = cf.main_conf();
    main.provider(name).cloned().ok_or_else(|| {
        let known: Vec<_> = main.providers.iter().map(|d| d.provider.name.as_str()).collect();
        let cure = if known.is_empty() {
            format!("define it in http: authentik_provider {name} {{ … }}")
        } else {
            format!("there are {}", known.join(", "))
        };
        Mistake::Said(format!("{directive}: no provider \"{name}\"; {cure} in {place}"))
    })
}

fn needs_outpost(choice: &Choice, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    let Choice { place, directive, .. } = choice;
    if cf.main_conf().outpost.is_some() {
        return Ok(());
    }
    Err(Mistake::Said(format!(
        "{directive}: \"auto\" needs an outpost; write in http: authentik_outpost \
         https://sso.example.com {{ token_file …; }} in {place}"
    )))
}

/// nginx runs `return` and `rewrite` in the rewrite phases, before a session can be required.
pub(super) fn warn_of_answer(place: &Place, said_here: bool, cf: &Conf<'_>) {
    // An error page, or another continuation of a request that was already judged.
    if cf.location_is_internal() {
        return;
    }
    let Some(directive) = cf.location_answers_by() else { return };
    let location = location_of(cf);
    let inherited = if said_here { "" } else { ", which inherits it," };
    cf.warn_without_place(&format!(
        "authentik_provider: {location}{inherited} answers by \"{directive}\" before access is \
         checked, so that answer is not protected; if it may be open, write authentik_provider off; there in \
         {place}"
    ));
}

/// Two access modules: the visitor would need a session with each.
pub(super) fn warn_of_recipe(place: &Place, asked: &str, cf: &Conf<'_>) {
    let location = location_of(cf);
    cf.warn_without_place(&format!(
        "authentik_provider: {location} still asks an outpost with auth_request {asked}, so \
         visitors need two sessions; delete the recipe's auth_request, auth_request_set, \
         proxy_set_header and error_page 401; there in {place}"
    ));
}

/// An administrator may expect `pass` to let strangers in, or `any` to keep them out.
pub(super) fn warn_of_pass(place: &Place, cf: &Conf<'_>) {
    let location = location_of(cf);
    cf.warn_without_place(&format!(
        "authentik_unauthenticated: {location} has \"pass\" with \"satisfy any\": it is no vote \
         on strangers, so the other access directives alone decide, and without any strangers get \
         in; write auto to make them sign in; there in {place}"
    ));
}

/// Signed-in visitors must meet the rules, while strangers get in.
pub(super) fn warn_of_rules_that_strangers_pass(place: &Place, cf: &Conf<'_>) {
    let location = location_of(cf);
    cf.warn_without_place(&format!(
        "authentik_require: {location} also has authentik_unauthenticated \"pass\", so strangers \
         get in without meeting the rules, and so do users who sign out; write auto to make them \
         sign in; there in {place}"
    ));
}

fn location_of(cf: &Conf<'_>) -> String {
    match cf.location_name() {
        name if name.is_empty() => "server".to_owned(),
        name => format!("location \"{name}\""),
    }
}
