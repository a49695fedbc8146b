//! Leases: held by one process for a limited time, by a clock that is never set.
//!
//! The time of day may be set back by hours; a lease that depended on it would last just as long,
//! and nobody could ask authentik meanwhile. So a lease's payload says when it ends, in seconds of
//! a monotonic clock; its expiry is for the sweeper.

use super::fill::{Inserted, Unstored};
use super::record::{Key, Record};
use super::table::Table;
use crate::time::UnixTime;

/// The payload of a lease that starts at this second of the clock and lasts `life` seconds.
#[must_use]
pub fn payload(clock: u64, life: u64) -> [u8; 8] {
    clock.saturating_add(life).to_le_bytes()
}

impl Table<'_> {
    /// Takes a lease; `None` if somebody holds it. Of all workers, only one gets it. `clock` is the
    /// current second of the clock that was passed to [`payload`].
    pub fn take_lease(
        &mut self,
        lease: &Record<'_>,
        now: UnixTime,
        clock: u64,
    ) -> Result<Option<Inserted>, Unstored> {
        if self.has_lease(&lease.fields.key, clock) {
            return Ok(None);
        }
        self.remove(&lease.fields.key)?;
        self.insert_if_absent(lease, now)
    }

    /// Whether somebody holds the lease.
    #[must_use]
    pub fn has_lease(&mut self, key: &Key, clock: u64) -> bool {
        // Regardless of the time of day.
        let Some(found) = self.find(key, UnixTime(0)) else { return false };
        let mut end = [0; 8];
        let is_lease = found.len() == end.len() && found.copy_into(&mut end);
        is_lease && u64::from_le_bytes(end) > clock
    }
}
