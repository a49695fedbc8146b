//! The keys shared by the processes of this nginx: not in shared memory, not in a core dump, and in
//! a file only if sessions are stored outside nginx's memory.
//!
//! The master has them before its first worker. Without a store they are random and kept as long as
//! the session zone can live: across all reloads, but not across a restart or an upgrade, which
//! begin with an empty zone. With a store they follow from its secret: after a restart, and on other
//! hosts with that secret, the ids of its sessions are still proven.
//!
//! A reload may change the store or its secret. Sessions in the zone must not notice, so former keys
//! stay valid beside the current ones: those that the configuration names, and those in use before
//! the last change.

use std::sync::{Arc, OnceLock};

use gate::cookie::SentId;
use gate::keyring::{self, Keyring};
use gate::secret::Secret;
use nginx::hidden::Hidden;
use ring::rand::{SecureRandom, SystemRandom};

use super::log::{self, Level};

/// The bytes of a keyring.
pub(crate) type Keys = Arc<Hidden<{ Keyring::SIZE }>>;

/// The keys of a configuration. Later ones are appended, in the master only; none is ever removed,
/// so that whoever uses one may keep it: only a changed store or secret adds one.
struct Generation {
    current: Keys,
    /// Named by the configuration.
    named: Option<Keys>,
    /// In use before the last change.
    before: Option<Keys>,
    next: OnceLock<Box<Self>>,
}

static FIRST: OnceLock<Generation> = OnceLock::new();
/// Those of a configuration without a store.
static RANDOM: OnceLock<Keys> = OnceLock::new();

/// The keys that follow from the secret of a store. `None` if no memory can be hidden.
pub(crate) fn derived(secret: &Secret) -> Option<Keys> {
    filled(|bytes| keyring::fill_from(secret, bytes))
}

/// Called in the master whenever a configuration takes effect, with the keys of its store, if it has
/// one, and those of the former secret that it names.
pub(crate) fn replace(of_store: Option<&Keys>, named: Option<&Keys>) {
    let Some(current) = of_store.cloned().or_else(random) else {
        return log::cycle(
            Level::Alert,
            format_args!("no memory or no randomness for the keys of sessions: nobody can sign in"),
        );
    };
    let last = latest();
    let before = match last {
        Some(last) if is_same(&last.current, &current) => last.before.as_ref(),
        Some(last) => Some(&last.current),
        None => None,
    };
    let differs = |keys: &&Keys| !is_same(keys, &current);
    let before = before.filter(differs).cloned();
    let named = named.filter(differs).cloned();
    let is_known = last.is_some_and(|last| {
        is_same(&last.current, &current)
            && are_same(last.named.as_ref(), named.as_ref())
            && are_same(last.before.as_ref(), before.as_ref())
    });
    if is_known {
        return;
    }
    let generation = Generation { current, named, before, next: OnceLock::new() };
    match last {
        // There is only one master, with one thread: nobody was faster.
        Some(last) => drop(last.next.set(Box::new(generation))),
        None => drop(FIRST.set(generation)),
    }
}

/// The keys for what is made from now on. `None` if there are none; then there are no sessions
/// either.
pub(crate) fn keyring() -> Option<Keyring<'static>> {
    each().next()
}

/// The current keys, and the former ones that are still valid, three in all at most.
pub(crate) fn each() -> impl Iterator<Item = Keyring<'static>> {
    let former = |latest: &'static Generation| {
        let named = latest.named.as_ref();
        let before = latest.before.as_ref();
        named.into_iter().chain(before.filter(move |before| !are_same(named, Some(before))))
    };
    let keys = latest()
        .into_iter()
        .flat_map(move |latest| std::iter::once(&latest.current).chain(former(latest)));
    keys.map(|keys| Keyring::new(keys.bytes()))
}

/// Whether this nginx, or another with its store, has made this id.
pub(crate) fn is_proven(id: SentId<'_>) -> bool {
    each().any(|keyring| id.is_proven(keyring))
}

fn latest() -> Option<&'static Generation> {
    let mut latest = FIRST.get()?;
    while let Some(next) = latest.next.get() {
        latest = next;
    }
    Some(latest)
}

fn random() -> Option<Keys> {
    if let Some(keys) = RANDOM.get() {
        return Some(Arc::clone(keys));
    }
    let keys = filled(|bytes| SystemRandom::new().fill(bytes).is_ok())?;
    Some(Arc::clone(RANDOM.get_or_init(|| keys)))
}

fn filled(fill: impl FnOnce(&mut [u8; Keyring::SIZE]) -> bool) -> Option<Keys> {
    // `make bench` needs to know the cookie of a session that no sign-in has created.
    let is_known = cfg!(feature = "bench-seed");
    Hidden::filled(|bytes| is_known || fill(bytes)).map(Arc::new)
}

fn is_same(one: &Keys, other: &Keys) -> bool {
    one.bytes() == other.bytes()
}

fn are_same(one: Option<&Keys>, other: Option<&Keys>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => is_same(one, other),
        (one, other) => one.is_none() && other.is_none(),
    }
}
