//! The kinds of records, which determine their share of the zone: see `shares.rs`.

/// A visitor's session.
pub const SESSION: u8 = 1;
/// A document from an authentik server.
pub const DOCUMENT: u8 = 2;
/// A lease, e.g. for fetching a document.
pub const LEASE: u8 = 3;
/// An `Authorization` header that authentik accepted, and its user.
pub const CREDENTIALS: u8 = 4;
/// An end of sessions that the store has not taken yet.
pub const END: u8 = 6;
/// Caused by a client without an account: a question about an `Authorization` header, authentik's
/// "no", or a long link to return to. Created by [`super::Record::of_stranger`].
pub(super) const STRANGER: u8 = 5;
