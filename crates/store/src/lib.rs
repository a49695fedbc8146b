//! Stores sessions outside nginx's memory, so that they survive a restart: in a file, or in Redis for
//! several hosts.
//!
//! For use in threads only: every call may wait for the disk, for the network or for another process.
//! A store is opened in the worker that uses it, never before a fork.
//!
//! # What is in the store
//!
//! Hashes and sealed records: keys of sessions are hashes of their ids, a record can be opened only
//! with the id, and users and sessions at authentik are identified by keyed hashes. The key of
//! those hashes is derived from a second file ([`secret`]), which workers never read: the master does.
//! A reader of the store learns how many sessions there are, when they expire, and which of them
//! belong to the same user.
//!
//! # Ends are final
//!
//! A session that has ended leaves its key behind for as long as it would have lasted: if a slow
//! worker writes it later, that does not bring it back. The same applies to all sessions of a user,
//! or of a session at authentik, that were opened before the end.

#![forbid(unsafe_code)]

mod ends_file;
mod fault;
mod file;
mod mounts;
mod pending;
mod place;
pub mod redis;
mod row;
mod schema;
pub mod secret;
mod store;

pub use ends_file::{EndsFile, Stamp};
pub use fault::Fault;
pub use file::FileStore;
pub use pending::{Absent, Backlog, PendingEnd};
pub use place::claim;
pub use row::{Changes, End, Ended, Hash, Key, Mark, Row, Stats};
pub use store::{Opened, Place, Store};

#[cfg(not(any(feature = "bundled", feature = "system-sqlite")))]
compile_error!("choose one of the features `bundled` and `system-sqlite`");
