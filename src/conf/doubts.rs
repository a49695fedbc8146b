//! What is allowed, but hardly intended: warnings of `nginx -t` about providers.

use std::net::IpAddr;
use std::sync::Arc;

use gate::provider::{Mode, Provider, Trust};
use gate::server_names::ServerNames;
use url::{Host, Url};

use super::{Defined, MainConf};
use crate::ngx::log::{self, Level};
use crate::ngx::{Conf, Place};

/// Where a provider is used.
#[derive(Clone, Copy, Default)]
pub(super) struct Uses {
    /// Something names it.
    any: bool,
    /// Something does in a server that has the name of its `external_host`.
    at_home: bool,
}

/// Records that a server with these names uses a provider.
pub(super) fn note_use(provider: &str, names: &ServerNames, cf: &mut Conf<'_>) {
    let Some(defined) = cf.main_conf().providers.named_mut(provider) else { return };
    let host = host_of(&defined.provider);
    defined.uses.any = true;
    defined.uses.at_home |= host.is_none_or(|host| names.cover(host.as_bytes()));
}

/// Providers that nobody uses, and those to whose hosts no sign-in can come back. To be called after
/// everything was read.
pub(super) fn warn_of_uses(cf: &mut Conf<'_>) {
    let doubtful = |defined: &&Defined| !defined.uses.at_home;
    let found: Vec<(Arc<Provider>, Uses, Place)> = cf
        .main_conf()
        .providers
        .iter()
        .filter(doubtful)
        .map(|Defined { provider, uses, place }| (Arc::clone(provider), *uses, place.clone()))
        .collect();
    for (provider, uses, place) in found {
        let name = &provider.name;
        let said = if uses.any {
            let host = host_of(&provider).unwrap_or_default();
            let what = match provider.mode {
                Mode::ForwardSingle | Mode::Proxy => "that it protects",
                Mode::ForwardDomain => "that uses it",
            };
            format!(
                "no server {what} has the name of its external_host, so sign-ins come back to \
                 none; add server_name {host};"
            )
        } else {
            format!(
                "protects nothing; add authentik_provider {name}; to a server, or delete the block"
            )
        };
        cf.warn_without_place(&format!("authentik_provider \"{name}\": {said} in {place}"));
    }
}

fn host_of(provider: &Provider) -> Option<String> {
    provider.external.url.host_str().map(str::to_ascii_lowercase)
}

/// Connections to authentik that others can read or answer: the client's secret and all tokens pass
/// over them.
pub(super) fn warn_of_transport(
    directive: &str,
    url: &str,
    trust: &Trust,
    place: &Place,
    cf: &Conf<'_>,
) {
    let Ok(url) = Url::parse(url) else { return };
    let said = match (url.scheme(), trust) {
        ("http", _) if !is_this_machine(&url) => {
            "http to another machine: whoever is in between can read the secret and sign in as \
             anybody; use https"
        }
        ("https", Trust::Anything) => {
            "ssl_verify off: whoever is in between can read the secret and sign in as anybody; \
             use ssl_trusted_certificate with authentik's certificate"
        }
        _ => return,
    };
    cf.warn_without_place(&format!("{directive}: {said}; in {place}"));
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

/// Records whether the protected location that is being merged writes errors to its log.
pub(super) fn note_error_log(cf: &mut Conf<'_>) {
    if cf.location_hides_errors() && cf.main_conf().without_errors.is_none() {
        cf.main_conf().without_errors = Some(cf.server_place());
    }
}

/// A log without the lines that an administrator must see, once. Those of the level `error` suffice:
/// that is nginx's default, and lines below it are about single visitors and expected changes. To be
/// called after the whole file was read: the main context's `error_log` may be its last line.
pub(crate) fn warn_of_error_log(main: &MainConf, main_log_hides_errors: bool) {
    let whose = match (main_log_hides_errors && main.uses_module(), &main.without_errors) {
        (true, _) => "the main context".to_owned(),
        (false, Some(place)) => format!("the server in {place}"),
        (false, None) => return,
    };
    log::cycle(
        Level::Warn,
        format_args!(
            "error_log: the level in {whose} keeps out what this module must tell you, such as why \
             sign-ins fail; use error, or a less strict level"
        ),
    );
}

/// A shell's pattern where a regular expression belongs: `/public/*` matches `/public`, anywhere.
pub(super) fn warn_of_globs(key: &str, patterns: &[String], cf: &Conf<'_>) {
    for pattern in patterns {
        let Some(directory) = pattern.strip_suffix("/*").filter(|start| !start.is_empty()) else {
            continue;
        };
        let anchored = directory.trim_start_matches('^');
        cf.warn(&format!(
            "{key}: \"{pattern}\" is a regular expression, in which * repeats the slash: it opens \
             whatever contains \"{anchored}\"; write ^{anchored}/"
        ));
    }
}

/// A variable where nginx reads none.
pub(super) fn warn_of_variable(key: &str, value: &str, cf: &Conf<'_>) {
    if value.starts_with('$') {
        cf.warn(&format!("{key}: \"{value}\" is taken literally, variables are not read here"));
    }
}
