//! The body of a request that a module answers itself: read by nginx without blocking.
//!
//! It follows `ngx_http_mirror_module.c`: nginx reads, then runs the phases again. In post-read the
//! configuration is that of the server, so the server's `client_body_buffer_size` applies.

use ngx::ffi::{
    NGX_DONE, NGX_HTTP_SPECIAL_RESPONSE, ngx_http_core_run_phases, ngx_http_finalize_request,
    ngx_http_read_client_request_body, ngx_http_request_t, ngx_int_t,
};

use super::bits;
use super::callbacks;
use super::guard::Fault;
use super::{Module, Request};

/// What there is of a request's body.
pub enum Body<'r> {
    /// The client has not said how long it is.
    Unannounced,
    /// The client has announced more than is wanted.
    TooLong,
    /// Nobody has asked nginx for it yet: [`Flow::ReadBody`](super::Flow::ReadBody) does.
    Unread,
    /// It cannot be had any more: nginx has thrown it away, or ended with an error while it read it; or it
    /// is that of the request that this one belongs to, and nobody has read it.
    Gone,
    /// All of it.
    Whole(&'r [u8]),
    /// nginx has written it to a file: it did not fit into `client_body_buffer_size`.
    InFile,
}

impl<'r, M: Module> Request<'r, M> {
    /// The body, if the client has announced `most` bytes of it or fewer: it is copied.
    pub fn body(&self, most: usize) -> Result<Body<'r>, Fault> {
        let announced = match usize::try_from(self.fields().headers_in.content_length_n) {
            Err(_) => return Ok(Body::Unannounced),
            Ok(length) if length > most => return Ok(Body::TooLong),
            Ok(length) => length,
        };
        let body = self.fields().request_body;
        if body.is_null() {
            // SAFETY: the request is live. Asked to read such a one nginx calls back at once, without a
            // body, and we would ask again.
            let is_gone = unsafe { bits::reads_no_body(self.raw) };
            return Ok(if is_gone { Body::Gone } else { Body::Unread });
        }
        let mut whole = Vec::new();
        // SAFETY: once the phases run again the body is complete: a chain of buffers in the request's
        // pool, NULL if there is none (ngx_http_request_body.c).
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

/// Has nginx read the body: what a content handler returns afterwards. nginx finalizes the request with
/// that, which gives back the reference that reading holds.
pub(super) fn begin<M: Module>(request: &Request<'_, M>) -> ngx_int_t {
    // SAFETY: the request is live. What is there already may have been answered when this returns, so
    // nobody touches the request after it.
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
        // SAFETY: the reference that reading holds keeps the request until here, and no longer.
        unsafe { ngx_http_finalize_request(raw, NGX_DONE as ngx_int_t) };
    }
    read
}

/// Runs the phases again.
///
/// # Safety
/// `r` is live, on the event-loop thread, and its body was read.
pub(super) unsafe fn go_on(r: *mut ngx_http_request_t) {
    // SAFETY: by this function's contract.
    unsafe {
        (*r).write_event_handler = Some(ngx_http_core_run_phases);
        ngx_http_core_run_phases(r);
    }
}
