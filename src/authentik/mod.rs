//! Asking authentik, off the event loop.
//!
//! | module | has |
//! |---|---|
//! | [`core_server`] | what is known of an authentik server: endpoints and keys, asked for once |
//! | [`documents`] | what it says of them: in the zone for all, understood in each worker |
//! | [`single_flight`] | one question at a time over all workers |
//! | [`worker`] | the threads of a worker: questions out, answers in |

pub(crate) mod core_server;
mod documents;
pub(crate) mod single_flight;
pub(crate) mod worker;
