//! What a snapshot takes over from its predecessor: what sign-ins in progress and visitors of a
//! host with a certificate still need.

use std::collections::{HashMap, HashSet};
use std::iter;

use super::{Certificate, ProviderConfig, Snapshot};
use crate::outpost::unusable::FORMER_STAYS;
use crate::provider::{FormerKey, LoginKey};
use crate::time::UnixTime;

impl ProviderConfig {
    fn succeed(&mut self, previous: &Self, now: UnixTime) {
        let material = previous.key_material();
        let is_same = material == self.key_material();
        let replaced =
            if is_same { None } else { LoginKey::derive(material, &self.client_id).ok() };
        self.former_login_key = FormerKey::next(replaced, previous.former_login_key.as_ref(), now);
    }
}

impl Snapshot {
    /// Succeeds `previous`: providers get what sign-ins that began there need to end here. Nothing
    /// is taken over from another client or issuer.
    pub fn succeed(&mut self, previous: &Self, now: UnixTime) {
        let of_client = |config| (ProviderConfig::identity(config), config);
        let before: HashMap<_, _> = previous.providers.iter().map(of_client).collect();
        for config in &mut self.providers {
            if let Some(previous) = before.get(&config.identity()) {
                config.succeed(previous, now);
            }
        }
        self.keep_certificates(previous);
    }

    /// Whether a certificate is named that authentik did not release.
    #[must_use]
    pub fn lacks_certificates(&self) -> bool {
        let named = self.providers.iter().filter_map(|config| config.certificate.as_deref());
        let there: HashSet<&str> = self.certificates.iter().map(|pair| pair.pk.as_str()).collect();
        named.into_iter().any(|pk| !there.contains(pk))
    }

