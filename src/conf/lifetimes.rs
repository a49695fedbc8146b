//! `session_lifetime`, `recheck`, `idle_timeout` and `refresh`: how long sessions last.

use gate::provider::Terms;
use nginx::conf::seconds;

use super::trust::on_off;
use crate::ngx::Mistake;

/// The longest time, in seconds: browsers keep no cookie for longer (RFC 6265bis §5.5).
const LONGEST: u64 = 400 * 86_400;

/// The keys while they are read.
#[derive(Default)]
pub(super) struct TermsKeys {
    session_lifetime: Option<u64>,
    /// `Some(None)` is `off`.
    recheck: Option<Option<u64>>,
    idle_timeout: Option<Option<u64>>,
    refresh: Option<bool>,
}

impl TermsKeys {
    /// `session_lifetime TIME`.
    pub(super) fn set_session_lifetime(&mut self, key: &str, value: &str) -> Result<(), Mistake> {
        if value == "off" {
            return Err(Mistake::Said(format!(
                "{key}: cannot be off, since a session has to end; use a time like 12h, at most 400d"
            )));
        }
        self.session_lifetime = Some(time(key, value, "")?);
        Ok(())
    }

    /// `recheck TIME | off`.
    pub(super) fn set_recheck(&mut self, key: &str, value: &str) -> Result<(), Mistake> {
        self.recheck = Some(time_or_off(key, value)?);
        Ok(())
    }

    /// `idle_timeout TIME | off`.
    pub(super) fn set_idle_timeout(&mut self, key: &str, value: &str) -> Result<(), Mistake> {
        self.idle_timeout = Some(time_or_off(key, value)?);
        Ok(())
    }

    /// `refresh on | off`.
    pub(super) fn set_refresh(&mut self, key: &str, value: &str) -> Result<(), Mistake> {
        self.refresh = Some(on_off(key, value)?);
        Ok(())
    }

    /// The resulting terms.
    pub(super) fn finish(self) -> Result<Terms, Mistake> {
        let Self { session_lifetime, recheck, idle_timeout, refresh } = self;
        let default = Terms::default();
        let session_lifetime = session_lifetime.unwrap_or(default.session_lifetime);
        let bounded = |key: &str, given: Option<Option<u64>>| match given {
            Some(Some(time)) if time >= session_lifetime => Err(Mistake::Said(format!(
                "{key}: {time} seconds have no effect, since sessions end after session_lifetime, \
                 {session_lifetime} seconds; use a shorter time, or off"
            ))),
            _ => Ok(()),
        };
        bounded("recheck", recheck)?;
        bounded("idle_timeout", idle_timeout)?;
        Ok(Terms {
            session_lifetime,
            recheck: recheck.unwrap_or(default.recheck),
            idle_timeout: idle_timeout.unwrap_or(default.idle_timeout),
            refresh: refresh.unwrap_or(default.refresh),
        })
    }
}

fn time_or_off(key: &str, value: &str) -> Result<Option<u64>, Mistake> {
    if value == "off" { Ok(None) } else { time(key, value, ", or off").map(Some) }
}

/// A time in nginx's syntax, from a second on. `or` ends the cure.
fn time(key: &str, value: &str, or: &str) -> Result<u64, Mistake> {
    match seconds(value) {
        Some(time @ 1..=LONGEST) => Ok(time),
        Some(0) => Err(Mistake::Said(format!(
            "{key}: \"{value}\" is no time; use one from 1s to 400d, e.g. 1h{or}"
        ))),
        Some(_) => Err(Mistake::Said(format!(
            "{key}: \"{value}\" is too long; browsers keep a session for at most 400d, so use a \
             time up to that{or}"
        ))),
        None => Err(Mistake::Said(format!(
            "{key}: \"{value}\" is not a time; use one like 90s, 30m, 12h or 7d{or}"
        ))),
    }
}
