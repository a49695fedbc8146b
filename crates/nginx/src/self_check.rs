//! Whether the running nginx has the layout that the module was built for.
//!
//! nginx rejects a module that was built for another version or with other features, because its signature differs.
//! But the signature says nothing about structures that a distribution has patched. So what nginx itself records
//! about its layout is compared with what the module was compiled with (self_check.c): at the beginning of the block
//! `http`, where a difference is a configuration error and disturbs neither `nginx -t` nor a reload; and at a
//! worker's first request, for what nothing reveals earlier.
//!
//! Not detected: a bit-field added between two others that fits into their word, and a field replaced by another of
//! the same size.

use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicBool, Ordering};

use ngx::ffi::{ngx_conf_t, ngx_http_request_t, ngx_uint_t};

use super::Module;
use super::conf::{Borrowed, Conf};
use super::log::{self, Level};

unsafe extern "C" {
    fn ngx_http_fence_check_conf(cf: *mut ngx_conf_t) -> *const c_char;
    fn ngx_http_fence_check_request(r: *const ngx_http_request_t) -> ngx_uint_t;
}

/// The log message and the remedy.
const ELSEWHERE: &str = "this nginx was built with other structures than the headers that the module was \
                         compiled with; build the module with the headers of this very nginx, see \
                         docs/compatibility.md";

/// # Safety
/// `cf` is live, and the `http` block begins.
pub(super) unsafe fn configuration<M: Module>(cf: *mut ngx_conf_t) -> Result<(), ()> {
    // SAFETY: by this function's contract; the result is NULL or a static string.
    let differs = unsafe {
        let differs = ngx_http_fence_check_conf(cf);
        if differs.is_null() {
            return Ok(());
        }
        CStr::from_ptr(differs).to_string_lossy()
    };
    // SAFETY: `cf` is live.
    let conf = unsafe { Conf::<M>::new(cf, Borrowed::Nothing) };
    conf.emerg(&format!("{}: \"{differs}\" differs: {ELSEWHERE}", M::NAME));
    Err(())
}

/// Whether requests have the expected layout; checked until a request has proved all of it.
///
/// # Safety
/// `r` is live.
pub(super) unsafe fn request<M: Module>(r: *const ngx_http_request_t) -> bool {
    static PASSED: AtomicBool = AtomicBool::new(false);

    if PASSED.load(Ordering::Relaxed) {
        return true;
    }
    // SAFETY: by this function's contract.
    let found = unsafe { ngx_http_fence_check_request(r) };
    match found {
        0 => {
            log::cycle::<M>(Level::Alert, format_args!("the request is answered 500: {ELSEWHERE}"))
        }
        1 => PASSED.store(true, Ordering::Relaxed),
        _ => {}
    }
    found != 0
}
