//! The providers of an outpost, ready for use, looked up by host.

mod convert;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use url::Url;

use self::convert::{Converted, convert};
use super::{Certificate, Outpost, ProviderConfig, Snapshot, Unusable};
use crate::outpost::OutpostSettings;
use crate::paths::Library;
use crate::provider::{Mode, Provider, ProviderKey};

/// The providers of a [`Snapshot`]. Immutable: a change creates a new directory.
#[derive(Debug, Default)]
pub struct Directory {
    outpost: Outpost,
    is_doubted: bool,
    unusable: Vec<Unusable>,
    entries: Vec<Entry>,
    /// A host without sites belongs to providers that cannot be used.
    hosts: HashMap<Box<[u8]>, Vec<Site>>,
    domains: HashMap<Box<[u8]>, usize>,
    keys: HashMap<ProviderKey, usize>,
}

/// A provider and its source, to detect changes.
#[derive(Debug)]
struct Entry {
    config: ProviderConfig,
    made: Arc<Converted>,
    certificate: Option<Arc<Certificate>>,
}

/// A provider at a host.
#[derive(Clone, Copy, Debug)]
struct Site {
    /// `None` is the default port of the scheme.
    port: Option<u16>,
    default_port: u16,
    entry: usize,
}

impl Directory {
    /// Creates the providers of a snapshot, with this nginx's settings for all of them. Unchanged
    /// ones are taken from `previous`, so one change among many is cheap. Patterns are checked now,
    /// and compiled when first used.
    #[must_use]
    pub fn build(snapshot: Snapshot, settings: &OutpostSettings, previous: Option<&Self>) -> Self {
        let Snapshot { outpost, providers, certificates, unusable } = snapshot;
        let certificates: HashMap<String, Arc<Certificate>> =
            certificates.into_iter().map(|found| (found.pk.clone(), Arc::new(found))).collect();
        // The outpost's name is in a header of each provider.
        let known = previous.filter(|previous| previous.outpost.name == outpost.name);
        let known = known.map(Self::by_client).unwrap_or_default();
        let mut library = Library::default();
        known.values().for_each(|old| library.adopt(&old.made.provider.unauth_paths));
        let mut directory = Self { outpost, unusable, ..Self::default() };
        for config in providers {
            let same = known.get(config.client_id.as_str()).filter(|old| old.config == config);
            let made = match same {
                Some(old) => Ok(Arc::clone(&old.made)),
                None => {
                    let name = &directory.outpost.name;
                    convert(&config, name, settings, &mut library).map(Arc::new)
                }
            };
            let named = config.certificates();
            let certificate = named.filter_map(|pk| certificates.get(pk)).next().map(Arc::clone);
            match made {
                Ok(made) => directory.add(Entry { config, made, certificate }),
                Err(why) => {
                    let ProviderConfig { name, external_host, .. } = config;
                    directory.unusable.push(Unusable { name, why, external_host });
                }
            }
        }
        directory.reserve_hosts();
        directory
    }

    /// Marks the providers as possibly not this outpost's: they were fetched with another token.
    #[must_use]
    pub fn in_doubt(self) -> Self {
        Self { is_doubted: true, ..self }
    }

