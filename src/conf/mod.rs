//! The configuration language: what is read, how it is inherited, what is rejected.

mod block;
mod definitions;
pub(crate) mod directives;
pub(crate) mod doubts;
pub(crate) mod in_use;
mod lifetimes;
pub(crate) mod location;
pub(crate) mod needs;
mod outpost;
mod outpost_endpoint;
mod protection;
mod provider;
mod redis;
mod report;
mod secret;
pub(crate) mod session_store;
mod status;
mod trust;
mod zone;

use std::sync::Arc;

use authentik_store::EndsFile;
use gate::outpost::BOARD_ROOM;
use gate::paths::UnauthPaths;
use gate::provider::Provider;
use gate::server_names::ServerNames;
use gate::shared_words;
use gate::status::{Coverage, Part};

pub(crate) use self::definitions::{Defined, Definitions};
pub(crate) use self::location::LocationConf;
pub(crate) use self::outpost::OutpostConf;
pub(crate) use self::protection::{Auto, Protection};
pub(crate) use self::session_store::SessionStore;
use crate::ngx::keyring::Keys;
use crate::ngx::shared_words::SharedWordsZone;
use crate::ngx::zone::Zone;
use crate::ngx::{Conf, Mistake, Place};

/// Configuration of the `http` block.
#[derive(Default)]
pub(crate) struct MainConf {
    /// In file order.
    pub(crate) providers: Definitions,
    /// `authentik_outpost`.
    pub(crate) outpost: Option<OutpostConf>,
    /// Number of sessions to create for benchmarks.
    #[cfg(feature = "bench-seed")]
    pub(crate) bench_sessions: usize,
    zone_setting: Option<zone::Setting>,
    session_store: Option<session_store::Setting>,
    zone: Option<Zone>,
    shared_words: Option<SharedWordsZone>,
    /// Some location is protected by the outpost's provider for the host.
    uses_outpost: bool,
    /// `auth_request` of `http`.
    auth_request: Option<String>,
    /// Whether `http` has `allow` or `deny`.
    has_rules: bool,
    /// `authentik_report`.
    says_report: Option<bool>,
    /// The servers and locations that were merged so far.
    parts: Vec<Part>,
    /// What protects each of them, when all are known.
    coverage: Option<Coverage>,
    /// The first server of which a protected part writes no errors to its log.
    without_errors: Option<Place>,
    /// Directives that need another one, until everything has been read.
    needs: Vec<Arc<needs::Need>>,
}

/// What post-read must know before a location is chosen, gathered from all locations of a server.
#[derive(Default)]
pub(crate) struct ServerConf {
    /// Every provider that protects part of the server, the server's own first.
    pub(crate) providers: Vec<Arc<Provider>>,
    /// Part of the server is protected by the outpost's provider for the host.
    pub(crate) auto: Option<Auto>,
    /// Part of the server is an `authentik_outpost_endpoint`.
    pub(crate) asked_by_proxies: bool,
    /// The server's names, if part of it is protected by host.
    pub(crate) names: ServerNames,
    /// `authentik_identity_headers` of all its locations, in lower case.
    pub(crate) identity_headers: Vec<Box<[u8]>>,
    /// Directives that need part of the server to be protected, until one is.
    needs: Vec<Arc<needs::Need>>,
}

impl MainConf {
    /// Whether anything is protected.
    pub(crate) fn uses_module(&self) -> bool {
        !self.providers.is_empty() || self.outpost.is_some()
    }

    /// The session zone, which exists once there is a provider.
    pub(crate) fn zone(&self) -> Option<Zone> {
        self.zone
    }

    /// What workers share besides sessions; exists whenever there is a session zone.
    pub(crate) fn shared_words(&self) -> Option<SharedWordsZone> {
        self.shared_words
    }

    /// Where sessions are kept beyond the session zone.
    pub(crate) fn session_store(&self) -> &SessionStore {
        static MEMORY: SessionStore = SessionStore::Memory;
        self.session_store.as_ref().map_or(&MEMORY, |setting| &setting.store)
    }

    /// Where ends are kept that the store may not know yet.
    pub(crate) fn ends_file(&self) -> Option<&EndsFile> {
        self.session_store.as_ref()?.ends_file.as_ref()
    }

    /// What follows from the secret of the store, and from the former secret that it names.
    pub(crate) fn store_keys(&self) -> [Option<&Keys>; 2] {
        let setting = self.session_store.as_ref();
        let keys = setting.and_then(|setting| setting.keys.as_ref());
        [keys, setting.and_then(|setting| setting.former_keys.as_ref())]
    }

    /// Called after the whole `http` block was read, before locations are merged.
    pub(crate) fn finish(&mut self, cf: &Conf<'_>) -> Result<(), Mistake> {
        self.auth_request = cf.auth_request();
        self.has_rules = cf.has_access_rules();
        let setting = self.zone_setting.take();
        if setting.is_some() || self.uses_module() {
            let setting = setting.unwrap_or_default();
            self.zone = Some(Zone::add(cf, &setting.name, setting.size)?);
            // Always with room for an outpost's settings: a zone of another size is a new one, so a
            // reload that adds an outpost would reset all counters.
            let name = format!("{}_live", setting.name);
            self.shared_words =
                Some(SharedWordsZone::add(cf, &name, shared_words::WORDS + BOARD_ROOM)?);
        }
        Ok(())
    }

    /// What protects each server and location.
    pub(crate) fn coverage(&self) -> Option<&Coverage> {
        self.coverage.as_ref()
    }

    fn provider(&self, name: &str) -> Option<&Arc<Provider>> {
        self.providers.named(name).map(|defined| &defined.provider)
    }
}

impl Drop for MainConf {
    fn drop(&mut self) {
        in_use::forget(self);
    }
}

impl ServerConf {
    /// Whether any part of the server is protected: if so, forged headers are removed on all of it.
    pub(crate) fn uses_module(&self) -> bool {
        !self.providers.is_empty() || self.auto.is_some()
    }

    fn uses(&mut self, provider: &Arc<Provider>) {
        if !self.providers.iter().any(|known| Arc::ptr_eq(known, provider)) {
            self.providers.push(Arc::clone(provider));
        }
    }
}

/// `is duplicate`, in nginx's words.
fn duplicate(directive: &str) -> Mistake {
    Mistake::Said(format!("\"{directive}\" directive is duplicate"))
}

fn duplicate_list(directive: &str) -> Mistake {
    Mistake::Said(format!("\"{directive}\" directive is duplicate; name all in one"))
}

/// The patterns of the current directive or key.
fn unauth_paths(key: &str, cf: &Conf<'_>) -> Result<UnauthPaths, Mistake> {
    let patterns = cf.arguments();
    // As in `location ~ …`. Taken as a pattern, it would open every path with a `~`.
    if let Some(modifier) = patterns.iter().find(|p| matches!(p.as_str(), "~" | "~*" | "=" | "^~"))
    {
        return Err(Mistake::Said(format!(
            "{key}: drop the \"{modifier}\"; every pattern is a regular expression here"
        )));
    }
    doubts::warn_of_globs(key, &patterns, cf);
    Ok(UnauthPaths::compile(&patterns).map_err(|error| format!("{key}: {error}"))?)
}
