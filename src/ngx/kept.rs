//! What of a request's memory is kept for the next callback, and in which slot.

use core::ops::Range;

use gate::cookie::MAX_CANDIDATES;

use super::{Fault, Request};

/// The query of an endpoint, as it was before it was hidden from the logs.
pub(crate) const QUERY: usize = 0;
/// The session record of the visitor.
pub(crate) const RECORD: usize = 1;
/// The values of the `Cookie` headers as the client sent them, before ours are hidden. The first is kept
/// whenever they are.
const COOKIES: Range<usize> = 2..2 + MAX_CANDIDATES;

/// Room for all of it.
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
