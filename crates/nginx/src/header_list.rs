//! Changes to the request's header list.
//!
//! nginx keeps pointers to header elements (`headers_in.host` and others), so elements never move:
//! a removal splits the list's parts around them. Three rules of nginx's own loops must hold after
//! each cut (ngx_list.c, and the header loops of ngx_http_proxy_module.c and similar modules): only
//! the first part may be empty, `nalloc` is never 0, and `ngx_list_push` sees the last part as full
//! unless there really is room after it.

use core::ptr;

use ngx::ffi::{ngx_http_request_t, ngx_list_part_t, ngx_list_t, ngx_table_elt_t, ngx_uint_t};

use super::bytes;
use super::elements::Element;
pub use super::elements::UNREADABLE;
use super::guard::Fault;
use super::known_headers::{forget, introduce};
use super::pool::allocate;
use super::{Module, Request};

/// A header to add.
///
/// Name and value must live as long as the request: static, or in its pool.
#[derive(Clone, Copy)]
pub struct NewHeader<'r> {
    /// Its name.
    pub name: HeaderName<'r>,
    /// Its value.
    pub value: &'r [u8],
}

/// A header's name as sent and in lower case, with nginx's hash of it. Computed once if the name is
/// known beforehand.
#[derive(Clone, Copy)]
pub struct HeaderName<'r> {
    name: &'r [u8],
    lowercase: &'r [u8],
    hash: ngx_uint_t,
    may_be_known: bool,
}

impl<'r> HeaderName<'r> {
    /// The name as sent.
    pub(super) fn name(&self) -> &'r [u8] {
        self.name
    }

    /// Whether nginx may have a field for it.
    pub(super) fn may_be_known(&self) -> bool {
        self.may_be_known
    }

    /// The name in lower case.
    pub fn lowercase(&self) -> &'r [u8] {
        self.lowercase
    }

    /// `lowercase` is `name` in lower case; nginx must not have a field of its own for it.
    pub const fn new(name: &'r [u8], lowercase: &'r [u8]) -> Self {
        Self { name, lowercase, hash: hash(lowercase), may_be_known: false }
    }

    /// The same for a name that nginx may have a field for: `Authorization`, `Cookie`, `Range`.
    pub const fn of_any(name: &'r [u8], lowercase: &'r [u8]) -> Self {
        Self { may_be_known: true, ..Self::new(name, lowercase) }
    }
}

impl<'r, M: Module> Request<'r, M> {
    /// Removes every request header for which `unwanted(lowercase name, value)` is true.
    pub fn remove_headers(
        &mut self,
        mut unwanted: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), Fault> {
        // Usually there is none, and nothing is written.
        if !self.headers().any(|(name, value)| unwanted(name, value)) {
            return Ok(());
        }
        self.cut_headers(unwanted)
    }

    /// The same, if there is known to be one.
    pub fn cut_headers(
        &mut self,
        mut unwanted: impl FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), Fault> {
        let raw = self.raw;
        // SAFETY: the list belongs to a live request; elements obtained from it are valid.
        unsafe {
            cut(&raw mut (*raw).headers_in.headers, &mut |element| {
                let header = Element::new(element, (*raw).pool);
                let remove = unwanted(header.name(), header.value());
                if remove {
                    forget(raw, element);
                }
                remove
            })
        }
    }

