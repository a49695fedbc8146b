//! `authentik_provider NAME { … }`: a provider defined in nginx.

use std::sync::Arc;

use gate::provider::{Mode, Provider, Settings, SettingsError, left_out};

use gate::secret::Secret;

use super::block::{self, single};
use super::lifetimes::TermsKeys;
use super::trust::{TrustKeys, on_off};
use super::{Defined, Definitions, MainConf, doubts, in_use, secret, unauth_paths};
use crate::ngx::{Conf, Mistake, Place};

/// Maximum length of a name, in bytes.
const LONGEST_NAME: usize = 64;

/// The block while it is read.
#[derive(Default)]
struct Block {
    settings: Settings,
    seen: Vec<String>,
    trust: TrustKeys,
    terms: TermsKeys,
    unauth_paths: Place,
}

pub(super) fn define(conf: &mut MainConf, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    let name = cf.argument();
    let place = cf.place();
    check_name(&name)?;
    if let Some(other) = conf.providers.named(&name) {
        let there = &other.place;
        return Err(said(format!("authentik_provider \"{name}\" is duplicate, see {there}")));
    }
    let mut block =
        Block { settings: Settings { name, ..Settings::default() }, ..Block::default() };
    cf.read_block(&mut block, set_key)?;
    let patterns = block.unauth_paths.clone();
    let mut provider = block.finish()?;
    in_use::succeed(&mut provider);
    let provider = Arc::new(provider);
    warn_of_open_patterns(&provider, &patterns, cf);
    warn_of_shared_client(&provider, &conf.providers, cf);
    warn_of_scope(&provider, &place, cf);
    let directive = format!("authentik_provider \"{}\"", provider.name);
    doubts::warn_of_transport(&directive, &provider.issuer, &provider.trust, &place, cf);
    conf.providers.add(provider, place);
    Ok(())
}

/// Sessions belong to issuer and client id, but the session cookie is named after the client id
/// (docs/protocol.md §6.1), so on one host a sign-in at one replaces the other's. Usually an
/// unfinished copy of a block.
fn warn_of_shared_client(provider: &Provider, others: &Definitions, cf: &Conf<'_>) {
    if let Some(Defined { provider: other, place, .. }) = others.of_same_client(provider) {
        cf.warn(&format!(
            "authentik_provider \"{}\": has the client_id of \"{}\", see {place}, but another \
             issuer; their cookies have one name, so on one host they sign each other out",
            provider.name, other.name
        ));
    }
}

fn warn_of_scope(provider: &Provider, place: &Place, cf: &Conf<'_>) {
    for (scope, consequence) in left_out(&provider.scope) {
        cf.warn_without_place(&format!(
            "authentik_provider \"{}\": scope leaves out \"{scope}\": {consequence}; add it, unless \
             another scope mapping has its claims; in {place}",
            provider.name
        ));
    }
}

/// Needs the complete block: its mode decides what the patterns are matched against.
fn warn_of_open_patterns(provider: &Provider, place: &Place, cf: &Conf<'_>) {
    if !provider.opens_everything() {
        return;
    }
    let (what, example) = match provider.mode {
        Mode::ForwardDomain => ("URL", "^https://wiki\\.example\\.com/public/"),
        Mode::ForwardSingle | Mode::Proxy => ("path", "^/public/"),
    };
    cf.warn_without_place(&format!(
        "unauth_paths: opens every {what}, since patterns match anywhere in it; anchor them, e.g. \
         {example} in {place}"
    ));
}

fn check_name(name: &str) -> Result<(), Mistake> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if matches!(name, "off" | "auto") {
        return Err(said(format!("authentik_provider: a provider cannot be called \"{name}\"")));
    }
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        return Err(said(format!(
            "authentik_provider: \"{name}\" is not a name; use letters, digits, - _ and ."
        )));
    }
    Ok(())
}

/// Handles a line of the block.
fn set_key(into: &mut Block, cf: &mut Conf<'_>) -> Result<(), Mistake> {
    let (key, values) = block::line("authentik_provider", &KEYS, &mut into.seen, cf)?;
    match key.as_str() {
        "unauth_paths" if !values.is_empty() => {
            into.settings.unauth_paths = unauth_paths(&key, cf)?;
            into.unauth_paths = cf.place();
            Ok(())
        }
        "basic_auth" => match <[String; 2]>::try_from(values) {
            Ok([user, password]) if !user.is_empty() && !password.is_empty() => {
                into.settings.basic_auth = Some((user, password));
                Ok(())
            }
            _ => Err(said(
                "basic_auth: takes two attribute names, e.g. basic_auth app_username app_password;"
                    .to_owned(),
            )),
        },
        "scope" if !values.is_empty() => {
            into.settings.scope =
                values.iter().flat_map(|v| v.split_ascii_whitespace()).map(str::to_owned).collect();
            Ok(())
        }
        _ => set_single(into, &key, single(&key, values)?, cf),
    }
}

