//! Only in the build `suspend-all`: breaks where a test wants it to.

use crate::ngx::Request;

/// Panics if the client says so: `X-Defect: PLACE`.
pub(crate) fn at(r: &Request<'_>, place: &str) {
    assert!(!is_wanted(r, place), "on purpose, in {place}");
}

/// Whether the client asks for a defect there.
pub(crate) fn is_wanted(r: &Request<'_>, place: &str) -> bool {
    r.header(b"x-defect") == Some(place.as_bytes())
}
