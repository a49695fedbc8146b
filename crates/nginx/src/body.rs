//! Reads the body of a request that the module answers itself, without blocking.
//!
//! Follows `ngx_http_mirror_module.c`: nginx reads the body, then runs the phases again. In
//! post-read the configuration is that of the server, so the server's `client_body_buffer_size`
//! applies.

use ngx::ffi::{
    NGX_DONE, NGX_HTTP_SPECIAL_RESPONSE, ngx_http_core_run_phases, ngx_http_finalize_request,
    ngx_http_read_client_request_body, ngx_http_request_t, ngx_int_t,
};

use super::bits;
use super::callbacks;
use super::guard::Fault;
use super::{Module, Request};

/// The state of a request's body.
pub enum Body<'r> {
    /// The client has not announced its length.
    Unannounced,
    /// The client has announced more than allowed.
    TooLong,
    /// Not requested from nginx yet: [`Flow::ReadBody`](super::Flow::ReadBody) does that.
    Unread,
    /// No longer available: nginx has discarded it, or failed while reading it; or it is the parent
    /// request's and was never read.
    Gone,
    /// The complete body.
    Whole(&'r [u8]),
    /// nginx has written it to a file because it did not fit into `client_body_buffer_size`.
    InFile,
}

impl<'r, M: Module> Request<'r, M> {
    /// A copy of the body, if the client has announced at most `most` bytes.
    pub fn body(&self, most: usize) -> Result<Body<'r>, Fault> {
        let announced = match usize::try_from(self.fields().headers_in.content_length_n) {
            Err(_) => return Ok(Body::Unannounced),
            Ok(length) if length > most => return Ok(Body::TooLong),
            Ok(length) => length,
        };
        let body = self.fields().request_body;
        if body.is_null() {
            // SAFETY: the request is live. If nginx were asked to read such a body, it would call
            // back at once without one, and we would ask again.
            let is_gone = unsafe { bits::reads_no_body(self.raw) };
            return Ok(if is_gone { Body::Gone } else { Body::Unread });
        }
        let mut whole = Vec::new();
        // SAFETY: when the phases run again, the body is complete: a chain of buffers in the
        // request's pool, NULL if there is none (ngx_http_request_body.c).
        unsafe {
            let mut link = (*body).bufs;
            while !link.is_null() {
                let buffer = (*link).buf;
                match bits::buffer_length(buffer) {
                    None => return Ok(Body::InFile),
                    Some(0) => {}
                    Some(length) => {
                        let part = core::slice::from_raw_parts((*buffer).pos, length);
                        whole.extend_from_slice(part);
                    }
                }
                link = (*link).next;
            }
        }
        if whole.len() != announced {
            return Ok(Body::Gone);
        }
        self.keep(&whole).map(Body::Whole)
    }
}

/// Starts reading the body; a content handler returns the result. nginx finalizes the request with
/// it, which drops the reference held for reading.
pub(super) fn begin<M: Module>(request: &Request<'_, M>) -> ngx_int_t {
    // SAFETY: the request is live. If the body was already there, the request may have been
    // answered when this returns, so nobody touches it afterwards.
    let read = unsafe {
        ngx_http_read_client_request_body(request.raw, Some(callbacks::body_is_there::<M>))
    };
    if read >= NGX_HTTP_SPECIAL_RESPONSE as ngx_int_t { read } else { NGX_DONE as ngx_int_t }
}

/// The same for a phase handler, whose request nginx does not finalize.
pub(super) fn read<M: Module>(request: &mut Request<'_, M>) -> ngx_int_t {
    let raw = request.raw;
    let read = begin(request);
    if read == NGX_DONE as ngx_int_t {
        // SAFETY: the reference held for reading keeps the request alive up to here, and no longer.
        unsafe { ngx_http_finalize_request(raw, NGX_DONE as ngx_int_t) };
    }
    read
}

/// Runs the phases again.
///
/// # Safety
/// `r` is live and its body was read; called on the event-loop thread.
pub(super) unsafe fn go_on(r: *mut ngx_http_request_t) {
    // SAFETY: by this function's contract.
    unsafe {
        (*r).write_event_handler = Some(ngx_http_core_run_phases);
        ngx_http_core_run_phases(r);
    }
}
