//! Leases: of all processes that use the file, one holds a lease, for a limited time.

use rusqlite::params;

use super::{FileStore, signed};
use crate::fault::Fault;
use crate::row::Key;

impl FileStore {
    /// Takes a lease for `life` seconds, or extends one's own. `false` if another one holds it.
    /// `holder` is a random number.
    ///
    /// # Errors
    /// It was not taken.
    pub fn lease(&mut self, key: &Key, holder: u64, now: u64, life: u64) -> Result<bool, Fault> {
        self.set_synchronous("NORMAL")?;
        let transaction = self.change()?;
        let taken = transaction
            .prepare_cached(
                "INSERT INTO leases VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE
                    SET holder = ?2, until = ?3 WHERE until <= ?4 OR holder = ?2",
            )?
            .execute(params![key, bits(holder), signed(now.saturating_add(life)), signed(now)])?;
        transaction.commit()?;
        Ok(taken == 1)
    }

    /// Gives a lease back, if it is still this holder's.
    ///
    /// # Errors
    /// It lasts until its end.
    pub fn release(&mut self, key: &Key, holder: u64) -> Result<(), Fault> {
        let transaction = self.change()?;
        transaction
            .prepare_cached("DELETE FROM leases WHERE key = ?1 AND holder = ?2")?
            .execute(params![key, bits(holder)])?;
        transaction.commit()?;
        Ok(())
    }
}

/// All numbers, as SQLite stores them.
fn bits(number: u64) -> i64 {
    i64::from_ne_bytes(number.to_ne_bytes())
}