    /// Whether the providers are possibly not this outpost's.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.is_doubted
    }

    fn by_client(&self) -> HashMap<&str, &Entry> {
        self.entries.iter().map(|entry| (entry.config.client_id.as_str(), entry)).collect()
    }

    fn add(&mut self, entry: Entry) {
        let at = self.entries.len();
        let provider = &entry.made.provider;
        let url = &provider.external.url;
        let host = url.host_str().unwrap_or_default().as_bytes();
        let default_port = if url.scheme() == "https" { 443 } else { 80 };
        let site = Site { port: url.port(), default_port, entry: at };
        let sites = self.hosts.entry(host.into()).or_default();
        // If two have the same host the last one wins, as upstream (docs/protocol.md §2.5).
        match sites.iter_mut().find(|known| known.port == site.port) {
            Some(known) => *known = site,
            None => sites.push(site),
        }
        if let (Mode::ForwardDomain, Some(domain)) = (provider.mode, &provider.cookie_domain) {
            self.domains.insert(domain.as_bytes().into(), at);
        }
        self.keys.insert(provider.key, at);
        self.entries.push(entry);
    }

    /// Keeps the hosts of unusable providers from falling to the provider of their domain, which
    /// may have other visitors.
    fn reserve_hosts(&mut self) {
        for unusable in &self.unusable {
            let url = Url::parse(&unusable.external_host).ok();
            if let Some(host) = url.as_ref().and_then(Url::host_str) {
                self.hosts.entry(host.as_bytes().into()).or_default();
            }
        }
    }

    /// The outpost.
    #[must_use]
    pub fn outpost(&self) -> &Outpost {
        &self.outpost
    }

    /// The number of providers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no providers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All providers, in authentik's order.
    pub fn providers(&self) -> impl Iterator<Item = &Arc<Provider>> {
        self.entries.iter().map(|entry| &entry.made.provider)
    }

    /// The hosts of the providers, for a log line: a few of them, and how many more there are.
    #[must_use]
    pub fn hosts(&self) -> String {
        const FEW: usize = 8;
        let hosts = self.providers().take(FEW).map(|provider| {
            match provider.cookie_domain.as_ref().filter(|_| provider.mode == Mode::ForwardDomain) {
                Some(domain) => format!("*.{}", domain.trim_start_matches('.')),
                None => provider.external.url.authority().to_owned(),
            }
        });
        let hosts: Vec<String> = hosts.collect();
        match self.len().saturating_sub(FEW) {
            _ if hosts.is_empty() => "the outpost has no providers".to_owned(),
            0 => format!("the outpost has {}", hosts.join(", ")),
            more => format!("the outpost has {} and {more} more", hosts.join(", ")),
        }
    }

    /// What is not served as configured in authentik: unusable providers, ignored patterns,
    /// providers hidden by another one with the same host.
    #[must_use]
    pub fn skipped(&self) -> Vec<Unusable> {
        let mut skipped = self.unusable.clone();
        for (at, entry) in self.entries.iter().enumerate() {
            let name = &entry.config.name;
            let say = |why: String| Unusable::new(name.clone(), why);
            skipped.extend(entry.made.remarks.iter().cloned().map(say));
            if let Some(other) = self.hidden_by(at) {
                let host = &entry.config.external_host;
                skipped
                    .push(say(format!("another provider has {host} too and is used: \"{other}\"")));
            } else if let Some((domain, other)) = self.not_of_its_domain(at) {
                let why = format!(
                    "another provider has the domain {domain} too and is used for its hosts: \
                     \"{other}\""
                );
                skipped.push(say(why));
            }
        }
        skipped
    }

    /// The provider that answers for the host of the one at `at`, if it is another.
    fn hidden_by(&self, at: usize) -> Option<&str> {
        let url = &self.entries.get(at)?.made.provider.external.url;
        let sites = self.hosts.get(url.host_str()?.as_bytes())?;
        let site = sites.iter().find(|site| site.port == url.port())?;
        (site.entry != at).then(|| self.entries.get(site.entry).map(|e| e.config.name.as_str()))?
    }

    /// The domain of the one at `at`, and the provider that answers for its hosts, if it is another.
    fn not_of_its_domain(&self, at: usize) -> Option<(&str, &str)> {
        let provider = &self.entries.get(at)?.made.provider;
        let domain = provider.cookie_domain.as_deref()?;
        let other = *self.domains.get(domain.as_bytes())?;
        let is_domain_level = provider.mode == Mode::ForwardDomain;
        let other = self.entries.get(other).filter(|_| is_domain_level && other != at)?;
        Some((domain, &other.config.name))
    }

    /// The provider of a host (docs/protocol.md §2.5).
    ///
    /// `host` as nginx validated it: lower case, no port. `port` is what the client put in the
    /// host, so it can be anything; `own_port` is the one it connected to. Finds the provider with
    /// this `external_host`, else the domain-level one with the longest domain that covers the
    /// host.
    ///
    /// If only ports distinguish providers, the port that nginx sees decides, and the client's must
    /// match it. If nginx listens on neither, nothing trustworthy distinguishes them.
    #[must_use]
    pub fn find(
        &self,
        host: &[u8],
        port: Option<u16>,
        own_port: impl FnOnce() -> Option<u16>,
    ) -> Option<&Arc<Provider>> {
        let is_here = |site: &Site| Some(site.port.unwrap_or(site.default_port)) == own_port();
        self.by_host(host, |sites| {
            exact(sites, port).filter(|site| sites.len() == 1 || is_here(site))
        })
    }

    /// The same for a host and port reported by a trusted proxy.
    #[must_use]
    pub fn find_told(&self, host: &[u8], port: Option<u16>) -> Option<&Arc<Provider>> {
        self.by_host(host, |sites| exact(sites, port))
    }

    fn by_host(
        &self,
        host: &[u8],
        choose: impl FnOnce(&[Site]) -> Option<&Site>,
    ) -> Option<&Arc<Provider>> {
        let site = self.hosts.get(host).and_then(|sites| choose(sites));
        let entry = site.and_then(|site| self.entries.get(site.entry));
        let entry = entry.or_else(|| self.covering(host).filter(|_| !self.is_taken(host)));
        entry.map(|entry| &entry.made.provider)
    }

    /// A different port must not take a client from a host's own provider to that of its domain.
    fn is_taken(&self, host: &[u8]) -> bool {
        let is_of_domain = |site: &Site| {
            let entry = self.entries.get(site.entry);
            entry.is_some_and(|entry| entry.made.provider.mode == Mode::ForwardDomain)
        };
        self.hosts.get(host).is_some_and(|sites| !sites.iter().any(is_of_domain))
    }

    /// Each step removes a label, so a domain begins at a dot.
    fn covering(&self, host: &[u8]) -> Option<&Entry> {
        let mut rest = host;
        loop {
            if let Some(at) = self.domains.get(rest) {
                return self.entries.get(*at);
            }
            let dot = rest.iter().position(|byte| *byte == b'.')?;
            rest = rest.get(dot + 1..)?;
        }
    }

    /// The provider with this key, e.g. that of a session.
    #[must_use]
    pub fn by_key(&self, key: ProviderKey) -> Option<&Arc<Provider>> {
        self.keys.get(&key).and_then(|at| self.entries.get(*at)).map(|entry| &entry.made.provider)
    }

    /// The provider, if there is only one.
    #[must_use]
    pub fn only(&self) -> Option<&Arc<Provider>> {
        match self.entries.as_slice() {
            [entry] => Some(&entry.made.provider),
            _ => None,
        }
    }

    /// The certificate for a TLS server name as sent by a client (SNI, RFC 6066 §3: ASCII, any
    /// case): that of the host's provider.
    #[must_use]
    pub fn certificate(&self, name: &[u8]) -> Option<&Arc<Certificate>> {
        if name.len() > MAX_SERVER_NAME {
            return None;
        }
        // nginx also strips the trailing dot when it looks up the server.
        let name = name.strip_suffix(b".").unwrap_or(name).to_ascii_lowercase();
        let name = name.as_slice();
        let sites = self.hosts.get(name).into_iter().flatten();
        let mut of_host =
            sites.filter_map(|site| self.entries.get(site.entry)?.certificate.as_ref());
        of_host.next().or_else(|| self.covering(name)?.certificate.as_ref())
    }
}

/// The provider of a host with this port, which may be omitted if it is the default.
fn exact(sites: &[Site], port: Option<u16>) -> Option<&Site> {
    sites.iter().find(|site| match (site.port, port) {
        (Some(own), Some(asked)) => own == asked,
        (None, Some(asked)) => site.default_port == asked,
        (None, None) => true,
        (Some(_), None) => false,
    })
}

/// Maximum length of a DNS name in bytes (RFC 1035 §2.3.4).
const MAX_SERVER_NAME: usize = 255;