    /// Replaces the value of each header called `name` (lower case) by the result of `edit`, unless
    /// it is `None`. The new value must live in the request's pool.
    pub fn edit_header(
        &mut self,
        name: &[u8],
        mut edit: impl FnMut(&Self, &'r [u8]) -> Result<Option<&'r [u8]>, Fault>,
    ) -> Result<(), Fault> {
        for element in self.elements() {
            if element.name() != name {
                continue;
            }
            if let Some(edited) = edit(self, element.value())? {
                element.set_value(edited);
            }
        }
        Ok(())
    }

    /// Adds at most `count` headers, in a list part of their own.
    pub fn add_headers(
        &mut self,
        count: usize,
        headers: impl Iterator<Item = NewHeader<'r>>,
    ) -> Result<(), Fault> {
        if count == 0 {
            return Ok(());
        }
        // SAFETY: the pool is live; the new part is complete before it is linked, and has exactly
        // `count` elements, all written.
        unsafe {
            let list = made(self.raw)?;
            let elements = allocate::<ngx_table_elt_t>((*list).pool, count)?;
            let mut written = 0;
            for header in headers.take(count) {
                let added = elements.add(written);
                added.write(element(&header));
                if header.name.may_be_known {
                    introduce(self.raw, added)?;
                }
                written += 1;
            }
            if written == 0 {
                return Ok(());
            }
            append(list, elements, written)
        }
    }
}

pub(super) fn element(header: &NewHeader<'_>) -> ngx_table_elt_t {
    // SAFETY: all-zero is a valid element: no hash, empty strings, no next.
    let mut element: ngx_table_elt_t = unsafe { core::mem::zeroed() };
    let HeaderName { name, lowercase, hash, may_be_known: _ } = header.name;
    element.hash = hash;
    element.key = bytes::borrowed(name);
    element.value = bytes::borrowed(header.value);
    element.lowcase_key = lowercase.as_ptr().cast_mut();
    element
}

/// `ngx_hash_key` of a lower-case name: proxy modules look up their own headers by it.
const fn hash(lowercase: &[u8]) -> ngx_uint_t {
    let mut hash: ngx_uint_t = 0;
    let mut left = lowercase;
    while let [byte, rest @ ..] = left {
        hash = hash.wrapping_mul(31).wrapping_add(*byte as ngx_uint_t);
        left = rest;
    }
    hash
}

/// The list of a request's headers. nginx creates none for HTTP/0.9, or if it could not parse the
/// request line (ngx_http_process_request_line in ngx_http_request.c); it is then created here.
///
/// # Safety
/// `raw` is a live request.
pub(super) unsafe fn made(raw: *mut ngx_http_request_t) -> Result<*mut ngx_list_t, Fault> {
    // SAFETY: by this function's contract; a list without a part was never initialised, and nothing
    // points into it.
    unsafe {
        let list = &raw mut (*raw).headers_in.headers;
        if (*list).last.is_null() {
            (*list).pool = (*raw).pool;
            (*list).size = size_of::<ngx_table_elt_t>();
            (*list).part.elts = allocate::<ngx_table_elt_t>((*raw).pool, ROOM)?.cast();
            (*list).nalloc = ROOM;
            (*list).last = &raw mut (*list).part;
        }
        Ok(list)
    }
}

/// Capacity of an empty part.
const ROOM: usize = 4;

/// # Safety
/// `list` is a live header list; `elements` has `count` written elements from its pool.
pub(super) unsafe fn append(
    list: *mut ngx_list_t,
    elements: *mut ngx_table_elt_t,
    count: usize,
) -> Result<(), Fault> {
    // SAFETY: by this function's contract; `last` is the inline first part or one from the pool.
    unsafe {
        let last = (*list).last;
        if (*last).nelts == 0 {
            (*last).elts = elements.cast();
            (*last).nelts = count;
        } else {
            let part = allocate::<ngx_list_part_t>((*list).pool, 1)?;
            part.write(ngx_list_part_t {
                elts: elements.cast(),
                nelts: count,
                next: ptr::null_mut(),
            });
            (*last).next = part;
            (*list).last = part;
        }
        // Full: the next push allocates its own part.
        (*list).nalloc = count;
    }
    Ok(())
}

/// # Safety
/// `list` is a live header list.
unsafe fn cut(
    list: *mut ngx_list_t,
    remove: &mut dyn FnMut(*mut ngx_table_elt_t) -> bool,
) -> Result<(), Fault> {
    // SAFETY: parts are walked in their old state; each is rewritten only after its successor was
    // read.
    unsafe {
        let pool = (*list).pool;
        let mut old = (*list).part;
        let mut kept = Remaining { list, any: false };
        (*list).part.nelts = 0;
        (*list).part.next = ptr::null_mut();
        (*list).last = &raw mut (*list).part;
        loop {
            let elements = old.elts.cast::<ngx_table_elt_t>();
            let mut run = 0;
            for at in 0..old.nelts {
                if remove(elements.add(at)) {
                    kept.run(elements.add(run), at - run)?;
                    run = at + 1;
                }
            }
            kept.run(elements.add(run), old.nelts - run)?;
            if old.next.is_null() {
                break;
            }
            old = *old.next;
        }
        if !kept.any {
            (*list).part.elts = allocate::<ngx_table_elt_t>(pool, ROOM)?.cast();
            (*list).nalloc = ROOM;
        }
    }
    Ok(())
}

/// The list while it is rebuilt from the runs of elements that stay.
struct Remaining {
    list: *mut ngx_list_t,
    any: bool,
}

impl Remaining {
    /// # Safety
    /// `first` is the first of `count` elements of the list that was cut.
    unsafe fn run(&mut self, first: *mut ngx_table_elt_t, count: usize) -> Result<(), Fault> {
        if count == 0 {
            return Ok(());
        }
        self.any = true;
        // SAFETY: by this function's contract.
        unsafe { append(self.list, first, count) }
    }
}
