//! Looks whether a location answers by `return` before the access phase is reached.

use core::ffi::CStr;

use ngx::ffi::{
    ngx_array_t, ngx_http_conf_ctx_t, ngx_http_core_loc_conf_t, ngx_http_core_module,
    ngx_http_script_return_code,
};

use super::bytes;
use super::conf::Conf;

impl Conf<'_> {
    /// Whether the location being merged runs a `return`, also inside an `if`.
    ///
    /// The rewrite module compiles a location's directives into an array of code, the first field
    /// of its (private) configuration; each code begins with the function that runs it.
    pub(crate) fn location_returns(&self) -> bool {
        let Some(index) = self.module_ctx_index(c"ngx_http_rewrite_module") else { return false };
        // SAFETY: while locations are merged `ctx` is a `ngx_http_conf_ctx_t` whose `loc_conf` is
        // the location's; the code array is a byte array of pointer-aligned codes.
        unsafe {
            let context = (*self.raw()).ctx.cast::<ngx_http_conf_ctx_t>();
            let rewrite = (*(*context).loc_conf.add(index)).cast::<*mut ngx_array_t>();
            if rewrite.is_null() || (*rewrite).is_null() {
                return false;
            }
            let codes = &**rewrite;
            let words = codes.nelts * codes.size / size_of::<usize>();
            let words = core::slice::from_raw_parts(codes.elts.cast::<usize>(), words);
            words.contains(&(ngx_http_script_return_code as *const () as usize))
        }
    }

    /// Name of the location being merged, empty for the server itself.
    pub(crate) fn location_name(&self) -> String {
        // SAFETY: as above; every location has a core configuration.
        unsafe {
            let context = (*self.raw()).ctx.cast::<ngx_http_conf_ctx_t>();
            let index = ngx_http_core_module.ctx_index;
            let core = (*(*context).loc_conf.add(index)).cast::<ngx_http_core_loc_conf_t>();
            String::from_utf8_lossy(bytes::slice(&(*core).name)).into()
        }
    }

    fn module_ctx_index(&self, name: &CStr) -> Option<usize> {
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