    /// Keeps a valid certificate in use until authentik releases its replacement: it announces a
    /// certificate seconds before it grants access to it.
    fn keep_certificates(&mut self, previous: &Self) {
        let pair = |pair: &'_ Certificate| (pair.pk.clone(), pair.clone());
        let mut there: HashSet<String> =
            self.certificates.iter().map(|pair| pair.pk.clone()).collect();
        let former: HashMap<String, Certificate> = previous.certificates.iter().map(pair).collect();
        let of_client = |config| (ProviderConfig::identity(config), config);
        let before: HashMap<_, _> = previous.providers.iter().map(of_client).collect();
        for config in &mut self.providers {
            let Some(named) = config.certificate.as_deref().filter(|pk| !there.contains(*pk))
            else {
                continue;
            };
            let shown = before.get(&config.identity()).map(|before| before.certificates());
            let mut candidates = iter::once(named).chain(shown.into_iter().flatten());
            let Some(kept) = candidates.find_map(|pk| former.get(pk)) else { continue };
            let remark = format!("certificate {named}");
            for unusable in self.unusable.iter_mut().filter(|unusable| unusable.name == remark) {
                unusable.why.push_str(FORMER_STAYS);
            }
            if kept.pk != named {
                config.former_certificate = Some(kept.pk.clone());
            }
            if there.insert(kept.pk.clone()) {
                self.certificates.push(kept.clone());
            }
        }
        // Equal settings give equal bytes.
        self.certificates.sort_unstable_by(|one, other| one.pk.cmp(&other.pk));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outpost::{OidcConfiguration, Unusable};
    use crate::secret::Secret;

    const NOW: UnixTime = UnixTime(1_795_352_157);

    fn listed(client_secret: &str, cookie_secret: &str) -> ProviderConfig {
        ProviderConfig {
            client_id: "client-123".into(),
            client_secret: Secret::new(client_secret),
            cookie_secret: Secret::new(cookie_secret),
            ..ProviderConfig::default()
        }
    }

    fn snapshot(config: ProviderConfig) -> Snapshot {
        Snapshot { providers: vec![config], ..Snapshot::default() }
    }

    fn after(previous: &Snapshot, config: ProviderConfig, now: UnixTime) -> Option<FormerKey> {
        let mut next = snapshot(config);
        next.succeed(previous, now);
        next.providers.remove(0).former_login_key
    }

    #[test]
    fn a_former_key_is_what_the_changed_secret_was_used_for() {
        let previous = snapshot(listed("client", "cookie"));
        let key = |secret| LoginKey::derive(&Secret::new(secret), "client-123").unwrap();
        let former = |secret| FormerKey::next(Some(key(secret)), None, NOW);
        for (client_secret, cookie_secret, expected) in [
            ("client", "cookie", None),
            ("renewed", "cookie", None), // keys are not made of it
            ("client", "renewed", former("cookie")),
            ("renewed", "renewed", former("cookie")),
            ("client", "", former("cookie")),
        ] {
            let found = after(&previous, listed(client_secret, cookie_secret), NOW);
            assert_eq!(found, expected, "{client_secret} {cookie_secret}");
        }
        let without = snapshot(listed("client", ""));
        assert_eq!(after(&without, listed("renewed", ""), NOW), former("client"));
    }

    #[test]
    fn a_former_key_ends_and_goes_to_no_other_provider() {
        let mut changed = snapshot(listed("client", "renewed"));
        changed.succeed(&snapshot(listed("client", "cookie")), NOW);
        let same = || listed("client", "renewed");
        let published = changed.to_json().unwrap();
        assert_eq!(Snapshot::from_json(published.expose()).unwrap(), changed);
        let former = changed.providers[0].former_login_key.clone();
        assert!(former.is_some());
        assert_eq!(after(&changed, same(), NOW.plus(600)), former);
        assert_eq!(after(&changed, same(), NOW.plus(601)), None);

        let other = ProviderConfig { client_id: "test-client".into(), ..same() };
        assert_eq!(after(&changed, other, NOW), None);
        let issuer = "https://sso.example.org/application/o/wiki/".into();
        let oidc_configuration = OidcConfiguration { issuer, ..OidcConfiguration::default() };
        let moved = ProviderConfig { oidc_configuration, ..same() };
        assert_eq!(after(&changed, moved, NOW), None);
        // Deleted and recreated.
        assert_eq!(after(&Snapshot::default(), same(), NOW), None);
    }

    fn showing(pk: &str, former: Option<&str>) -> ProviderConfig {
        let former_certificate = former.map(str::to_owned);
        let certificate = Some(pk.to_owned());
        ProviderConfig { certificate, former_certificate, ..listed("client", "cookie") }
    }

    fn with_pairs(config: ProviderConfig, pairs: &[(&str, &str)]) -> Snapshot {
        let pair = |&(pk, key): &(&str, &str)| Certificate {
            pk: pk.to_owned(),
            key: Secret::new(key),
            ..Certificate::default()
        };
        let certificates = pairs.iter().map(pair).collect();
        Snapshot { certificates, ..snapshot(config) }
    }

    #[test]
    fn a_certificate_stays_until_authentik_hands_out_the_one_that_replaces_it() {
        let old = with_pairs(showing("old", None), &[("old", "1")]);
        for (named, handed_out, previous, expected) in [
            // The same one, not granted for a moment.
            ("old", None, &old, with_pairs(showing("old", None), &[("old", "1")])),
            ("old", Some("2"), &old, with_pairs(showing("old", None), &[("old", "2")])),
            // Another one.
            ("new", None, &old, with_pairs(showing("new", Some("old")), &[("old", "1")])),
            ("new", Some("2"), &old, with_pairs(showing("new", None), &[("new", "2")])),
            // Still missing at the second request, then present.
            (
                "new",
                None,
                &with_pairs(showing("new", Some("old")), &[("old", "1")]),
                with_pairs(showing("new", Some("old")), &[("old", "1")]),
            ),
            (
                "new",
                Some("2"),
                &with_pairs(showing("new", Some("old")), &[("old", "1")]),
                with_pairs(showing("new", None), &[("new", "2")]),
            ),
            // There was none before.
            ("new", None, &Snapshot::default(), with_pairs(showing("new", None), &[])),
        ] {
            let pairs: Vec<_> = handed_out.map(|key| (named, key)).into_iter().collect();
            let mut next = with_pairs(showing(named, None), &pairs);
            assert_eq!(next.lacks_certificates(), handed_out.is_none());
            next.succeed(previous, NOW);
            assert_eq!(next, expected, "{named} {handed_out:?}");
        }
    }

    #[test]
    fn a_certificate_that_stays_is_named_and_goes_when_none_is_wanted() {
        let old = with_pairs(showing("old", None), &[("old", "1")]);
        let mut next = with_pairs(showing("new", None), &[]);
        next.unusable = vec![Unusable::new("certificate new".into(), "404".into())];
        next.succeed(&old, NOW);
        assert_eq!(next.unusable[0].why, "404; the previous one is still in use");

        let mut without = snapshot(listed("client", "cookie"));
        without.succeed(&old, NOW);
        assert_eq!(without, snapshot(listed("client", "cookie")));
        let client_id = "another".to_owned();
        let mut other = with_pairs(ProviderConfig { client_id, ..showing("new", None) }, &[]);
        other.succeed(&old, NOW);
        assert_eq!(other.certificates, [], "of another provider");
    }
}
