//! What is kept in a request's memory for the next callback, and in which slot.

use core::ops::Range;

use gate::cookie::MAX_CANDIDATES;

use super::{Fault, Request};

/// The query of an endpoint, before it was hidden from logs.
pub(crate) const QUERY: usize = 0;
/// The session record of the visitor.
pub(crate) const RECORD: usize = 1;
/// The values of the `Cookie` headers as sent by the client, before ours are hidden. If they are
/// kept, the first slot is set.
const COOKIES: Range<usize> = 2..2 + MAX_CANDIDATES;

/// A shelf with room for all slots.
pub(crate) type Shelf = nginx::Shelf<{ COOKIES.end }>;

/// Keeps the values of the `Cookie` headers.
pub(crate) fn remember_cookies<'r>(
    r: &Request<'r>,
    values: [&'r [u8]; MAX_CANDIDATES],
) -> Result<(), Fault> {
    COOKIES.zip(values).try_for_each(|(slot, value)| r.remember(slot, value))
}

/// The values of the `Cookie` headers, if they were kept.
pub(crate) fn recall_cookies<'r>(r: &Request<'r>) -> Option<[&'r [u8]; MAX_CANDIDATES]> {
    r.recall(COOKIES.start)?;
    let mut values = [&[][..]; MAX_CANDIDATES];
    for (slot, value) in COOKIES.zip(&mut values) {
        *value = r.recall(slot)?;
    }
    Some(values)
}
