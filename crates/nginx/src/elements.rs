//! The elements of a request's header list.

use core::marker::PhantomData;

use ngx::ffi::{ngx_http_request_t, ngx_list_part_t, ngx_pool_t, ngx_table_elt_t};

use super::bytes;

/// Name of a header whose name could not be read. No client can send it: nginx rejects requests
/// with a NUL in a header.
pub const UNREADABLE: &[u8] = b"\0";

/// One header. It is accessed only through the raw pointer: no reference to the structure is ever
/// held, so headers may be changed while the list is walked.
#[derive(Clone, Copy)]
pub(super) struct Element<'r> {
    raw: *mut ngx_table_elt_t,
    pool: *mut ngx_pool_t,
    request: PhantomData<&'r ngx_http_request_t>,
}

impl<'r> Element<'r> {
    /// # Safety
    /// `raw` is an element of a header list of the live request with this pool.
    pub(super) unsafe fn new(raw: *mut ngx_table_elt_t, pool: *mut ngx_pool_t) -> Self {
        Self { raw, pool, request: PhantomData }
    }

    /// The name in lower case. nginx fills `lowcase_key` for every request header; if another
    /// module left it out, it is computed.
    ///
    /// If there is no memory for that, the header is called [`UNREADABLE`]: code that removes
    /// headers must remove it too.
    pub(super) fn name(self) -> &'r [u8] {
        // SAFETY: header elements and what they point to live in the request's pool; a non-NULL
        // `lowcase_key` has `key.len` bytes.
        unsafe {
            let length = (*self.raw).key.len;
            if (*self.raw).lowcase_key.is_null() {
                let Ok(copy) = bytes::pool_copy(self.pool, bytes::slice(&(*self.raw).key)) else {
                    return UNREADABLE;
                };
                copy.make_ascii_lowercase();
                (*self.raw).lowcase_key = copy.as_mut_ptr();
            }
            core::slice::from_raw_parts((*self.raw).lowcase_key, length)
        }
    }

    /// The value.
    pub(super) fn value(self) -> &'r [u8] {
        // SAFETY: as above.
        unsafe { bytes::slice(&(*self.raw).value) }
    }

    /// Replaces the value.
    pub(super) fn set_value(self, value: &'r [u8]) {
        // SAFETY: the element lives as long as the request, and so does the value.
        unsafe { (*self.raw).value = bytes::borrowed(value) };
    }
}

/// Walks an `ngx_list_t` of headers as nginx's own loops do (ngx_list.h).
pub(super) struct Elements<'r> {
    part: *const ngx_list_part_t,
    at: usize,
    pool: *mut ngx_pool_t,
    request: PhantomData<&'r ngx_http_request_t>,
}

impl Elements<'_> {
    /// # Safety
    /// `raw` is a live request, and stays so during the walk.
    pub(super) unsafe fn of(raw: *mut ngx_http_request_t) -> Self {
        // SAFETY: by this function's contract.
        unsafe {
            let part = &raw const (*raw).headers_in.headers.part;
            Self { part, at: 0, pool: (*raw).pool, request: PhantomData }
        }
    }
}

impl<'r> Iterator for Elements<'r> {
    type Item = Element<'r>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.part.is_null() {
            // SAFETY: parts and elements of the list live in the request's pool; `at` is within the
            // part.
            unsafe {
                if self.at < (*self.part).nelts {
                    let element = (*self.part).elts.cast::<ngx_table_elt_t>().add(self.at);
                    self.at += 1;
                    return Some(Element::new(element, self.pool));
                }
                self.part = (*self.part).next;
            }
            self.at = 0;
        }
        None
    }
}
