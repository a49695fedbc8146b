//! How much of the zone each kind of record may take, and what is evicted when a share is full.
//!
//! | share | of the blocks | evicted |
//! |---|---|---|
//! | sessions, and credentials accepted by authentik | everything not taken by the others | the least recently used |
//! | upkeep: documents from authentik, and leases | a 32nd guaranteed; more while it is free | its own oldest |
//! | strangers: questions about credentials, each "no", links to return to | a 32nd | its own oldest |
//!
//! So nothing that a client without an account sends ever costs anybody a session. The strangers'
//! share is divided among their addresses: see [`Share::lane_of`]. Tokens that may be used once
//! are kept there too, as if they all came from one address of their own.

use super::kind;
use super::layout::{Geometry, NONE, header, share};
use super::memory::{Damaged, Memory};
use crate::time::UnixTime;

/// A share; that of strangers is divided further into lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(u8);

impl Share {
    pub(super) const SESSIONS: Self = Self(0);
    pub(super) const UPKEEP: Self = Self(1);
    const FIRST_LANE: u8 = 2;
    /// The lane of used tokens.
    pub(super) const SPENT: u8 = share::COUNT as u8 - Self::FIRST_LANE - 1;

    /// The share of a record; `lane` only matters for strangers.
    #[inline]
    pub(super) fn of(kind: u8, lane: u8) -> Result<Self, Damaged> {
        match kind {
            kind::SESSION | kind::CREDENTIALS => Ok(Self::SESSIONS),
            kind::STRANGER if usize::from(lane) < LANES => Ok(Self(Self::FIRST_LANE + lane)),
            kind::STRANGER => Err(Damaged),
            _ => Ok(Self::UPKEEP),
        }
    }

    /// Strangers that cannot be distinguished share the first lane; each address has one of the
    /// others, to itself unless two happen to share one. The last lane is [`Self::SPENT`].
    pub(super) fn lane_of(sender: Option<u64>) -> u8 {
        const OTHERS: u64 = LANES as u64 - 2;
        // Spreads neighbouring addresses over the lanes (splitmix64).
        let mixed = |sender: u64| {
            let x = (sender ^ (sender >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            x ^ (x >> 31)
        };
        sender.map_or(0, |sender| 1 + u8::try_from(mixed(sender) % OTHERS).unwrap_or(0))
    }

    #[inline]
    fn field(self, field: usize) -> usize {
        header::SHARES + usize::from(self.0) * share::SIZE + field
    }

    #[inline]
    pub(super) fn newest(self) -> usize {
        self.field(share::NEWEST)
    }

    #[inline]
    pub(super) fn oldest(self) -> usize {
        self.field(share::OLDEST)
    }

    #[inline]
    pub(super) fn blocks(self) -> usize {
        self.field(share::BLOCKS)
    }

    fn lanes() -> impl Iterator<Item = Self> {
        (Self::FIRST_LANE..).take(LANES).map(Self)
    }

    #[cfg(test)]
    pub(super) fn all() -> impl Iterator<Item = Self> {
        [Self::SESSIONS, Self::UPKEEP].into_iter().chain(Self::lanes())
    }
}

/// Number of parts of the strangers' share.
const LANES: usize = share::COUNT - Share::FIRST_LANE as usize;

/// Live records evicted since the zone was created, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Evicted {
    /// Visitors' sessions: the zone is too small.
    pub sessions: u64,
    /// Credentials accepted by authentik.
    pub credentials: u64,
    /// Documents from authentik, and leases.
    pub documents: u64,
    /// Records caused by strangers.
    pub strangers: u64,
}

impl Evicted {
    /// The sum of all kinds.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { sessions, credentials, documents, strangers } = *self;
        sessions.saturating_add(credentials).saturating_add(documents).saturating_add(strangers)
    }
}

fn slot_of_evicted(kind: u8) -> usize {
    header::EVICTED
        + 8 * match kind {
            kind::SESSION => 0,
            kind::CREDENTIALS => 1,
            kind::STRANGER => 3,
            _ => 2,
        }
}

/// Live records evicted for one insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct GaveWay {
    pub(super) all: u32,
    pub(super) sessions: u32,
}

impl Geometry {
    /// Blocks of all strangers together. No other share uses them.
    pub(super) fn of_strangers(&self) -> u32 {
        (self.blocks / 32).clamp(16, 4096)
    }

    /// Maximum blocks of one of their lanes when a record of `record` blocks is added: a quarter,
    /// or just that record if it is larger. In the smallest zones a link of 8 kB is more than a
    /// quarter.
    fn of_lane(&self, lane: Share, record: u32) -> u32 {
        let all = self.of_strangers();
        if lane.0 == Share::FIRST_LANE { all } else { record.clamp(all / 4, all) }
    }

