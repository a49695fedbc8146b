//! Asking authentik, off the event loop.
//!
//! | module | has |
//! |---|---|
//! | [`core_server`] | the endpoints and keys of an authentik server, fetched once |
//! | [`documents`] | the documents they come from: in the zone for all, parsed in each worker |
//! | [`asking`] | asking on a thread, and the progress of a request that needs the answer |
//! | [`pulse`] | whether authentik answers at present |
//! | [`lease`] | one question at a time across all workers |
//! | [`threads`] | the threads of a worker: jobs out, results in |

pub(crate) mod asking;
pub(crate) mod core_server;
mod documents;
pub(crate) mod lease;
pub(crate) mod pulse;
pub(crate) mod threads;
