//! Finds out whether other directives restrict a location: `auth_request`, `allow` and `deny`.

use ngx::ffi::{ngx_array_t, ngx_http_conf_ctx_t, ngx_str_t};

use super::bytes;
use super::conf::Conf;
use super::module::Module;

impl<M: Module> Conf<'_, M> {
    /// Whether the location being merged has its own `allow` or `deny`, or the `http` level has.
    ///
    /// The access module merges after us, so inherited rules are not there yet.
    pub fn has_access_rules(&self) -> bool {
        let Some(index) = self.module_ctx_index(c"ngx_http_access_module") else { return false };
        // SAFETY: inside `http`, `ctx` is a `ngx_http_conf_ctx_t`. The first field of the access
        // module's private configuration is the array of IPv4 rules, NULL if there are none; "all"
        // is in it (ngx_http_access_module.c, since its first version).
        unsafe {
            let context = (*self.raw()).ctx.cast::<ngx_http_conf_ctx_t>();
            let rules = (*(*context).loc_conf.add(index)).cast::<*const ngx_array_t>();
            !rules.is_null() && !(*rules).is_null()
        }
    }

    /// The `auth_request` of the location being merged, or of the `http` level; empty for `off`.
    ///
    /// That module merges after us, so an inherited value is not there yet.
    pub fn auth_request(&self) -> Option<String> {
        let index = self.module_ctx_index(c"ngx_http_auth_request_module")?;
        // SAFETY: inside `http`, `ctx` is a `ngx_http_conf_ctx_t`. The first field of the module's
        // private configuration is the URI, NULL if not set (ngx_http_auth_request_module.c, since
        // its first version).
        unsafe {
            let context = (*self.raw()).ctx.cast::<ngx_http_conf_ctx_t>();
            let uri = (*(*context).loc_conf.add(index)).cast::<ngx_str_t>();
            if uri.is_null() || (*uri).data.is_null() {
                return None;
            }
            Some(String::from_utf8_lossy(bytes::slice(&*uri)).into())
        }
    }
}