/// Every key of the block.
const KEYS: [&str; 30] = [
    "issuer",
    "client_id",
    "client_secret",
    "client_secret_file",
    "external_host",
    "mode",
    "cookie_domain",
    "cookie_secret",
    "cookie_secret_file",
    "cookie_samesite",
    "internal_host",
    "internal_host_ssl_validation",
    "unauth_paths",
    "basic_auth",
    "intercept_header_auth",
    "scope",
    "session_lifetime",
    "recheck",
    "idle_timeout",
    "refresh",
    "application",
    "ssl_verify",
    "ssl_trusted_certificate",
    "authorization_endpoint",
    "token_endpoint",
    "introspection_endpoint",
    "revocation_endpoint",
    "end_session_endpoint",
    "post_logout_redirect_uri",
    "jwks_uri",
];

fn set_single(into: &mut Block, key: &str, value: String, cf: &Conf<'_>) -> Result<(), Mistake> {
    let settings = &mut into.settings;
    match key {
        "issuer" => settings.issuer = value,
        "client_id" => {
            doubts::warn_of_variable(key, &value, cf);
            settings.client_id = value;
        }
        "external_host" => settings.external_host = value,
        "internal_host" => settings.internal_host = Some(value),
        "internal_host_ssl_validation" => warn_of_validation(key, on_off(key, &value)?, cf),
        "application" => settings.application = Some(value),
        "cookie_domain" => settings.cookie_domain = Some(value),
        "authorization_endpoint" => settings.endpoints.authorization = Some(value),
        "introspection_endpoint" => settings.endpoints.introspection = Some(value),
        "revocation_endpoint" => settings.endpoints.revocation = Some(value),
        "intercept_header_auth" => settings.intercept_header_auth = Some(on_off(key, &value)?),
        "token_endpoint" => settings.endpoints.token = Some(value),
        "end_session_endpoint" => settings.endpoints.end_session = Some(value),
        "post_logout_redirect_uri" => settings.post_logout_redirect_uri = Some(value),
        "jwks_uri" => settings.endpoints.jwks = Some(value),
        "client_secret" | "client_secret_file" if settings.client_secret.is_some() => {
            return Err(said(format!("{key}: the client secret is already set")));
        }
        "client_secret" => settings.client_secret = Some(Secret::new(value)),
        "client_secret_file" => settings.client_secret = Some(secret::read(key, &value, cf)?),
        "cookie_secret" | "cookie_secret_file" if settings.cookie_secret.is_some() => {
            return Err(said(format!("{key}: the cookie secret is already set")));
        }
        "cookie_secret" => settings.cookie_secret = Some(Secret::new(value)),
        "cookie_secret_file" => settings.cookie_secret = Some(secret::read(key, &value, cf)?),
        "cookie_samesite" => settings.cookie_samesite = Some(block::same_site(key, &value)?),
        "mode" => settings.mode = mode(&value)?,
        "session_lifetime" => into.terms.set_session_lifetime(key, &value)?,
        "recheck" => into.terms.set_recheck(key, &value)?,
        "idle_timeout" => into.terms.set_idle_timeout(key, &value)?,
        "refresh" => into.terms.set_refresh(key, &value)?,
        "ssl_verify" => into.trust.set_verify(key, &value)?,
        "ssl_trusted_certificate" => into.trust.set_authorities(key, &value, cf)?,
        _ => return Err(said(format!("authentik_provider: unknown key \"{key}\""))),
    }
    Ok(())
}

/// nginx verifies an upstream's certificate as configured in the location; a module cannot change
/// that per request.
fn warn_of_validation(key: &str, validated: bool, cf: &Conf<'_>) {
    if !validated {
        cf.warn(&format!(
            "{key}: nginx does what proxy_ssl_verify says; write proxy_ssl_verify off; where the \
             provider is used"
        ));
    }
}

impl Block {
    fn finish(self) -> Result<Provider, Mistake> {
        let Self { mut settings, seen: _, trust, terms, unauth_paths: _ } = self;
        settings.trust = trust.finish()?;
        settings.terms = terms.finish()?;
        let name = settings.name.clone();
        Provider::new(settings).map_err(|SettingsError { key, message }| {
            said(format!("authentik_provider \"{name}\": {key} {message}"))
        })
    }
}

fn mode(value: &str) -> Result<Mode, Mistake> {
    match value {
        "forward_single" => Ok(Mode::ForwardSingle),
        "proxy" => Ok(Mode::Proxy),
        "forward_domain" => Ok(Mode::ForwardDomain),
        _ => Err(said(format!(
            "mode: \"{value}\" is not a mode; use forward_single, forward_domain or proxy"
        ))),
    }
}

fn said(message: String) -> Mistake {
    Mistake::Said(message)
}
