//! The second shared zone: words that are accessed without a lock ([`gate::shared_words`]).

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use gate::shared_words::SharedWords;
use nginx::words::{WordZone, Words};

use super::{Conf, Mistake};

/// Number of the newest configuration; workers inherit it from the master.
static EPOCH: AtomicU32 = AtomicU32::new(0);

/// The zone requested by the configuration.
#[derive(Clone, Copy)]
pub(crate) struct SharedWordsZone(WordZone<Mapped>);

struct Mapped;

impl SharedWordsZone {
    /// Requests a zone of `words` words from nginx. Pages that are never written use no memory.
    pub(crate) fn add(cf: &Conf<'_>, name: &str, words: usize) -> Result<Self, Mistake> {
        WordZone::add(cf, name, words).map(Self)
    }

    /// The words. They stay mapped until the worker exits.
    pub(crate) fn get(&self) -> Option<SharedWords<'static>> {
        SharedWords::new(self.0.get()?)
    }

    /// Number of this process's configuration.
    pub(crate) fn epoch() -> u32 {
        EPOCH.load(Ordering::Relaxed)
    }
}

impl Words for Mapped {
    fn map(words: &[AtomicU64], fresh: bool) -> Option<()> {
        let words = if fresh { SharedWords::fresh(words) } else { SharedWords::new(words) }?;
        EPOCH.store(words.next_epoch(), Ordering::Relaxed);
        Some(())
    }
}
