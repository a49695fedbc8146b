//! Slices of a request's pool that are kept across callbacks, where no lifetime can be written down.
//!
//! They lie in the state of the request they came from and are had through that request only: there
//! is nothing that could be handed to another one.

use core::ptr::NonNull;
use std::cell::Cell;

use gate::cookie::MAX_CANDIDATES;

use super::Request;
use super::guard::Fault;

/// What a request keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The query of an endpoint, as it was before it was hidden from the logs.
    Query,
    /// The session record of the visitor.
    Record,
}

/// Where it is kept: a part of the request's state, which lives in the same pool.
#[derive(Default)]
pub(crate) struct Shelf {
    query: Cell<Option<Slice>>,
    record: Cell<Option<Slice>>,
    cookies: Cell<Option<[Slice; MAX_CANDIDATES]>>,
}

impl Shelf {
    fn place(&self, kept: Kept) -> &Cell<Option<Slice>> {
        match kept {
            Kept::Query => &self.query,
            Kept::Record => &self.record,
        }
    }
}

#[derive(Clone, Copy)]
struct Slice(NonNull<[u8]>);

impl Slice {
    /// # Safety
    /// The slice is of the request that `'r` is the callback of.
    unsafe fn get<'r>(self) -> &'r [u8] {
        // SAFETY: what was put on the shelf of a request lives as long as its pool, unchanged.
        unsafe { self.0.as_ref() }
    }
}

impl<'r> Request<'r> {
    /// Keeps a slice, which lives in the request's pool: nothing else lives as long as `'r`, but for
    /// what lives longer.
    pub(crate) fn remember(&self, kept: Kept, slice: &'r [u8]) -> Result<(), Fault> {
        self.state()?.kept.place(kept).set(Some(Slice(slice.into())));
        Ok(())
    }

    /// What was kept.
    pub(crate) fn recall(&self, kept: Kept) -> Option<&'r [u8]> {
        let slice = self.existing_state()?.kept.place(kept).get()?;
        // SAFETY: it is of this request's own shelf.
        Some(unsafe { slice.get() })
    }

    /// What was kept, and is no longer.
    pub(crate) fn forget(&self, kept: Kept) -> Option<&'r [u8]> {
        let slice = self.existing_state()?.kept.place(kept).take()?;
        // SAFETY: as above.
        Some(unsafe { slice.get() })
    }

    /// Keeps the values of the `Cookie` headers.
    pub(crate) fn remember_cookies(&self, values: [&'r [u8]; MAX_CANDIDATES]) -> Result<(), Fault> {
        self.state()?.kept.cookies.set(Some(values.map(|value| Slice(value.into()))));
        Ok(())
    }

    /// The values of the `Cookie` headers that were kept.
    pub(crate) fn recall_cookies(&self) -> Option<[&'r [u8]; MAX_CANDIDATES]> {
        let slices = self.existing_state()?.kept.cookies.get()?;
        // SAFETY: as above.
        Some(slices.map(|slice| unsafe { slice.get() }))
    }
}
