//! Asking authentik, off the event loop.
//!
//! | module | has |
//! |---|---|
//! | [`core_server`] | what is known of an authentik server: endpoints and keys, asked for once |
//! | [`documents`] | what it says of them: in the zone for all, understood in each worker |
//! | [`asking`] | a question put on a thread, and how far a request is with what it needs to know |
//! | [`lease`] | one question at a time over all workers |
//! | [`threads`] | the threads of a worker: jobs out, results in |

pub(crate) mod asking;
pub(crate) mod core_server;
mod documents;
pub(crate) mod lease;
pub(crate) mod threads;
