//! The issuer, in both of authentik's modes, and what it says about the application.

use url::Url;

use super::web_url::web_url;
use super::{GivenEndpoints, SettingsError};

pub(super) fn issuer_url(typed: &str) -> Result<Url, SettingsError> {
    const KEY: &str = "issuer";
    let url = web_url(KEY, typed, "https://sso.example.com/application/o/wiki/")?;
    if url.query().is_some() || url.fragment().is_some() {
        let message = format!("\"{typed}\" must not have a query or fragment");
        return Err(SettingsError { key: KEY, message });
    }
    if let Some(what) = mistaken_for(&url) {
        return Err(SettingsError { key: KEY, message: format!("\"{typed}\" {what}") });
    }
    // Compared byte for byte with what authentik writes into tokens.
    if !typed.ends_with('/') {
        let message =
            format!("\"{typed}\" lacks the final slash of authentik's issuers; write {typed}/");
        return Err(SettingsError { key: KEY, message });
    }
    Ok(url)
}

/// What the URL is, if it is another one of those that authentik's provider page shows.
fn mistaken_for(url: &Url) -> Option<String> {
    const DISCOVERY: &str = "/.well-known/openid-configuration";
    let whole = url.as_str().trim_end_matches('/');
    if let Some(issuer) = whole.strip_suffix(DISCOVERY) {
        return Some(format!("is the discovery document; write {issuer}/"));
    }
    let segments = url.path_segments()?.filter(|segment| !segment.is_empty());
    let segments: Vec<&str> = segments.collect();
    let is_endpoint = match segments.as_slice() {
        [.., "application", "o", last] => {
            matches!(*last, "authorize" | "token" | "userinfo" | "introspect" | "revoke" | "device")
        }
        [.., "application", "o", _, last] => matches!(*last, "end-session" | "jwks"),
        _ => false,
    };
    let cure = "is an endpoint; write what authentik's provider page calls OpenID Configuration \
                Issuer, e.g. https://sso.example.com/application/o/wiki/";
    is_endpoint.then(|| cure.to_owned())
}

/// The slug as typed, otherwise as in the issuer, otherwise empty.
pub(super) fn application_slug(
    typed: Option<String>,
    issuer: &Url,
) -> Result<String, SettingsError> {
    match typed {
        Some(typed) => slug(typed),
        None => Ok(slug_of(issuer).unwrap_or_default()),
    }
}

/// authentik's slugs: letters, digits, `-` and `_`.
fn slug(typed: String) -> Result<String, SettingsError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if typed.is_empty() || !typed.bytes().all(plain) {
        return Err(SettingsError {
            key: "application",
            message: format!("\"{typed}\" is not a slug; write the application's slug, e.g. wiki"),
        });
    }
    Ok(typed)
}

fn slug_of(issuer: &Url) -> Option<String> {
    let mut segments = issuer.path_segments()?.rev().skip_while(|segment| segment.is_empty());
    let slug = segments.next()?;
    (segments.next() == Some("o")).then(|| slug.to_owned())
}

/// Rejects an issuer from which the endpoints cannot be found, unless they are configured.
pub(super) fn must_be_discoverable(
    issuer: &str,
    application: &str,
    given: &GivenEndpoints,
) -> Result<(), SettingsError> {
    if given.suffice() || discovery_url(issuer, application).is_some() {
        return Ok(());
    }
    Err(SettingsError {
        key: "issuer",
        message: format!(
            "\"{issuer}\" does not name the application; write \
             https://…/application/o/SLUG/, or add application SLUG; if all providers of \
             authentik have this issuer"
        ),
    })
}

/// Where authentik publishes an application's keys, in either issuer mode.
pub(super) fn jwks_uri(issuer: &str, application: &str) -> String {
    let issuer = issuer.trim_end_matches('/');
    let below = format!("/application/o/{application}");
    if issuer.ends_with(&below) {
        format!("{issuer}/jwks/")
    } else {
        format!("{issuer}{below}/jwks/")
    }
}

/// URL of the application's discovery document (docs/protocol.md §1.4). `None` if neither the
/// issuer nor `application` names one.
pub(crate) fn discovery_url(issuer: &str, application: &str) -> Option<String> {
    let issuer = issuer.trim_end_matches('/');
    let per_provider =
        issuer.rsplit_once('/').is_some_and(|(above, _)| above.ends_with("/application/o"));
    if per_provider {
        return Some(format!("{issuer}/.well-known/openid-configuration"));
    }
    let is_slug = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!application.is_empty() && application.bytes().all(is_slug))
        .then(|| format!("{issuer}/application/o/{application}/.well-known/openid-configuration"))
}

#[cfg(test)]
mod tests {
    use crate::provider::{GivenEndpoints, Provider, Settings};
    use crate::testing::settings;

    #[test]
    fn the_keys_are_where_authentik_publishes_them() {
        // Recordings: oidc_metadata.json, both issuer modes.
        for (issuer, application) in [
            ("https://sso.example.com/application/o/wiki/", None),
            ("https://sso.example.com/", Some("wiki")),
        ] {
            let application = application.map(str::to_owned);
            let settings = Settings { issuer: issuer.into(), application, ..settings() };
            let provider = Provider::new(settings).unwrap();
            let [jwks, ..] = provider.headers.values();
            assert_eq!(jwks, b"https://sso.example.com/application/o/wiki/jwks/");
        }
    }

    #[test]
    fn the_slug_comes_from_the_issuer_unless_given() {
        assert_eq!(Provider::new(settings()).unwrap().application, "wiki");
        let global = Settings { issuer: "https://sso.example.com/".into(), ..settings() };
        let named = Settings { application: Some("blog".into()), ..global.clone() };
        assert_eq!(Provider::new(named).unwrap().application, "blog");
        assert!(Provider::new(global.clone()).is_err());
        let by_hand = GivenEndpoints {
            authorization: Some("https://sso.example.com/a".into()),
            token: Some("https://sso.example.com/t".into()),
            end_session: Some("https://sso.example.com/e".into()),
            ..GivenEndpoints::default()
        };
        let by_hand = Provider::new(Settings { endpoints: by_hand, ..global });
        assert_eq!(by_hand.unwrap().application, "");
    }
}
