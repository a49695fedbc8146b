//! What a record is, and thereby which share of the zone it belongs to: see `shares.rs`.

/// A visitor's session.
pub const SESSION: u8 = 1;
/// A document of an authentik server.
pub const DOCUMENT: u8 = 2;
/// Somebody is fetching a document.
pub const LEASE: u8 = 3;
/// An `Authorization` header that authentik knows, and who it is.
pub const CREDENTIALS: u8 = 4;
/// What a client without an account caused: a question about an `Authorization` header, authentik's
/// "no", or a long link to come back to. Made by [`super::Record::of_stranger`].
pub(super) const STRANGER: u8 = 5;
