//! Every decision of the module, as pure code: facts in, verdicts out.
//!
//! Nothing here knows nginx, sockets, files, threads or the clock: time and randomness are
//! arguments, questions to authentik are values ([`question`]) that somebody else carries.

#![forbid(unsafe_code)]

pub mod challenge;
pub mod cookie;
pub mod credentials;
pub mod decision;
pub mod destination;
pub mod endpoint;
#[cfg(test)]
mod fixtures;
pub mod forward;
pub mod hash;
pub mod http;
pub mod identity;
pub mod invitation;
mod json;
pub mod live;
pub mod login;
pub mod logout;
#[cfg(test)]
mod mutations;
pub mod network;
pub mod outpost;
pub mod page;
pub mod paths;
pub mod provider;
pub mod query;
pub mod question;
pub mod reason;
pub mod redirect;
pub mod request;
pub mod require;
pub mod response;
pub mod secret;
pub mod sender;
pub mod server_names;
pub mod session_cache;
pub mod status;
pub mod store;
#[cfg(test)]
mod testing;
mod text;
pub mod time;
pub mod token;
pub mod upstream;
