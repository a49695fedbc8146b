//! Which host and port a request is for: what nginx itself chose the server by.
//!
//! The absolute form of the request target or `:authority`, else `Host`: the order of
//! `ngx_http_process_request_line`, `ngx_http_v2_run_request` and their like. Everybody in the module
//! asks here, and [`Request::settle_host`] makes `Host` say the same to whom the request goes.

use gate::request::Authority;
use ngx::ffi::{NGX_HTTP_VERSION_20, ngx_uint_t};

use super::Request;
use super::bytes;
use super::guard::Fault;
use super::header_list::{HeaderName, NewHeader};

impl<'r> Request<'r> {
    /// Host and port that were asked for.
    pub(crate) fn asked(&self) -> Authority<'r> {
        Authority::new(self.host(), self.written_authority())
    }

    /// The host nginx chose the server by: validated, lower case, without port.
    pub(crate) fn host(&self) -> &'r [u8] {
        // SAFETY: parsed by nginx, in the request's pool or header buffers.
        unsafe { bytes::slice(&self.fields().headers_in.server) }
    }

    /// `host[:port]`, made anew where it is not written so.
    pub(crate) fn authority(&self) -> Result<&'r [u8], Fault> {
        let asked = self.asked();
        match asked.as_written() {
            Some(written) => Ok(written),
            None => self.keep(&asked.spell()),
        }
    }

    fn written_authority(&self) -> &'r [u8] {
        let fields = self.fields();
        if fields.host_start.is_null() || fields.host_end.is_null() {
            return self.host_header();
        }
        // SAFETY: both point into the request line or the value of `:authority`, which live as long
        // as the request, and nginx has validated what is between them.
        unsafe {
            let length = usize::try_from(fields.host_end.offset_from(fields.host_start));
            let length = length.unwrap_or_default() + self.port_in_request_line();
            core::slice::from_raw_parts(fields.host_start, length)
        }
    }

    /// HTTP/1 ends `host_end` before the port: the length of colon and digits behind it.
    ///
    /// # Safety
    /// `host_end` is not NULL.
    unsafe fn port_in_request_line(&self) -> usize {
        let fields = self.fields();
        let mut length = 0;
        // SAFETY: `sw_port` of ngx_http_parse.c has read digits up to a "/", "?" or space, which are
        // still there.
        unsafe {
            let is_http_1 = fields.http_version < NGX_HTTP_VERSION_20 as ngx_uint_t;
            if !is_http_1 || *fields.host_end != b':' {
                return 0;
            }
            length += 1;
            while (*fields.host_end.add(length)).is_ascii_digit() {
                length += 1;
            }
        }
        length
    }

    fn host_header(&self) -> &'r [u8] {
        let host = self.fields().headers_in.host;
        // SAFETY: NULL, or a header element of this request.
        if host.is_null() { &[] } else { unsafe { bytes::slice(&(*host).value) } }
    }

    /// Makes `Host` say what was judged, for whoever goes by it: `$http_host`, `HTTP_HOST` of CGI. So
    /// RFC 9112 section 3.2.2 wants it of a proxy for the absolute form; HTTP/3 has no `Host` at all,
    /// and `wiki.test:@other.test` is `other.test` for an application that reads it as part of a URL.
    ///
    /// A server that other proxies ask keeps what they sent: it says what their visitor did.
    pub(crate) fn settle_host(&mut self) -> Result<(), Fault> {
        const HOST: HeaderName<'static> = HeaderName::of_any(b"Host", b"host");
        let is_in_target = !self.fields().host_start.is_null();
        if self.server().asked_by_proxies && !is_in_target {
            return Ok(());
        }
        let value = self.authority()?;
        let said = self.host_header();
        if core::ptr::eq(value, said) || value.is_empty() || value == said {
            return Ok(());
        }
        if self.fields().headers_in.host.is_null() {
            return self.add_headers(1, core::iter::once(NewHeader { name: HOST, value }));
        }
        self.edit_header(b"host", |_, _| Ok(Some(value)))
    }

    /// Of a second `Host`, which nginx refuses, only the error page sees anything: it gets the first,
    /// as nginx did.
    pub(crate) fn drop_further_hosts(&mut self) -> Result<(), Fault> {
        let mut found = 0;
        if self.headers().filter(|(name, _)| *name == b"host").count() < 2 {
            return Ok(());
        }
        self.cut_headers(|name, _| {
            found += usize::from(name == b"host");
            name == b"host" && found > 1
        })
    }
}
