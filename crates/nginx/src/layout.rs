//! Checks the bindings against the C compiler: everything that the fence uses of nginx's structures
//! has the layout that the compiler gives it, with the headers and flags of the nginx that the
//! module is built for.
//!
//! build/layout.rs is the table; build/probe.rs asks the compiler and writes the lines that are
//! included here. A difference stops the build.

use core::mem::{MaybeUninit, offset_of};

use ngx::ffi;

macro_rules! differs {
    ($what:expr) => {
        concat!(
            env!("NGINX_BUILT_FOR"),
            ": the bindings and the C compiler do not agree on ",
            $what,
            ". The module would touch the wrong memory, so it is not built. What to do: ",
            "docs/compatibility.md, \"If the build stops\""
        )
    };
}

macro_rules! structure {
    ($name:ident, $size:literal) => {
        const _: () = assert!(size_of::<ffi::$name>() == $size, differs!(stringify!($name)));
    };
}

macro_rules! field {
    ($structure:ident, $($part:ident).+, $offset:literal, $size:literal) => {
        const _: () = {
            let memory = MaybeUninit::<ffi::$structure>::uninit();
            // SAFETY: the field is only named, not read.
            let size = size_of_pointee(unsafe { &raw const (*memory.as_ptr()).$($part).+ });
            assert!(
                offset_of!(ffi::$structure, $($part).+) == $offset && size == $size,
                differs!(concat!(stringify!($structure), ".", stringify!($($part).+)))
            );
        };
    };
}

macro_rules! constant {
    ($name:ident, $value:literal) => {
        const _: () = assert!(ffi::$name as i128 == $value, differs!(stringify!($name)));
    };
}

macro_rules! variable {
    ($name:ident, $size:literal) => {
        const _: () =
            assert!(size_of_pointee(&raw const ffi::$name) == $size, differs!(stringify!($name)));
    };
}

#[allow(dead_code, reason = "Rust 1.85 does not count what constants without a name use")]
const fn size_of_pointee<T>(_: *const T) -> usize {
    size_of::<T>()
}

include!(concat!(env!("OUT_DIR"), "/layout.rs"));
