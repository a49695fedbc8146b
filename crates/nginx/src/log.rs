//! Lines in nginx's error log, each starting with the module's name.

use core::fmt;

use ngx::ffi::{
    NGX_LOG_ALERT, NGX_LOG_CRIT, NGX_LOG_ERR, NGX_LOG_INFO, NGX_LOG_NOTICE, NGX_LOG_WARN,
    ngx_cycle, ngx_log_error_core, ngx_log_t, ngx_uint_t,
};

use super::Module;

/// Severity, named as in nginx.
#[derive(Clone, Copy, Debug)]
pub enum Level {
    /// A bug in this module.
    Alert,
    /// Memory or keys are exhausted.
    Crit,
    /// Somebody else's failure.
    Error,
    /// Somebody should have a look.
    Warn,
    /// An expected change.
    Notice,
    /// One per refusal.
    Info,
}

impl Level {
    const fn number(self) -> ngx_uint_t {
        (match self {
            Self::Alert => NGX_LOG_ALERT,
            Self::Crit => NGX_LOG_CRIT,
            Self::Error => NGX_LOG_ERR,
            Self::Warn => NGX_LOG_WARN,
            Self::Notice => NGX_LOG_NOTICE,
            Self::Info => NGX_LOG_INFO,
        }) as ngx_uint_t
    }
}

/// Writes a line to the log of the running cycle, without request context.
pub fn cycle<M: Module>(level: Level, text: fmt::Arguments<'_>) {
    // SAFETY: nginx sets `ngx_cycle` before it loads modules and keeps it and its log from then on.
    unsafe { write::<M>((*ngx_cycle).log, level, text) }
}

/// Writes a line if the log includes this level; otherwise formats nothing.
///
/// # Safety
/// `log` is a live nginx log.
pub(super) unsafe fn write<M: Module>(log: *mut ngx_log_t, level: Level, text: fmt::Arguments<'_>) {
    // SAFETY: the log is live.
    if log.is_null() || unsafe { (*log).log_level } < level.number() {
        return;
    }
    let line = format!("{}: {text}", M::NAME);
    // SAFETY: the format takes one length and one pointer; nginx copies the bytes before it returns.
    unsafe {
        ngx_log_error_core(level.number(), log, 0, c"%*s".as_ptr(), line.len(), line.as_ptr());
    }
}

/// Whether a log keeps lines of the level `error` out. The first log of a chain has the least strict level
/// (`ngx_log_insert`).
///
/// # Safety
/// `log` is null or live.
pub(super) unsafe fn hides_errors(log: *const ngx_log_t) -> bool {
    // SAFETY: by the contract.
    unsafe { log.as_ref() }.is_some_and(|log| log.log_level < NGX_LOG_ERR as ngx_uint_t)
}

/// Text from outside, made safe for a log line: at most 200 bytes, no control characters.
pub fn printable(bytes: &[u8]) -> String {
    const LONGEST: usize = 200;
    let cut = bytes.get(..LONGEST).unwrap_or(bytes);
    String::from_utf8_lossy(cut).chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
