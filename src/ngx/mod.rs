//! nginx in the gate's words: the fence (crates/nginx) with this module's types filled in.
//!
//! | module | has |
//! |---|---|
//! | [`host`] | the requested host and port |
//! | [`sender`] | who waits for the response |
//! | [`occasion`] | for whom and when a page is made |
//! | [`zone`], [`shared_words`] | the shared memory, as the gate's table of records and its words |
//! | [`counters`] | this worker's counters |
//! | [`keyring`] | the keys shared by the processes of this nginx |
//! | [`kept`] | what is kept in a request's memory for the next callback |
//! | [`log`] | the error log |
//! | [`random`] | random bytes |

pub(crate) mod counters;
pub(crate) mod host;
pub(crate) mod kept;
pub(crate) mod keyring;
pub(crate) mod log;
pub(crate) mod occasion;
pub(crate) mod random;
pub(crate) mod sender;
pub(crate) mod shared_words;
pub(crate) mod zone;

use std::time::SystemTime;

use gate::response::Response;
use gate::time::UnixTime;
use nginx::Module;
use nginx::suspend::{self, Ticket};
pub(crate) use nginx::{Fault, Mistake, Place};

pub(crate) use self::zone::Zone;

/// The module; lib.rs implements its hooks.
pub(crate) struct Authentik;

/// A request, for the duration of a callback.
pub(crate) type Request<'r> = nginx::Request<'r, Authentik>;
/// The configuration being read.
pub(crate) type Conf<'c> = nginx::Conf<'c, Authentik>;
/// How a request continues.
pub(crate) type Flow = nginx::Flow<Response>;
/// A row of the table of directives.
pub(crate) type Row = nginx::Row<Authentik>;
/// A row of the table of variables.
pub(crate) type Variable = nginx::Variable<Authentik>;

/// Wakes the request that waits with `ticket`: `deliver` gets its state, then the request
/// continues. Does nothing if the request has ended or no longer waits with this ticket.
pub(crate) fn wake(ticket: Ticket, deliver: impl FnOnce(&<Authentik as Module>::State)) {
    suspend::wake::<Authentik>(ticket, deliver);
}

/// nginx's time: cached once per turn of the event loop, without a system call.
pub(crate) fn now() -> UnixTime {
    UnixTime(nginx::now())
}

/// The same in milliseconds.
pub(crate) fn now_millis() -> u64 {
    nginx::now_millis()
}

/// Seconds since 1970, for threads, which have no part in nginx's cache.
pub(crate) fn unix_time() -> u64 {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    time.map_or(0, |time| time.as_secs())
}
