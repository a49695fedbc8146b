//! The headers that nginx itself knows: pointers into the header list, by name (`headers_in.host`
//! and others). They are kept in step with what [`super::header_list`] removes and adds.

#[cfg(not(ngx_linked_headers))]
use core::ptr;

use ngx::ffi::{ngx_http_request_t, ngx_table_elt_t};

use super::bytes;
use super::elements::Element;
use super::guard::Fault;
#[cfg(not(ngx_linked_headers))]
use super::pool::allocate;

/// Removes an element from nginx's known headers, so that `$http_…` and `headers_in.…` do not show
/// what was removed.
///
/// # Safety
/// `r` is live and `gone` is one of its header elements.
pub(super) unsafe fn forget(r: *mut ngx_http_request_t, gone: *mut ngx_table_elt_t) {
    // SAFETY: by this function's contract.
    unsafe {
        let name = Element::new(gone, (*r).pool).name();
        if let Some(field) = known_field(r, name) {
            forget_field(name, field, gone);
        }
    }
}

/// Adds an element to nginx's known headers, so that `$http_…`, `$remote_user` and nginx's own
/// modules see what the application will see.
///
/// nginx's handler for the name is not run: it validates client input, and may end the request. A
/// caller that adds a `Host` must know that nginx has already selected the server.
///
/// # Safety
/// `r` is live and `added` will be one of its header elements; no other element has its name.
pub(super) unsafe fn introduce(
    r: *mut ngx_http_request_t,
    added: *mut ngx_table_elt_t,
) -> Result<(), Fault> {
    // SAFETY: by this function's contract.
    unsafe {
        let name = Element::new(added, (*r).pool).name();
        match known_field(r, name) {
            Some(field) => introduce_field(r, name, field, added),
            None => Ok(()),
        }
    }
}

/// The field of `headers_in` for a lower-case name.
///
/// # Safety
/// `r` is live.
unsafe fn known_field(r: *mut ngx_http_request_t, name: &[u8]) -> Option<*mut u8> {
    // SAFETY: `ngx_http_headers_in` ends with an empty name (ngx_http_request.c); `offset` is that
    // of a header pointer, or of an array of them, inside `headers_in`.
    unsafe {
        if name == b"cookie" {
            // Removed from every request of a visitor with no other cookie: skip the search.
            return Some(cookie_field(r));
        }
        let mut known =
            (&raw const ngx::ffi::ngx_http_headers_in).cast::<ngx::ffi::ngx_http_header_t>();
        while (*known).name.len != 0 {
            let same_length = (*known).name.len == name.len();
            if same_length && bytes::slice(&(*known).name).eq_ignore_ascii_case(name) {
                return Some((&raw mut (*r).headers_in).cast::<u8>().add((*known).offset));
            }
            known = known.add(1);
        }
    }
    None
}

#[cfg(ngx_linked_headers)]
unsafe fn cookie_field(r: *mut ngx_http_request_t) -> *mut u8 {
    // SAFETY: `r` is live.
    unsafe { (&raw mut (*r).headers_in.cookie).cast() }
}

#[cfg(not(ngx_linked_headers))]
unsafe fn cookie_field(r: *mut ngx_http_request_t) -> *mut u8 {
    // SAFETY: `r` is live.
    unsafe { (&raw mut (*r).headers_in.cookies).cast() }
}

/// Since 1.23.0: every field is the head of a list linked by `next`.
#[cfg(ngx_linked_headers)]
unsafe fn forget_field(_name: &[u8], field: *mut u8, gone: *mut ngx_table_elt_t) {
    // SAFETY: `field` is a `*mut ngx_table_elt_t`, links end with NULL.
    unsafe {
        let mut link = field.cast::<*mut ngx_table_elt_t>();
        while !(*link).is_null() {
            if *link == gone {
                *link = (*gone).next;
                return;
            }
            link = &raw mut (**link).next;
        }
    }
}

/// As in `ngx_http_process_header_line`.
#[cfg(ngx_linked_headers)]
unsafe fn introduce_field(
    _r: *mut ngx_http_request_t,
    _name: &[u8],
    field: *mut u8,
    added: *mut ngx_table_elt_t,
) -> Result<(), Fault> {
    // SAFETY: `field` is a `*mut ngx_table_elt_t`, links end with NULL; so does the new element.
    unsafe {
        let mut link = field.cast::<*mut ngx_table_elt_t>();
        while !(*link).is_null() {
            link = &raw mut (**link).next;
        }
        *link = added;
    }
    Ok(())
}

/// As in `ngx_http_process_header_line` and `ngx_http_process_multi_header_lines`.
#[cfg(not(ngx_linked_headers))]
unsafe fn introduce_field(
    r: *mut ngx_http_request_t,
    name: &[u8],
    field: *mut u8,
    added: *mut ngx_table_elt_t,
) -> Result<(), Fault> {
    // SAFETY: as in `forget_field`; an array without elements was never initialised.
    unsafe {
        if !is_array(name) {
            let pointer = field.cast::<*mut ngx_table_elt_t>();
            if (*pointer).is_null() {
                *pointer = added;
            }
            return Ok(());
        }
        let array = field.cast::<ngx::ffi::ngx_array_t>();
        if (*array).elts.is_null() {
            let pool = (*r).pool;
            (*array).elts = allocate::<*mut ngx_table_elt_t>(pool, 1)?.cast();
            (*array).nelts = 0;
            (*array).size = size_of::<*mut ngx_table_elt_t>();
            (*array).nalloc = 1;
            (*array).pool = pool;
        }
        let room = ngx::ffi::ngx_array_push(array).cast::<*mut ngx_table_elt_t>();
        if room.is_null() {
            return Err(Fault::NoMemory);
        }
        *room = added;
    }
    Ok(())
}

/// The two headers that may repeat, before 1.23.0.
#[cfg(not(ngx_linked_headers))]
fn is_array(name: &[u8]) -> bool {
    matches!(name, b"cookie" | b"x-forwarded-for")
}

/// Before 1.23.0: one pointer, or an array of pointers for the two headers that may repeat.
#[cfg(not(ngx_linked_headers))]
unsafe fn forget_field(name: &[u8], field: *mut u8, gone: *mut ngx_table_elt_t) {
    // SAFETY: these two fields are arrays of element pointers, all others are one pointer.
    unsafe {
        if is_array(name) {
            let array = field.cast::<ngx::ffi::ngx_array_t>();
            let pointers = (*array).elts.cast::<*mut ngx_table_elt_t>();
            let count = (*array).nelts;
            let mut kept = 0;
            for at in 0..count {
                let pointer = *pointers.add(at);
                if pointer != gone {
                    *pointers.add(kept) = pointer;
                    kept += 1;
                }
            }
            (*array).nelts = kept;
        } else {
            let pointer = field.cast::<*mut ngx_table_elt_t>();
            if *pointer == gone {
                *pointer = ptr::null_mut();
            }
        }
    }
}
