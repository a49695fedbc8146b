//! nginx in the gate's words: the fence (crates/nginx) with this module's types filled in.
//!
//! | module | has |
//! |---|---|
//! | [`host`] | the requested host and port |
//! | [`sender`] | who waits for the answer |
//! | [`zone`], [`shared_words`] | the shared memory, as the gate's table of records and its words |
//! | [`counters`] | what this worker counts |
//! | [`keyring`] | the keys of this nginx's processes |
//! | [`kept`] | what of a request's memory is kept for the next callback |
//! | [`log`] | the error log |

pub(crate) mod counters;
pub(crate) mod host;
pub(crate) mod kept;
pub(crate) mod keyring;
pub(crate) mod log;
pub(crate) mod sender;
pub(crate) mod shared_words;
pub(crate) mod zone;

use gate::response::Response;
use gate::time::UnixTime;
use nginx::Module;
use nginx::suspend::{self, Ticket};
pub(crate) use nginx::{Fault, Mistake, Place};

pub(crate) use self::zone::Zone;

/// The module. What it does when is in lib.rs.
pub(crate) struct Authentik;

/// A request, for as long as a callback.
pub(crate) type Request<'r> = nginx::Request<'r, Authentik>;
/// The configuration as it is read.
pub(crate) type Conf<'c> = nginx::Conf<'c, Authentik>;
/// How a request continues.
pub(crate) type Flow = nginx::Flow<Response>;
/// A row of the table of directives.
pub(crate) type Row = nginx::Row<Authentik>;
/// A row of the table of variables.
pub(crate) type Variable = nginx::Variable<Authentik>;

/// Ends the wait of `ticket`: `deliver` gets the state of its request, then the request goes on.
/// Nothing happens when the request is gone or no longer waits for this ticket.
pub(crate) fn wake(ticket: Ticket, deliver: impl FnOnce(&<Authentik as Module>::State)) {
    suspend::wake::<Authentik>(ticket, deliver);
}

/// The time as nginx knows it: cached once per turn of the event loop, no system call.
pub(crate) fn now() -> UnixTime {
    UnixTime(nginx::now())
}
