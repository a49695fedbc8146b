//! The three phases the module takes part in, in the order nginx runs them, and what
//! is remembered of a request from one to the next.

pub(crate) mod access;
mod claims;
pub(crate) mod post_read;
pub(crate) mod preaccess;
pub(crate) mod state;
