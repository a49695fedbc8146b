//! The store in Redis and Valkey, with servers of its own: see `ci/install.sh`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a surprise fails the test"
)]

mod conformance;
mod server;

mod alone;
mod cluster;
mod faults;
mod sentinel;

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use authentik_store::redis::Settings;
use authentik_store::{Fault, Place, Store};

/// The time at which the tests began, in seconds since 1970: the same throughout.
fn now() -> u64 {
    static NOW: OnceLock<u64> = OnceLock::new();
    *NOW.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap().as_secs()
    })
}

/// Opens a store.
fn open(settings: Settings) -> Store {
    Place::Redis(Arc::new(settings)).open().unwrap().store
}

/// What `nginx -t` or the log would say about an unusable setup.
fn setup_fault<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
    match result {
        Err(Fault::Setup(what)) => what,
        other => panic!("{other:?}"),
    }
}

/// What the log would say about a server that cannot be used now.
fn away<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
    match result {
        Err(Fault::Away(what)) => what,
        other => panic!("{other:?}"),
    }
}
