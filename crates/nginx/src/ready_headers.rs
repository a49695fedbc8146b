//! Headers that are laid out once and set on many requests.
//!
//! A request gets a copy of the elements, not the elements themselves: other modules change the
//! elements of their request in place, and none of that may be seen by another one.

use core::ptr;
use std::rc::Rc;

use ngx::ffi::ngx_table_elt_t;

use super::guard::Fault;
use super::header_list::{NewHeader, append, element, made};
use super::pool::allocate;
use super::{Module, Request};

/// Header elements, together with what their names and values are parts of.
pub struct ReadyHeaders<T> {
    owner: Rc<T>,
    /// They point into `owner`, or to what lives for ever.
    elements: Box<[ngx_table_elt_t]>,
}

impl<T> ReadyHeaders<T> {
    /// Lays the headers out. They are parts of the owner, and none that nginx has a field for.
    pub fn lay_out(owner: T, list: impl for<'o> FnOnce(&'o T, &mut Vec<NewHeader<'o>>)) -> Self {
        let owner = Rc::new(owner);
        let mut headers = Vec::new();
        list(&owner, &mut headers);
        debug_assert!(!headers.iter().any(|header| header.name.may_be_known()));
        let elements = headers.iter().map(element).collect();
        Self { elements, owner }
    }

    /// What the headers are parts of.
    #[must_use]
    pub fn owner(&self) -> &T {
        &self.owner
    }

    /// Bytes that the elements take.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of_val(&*self.elements)
    }
}

impl<'r, M: Module> Request<'r, M> {
    /// Adds the headers, in one part of their own.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn add_ready_headers<T>(&mut self, ready: &'r ReadyHeaders<T>) -> Result<(), Fault> {
        let count = ready.elements.len();
        if count == 0 {
            return Ok(());
        }
        // SAFETY: the pool is live; the copy has `count` elements when it is linked. What they point to
        // has not moved, as it is counted and only borrowed shared, and lives as long as `ready`, so as
        // long as the request.
        unsafe {
            let list = made(self.raw)?;
            let elements = allocate::<ngx_table_elt_t>((*list).pool, count)?;
            ptr::copy_nonoverlapping(ready.elements.as_ptr(), elements, count);
            append(list, elements, count)
        }
    }
}
