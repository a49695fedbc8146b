//! `$authentik_…`: registered here, decided in [`crate::variables`].

use ngx::ffi::{
    NGX_ERROR, NGX_HTTP_VAR_NOCACHEABLE, NGX_OK, ngx_conf_t, ngx_http_add_variable,
    ngx_http_request_t, ngx_http_variable_value_t, ngx_int_t, ngx_uint_t,
};

use super::{Request, bits, bytes, guard};
use crate::variables::{self, Variable};

/// # Safety
/// `cf` is live, before the configuration is read.
pub(super) unsafe fn register(cf: *mut ngx_conf_t) -> Result<(), ()> {
    for (at, variable) in variables::TABLE.iter().enumerate() {
        let mut name = bytes::borrowed(variable.name.as_bytes());
        // SAFETY: by this function's contract; names are static.
        unsafe {
            let flags = NGX_HTTP_VAR_NOCACHEABLE as ngx_uint_t;
            let added = ngx_http_add_variable(cf, &raw mut name, flags);
            if added.is_null() {
                return Err(());
            }
            (*added).get_handler = Some(get);
            (*added).data = at;
        }
    }
    Ok(())
}

unsafe extern "C" fn get(
    r: *mut ngx_http_request_t,
    value: *mut ngx_http_variable_value_t,
    index: usize,
) -> ngx_int_t {
    let mut result = NGX_ERROR as ngx_int_t;
    guard::event("variable", || {
        // SAFETY: nginx passes a live request and a value of its own. The state is the client
        // request's: sub-requests see what was decided for it.
        unsafe {
            let request = Request::new((*r).main);
            let text =
                variables::TABLE.get(index).map_or(&b""[..], |v: &Variable| (v.value)(&request));
            bits::set_value(value, text);
            result = NGX_OK as ngx_int_t;
        }
    });
    result
}
