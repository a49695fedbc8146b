//! Locations that the module answers itself.

use ngx::ffi::{
    NGX_HTTP_SATISFY_ANY, ngx_http_conf_ctx_t, ngx_http_core_loc_conf_t, ngx_http_core_module,
};

use super::conf::Conf;
use super::log;
use super::module::Module;

/// Which handler answers in a location.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// None: static files.
    Nobody,
    /// This module.
    Us,
    /// `proxy_pass`, `stub_status` and the like.
    Another,
}

impl<M: Module> Conf<'_, M> {
    /// Which handler answers in the location being read or merged, as far as known yet.
    pub fn answerer(&self) -> Answerer {
        // SAFETY: by the contract of `core_conf`.
        match unsafe { (*self.core_conf()).handler } {
            None => Answerer::Nobody,
            Some(handler) if core::ptr::fn_addr_eq(handler, M::fixed().content) => Answerer::Us,
            Some(_) => Answerer::Another,
        }
    }

    /// Makes the module's [`CONTENT`](Module::CONTENT) answer in the location being read.
    pub fn answer_here(&mut self) {
        // SAFETY: as above; nobody else accesses the configuration meanwhile.
        unsafe { (*self.core_conf()).handler = Some(M::fixed().content) };
    }

    /// Whether `satisfy any` of the location being merged lets other modules admit before us. The
    /// core module merges before we do.
    pub fn location_satisfies_any(&self) -> bool {
        // SAFETY: by the contract of `core_conf`.
        unsafe { (*self.core_conf()).satisfy == NGX_HTTP_SATISFY_ANY as usize }
    }

    /// Whether only nginx itself leads to the location being merged: `internal`, or a named
    /// location.
    pub fn location_is_internal(&self) -> bool {
        // SAFETY: by the contract of `core_conf`; the core module merges before we do.
        unsafe { (*self.core_conf()).internal == 1 || self.location_name().starts_with('@') }
    }

    /// Whether an `error_log` for the location being merged, inside `http`, keeps lines of the level
    /// `error` out. The core module merges before we do. The main context's log is not judged: its
    /// `error_log` may follow ([`begin`](Module::begin)).
    pub fn location_hides_errors(&self) -> bool {
        // SAFETY: by the contract of `core_conf`; the log is the configuration's or the cycle's.
        unsafe {
            let of_main = &raw mut (*(*self.raw()).cycle).new_log;
            let log = (*self.core_conf()).error_log;
            log != of_main && log::hides_errors(log)
        }
    }

    fn core_conf(&self) -> *mut ngx_http_core_loc_conf_t {
        // SAFETY: inside `http`, `ctx` is a `ngx_http_conf_ctx_t`; every location has a core
        // configuration.
        unsafe {
            let context = (*self.raw()).ctx.cast::<ngx_http_conf_ctx_t>();
            let index = ngx_http_core_module.ctx_index;
            (*(*context).loc_conf.add(index)).cast()
        }
    }
}
