//! The shared zone, as the gate's table of records.

use std::cell::Cell;

use gate::store::{self, Epoch, Epochs, Inserted, Key, Record, Table, Turn};
use gate::time::UnixTime;
use nginx::lifecycle::uptime;
use nginx::zone::{Contents, Region};

use super::log::{self, Level};
use super::{Conf, Mistake};

/// Minimum size for `authentik_shared_zone`, in bytes.
///
/// Enough for one record of the largest kind and nginx's own bookkeeping.
pub(crate) const SMALLEST: usize = 512 * 1024;

/// Fill level from which a warning is logged, in percent.
const WARN_AT: u32 = 80;

/// A zone requested by the configuration. nginx maps it after reading the configuration.
#[derive(Clone, Copy)]
pub(crate) struct Zone(nginx::zone::Zone<Records>);

struct Records;

thread_local! {
    // Used on the event-loop thread only.
    static OF_WORKER: Cell<Option<Zone>> = const { Cell::new(None) };
}

impl Zone {
    /// Requests the zone from nginx.
    pub(crate) fn add(cf: &Conf<'_>, name: &str, size: usize) -> Result<Self, Mistake> {
        nginx::zone::Zone::add(cf, name, size).map(Self)
    }

    /// Runs `work` on the table with the zone locked. Keep it short: only copy out.
    ///
    /// Must not be called from within `work`: this thread would wait for its own lock forever (see
    /// [`Turn`]).
    ///
    /// Returns `None` if the zone contains something other than our table.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Table<'_>) -> R) -> Option<R> {
        let (recovery, result) = {
            let _turn = Turn::begin();
            self.0.with(|region| {
                let mut table = Table::open(as_store(region)?).ok()?;
                let result = work(&mut table);
                Some((table.recovery(), result))
            })??
        };
        // Logged only after the lock was released.
        if let Some(recovery) = recovery {
            log::cycle(
                Level::Warn,
                format_args!(
                    "a worker died while it wrote to the zone, which was repaired: {} records kept, {} lost; \
                     visitors whose session is lost sign in again, nothing else is to be done here. Why the \
                     worker died: see the line \"worker process … exited on signal\" before this one",
                    recovery.kept, recovery.lost
                ),
            );
        }
        Some(result)
    }

    /// Reads the record with this key ahead of [`Self::with`], so that nobody waits for memory
    /// while holding the lock.
    #[inline]
    pub(crate) fn warm(&self, key: &Key) {
        if let Some(unlocked) = self.0.unlocked() {
            store::warm(unlocked.length(), key, |at| unlocked.glance(at));
        }
    }

    /// The same for uses of the record that do not copy it.
    #[inline]
    pub(crate) fn warm_head(&self, key: &Key) {
        if let Some(unlocked) = self.0.unlocked() {
            store::warm_head(unlocked.length(), key, |at| unlocked.glance(at));
        }
    }

    /// The epoch of the session with this key, without locking. `None` if there is no zone.
    #[inline]
    pub(crate) fn epoch_of(&self, key: &Key) -> Option<Epoch> {
        Some(Epochs::new(self.0.words()?)?.of(key))
    }

    /// Called once per worker process.
    pub(crate) fn start(zone: Option<Self>) {
        OF_WORKER.set(zone);
    }

    /// The zone of this worker, for code without a request.
    pub(crate) fn of_worker() -> Option<Self> {
        OF_WORKER.get()
    }

    /// Puts a record into the zone. Returns whether it is stored.
    pub(crate) fn put(&self, record: &Record<'_>, time: UnixTime) -> bool {
        let inserted = self.with(|table| table.insert(record, time)).and_then(Result::ok);
        inserted.as_ref().map(warn_if_full).is_some()
    }

    /// Copies a record to the desk, which grows if necessary, but not under the lock.
    pub(crate) fn copy_out(
        &self,
        key: &Key,
        time: UnixTime,
        desk: &mut Vec<u8>,
    ) -> Option<CopiedOut> {
        for _ in 0..3 {
            let (copied, fits) = self.with(|table| {
                let epoch = table.epoch(key);
                let found = table.find(key, time)?;
                let (length, expires) = (found.len(), found.expires());
                let room = desk.get_mut(..length);
                let fits =
                    room.map_or(Some(false), |room| found.copy_into(room).then_some(true))?;
                Some((CopiedOut { length, epoch, expires }, fits))
            })??;
            if fits {
                return Some(copied);
            }
            desk.resize(copied.length, 0);
        }
        None
    }
}

/// A record that was copied to a desk.
pub(crate) struct CopiedOut {
    /// In bytes; the desk may be longer.
    pub(crate) length: usize,
    /// The copy is current as long as the key has this epoch.
    pub(crate) epoch: Epoch,
    /// When the record expires.
    pub(crate) expires: UnixTime,
}

/// Must be called after each insertion, of whatever kind.
pub(crate) fn warn_if_full(inserted: &Inserted) {
    thread_local! {
        // By the monotonic clock.
        static AGAIN: Cell<u64> = const { Cell::new(0) };
    }
    const PAUSE: u64 = 60;
    let percent = inserted.fill.percent();
    if percent < WARN_AT || uptime() < AGAIN.get() {
        return;
    }
    AGAIN.set(uptime() + PAUSE);
    let records = inserted.fill.records;
    let evicted =
        if inserted.evicted_sessions > 0 { ", sessions in use are being evicted" } else { "" };
    log::cycle(
        Level::Error,
        format_args!(
            "the zone is {percent} % full ({records} records{evicted}); enlarge \
             authentik_shared_zone"
        ),
    );
}

impl Contents for Records {
    const WORDS: usize = Epochs::COUNT;

    fn format(region: Region<'_>) -> Option<()> {
        Table::format(as_store(region)?).ok().map(drop)
    }
}

fn as_store(region: Region<'_>) -> Option<store::Region<'_>> {
    let Region { flag, words, bytes } = region;
    Some(store::Region { dirty: flag, epochs: Epochs::new(words)?, bytes })
}
