//! Lines in nginx's error log, each beginning with `authentik:`.

use core::fmt;

use gate::reason;
pub(crate) use nginx::log::{Level, printable};

use super::Authentik;

/// Writes a line to the log of the running cycle, without request context.
pub(crate) fn cycle(level: Level, text: fmt::Arguments<'_>) {
    nginx::log::cycle::<Authentik>(level, text);
}

/// nginx's level for the level of a reason.
pub(crate) fn level(level: reason::Level) -> Level {
    match level {
        reason::Level::Info => Level::Info,
        reason::Level::Error => Level::Error,
        reason::Level::Crit => Level::Crit,
    }
}
