//! `Set-Cookie` values.

use cookie::time::{Duration, OffsetDateTime};
use cookie::{Cookie, CookieBuilder};
use zeroize::Zeroizing;

use super::SessionId;
use crate::provider::{Provider, SameSite};

/// The longest lifetime that browsers grant, in seconds: 400 days (RFC 6265bis §5.5).
const MAX_LIFE: u64 = 400 * 86_400;

/// The cookie of a session that lasts `max_age` seconds.
#[must_use]
pub fn set_session(provider: &Provider, id: &SessionId, max_age: u64) -> Zeroizing<String> {
    let value = id.to_cookie_value();
    let cookie = with_attributes(provider, &provider.cookie_name, &value, provider.cookie_samesite);
    Zeroizing::new(for_seconds(cookie, max_age))
}

/// A cookie of a sign-in. Name and value consist only of letters, digits, `_`, `-` and `.`.
#[must_use]
pub fn set(provider: &Provider, name: &str, value: &str, max_age: u64) -> String {
    let same_site = provider.cookie_samesite.of_sign_in();
    for_seconds(with_attributes(provider, name, value, same_site), max_age)
}

/// Deletes a cookie of a sign-in: same name and scope, empty, expired.
#[must_use]
pub fn delete(provider: &Provider, name: &str) -> String {
    expired(with_attributes(provider, name, "", provider.cookie_samesite.of_sign_in()))
}

/// The same for the session cookie: at sign-out, and if it names no session.
#[must_use]
pub fn delete_session(provider: &Provider) -> String {
    expired(with_attributes(provider, &provider.cookie_name, "", provider.cookie_samesite))
}

fn for_seconds(cookie: CookieBuilder<'_>, max_age: u64) -> String {
    let life = i64::try_from(max_age.min(MAX_LIFE)).unwrap_or_default();
    cookie.max_age(Duration::seconds(life)).build().to_string()
}

fn expired(cookie: CookieBuilder<'_>) -> String {
    cookie.max_age(Duration::ZERO).expires(OffsetDateTime::UNIX_EPOCH).build().to_string()
}

/// Adds the attributes of docs/protocol.md §6.2.
fn with_attributes<'c>(
    provider: &'c Provider,
    name: &'c str,
    value: &'c str,
    same_site: SameSite,
) -> CookieBuilder<'c> {
    let cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(match same_site {
            SameSite::None => cookie::SameSite::None,
            SameSite::Lax => cookie::SameSite::Lax,
            SameSite::Strict => cookie::SameSite::Strict,
        })
        // Depends on the provider, not on this request: TLS may end in front of nginx.
        .secure(provider.secure_cookies());
    match provider.cookie_domain.as_deref() {
        Some(domain) => cookie.domain(domain),
        None => cookie,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Settings;
    use crate::testing::{domain_provider, provider, provider_at, settings};

    #[test]
    fn attributes_follow_the_provider() {
        for (provider, expected) in [
            (provider(), "n=v; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60"),
            (provider_at("http://ext.example"), "n=v; HttpOnly; SameSite=Lax; Path=/; Max-Age=60"),
            (
                domain_provider(),
                "n=v; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com; Max-Age=60",
            ),
        ] {
            assert_eq!(set(&provider, "n", "v", 60), expected);
        }
    }

    #[test]
    fn a_session_goes_with_requests_of_other_sites_as_it_is_said() {
        for (word, session, sign_in) in
            [("none", "None", "None"), ("lax", "Lax", "Lax"), ("strict", "Strict", "Lax")]
        {
            let cookie_samesite = SameSite::parse(word);
            let provider = Provider::new(Settings { cookie_samesite, ..settings() }).unwrap();
            let id = SessionId::from_entropy([9; 32]);
            let has = |header: &str, same_site: &str| {
                header.contains(&format!("; SameSite={same_site}; Secure; "))
            };
            assert!(has(&set_session(&provider, &id, 60), session), "{word}");
            assert!(has(&delete_session(&provider), session), "{word}");
            // authentik may be on another site when it redirects the browser back.
            assert!(has(&set(&provider, "n", "v", 60), sign_in), "{word}");
            assert!(has(&delete(&provider, "n"), sign_in), "{word}");
        }
    }

    #[test]
    fn a_cookie_that_other_hosts_must_not_set_is_called_so() {
        let named = |provider: &Provider| {
            let id = SessionId::from_entropy([9; 32]);
            let header = set_session(provider, &id, 60);
            // RFC 6265bis section 4.1.3.2: what browsers require for this prefix.
            let may = header.contains("; Secure; Path=/; Max-Age") && !header.contains("Domain");
            assert_eq!(header.starts_with("__Host-"), may, "{}", *header);
            may
        };
        assert!(named(&provider()));
        assert!(!named(&provider_at("http://ext.example")));
        assert!(!named(&domain_provider()));
    }

    #[test]
    fn a_deletion_has_the_scope_of_the_cookie_and_is_past() {
        assert_eq!(
            delete(&domain_provider(), "n"),
            "n=; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com; Max-Age=0; \
             Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        );
    }

    #[test]
    fn a_session_cookie_carries_the_id_and_is_short() {
        let id = SessionId::from_entropy([9; 32]);
        let header = set_session(&domain_provider(), &id, u64::MAX);
        let value = id.to_cookie_value();
        assert!(header.starts_with(&format!("authentik_proxy_b44ea687={}; ", *value)));
        assert!(header.ends_with("; Max-Age=34560000"));
        assert!(header.len() <= 200, "{}", header.len());
    }
}
