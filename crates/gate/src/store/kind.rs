//! What a record is.

/// A visitor's session.
pub const SESSION: u8 = 1;
/// A document of an authentik server.
pub const DOCUMENT: u8 = 2;
/// Somebody is asking authentik.
pub const LEASE: u8 = 3;
/// What authentik said of an `Authorization` header.
pub const CREDENTIALS: u8 = 4;
