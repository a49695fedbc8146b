//! The visitor's identity: the record of a session, and the headers for applications.
//!
//! A record is written once, at login ([`render`]), with all header values ready to use, and is
//! stored in shared memory sealed ([`seal`]). A worker opens it when it sees the session for the
//! first time; requests then read it in place ([`SessionView`]): no allocation, no formatting.

mod extra;
mod owned;
mod owner;
mod record;
mod render;
mod sealed;

pub use crate::headers::{
    HEADERS, HeaderEncoding, PROVIDER_HEADERS, ProviderHeaders, USER_HEADERS, folds_to,
    is_identity_header,
};
pub use extra::BasicAttributes;
pub use owned::OwnedRecord;
pub use owner::{name_of, owner_of, sid_of, subject_of};
pub use record::{ExtraHeader, SessionView};
pub use render::{Life, Rendered, render, with_refresh_token};
pub use sealed::{
    ENTROPY, is_of_another_version, is_of_user, is_sealed, open, open_unasked, opened_of,
    provider_of, seal, seal_for_store,
};

#[cfg(test)]
mod tests;
