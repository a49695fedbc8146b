//! The shared zone, as the gate's table of records.

use gate::store::{self, Table, Turn};
use nginx::zone::{Contents, Region};

use super::log::{self, Level};
use super::{Conf, Mistake};

/// Smallest size that `authentik_shared_zone` takes, in bytes.
///
/// Room for one record of the largest kind, and for nginx's own bookkeeping.
pub(crate) const SMALLEST: usize = 512 * 1024;

/// A zone that the configuration asked for. nginx maps it after the configuration was read.
#[derive(Clone, Copy)]
pub(crate) struct Zone(nginx::zone::Zone<Records>);

struct Records;

impl Zone {
    /// Asks nginx for the zone.
    pub(crate) fn add(cf: &Conf<'_>, name: &str, size: usize) -> Result<Self, Mistake> {
        nginx::zone::Zone::add(cf, name, size).map(Self)
    }

    /// Runs `work` on the table while no other worker does. Keep it short: copy out, nothing else.
    ///
    /// Not from within itself: the lock would wait for this thread for ever (see [`Turn`]).
    ///
    /// `None` when the zone holds something that is not our table.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Table<'_>) -> R) -> Option<R> {
        let (recovery, result) = {
            let _turn = Turn::begin();
            self.0.with(|region| {
                let mut table = Table::open(as_store(region)).ok()?;
                let result = work(&mut table);
                Some((table.recovery(), result))
            })??
        };
        // Logged only after the lock was given back.
        if let Some(recovery) = recovery {
            log::cycle(
                Level::Warn,
                format_args!(
                    "a worker died while it wrote to the zone; repaired, {} records kept, {} lost",
                    recovery.kept, recovery.lost
                ),
            );
        }
        Some(result)
    }
}

impl Contents for Records {
    fn format(region: Region<'_>) -> Option<()> {
        Table::format(as_store(region)).ok().map(drop)
    }
}

fn as_store(region: Region<'_>) -> store::Region<'_> {
    store::Region { dirty: region.flag, bytes: region.bytes }
}
