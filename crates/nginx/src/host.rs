//! The host that a request is for: the one by which nginx selected the server.
//!
//! It is the absolute form of the request target or `:authority`, otherwise `Host`: the order of
//! `ngx_http_process_request_line`, `ngx_http_v2_run_request` and others.

use ngx::ffi::{NGX_HTTP_VERSION_20, ngx_uint_t};

use super::{Module, Request, bytes};

impl<'r, M: Module> Request<'r, M> {
    /// The host by which nginx selected the server: validated, lower case, without port.
    pub fn host(&self) -> &'r [u8] {
        // SAFETY: parsed by nginx, in the request's pool or header buffers.
        unsafe { bytes::slice(&self.fields().headers_in.server) }
    }

    /// The host as received, in the request target or in `Host`, with its port.
    pub fn written_authority(&self) -> &'r [u8] {
        let fields = self.fields();
        if fields.host_start.is_null() || fields.host_end.is_null() {
            return self.host_header();
        }
        // SAFETY: both point into the request line or the value of `:authority`, which live as long
        // as the request.
        unsafe {
            let length = usize::try_from(fields.host_end.offset_from(fields.host_start));
            let length = length.unwrap_or_default() + self.port_in_request_line();
            core::slice::from_raw_parts(fields.host_start, length)
        }
    }

    /// With HTTP/1, `host_end` is before the port, up to nginx 1.29.3: the length of the colon and
    /// digits after it. 0 if nginx did not read the line to its end, since there may be nothing
    /// after them.
    ///
    /// # Safety
    /// `host_end` is not NULL.
    unsafe fn port_in_request_line(&self) -> usize {
        let fields = self.fields();
        let mut length = 0;
        // SAFETY: `sw_port` of ngx_http_parse.c has read digits up to a "/", "?" or space, which
        // are still there if the line has an end.
        unsafe {
            let is_http_1 = fields.http_version < NGX_HTTP_VERSION_20 as ngx_uint_t;
            if !is_http_1 || fields.request_end.is_null() || *fields.host_end != b':' {
                return 0;
            }
            length += 1;
            while (*fields.host_end.add(length)).is_ascii_digit() {
                length += 1;
            }
        }
        length
    }

    /// The value of `Host`, empty if there is none.
    pub fn host_header(&self) -> &'r [u8] {
        let host = self.fields().headers_in.host;
        // SAFETY: NULL, or a header element of this request.
        if host.is_null() { &[] } else { unsafe { bytes::slice(&(*host).value) } }
    }

    /// Whether the host comes from the request target, not from `Host`.
    pub fn has_host_in_target(&self) -> bool {
        !self.fields().host_start.is_null()
    }

    /// Whether there is a `Host`.
    pub fn has_host_header(&self) -> bool {
        !self.fields().headers_in.host.is_null()
    }
}
