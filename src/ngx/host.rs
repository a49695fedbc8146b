//! Which host and port a request is for: those by which nginx selected the server. The whole module
//! asks here.

use gate::request::Authority;

use super::{Fault, Request};

/// Host and port that were asked for.
pub(crate) fn asked<'r>(r: &Request<'r>) -> Authority<'r> {
    Authority::new(r.host(), r.written_authority())
}

/// `host[:port]`, made again where it is not written so.
pub(crate) fn authority<'r>(r: &Request<'r>) -> Result<&'r [u8], Fault> {
    let asked = asked(r);
    match asked.as_written() {
        Some(written) => Ok(written),
        None => r.keep(&asked.spell()),
    }
}
