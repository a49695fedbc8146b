//! Finds out whether a location answers in the rewrite phase, before the access phase is reached.

use core::ffi::CStr;

use ngx::ffi::{
    ngx_array_t, ngx_http_conf_ctx_t, ngx_http_core_loc_conf_t, ngx_http_core_module,
    ngx_http_script_regex_code_t, ngx_http_script_regex_start_code, ngx_http_script_return_code,
};

use super::bits;
use super::bytes;
use super::conf::Conf;
use super::module::Module;

impl<M: Module> Conf<'_, M> {
    /// The directive by which the location being merged answers by itself, even if only inside an
    /// `if`: `return`, or `rewrite` with a redirect.
    ///
    /// The rewrite module compiles a location's directives into an array of code, the first field
    /// of its (private) configuration; each code begins with the function that runs it.
    pub fn location_answers_by(&self) -> Option<&'static str> {
        let index = self.module_ctx_index(c"ngx_http_rewrite_module")?;
        // SAFETY: while locations are merged, `ctx` is a `ngx_http_conf_ctx_t` whose `loc_conf` is
        // the location's; the code array is a byte array of pointer-aligned codes.
        unsafe {
            let context = (*self.raw()).ctx.cast::<ngx_http_conf_ctx_t>();
            let rewrite = (*(*context).loc_conf.add(index)).cast::<*mut ngx_array_t>();
            if rewrite.is_null() || (*rewrite).is_null() {
                return None;
            }
            let codes = &**rewrite;
            let words = codes.nelts * codes.size / size_of::<usize>();
            let words = core::slice::from_raw_parts(codes.elts.cast::<usize>(), words);
            if words.contains(&(ngx_http_script_return_code as *const () as usize)) {
                return Some("return");
            }
            let mut left = words;
            while let [_, rest @ ..] = left {
                if redirects(left) {
                    return Some("rewrite");
                }
                left = rest;
            }
            None
        }
    }

    /// Name of the location being merged; empty for the server itself.
    pub fn location_name(&self) -> String {
        // SAFETY: as above; every location has a core configuration.
        unsafe {
            let context = (*self.raw()).ctx.cast::<ngx_http_conf_ctx_t>();
            let index = ngx_http_core_module.ctx_index;
            let core = (*(*context).loc_conf.add(index)).cast::<ngx_http_core_loc_conf_t>();
            String::from_utf8_lossy(bytes::slice(&(*core).name)).into()
        }
    }

    pub(super) fn module_ctx_index(&self, name: &CStr) -> Option<usize> {
        // SAFETY: `modules` is the cycle's NULL-terminated list; names are C strings.
        unsafe {
            let mut module = (*(*self.raw()).cycle).modules;
            while !(*module).is_null() {
                if CStr::from_ptr((**module).name) == name {
                    return Some((**module).ctx_index);
                }
                module = module.add(1);
            }
        }
        None
    }
}

/// Whether a `rewrite` starts here that ends in a redirect: by `redirect` or `permanent`, or
/// because its replacement is an absolute URL (ngx_http_rewrite_module.c).
fn redirects(code: &[usize]) -> bool {
    const LENGTH: usize = size_of::<ngx_http_script_regex_code_t>() / size_of::<usize>();
    let starts = ngx_http_script_regex_start_code as *const () as usize;
    if code.first() != Some(&starts) || code.len() < LENGTH {
        return false;
    }
    // SAFETY: codes are word-aligned, this one is complete, and its first field says what it is.
    unsafe { bits::redirects(code.as_ptr().cast()) }
}
