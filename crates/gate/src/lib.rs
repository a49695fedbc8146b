//! Every decision of the module, as pure code: facts in, verdicts out.
//!
//! Nothing here knows nginx, sockets, files, threads or the clock: time and randomness are
//! arguments, and questions to authentik are values ([`question`]) that the caller sends.
//!
//! # Layers
//!
//! A module may use modules on the lines below its own, but none beside or above it.
//! `tests/layers.rs` compares this diagram with the sources.
//!
//! ```text
//! what is shown       status
//! what is done        challenge decision invitation login renewal shared_words
//! what it takes       credentials destination lifetimes logout outpost require upstream
//! who, and answers    identity question response session_cache
//! what is exchanged   cookie endpoint redirect request token
//! whose it is         provider
//! what comes and goes forward headers
//! forms               http keyring paths query store
//! what is said        page reason
//! words               hash json network secret sender server_names sync text time wording
//! ```

#![forbid(unsafe_code)]

pub mod challenge;
pub mod cookie;
pub mod credentials;
pub mod decision;
pub mod destination;
pub mod endpoint;
#[cfg(any(test, feature = "testing"))]
pub mod fixtures;
pub mod forward;
pub mod hash;
pub mod headers;
pub mod http;
pub mod identity;
pub mod invitation;
mod json;
pub mod keyring;
pub mod lifetimes;
pub mod login;
pub mod logout;
pub mod network;
pub mod outpost;
pub mod page;
pub mod paths;
pub mod provider;
pub mod query;
pub mod question;
pub mod reason;
pub mod redirect;
pub mod renewal;
pub mod request;
pub mod require;
pub mod response;
pub mod secret;
pub mod sender;
pub mod server_names;
pub mod session_cache;
pub mod shared_words;
#[cfg(test)]
mod spoilt_input;
pub mod status;
pub mod store;
mod sync;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
pub mod time;
pub mod token;
pub mod upstream;
pub mod wording;
