//! Only with the feature `suspend-all`: panics where a test wants it.

use crate::ngx::Request;

/// Panics if the client asks for it with `X-Defect: PLACE`.
pub(crate) fn at(r: &Request<'_>, place: &str) {
    assert!(!is_wanted(r, place), "on purpose, in {place}");
}

/// Whether the client asks for a defect at this place.
pub(crate) fn is_wanted(r: &Request<'_>, place: &str) -> bool {
    r.header(b"x-defect") == Some(place.as_bytes())
}
