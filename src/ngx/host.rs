//! The host and port that a request is for: those by which nginx selected the server. The whole
//! module uses these functions.

use gate::request::Authority;

use super::{Fault, Request};

/// The requested host and port.
pub(crate) fn asked<'r>(r: &Request<'r>) -> Authority<'r> {
    Authority::new(r.host(), r.written_authority())
}

/// `host[:port]`, rebuilt if the client has written it differently.
pub(crate) fn authority<'r>(r: &Request<'r>) -> Result<&'r [u8], Fault> {
    let asked = asked(r);
    match asked.as_written() {
        Some(written) => Ok(written),
        None => r.keep(&asked.spell()),
    }
}