    /// Blocks reserved for upkeep, never used for sessions.
    pub(super) fn of_upkeep(&self) -> u32 {
        (self.blocks / 32).clamp(16, 4096)
    }

    /// Blocks not reserved for strangers.
    fn of_others(&self) -> u32 {
        self.blocks.saturating_sub(self.of_strangers())
    }
}

impl Memory<'_> {
    /// The share of the record at this block.
    #[inline]
    pub(super) fn share_of(&self, record: u32) -> Result<Share, Damaged> {
        Share::of(self.kind_of(record)?, self.lane_of(record)?)
    }

    /// Evicts records until a new one of `blocks` blocks fits into its share. `None`, and nothing
    /// is evicted, if it can never fit.
    ///
    /// Removes expired records first, as far as a bounded sweep finds them.
    pub(super) fn make_room(
        &mut self,
        share: Share,
        blocks: u32,
        now: UnixTime,
    ) -> Result<Option<GaveWay>, Damaged> {
        self.sweep(now, SWEPT_PER_INSERT)?;
        if self.lacks_room(share, blocks)? {
            self.sweep(now, SWEPT_WHEN_FULL)?;
        }
        if blocks > self.limit(share, blocks)? {
            return Ok(None);
        }
        let mut gone = GaveWay::default();
        while self.lacks_room(share, blocks)? {
            self.evict_from(share, now, &mut gone)?;
        }
        while share.0 >= Share::FIRST_LANE
            && self.used_by_strangers()?.saturating_add(blocks) > self.geometry.of_strangers()
        {
            self.evict_from(self.fullest_lane()?, now, &mut gone)?;
        }
        Ok(Some(gone))
    }

    fn lacks_room(&self, share: Share, blocks: u32) -> Result<bool, Damaged> {
        Ok(self.u32_at(share.blocks())?.saturating_add(blocks) > self.limit(share, blocks)?)
    }

    /// Maximum blocks of a share in the current state of the zone, when a record of `blocks` blocks
    /// is added.
    fn limit(&self, share: Share, blocks: u32) -> Result<u32, Damaged> {
        let (sessions, upkeep) =
            (self.u32_at(Share::SESSIONS.blocks())?, self.u32_at(Share::UPKEEP.blocks())?);
        let others = self.geometry.of_others();
        Ok(match share {
            Share::SESSIONS => others.saturating_sub(upkeep.max(self.geometry.of_upkeep())),
            // Never everything, however many providers there are.
            Share::UPKEEP => others.saturating_sub(sessions).min(others / 4 * 3),
            lane => self.geometry.of_lane(lane, blocks),
        })
    }

    fn used_by_strangers(&self) -> Result<u32, Damaged> {
        Share::lanes().try_fold(0_u32, |sum, lane| {
            sum.checked_add(self.u32_at(lane.blocks())?).ok_or(Damaged)
        })
    }

    /// The lane with the most blocks, from which to evict.
    fn fullest_lane(&self) -> Result<Share, Damaged> {
        let mut fullest = (Share(Share::FIRST_LANE), 0);
        for lane in Share::lanes() {
            let blocks = self.u32_at(lane.blocks())?;
            if blocks > fullest.1 {
                fullest = (lane, blocks);
            }
        }
        Ok(fullest.0)
    }

    fn evict_from(
        &mut self,
        share: Share,
        now: UnixTime,
        gone: &mut GaveWay,
    ) -> Result<(), Damaged> {
        let oldest = self.u32_at(share.oldest())?;
        if oldest == NONE {
            return Err(Damaged); // its block count is wrong
        }
        if !self.has_expired(oldest, now)? {
            let kind = self.kind_of(oldest)?;
            gone.all += 1;
            gone.sessions += u32::from(kind == kind::SESSION);
            let slot = slot_of_evicted(kind);
            let so_far = self.read(slot).map(u64::from_le_bytes)?;
            self.write(slot, &so_far.wrapping_add(1).to_le_bytes())?;
        }
        self.remove_record(oldest)
    }

    /// The number of records evicted since the zone was created.
    pub(super) fn evicted(&self) -> Evicted {
        let of = |kind| self.read(slot_of_evicted(kind)).map_or(0, u64::from_le_bytes);
        Evicted {
            sessions: of(kind::SESSION),
            credentials: of(kind::CREDENTIALS),
            documents: of(kind::DOCUMENT),
            strangers: of(kind::STRANGER),
        }
    }
}

/// With 16 blocks per insertion, the sweep has covered a whole zone before it is filled three times
/// over with sessions of five blocks.
const SWEPT_PER_INSERT: u32 = 16;
/// A few microseconds of searching before a live record is evicted.
const SWEPT_WHEN_FULL: u32 = 64;
