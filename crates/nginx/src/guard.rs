//! One door: every callback passes here and no panic goes further. Only here is a [`Flow`] turned
//! into one of nginx's return codes.

use core::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ngx::ffi::{
    NGX_AGAIN, NGX_DECLINED, NGX_DONE, NGX_ERROR, NGX_OK, ngx_http_request_t, ngx_int_t,
};

use super::log::{self, Level};
use super::module::{ContentHandler, Module, PhaseHandler};
use super::{Request, body, respond, suspend};

/// How a request continues after one of our phase handlers.
#[derive(Debug)]
pub enum Flow<R> {
    /// No opinion: continue with the next handler.
    Next,
    /// Let it through: under `satisfy any`, this is our vote.
    Admit,
    /// The request waits; something else will run the phases again.
    Suspended,
    /// Run the phases again once the body has been read: see [`Request::body`].
    ReadBody,
    /// Send this response.
    Answer(R),
    /// Send this response, unless the location's `error_page` covers its status.
    Refuse(R),
}

/// A failure of our own: logged at `crit` or `alert`, answered with 500, never let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A pool or the system is out of memory.
    NoMemory,
    /// nginx refused something that should not fail.
    Nginx(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMemory => f.write_str("out of memory"),
            Self::Nginx(what) => write!(f, "nginx refused {what}"),
        }
    }
}

/// Advice after a panic.
const REPORT: &str = "a bug in this module: please report it, with the lines before this one";

/// nginx's own response, if ours cannot be created.
pub(super) const SERVER_ERROR: ngx_int_t = 500;

/// Runs a phase handler. A failure ends in a refusal; if even that fails, in nginx's own 500.
///
/// # Safety
/// `r` is the live request of the callback, on the event-loop thread.
pub(super) unsafe fn phase<M: Module>(
    r: *mut ngx_http_request_t,
    handler: PhaseHandler<M>,
) -> ngx_int_t {
    let ran = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: by this function's contract.
        let mut request = unsafe { Request::new(r) };
        match caught(|| handler(&mut request)) {
            Ok(flow) => apply(&mut request, flow),
            Err(broken) => {
                request.log(broken.level(), format_args!("{broken}, the request is refused"));
                let refusal = M::refuse(&request);
                refusal.map_or(SERVER_ERROR, |answer| apply(&mut request, Flow::Refuse(answer)))
            }
        }
    }));
    ran.unwrap_or_else(|_| {
        log::cycle::<M>(
            Level::Alert,
            format_args!("panicked, the request is answered 500; {REPORT}"),
        );
        SERVER_ERROR
    })
}

fn apply<M: Module>(request: &mut Request<'_, M>, flow: Flow<M::Response>) -> ngx_int_t {
    match flow {
        Flow::Next => NGX_DECLINED as ngx_int_t,
        Flow::Admit => NGX_OK as ngx_int_t,
        Flow::Suspended => NGX_AGAIN as ngx_int_t,
        Flow::ReadBody => body::read(request),
        Flow::Answer(response) => respond::answer(request, &response),
        Flow::Refuse(response) => respond::refuse(request, &response),
    }
}

/// Why a handler did not finish.
enum Broken {
    Fault(Fault),
    /// Message and position are already in the log: Rust writes them to stderr.
    Panicked,
}

impl Broken {
    fn level(&self) -> Level {
        match self {
            Self::Fault(_) => Level::Crit,
            Self::Panicked => Level::Alert,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Panicked => write!(f, "panicked ({REPORT})"),
        }
    }
}

fn caught<T>(handler: impl FnOnce() -> Result<T, Fault>) -> Result<T, Broken> {
    match catch_unwind(AssertUnwindSafe(handler)) {
        Ok(ran) => ran.map_err(Broken::Fault),
        Err(_) => Err(Broken::Panicked),
    }
}

/// Runs a content handler.
///
/// # Safety
/// As [`phase`].
pub(super) unsafe fn content<M: Module>(
    r: *mut ngx_http_request_t,
    handler: ContentHandler<M>,
) -> ngx_int_t {
    let ran = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: by this function's contract.
        let mut request = unsafe { Request::new(r) };
        let sent = handler(&mut request).and_then(|flow| match flow {
            Flow::Answer(made) | Flow::Refuse(made) => respond::content(&mut request, &made),
            Flow::ReadBody => Ok(body::begin(&request)),
            Flow::Suspended => Ok(suspend::hold(&request)),
            Flow::Next | Flow::Admit => Ok(NGX_DECLINED as ngx_int_t),
        });
        sent.unwrap_or_else(|fault| {
            request.log(Level::Crit, format_args!("{fault}, the request is answered 500"));
            SERVER_ERROR
        })
    }));
    ran.unwrap_or_else(|_| {
        log::cycle::<M>(
            Level::Alert,
            format_args!("panicked, the request is answered 500; {REPORT}"),
        );
        SERVER_ERROR
    })
}

/// Runs a callback that returns nothing; a panic is logged and goes no further.
pub(super) fn event<M: Module>(name: &str, callback: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(callback)).is_err() {
        log::cycle::<M>(Level::Alert, format_args!("panicked in {name}; {REPORT}"));
    }
}

/// Runs a callback that returns `NGX_OK` or `NGX_ERROR`.
pub(super) fn status<M: Module>(
    name: &str,
    callback: impl FnOnce() -> Result<(), ()>,
) -> ngx_int_t {
    match catch_unwind(AssertUnwindSafe(callback)) {
        Ok(Ok(())) => NGX_OK as ngx_int_t,
        Ok(Err(())) => NGX_ERROR as ngx_int_t,
        Err(_) => {
            log::cycle::<M>(Level::Alert, format_args!("panicked in {name}; {REPORT}"));
            NGX_ERROR as ngx_int_t
        }
    }
}

/// What a phase handler returns after it has finalized the request itself.
pub(super) const FINALIZED: ngx_int_t = NGX_DONE as ngx_int_t;
