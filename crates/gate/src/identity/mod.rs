//! Who is signed in: the record that a session is, and the headers that tell applications.
//!
//! A record is written once, at login ([`render`]), with every header value ready. A request
//! reads it where it lies ([`SessionView`]): no allocation, no formatting.

mod extra;
mod owned;
mod owner;
mod record;
mod render;

pub use crate::headers::{
    HEADERS, HeaderEncoding, PROVIDER_HEADERS, ProviderHeaders, USER_HEADERS, folds_to,
    is_identity_header,
};
pub use extra::BasicAttributes;
pub use owned::OwnedRecord;
pub use owner::{owner_of, sid_of, subject_of};
pub use record::{ExtraHeader, SessionView, is_of_user, provider_of};
pub use render::{Rendered, render};

#[cfg(test)]
mod tests;
