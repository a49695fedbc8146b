//! Never in a release: what tests and `make bench` need of the module.

#[cfg(feature = "bench-seed")]
pub(crate) mod bench;
#[cfg(feature = "suspend-all")]
pub(crate) mod defect;
#[cfg(feature = "suspend-all")]
pub(crate) mod round_trip;
