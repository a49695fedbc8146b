//! Slices of a request's pool that are kept across callbacks, where no lifetime can be written down.
//!
//! They lie beside the state of the request they came from and are had through that request only: there
//! is nothing that could be handed to another one.

use core::ptr::NonNull;
use std::cell::Cell;

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
    /// The slice is of the request that `'r` is the callback of.
    unsafe fn get<'r>(self) -> &'r [u8] {
        // SAFETY: what was put on the shelf of a request lives as long as its pool, unchanged.
        unsafe { self.0.as_ref() }
    }
}

impl<'r, M: Module> Request<'r, M> {
    /// Keeps a slice in one of the module's [`Kept`](Module::Kept) slots. It lives in the request's pool:
    /// nothing else lives as long as `'r`, but for what lives longer. Beyond the last slot nothing is kept.
    ///
    /// # Errors
    /// If there is no memory for the request's state.
    pub fn remember(&self, slot: usize, slice: &'r [u8]) -> Result<(), Fault> {
        if let Some(slot) = private::Slots::slot(&self.context()?.kept, slot) {
            slot.set(Some(Slice(slice.into())));
        }
        Ok(())
    }

    /// What was kept.
    #[must_use]
    pub fn recall(&self, slot: usize) -> Option<&'r [u8]> {
        let slice = private::Slots::slot(&self.existing_context()?.kept, slot)?.get()?;
        // SAFETY: it is of this request's own shelf.
        Some(unsafe { slice.get() })
    }

    /// What was kept, and is no longer.
    pub fn forget(&self, slot: usize) -> Option<&'r [u8]> {
        let slice = private::Slots::slot(&self.existing_context()?.kept, slot)?.take()?;
        // SAFETY: as above.
        Some(unsafe { slice.get() })
    }
}
