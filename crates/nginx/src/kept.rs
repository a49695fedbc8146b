//! Slices of a request's pool that are kept across callbacks, where no lifetime can express it, and
//! data shared by many requests, which is reference-counted.
//!
//! They are stored beside the state of the request that they came from and are accessible only
//! through that request: nothing can be passed to another one.

use core::any::Any;
use core::ptr::{self, NonNull};
use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use super::guard::Fault;
use super::{Module, Request};

/// Room for `N` slices.
pub struct Shelf<const N: usize>([Cell<Option<Slice>>; N]);

impl<const N: usize> Default for Shelf<N> {
    fn default() -> Self {
        Self([const { Cell::new(None) }; N])
    }
}

/// A [`Shelf`] of any size.
pub trait Slots: Default + private::Slots {}

impl<const N: usize> Slots for Shelf<N> {}

impl<const N: usize> private::Slots for Shelf<N> {
    fn slot(&self, at: usize) -> Option<&Cell<Option<Slice>>> {
        self.0.get(at)
    }
}

mod private {
    use super::{Cell, Slice};

    pub trait Slots {
        fn slot(&self, at: usize) -> Option<&Cell<Option<Slice>>>;
    }
}

/// A slice on a shelf.
#[derive(Clone, Copy)]
pub struct Slice(NonNull<[u8]>);

impl Slice {
    /// # Safety
    /// The slice belongs to the request whose callback is `'r`.
    unsafe fn get<'r>(self) -> &'r [u8] {
        // SAFETY: slices on the shelf of a request live as long as its pool, unchanged.
        unsafe { self.0.as_ref() }
    }
}

/// What a request shares with others. Nothing is removed before the request ends.
#[derive(Default)]
pub(super) struct Held {
    first: OnceCell<Rc<dyn Any>>,
    /// Few requests hold more than one.
    further: RefCell<Vec<Rc<dyn Any>>>,
}

impl Held {
    fn add(&self, value: Rc<dyn Any>) {
        let is_same = |held: &Rc<dyn Any>| ptr::addr_eq(Rc::as_ptr(held), Rc::as_ptr(&value));
        let first = self.first.get_or_init(|| Rc::clone(&value));
        if !is_same(first) && !self.further.borrow().iter().any(is_same) {
            self.further.borrow_mut().push(value);
        }
    }
}

impl<'r, M: Module> Request<'r, M> {
    /// Keeps a value shared with other requests for as long as this request lives.
    ///
    /// # Errors
    /// There is no memory for the request's state.
    pub fn hold<T: 'static>(&self, value: Rc<T>) -> Result<&'r T, Fault> {
        let context = self.context()?;
        let held = NonNull::from(&*value);
        context.held.add(value);
        // SAFETY: the reference count is held until the request's state is dropped with the pool,
        // and it is only borrowed shared.
        Ok(unsafe { held.as_ref() })
    }

    /// The held value of this type that is `wanted`.
    #[must_use]
    pub fn held<T: 'static>(&self, wanted: impl Fn(&T) -> bool) -> Option<&'r T> {
        let held = &self.existing_context()?.held;
        let find = |held: &Rc<dyn Any>| {
            held.downcast_ref::<T>().filter(|held| wanted(held)).map(NonNull::from)
        };
        let first = held.first.get().and_then(find);
        let found = first.or_else(|| held.further.borrow().iter().find_map(find))?;
        // SAFETY: as above.
        Some(unsafe { found.as_ref() })
    }

    /// Keeps a slice in one of the module's [`Kept`](Module::Kept) slots. It lives in the request's
    /// pool: only data there, or data that lives longer, has the lifetime `'r`. Slots out of range
    /// are ignored.
    ///
    /// # Errors
    /// There is no memory for the request's state.
    pub fn remember(&self, slot: usize, slice: &'r [u8]) -> Result<(), Fault> {
        if let Some(slot) = private::Slots::slot(&self.context()?.kept, slot) {
            slot.set(Some(Slice(slice.into())));
        }
        Ok(())
    }

    /// The slice kept in a slot.
    #[must_use]
    pub fn recall(&self, slot: usize) -> Option<&'r [u8]> {
        let slice = private::Slots::slot(&self.existing_context()?.kept, slot)?.get()?;
        // SAFETY: it is on this request's own shelf.
        Some(unsafe { slice.get() })
    }

    /// Takes the slice out of a slot.
    pub fn forget(&self, slot: usize) -> Option<&'r [u8]> {
        let slice = private::Slots::slot(&self.existing_context()?.kept, slot)?.take()?;
        // SAFETY: as above.
        Some(unsafe { slice.get() })
    }
}
