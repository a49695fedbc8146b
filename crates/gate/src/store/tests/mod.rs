//! Tests of the table as a whole.

mod capacity;
mod crash;
mod epochs;
mod expiry;
mod garbage;
pub(super) mod kill;
mod lease;
mod model;
mod shares;
mod warm;
mod zone;
