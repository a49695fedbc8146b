#!/bin/sh
# The gate's code with atomics under Miri, which finds undefined behaviour and data races that no run shows: those
# of its unit tests that use nothing but Rust. The rest of the gate is without `unsafe`, and what it does across
# processes is explored by ci/interleavings.sh.
#
#   ci/miri.sh [FILTER]...     of unit tests of crates/gate
#
# Needs a nightly toolchain of rustup with the components miri and rust-src.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

toolchain=${MIRI_TOOLCHAIN:-nightly}
[ $# -gt 0 ] || set -- shared_words status::duration outpost::tenure outpost::board

cargo "+$toolchain" miri --version >/dev/null 2>&1 ||
    fail "miri: not installed; run: rustup toolchain install $toolchain --profile minimal --component miri,rust-src"
# The clock is the machine's: tests measure time.
export CARGO_TARGET_DIR="$target/miri" MIRIFLAGS="-Zmiri-disable-isolation ${MIRIFLAGS-}"
exec cargo "+$toolchain" miri test --locked --package authentik-gate --lib -- "$@"
