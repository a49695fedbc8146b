//! What callers learn of the table's room: how full it is, and what an insertion did.

use super::layout::BLOCK;
use super::memory::Damaged;
use super::shares::Evicted;

/// The result of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inserted {
    /// Unexpired records that were evicted, least recently used first.
    pub evicted_live: u32,
    /// How many of them were sessions.
    pub evicted_sessions: u32,
    /// How full the zone is now.
    pub fill: Fill,
}

/// Why a record was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstored {
    /// The table must be recovered first.
    Damaged,
    /// It does not fit into its share of the zone, even after evictions.
    NoRoom,
}

impl From<Damaged> for Unstored {
    fn from(Damaged: Damaged) -> Self {
        Self::Damaged
    }
}

/// How full the zone is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Fill {
    /// Number of records, including expired ones that have not been swept yet.
    pub records: u32,
    /// How many of them are sessions.
    pub sessions: u32,
    /// Number of blocks in use.
    pub blocks_used: u32,
    /// Number of all blocks.
    pub blocks_total: u32,
    /// Records evicted since the zone was created.
    pub evicted: Evicted,
}

impl Fill {
    /// Percentage of blocks in use, rounded down.
    #[must_use]
    pub fn percent(&self) -> u32 {
        let percent = u64::from(self.blocks_used) * 100 / u64::from(self.blocks_total.max(1));
        u32::try_from(percent).unwrap_or(100)
    }

    /// Size of the records.
    #[must_use]
    pub fn bytes_used(&self) -> u64 {
        u64::from(self.blocks_used) * BLOCK as u64
    }

    /// Maximum size of the records.
    #[must_use]
    pub fn bytes_total(&self) -> u64 {
        u64::from(self.blocks_total) * BLOCK as u64
    }
}
