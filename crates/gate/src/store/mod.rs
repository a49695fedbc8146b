//! The table of sessions and other records shared by all workers, as safe code over bytes.
//!
//! The shell maps an nginx shared-memory zone, turns it into a [`Region`] and holds the zone's slab
//! mutex (`shpool->mutex`, which nginx's master releases when a worker dies) from [`Table::open`]
//! until the table is dropped. Contents survive `nginx -s reload`; each process may map them at a
//! different address, so everything inside is a block number, never a pointer.
//!
//! ```text
//! header, shares │ buckets by key │ by subject │ by sid │ block 1 │ block 2 │ … (512 bytes each)
//! ```
//!
//! A record is a head block (fields, links, the first 368 bytes) and as many further blocks as its
//! payload needs, anywhere: there is no fragmentation, and a record fits as long as enough blocks
//! are free.
//!
//! For what is evicted when the zone is full, see `shares.rs`.
//!
//! # A worker may be killed at any instruction
//!
//! Each change happens between `dirty = 1` and `dirty = 0`. A process that opens the table and
//! finds it dirty rebuilds everything that can be derived (buckets, links, order of use, free
//! blocks) from the blocks themselves, and keeps a record only if its mark, chain, ownership and
//! checksum are valid. The record that was being written or removed may then be gone; no other
//! record is lost, and none is corrupted. Links are not trusted in between either: every walk is
//! bounded, and inconsistencies ([`Damaged`]) lead to the same recovery.

mod blocks;
pub mod dated;
mod epochs;
mod fill;
mod found;
mod index;
pub mod kind;
mod layout;
pub mod lease;
mod lru;
mod memory;
mod record;
mod records;
mod recover;
mod shares;
mod table;
mod turn;
mod warm;

pub use epochs::{Epoch, Epochs};
pub use fill::{Fill, Inserted, Unstored};
pub use found::Found;
pub use layout::{MAX_PAYLOAD, TooSmall};
pub use memory::Damaged;
pub use record::{Key, Owner, Record, TooBig};
pub use recover::Recovery;
pub use shares::Evicted;
pub use table::{BEGINNING, Foreign, Region, Table};
pub use turn::Turn;
pub use warm::{warm, warm_head};

#[cfg(test)]
mod tests;
