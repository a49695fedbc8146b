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

/// What to do if authentik calls itself `found`, where `expected` is configured. authentik derives
/// its issuer from the request (docs/protocol.md §1.4), so a proxy in front of it may be to blame.
pub(crate) fn cure_of_other(found: &str, expected: &str) -> String {
    let (Ok(is), Ok(should)) = (Url::parse(found), Url::parse(expected)) else {
        return format!("write issuer {found};");
    };
    let is_other_host =
        (is.host(), is.port_or_known_default()) != (should.host(), should.port_or_known_default());
    let is_other_scheme = is.scheme() != should.scheme();
    let is_at_default = |url: &Url| url.port().is_none();
    // With the scheme, the default port differs as well.
    let is_other_host = match is_other_scheme {
        true => is.host() != should.host() || !(is_at_default(&is) && is_at_default(&should)),
        false => is_other_host,
    };
    if is.path() != should.path() || !(is_other_scheme || is_other_host) {
        return format!("write issuer {found};");
    }
    let (what, lines) = match (is_other_scheme, is_other_host) {
        (true, true) => (
            "scheme and host differ",
            "proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header Host $http_host;",
        ),
        (true, false) => ("only the scheme differs", "proxy_set_header X-Forwarded-Proto $scheme;"),
        (false, _) => ("only the host differs", "proxy_set_header Host $http_host;"),
    };
    format!(
        "{what}: if there is a proxy in front of authentik, add there {lines} otherwise write \
         issuer {found};"
    )
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
    use super::cure_of_other;
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
    fn the_cure_for_another_issuer_says_what_differs_before_it_proposes_that_issuer() {
        const SCHEME: &str = "only the scheme differs: if there is a proxy in front of authentik, \
                              add there proxy_set_header X-Forwarded-Proto $scheme; otherwise";
        const HOST: &str = "only the host differs: if there is a proxy in front of authentik, add \
                            there proxy_set_header Host $http_host; otherwise";
        let expected = "https://sso.example.com/application/o/wiki/";
        for (found, said) in [
            ("http://sso.example.com/application/o/wiki/", SCHEME),
            ("https://authentik:9443/application/o/wiki/", HOST),
            ("https://sso.example.com:8443/application/o/wiki/", HOST),
            ("http://authentik:9000/application/o/wiki/", "scheme and host differ: if there is"),
            ("http://sso.example.com:9000/application/o/wiki/", "scheme and host differ: if"),
            ("https://sso.example.com/application/o/shop/", "write issuer"),
            ("http://sso.example.com/application/o/shop/", "write issuer"),
            ("https://sso.example.com/", "write issuer"),
            ("https://SSO.example.com/application/o/wiki/", "write issuer"),
            ("nonsense", "write issuer nonsense;"),
        ] {
            let cure = cure_of_other(found, expected);
            assert!(cure.starts_with(said), "{found}: {cure}");
            assert!(cure.ends_with(&format!("write issuer {found};")), "{found}: {cure}");
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
