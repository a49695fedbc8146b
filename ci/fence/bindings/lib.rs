//! Stands in for the crate `ngx` while the fence is checked; see ../Cargo.toml.

/// nginx's types, as `ngx::ffi` has them.
#[allow(warnings, clippy::all, reason = "generated, and only compiled")]
#[allow(clippy::indexing_slicing, clippy::undocumented_unsafe_blocks, reason = "generated")]
pub mod ffi {
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));

    // What nginx-sys adds by hand; never run.
    impl ngx_array_t {
        /// # Safety
        /// None is needed.
        pub unsafe fn as_slice<T>(&self) -> &[T] {
            &[]
        }
    }

    impl ngx_command_t {
        pub const fn empty() -> Self {
            // SAFETY: as in C.
            unsafe { ::core::mem::zeroed() }
        }
    }

    impl ngx_module_t {
        pub const fn default() -> Self {
            // SAFETY: as in C.
            unsafe { ::core::mem::zeroed() }
        }
    }
}
