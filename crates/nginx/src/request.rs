//! A request, with what the module may read and change.

use core::fmt;
use core::marker::PhantomData;
use core::ptr;
use std::cell::Cell;
use std::time::Duration;

use ngx::ffi::{
    NGX_HTTP_GET, NGX_HTTP_HEAD, NGX_OK, ngx_connection_local_sockaddr, ngx_hash_key,
    ngx_http_get_variable, ngx_http_request_t, ngx_inet_get_port, ngx_int_t, ngx_uint_t,
};

use super::bits;
use super::bytes;
use super::elements::Elements;
use super::guard::Fault;
use super::log::{self, Level};
use super::module::{self, MainSlot, Module};
use super::state::{self, Context};

/// The request of a callback. Data borrowed from the request's pool has the lifetime `'r`, that of
/// the callback. It is invariant: nothing that lives shorter can pass as part of the pool.
pub struct Request<'r, M> {
    pub(super) raw: *mut ngx_http_request_t,
    callback: PhantomData<Cell<&'r ngx_http_request_t>>,
    module: PhantomData<fn() -> M>,
}

impl<'r, M: Module> Request<'r, M> {
    /// # Safety
    /// `raw` is live and `'r` does not outlast the callback.
    pub(super) unsafe fn new(raw: *mut ngx_http_request_t) -> Self {
        Self { raw, callback: PhantomData, module: PhantomData }
    }

