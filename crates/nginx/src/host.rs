//! Which host a request is for: the one by which nginx selected the server.
//!
//! The absolute form of the request target or `:authority`, otherwise `Host`: the order of
//! `ngx_http_process_request_line`, `ngx_http_v2_run_request` and the like.

use ngx::ffi::{NGX_HTTP_VERSION_20, ngx_uint_t};

use super::{Module, Request, bytes};

impl<'r, M: Module> Request<'r, M> {
    /// The host nginx chose the server by: validated, lower case, without port.
    pub fn host(&self) -> &'r [u8] {
        // SAFETY: parsed by nginx, in the request's pool or header buffers.
        unsafe { bytes::slice(&self.fields().headers_in.server) }
    }

    /// Where nginx found the host: in the request target or in `Host`, with the port that stands there.
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

    /// HTTP/1 ends `host_end` before the port, until nginx 1.29.3: the length of colon and digits behind it.
    /// 0 in a line that nginx did not read to its end, where there may be nothing behind them.
    ///
    /// # Safety
    /// `host_end` is not NULL.
    unsafe fn port_in_request_line(&self) -> usize {
        let fields = self.fields();
        let mut length = 0;
        // SAFETY: `sw_port` of ngx_http_parse.c has read digits up to a "/", "?" or space, which are
        // still there if the line has an end.
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

    /// The value of `Host`, empty without one.
    pub fn host_header(&self) -> &'r [u8] {
        let host = self.fields().headers_in.host;
        // SAFETY: NULL, or a header element of this request.
        if host.is_null() { &[] } else { unsafe { bytes::slice(&(*host).value) } }
    }

    /// Whether the request target says the host, and not `Host`.
    pub fn has_host_in_target(&self) -> bool {
        !self.fields().host_start.is_null()
    }

    /// Whether there is a `Host`.
    pub fn has_host_header(&self) -> bool {
        !self.fields().headers_in.host.is_null()
    }
}
