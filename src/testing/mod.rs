//! Parts of the module for tests and `make bench`, never in a release.

#[cfg(feature = "bench-seed")]
pub(crate) mod bench;
#[cfg(feature = "suspend-all")]
pub(crate) mod defect;
#[cfg(feature = "suspend-all")]
pub(crate) mod round_trip;
