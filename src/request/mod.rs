//! The results of a request: its response, its log line, its variables.
//!
//! | module | has |
//! |---|---|
//! | [`ending`] | sessions that an administrator ends by hand |
//! | [`verdict`] | identity, policy, decision |
//! | [`answers`] | refusals and error pages, with their log lines |
//! | [`variables`] | `$authentik_…` |
//! | [`status`] | `authentik_status` |

pub(crate) mod answers;
mod ending;
pub(crate) mod status;
pub(crate) mod variables;
pub(crate) mod verdict;