    pub(super) fn fields(&self) -> &'r ngx_http_request_t {
        // SAFETY: live during the callback; nobody else runs on this thread meanwhile.
        unsafe { &*self.raw }
    }

    /// Whether this is the client's request, not a subrequest.
    pub fn is_main(&self) -> bool {
        self.raw == self.fields().main
    }

    /// Whether nginx itself redirected the request here: an error page, `try_files`, `index`,
    /// `X-Accel-Redirect`, `rewrite`. Such a request may have been through a location before; one
    /// that nginx rejected while reading it (400, 494 to 497) has been through no phase at all.
    pub fn is_internal(&self) -> bool {
        // SAFETY: live during the callback.
        unsafe { bits::is_internal(self.raw) }
    }

    /// The path that nginx serves: decoded, slashes merged, without dot segments and query.
    pub fn path(&self) -> &'r [u8] {
        // SAFETY: parsed by nginx, in the request's pool.
        unsafe { bytes::slice(&self.fields().uri) }
    }

    /// The request target as sent.
    pub fn raw_target(&self) -> &'r [u8] {
        // SAFETY: parsed by nginx, in the request's pool.
        unsafe { bytes::slice(&self.fields().unparsed_uri) }
    }

    /// The query as sent, without `?`.
    pub fn query(&self) -> &'r [u8] {
        // SAFETY: parsed by nginx, in the request's pool.
        unsafe { bytes::slice(&self.fields().args) }
    }

    /// `http` or `https`, as in `$scheme`: for this hop.
    pub fn scheme(&self) -> &'static str {
        if self.variable(b"scheme") == Some(b"https") { "https" } else { "http" }
    }

    /// How long ago nginx began to read it, from `$request_time`: up to the current turn of the
    /// event loop, in milliseconds.
    pub fn age(&self) -> Option<Duration> {
        let text = core::str::from_utf8(self.variable(b"request_time")?).ok()?;
        let (seconds, millis) = text.split_once('.')?;
        let (seconds, millis) = (seconds.parse().ok()?, millis.parse().ok()?);
        Some(Duration::from_secs(seconds).saturating_add(Duration::from_millis(millis)))
    }

    /// `$request_id`: the value that the log has, if the configuration mentions the variable. If
    /// not, nginx draws a new one each time.
    pub fn request_id(&self) -> Option<&'r [u8]> {
        self.variable(b"request_id")
    }

    /// The server name in a TLS handshake in progress, as sent by the client. `None` if the client
    /// sent none, and after the handshake, so for every request that a client can send.
    pub fn handshake_name(&self) -> Option<&'r [u8]> {
        // SAFETY: the request is live. In a handshake it is the one that nginx creates only to
        // evaluate variables in `ssl_certificate` (`ngx_http_ssl_certificate`, ngx_http_request.c).
        let shakes_hands = unsafe { bits::shakes_hands(self.raw) };
        shakes_hands.then(|| self.variable(b"ssl_server_name")).flatten()
    }

    /// The value of one of nginx's own variables, by its lower-case name.
    fn variable(&self, name: &'static [u8]) -> Option<&'r [u8]> {
        let mut text = bytes::borrowed(name);
        // SAFETY: the request is live; values are static or in its pool.
        unsafe {
            let key = ngx_hash_key(name.as_ptr().cast_mut(), name.len());
            let value = ngx_http_get_variable(self.raw, &raw mut text, key);
            if value.is_null() {
                return None;
            }
            let length = bits::value_length(value)?;
            Some(core::slice::from_raw_parts((*value).data, length))
        }
    }

    /// The port that the client connected to; `None` for a Unix socket, or if unknown.
    pub fn local_port(&self) -> Option<u16> {
        // SAFETY: a request has a connection; nginx fills in the local address if it has not yet.
        unsafe {
            let connection = self.fields().connection;
            if ngx_connection_local_sockaddr(connection, ptr::null_mut(), 0) != NGX_OK as ngx_int_t
            {
                return None;
            }
            Some(ngx_inet_get_port((*connection).local_sockaddr)).filter(|port| *port != 0)
        }
    }

    /// Whether the request can be repeated after a redirect: `GET` and `HEAD`.
    pub fn is_safe_method(&self) -> bool {
        self.fields().method & ((NGX_HTTP_GET | NGX_HTTP_HEAD) as ngx_uint_t) != 0
    }

    /// The method as sent.
    pub fn method(&self) -> &'r [u8] {
        bytes_of(&self.fields().method_name)
    }

    /// Lower-case name and value of each request header, in the order received.
    pub fn headers(&self) -> impl Iterator<Item = (&'r [u8], &'r [u8])> + use<'r, M> {
        self.elements().map(|element| (element.name(), element.value()))
    }

    /// The value of a header, by its lower-case name; the first one if it is repeated.
    pub fn header(&self, name: &[u8]) -> Option<&'r [u8]> {
        self.headers().find(|(found, _)| *found == name).map(|(_, value)| value)
    }

    /// The elements of the header list, for reading them or replacing their values.
    pub(super) fn elements(&self) -> Elements<'r> {
        // SAFETY: the request is live for `'r`.
        unsafe { Elements::of(self.raw) }
    }

    /// The module's state of the request. Created on first use; found again even after an internal
    /// redirect, which clears nginx's own table.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn state(&self) -> Result<&'r M::State, Fault> {
        Ok(&self.context()?.state)
    }

    /// The state, if there is one: for code that only reads.
    pub fn existing_state(&self) -> Option<&'r M::State> {
        Some(&self.existing_context()?.state)
    }

    pub(super) fn context(&self) -> Result<&'r Context<M>, Fault> {
        // SAFETY: the context lives in the request's pool and is only ever borrowed shared.
        unsafe { state::of(self.raw) }
    }

    pub(super) fn existing_context(&self) -> Option<&'r Context<M>> {
        // SAFETY: as above.
        unsafe { state::existing(self.raw) }
    }

    /// Configuration of the location that nginx has selected so far.
    pub fn location(&self) -> &'r M::Location {
        // SAFETY: created by our `create_loc_conf` for every location, lives as long as the worker.
        unsafe { module::location_conf::<M>(self.fields().loc_conf) }
    }

    /// Configuration of the server that the request was sent to.
    pub fn server(&self) -> &'r M::Server {
        // SAFETY: as above.
        unsafe { module::server_conf::<M>(self.fields().srv_conf) }
    }

    /// Configuration of the whole `http` block.
    pub fn main_conf(&self) -> &'r M::Main {
        &self.main_slot().main
    }

    pub(super) fn main_slot(&self) -> &'r MainSlot<M> {
        // SAFETY: as above.
        unsafe { module::main_conf(self.fields().main_conf) }
    }

    /// Copies bytes into the request's pool and appends a NUL.
    pub fn keep(&self, bytes: &[u8]) -> Result<&'r [u8], Fault> {
        // SAFETY: the request's pool is live.
        Ok(unsafe { bytes::pool_copy(self.fields().pool, bytes)? })
    }

    /// Writes a log line, to which nginx appends the request's context (client, server, host).
    pub fn log(&self, level: Level, text: fmt::Arguments<'_>) {
        // SAFETY: a live request has a live connection with a log.
        unsafe { log::write::<M>((*self.fields().connection).log, level, text) }
    }

    /// Removes the query from what nginx will log: `code` and `state` are secrets.
    ///
    /// `$request`, `$request_uri` and `$args` show `…?<hidden>` from now on.
    pub fn hide_query(&mut self) -> Result<(), Fault> {
        let fields = self.fields();
        if fields.args.len == 0 {
            return Ok(());
        }
        let method = bytes_of(&fields.method_name);
        let target = bytes_of(&fields.unparsed_uri);
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        let protocol = bytes_of(&fields.http_protocol);
        let line = [method, b" ", path, HIDDEN, b" ", protocol].concat();
        let shown = [path, HIDDEN].concat();
        // SAFETY: the pool is live, and once the request line has been parsed these fields are only
        // read by variables and logs.
        unsafe {
            let line = bytes::pool_copy(fields.pool, &line)?;
            let shown = bytes::pool_copy(fields.pool, &shown)?;
            let raw = &mut *self.raw;
            raw.request_line = bytes::borrowed(line);
            raw.unparsed_uri = bytes::borrowed(shown);
            raw.args = bytes::borrowed(HIDDEN.get(1..).unwrap_or_default());
        }
        Ok(())
    }
}

const HIDDEN: &[u8] = b"?<hidden>";

fn bytes_of<'a>(text: &ngx::ffi::ngx_str_t) -> &'a [u8] {
    // SAFETY: only called for strings of a live request.
    unsafe { bytes::slice(text) }
}
