//! Leases: what one process holds for a limited time, by a clock that nobody sets.
//!
//! The time of day may be set back by hours; a lease that depended on it would last as long, and nobody
//! could ask authentik meanwhile. So a lease says in its payload when it ends, in seconds of a
//! monotonic clock; its expiry is for the sweeper.

use super::record::{Key, Record};
use super::table::{Inserted, Table, Unstored};
use crate::time::UnixTime;

/// The payload of a lease that is taken at this second of the clock, for so many.
#[must_use]
pub fn payload(clock: u64, life: u64) -> [u8; 8] {
    clock.saturating_add(life).to_le_bytes()
}

impl Table<'_> {
    /// Takes a lease unless somebody has it: what came of it if nobody did. Of all workers, one gets
    /// something. `clock` is the second of the clock that [`payload`] was made by.
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

    /// Whether somebody has the lease.
    #[must_use]
    pub fn has_lease(&mut self, key: &Key, clock: u64) -> bool {
        // Whatever the time of day says of it.
        let Some(found) = self.find(key, UnixTime(0)) else { return false };
        let mut end = [0; 8];
        let is_lease = found.len() == end.len() && found.copy_into(&mut end);
        is_lease && u64::from_le_bytes(end) > clock
    }
}
