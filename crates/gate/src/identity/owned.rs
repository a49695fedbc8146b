//! A session record that owns its memory.

use std::hint::black_box;

use super::record::SessionView;

/// A record that is validated when created, so that reading it costs nothing. Overwritten when
/// dropped, as it contains a token.
pub struct OwnedRecord(Vec<u8>);

impl OwnedRecord {
    /// Takes ownership of the bytes; `None` if they are not a session, see [`SessionView::over`].
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        let record = Self(bytes); // overwritten in either case
        SessionView::over(&record.0).is_some().then_some(record)
    }

    /// The session.
    #[inline]
    #[must_use]
    pub fn view(&self) -> SessionView<'_> {
        SessionView::over_checked(&self.0)
    }

    /// The record as in the zone.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its size in memory.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.capacity()
    }
}

impl Drop for OwnedRecord {
    fn drop(&mut self) {
        // All at once: the crate zeroize works byte by byte, and this is done for each session that
        // a worker sees for the first time. The compiler must believe that the zeros are read.
        self.0.fill(0);
        black_box(&mut self.0);
    }
}

/// Tokens and attributes are secret; the rest is personal.
impl std::fmt::Debug for OwnedRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(f)
    }
}
