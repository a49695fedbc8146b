//! The second shared zone: words that are read and written without a lock ([`gate::live`]).

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use gate::live::Live;
use nginx::words::{WordZone, Words};

use super::{Conf, Mistake};

/// Number of the newest configuration; workers inherit it from the master.
static EPOCH: AtomicU32 = AtomicU32::new(0);

/// The zone, as the configuration asked for it.
#[derive(Clone, Copy)]
pub(crate) struct LiveZone(WordZone<LiveWords>);

struct LiveWords;

impl LiveZone {
    /// Asks nginx for room for `words` words. Pages that are never written cost nothing.
    pub(crate) fn add(cf: &Conf<'_>, name: &str, words: usize) -> Result<Self, Mistake> {
        WordZone::add(cf, name, words).map(Self)
    }

    /// The words. They stay mapped until the worker ends.
    pub(crate) fn get(&self) -> Option<Live<'static>> {
        Live::new(self.0.get()?)
    }

    /// Number of the configuration that this process runs.
    pub(crate) fn epoch() -> u32 {
        EPOCH.load(Ordering::Relaxed)
    }
}

impl Words for LiveWords {
    fn map(words: &[AtomicU64], fresh: bool) -> Option<()> {
        let live = if fresh { Live::fresh(words) } else { Live::new(words) }?;
        EPOCH.store(live.next_epoch(), Ordering::Relaxed);
        Some(())
    }
}
