//! Headers that are prepared once and added to many requests.
//!
//! A request gets a copy of the elements, not the elements themselves: other modules change the
//! elements of a request in place, and no other request may see that.

use core::ptr;
use std::rc::Rc;

use ngx::ffi::ngx_table_elt_t;

use super::guard::Fault;
use super::header_list::{NewHeader, append, element, made};
use super::pool::allocate;
use super::{Module, Request};

/// Header elements, together with the owner of their names and values.
pub struct ReadyHeaders<T> {
    owner: Rc<T>,
    /// They point into `owner` or to static data.
    elements: Box<[ngx_table_elt_t]>,
}

impl<T> ReadyHeaders<T> {
    /// Prepares the headers. They borrow from the owner, and nginx must not have a field for any of
    /// them.
    pub fn lay_out(owner: T, list: impl for<'o> FnOnce(&'o T, &mut Vec<NewHeader<'o>>)) -> Self {
        let owner = Rc::new(owner);
        let mut headers = Vec::new();
        list(&owner, &mut headers);
        debug_assert!(!headers.iter().any(|header| header.name.may_be_known()));
        let elements = headers.iter().map(element).collect();
        Self { elements, owner }
    }

    /// The owner of the headers.
    #[must_use]
    pub fn owner(&self) -> &T {
        &self.owner
    }

    /// Size of the elements, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of_val(&*self.elements)
    }
}

impl<'r, M: Module> Request<'r, M> {
    /// Adds the headers, in a list part of their own.
    ///
    /// # Errors
    /// There is no memory.
    pub fn add_ready_headers<T>(&mut self, ready: &'r ReadyHeaders<T>) -> Result<(), Fault> {
        let count = ready.elements.len();
        if count == 0 {
            return Ok(());
        }
        // SAFETY: the pool is live; the copy has `count` elements when it is linked. What they
        // point to has not moved, as it is reference-counted and only borrowed shared, and it lives
        // as long as `ready`, so as long as the request.
        unsafe {
            let list = made(self.raw)?;
            let elements = allocate::<ngx_table_elt_t>((*list).pool, count)?;
            ptr::copy_nonoverlapping(ready.elements.as_ptr(), elements, count);
            append(list, elements, count)
        }
    }
}
