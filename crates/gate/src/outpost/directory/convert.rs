//! Prepares a provider from the API for use.

use std::sync::Arc;

use super::super::{OutpostSettings, ProviderConfig};
use crate::paths::{Library, UnauthPaths};
use crate::provider::{GivenEndpoints, Mode, Provider, Settings, left_out};

/// A provider ready for use, and what was left out.
#[derive(Debug)]
pub(super) struct Converted {
    pub(super) provider: Arc<Provider>,
    pub(super) remarks: Vec<String>,
}

/// # Errors
/// Why it cannot be used, as a sentence without a trailing period.
pub(super) fn convert(
    config: &ProviderConfig,
    outpost: &str,
    nginx: &OutpostSettings,
    library: &mut Library,
) -> Result<Converted, String> {
    let (unauth_paths, mut remarks) = usable_patterns(&config.skip_path_regex, library);
    let settings = Settings {
        // Untrusted text that goes to logs and headers.
        name: config.name.chars().filter(|c| !c.is_control()).collect(),
        outpost: outpost.to_owned(),
        issuer: config.oidc_configuration.issuer.clone(),
        client_id: config.client_id.clone(),
        client_secret: Some(config.client_secret.clone()),
        external_host: config.external_host.clone(),
        mode: mode(&config.mode)?,
        cookie_domain: filled(&config.cookie_domain),
        cookie_secret: config.cookie_secret().cloned(),
        unauth_paths,
        scope: config.scopes_to_request.clone(),
        application: filled(&config.assigned_application_slug),
        endpoints: endpoints(config),
        trust: nginx.trust.clone(),
        internal_host: filled(&config.internal_host),
        basic_auth: basic_auth(config),
        intercept_header_auth: Some(config.intercept_header_auth),
        post_logout_redirect_uri: None,
        cookie_samesite: Some(nginx.cookie_samesite.or_lax(&config.external_host)),
        terms: nginx.terms,
    };
    let mut provider = Provider::new(settings).map_err(|error| error.to_string())?;
    provider.former_login_key = config.former_login_key.clone();
    if provider.opens_everything() {
        remarks
            .push("its unauthenticated paths open every path; anchor them: ^/public/".to_owned());
    }
    let is_tls = config.internal_host.starts_with("https:");
    if provider.mode == Mode::Proxy && is_tls && !config.internal_host_ssl_validation {
        let what = "nginx verifies its internal host according to proxy_ssl_verify: set that to \
                    off";
        remarks.push(what.to_owned());
    }
    for (scope, consequence) in left_out(&provider.scope) {
        remarks.push(format!(
            "its scopes leave out \"{scope}\": {consequence}; select that scope mapping in the provider's \
             advanced protocol settings, unless another one has its claims"
        ));
    }
    Ok(Converted { provider: Arc::new(provider), remarks })
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn mode(name: &str) -> Result<Mode, String> {
    match name {
        "proxy" => Ok(Mode::Proxy),
        "forward_single" => Ok(Mode::ForwardSingle),
        "forward_domain" => Ok(Mode::ForwardDomain),
        _ => Err("its mode is none of proxy, forward_single, forward_domain".to_owned()),
    }
}

fn basic_auth(config: &ProviderConfig) -> Option<(String, String)> {
    config.basic_auth_enabled.then(|| {
        let user = config.basic_auth_user_attribute.clone();
        (user, config.basic_auth_password_attribute.clone())
    })
}

/// Nothing is left to discover. If HS256 is listed, tokens are signed with the client secret
/// (docs/protocol.md §4.5).
fn endpoints(config: &ProviderConfig) -> GivenEndpoints {
    let oidc = &config.oidc_configuration;
    let shared = oidc.id_token_signing_alg_values_supported.iter().any(|name| name == "HS256");
    GivenEndpoints {
        authorization: filled(&oidc.authorization_endpoint),
        token: filled(&oidc.token_endpoint),
        introspection: filled(&oidc.introspection_endpoint),
        revocation: filled(&oidc.revocation_endpoint),
        end_session: filled(&oidc.end_session_endpoint),
        jwks: if shared { None } else { filled(&oidc.jwks_uri) },
    }
}

/// The usable patterns, and a remark on each of the others, which open nothing (docs/protocol.md
/// §8).
fn usable_patterns(lines: &str, library: &mut Library) -> (UnauthPaths, Vec<String>) {
    let (usable, flaws) = UnauthPaths::usable(lines, library);
    let remark = |flaw| format!("unauthenticated path left out: {flaw}");
    (usable, flaws.into_iter().map(remark).collect())
}
