//! The store, as a thread of the pool has it open.

use std::cell::RefCell;
use std::time::Duration;

use authentik_store::{Fault, Opened, Place, Store};

thread_local! {
    // Opened by the thread that uses it: never before a fork, never shared.
    static OPEN: RefCell<Option<Store>> = const { RefCell::new(None) };
}

/// What a thread reports besides its result.
#[derive(Default)]
pub(super) struct Report {
    /// An unusable file was moved aside: why, and where to.
    pub(super) aside: Option<String>,
    /// How long the work took.
    pub(super) took: Duration,
    /// A session was found that another version of this module has written.
    pub(super) is_of_another_version: bool,
}

/// Closes this thread's connections. A file stays open: nothing between it and nginx forgets it.
pub(crate) fn rest() {
    OPEN.with_borrow_mut(|open| _ = open.take_if(|store| store.recovers()));
}

/// Runs `work` on this thread's store, which is opened if necessary. After an error, a file is
/// opened anew the next time.
pub(super) fn with_store<T>(
    place: &Place,
    report: &mut Report,
    work: impl FnOnce(&mut Store) -> Result<T, Fault>,
) -> Result<T, Fault> {
    OPEN.with_borrow_mut(|open| {
        let current = open.take().filter(Store::is_current);
        let mut store = match current {
            Some(store) => store,
            None => {
                let Opened { store, aside } = place.open()?;
                report.aside =
                    aside.map(|(why, to)| format!("{why}; it was moved to \"{}\"", to.display()));
                store
            }
        };
        let result = work(&mut store);
        if result.is_ok() || store.recovers() {
            *open = Some(store);
        }
        result
    })
}
