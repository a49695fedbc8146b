//! The three phases the module takes part in, in the order nginx runs them, and the state of a
//! request between them.

pub(crate) mod access;
mod claims;
pub(crate) mod post_read;
pub(crate) mod preaccess;
pub(crate) mod state;
