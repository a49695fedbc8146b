//! `Set-Cookie` values.

use cookie::time::{Duration, OffsetDateTime};
use cookie::{Cookie, CookieBuilder, SameSite};
use zeroize::Zeroizing;

use super::SessionId;
use crate::provider::Provider;

/// The longest life that browsers grant, in seconds: 400 days (RFC 6265bis §5.5).
const MAX_LIFE: u64 = 400 * 86_400;

/// The cookie of a session that lives for `max_age` seconds.
#[must_use]
pub fn set_session(provider: &Provider, id: &SessionId, max_age: u64) -> Zeroizing<String> {
    Zeroizing::new(set(provider, &provider.cookie_name, &id.to_cookie_value(), max_age))
}

/// A cookie with the attributes of authentik-outpost.md §7.2. Name and value are of our making:
/// letters, digits, `_`, `-` and `.` only.
#[must_use]
pub fn set(provider: &Provider, name: &str, value: &str, max_age: u64) -> String {
    let life = i64::try_from(max_age.min(MAX_LIFE)).unwrap_or_default();
    with_attributes(provider, name, value).max_age(Duration::seconds(life)).build().to_string()
}

/// What makes the browser forget the cookie: same name and scope, empty, expired.
#[must_use]
pub fn delete(provider: &Provider, name: &str) -> String {
    with_attributes(provider, name, "")
        .max_age(Duration::ZERO)
        .expires(OffsetDateTime::UNIX_EPOCH)
        .build()
        .to_string()
}

/// The same for the session's cookie: at sign-out, and when it names no session.
#[must_use]
pub fn delete_session(provider: &Provider) -> String {
    delete(provider, &provider.cookie_name)
}

fn with_attributes<'c>(provider: &'c Provider, name: &'c str, value: &'c str) -> CookieBuilder<'c> {
    let cookie = Cookie::build((name, value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        // By the provider, not by this request: TLS may end in front of nginx.
        .secure(provider.secure_cookies());
    match provider.cookie_domain.as_deref() {
        Some(domain) => cookie.domain(domain),
        None => cookie,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{domain_provider, provider, provider_at};

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
