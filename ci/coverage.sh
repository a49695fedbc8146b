#!/bin/sh
# Which lines of the gate and of io unit tests run: prints the share, the files with the least, and writes
# target/coverage/html. Fails if it is less than what was reached.
#
# Installs the LLVM tools of rustc's version, and cargo-llvm-cov below target/. Not counted: fixtures and
# files of tests, and doc tests; see CONTRIBUTING.md.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

version=0.6.21
major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
tools=/usr/lib/llvm-$major/bin
if [ ! -x "$tools/llvm-cov" ]; then
    as_root apt-get -qq update >&2
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends \
        "llvm-$major" >&2 || fail "rustc needs the tools of LLVM $major: the package llvm-$major is not there"
fi
if [ ! -x "$target/tools/bin/cargo-llvm-cov" ]; then
    cargo install --quiet --locked --version "$version" --root "$target/tools" cargo-llvm-cov
fi
PATH=$target/tools/bin:$PATH
export LLVM_COV="$tools/llvm-cov" LLVM_PROFDATA="$tools/llvm-profdata" CARGO_TARGET_DIR="$target/coverage"
leave_out='(/tests/|/tests?\.rs|_tests\.rs|/testing|/fixtures|/crates/(standin|store|fuzz)/|/spoilt_input\.rs)'

cargo llvm-cov --quiet --locked --no-report -p authentik-gate -p authentik-io
cargo llvm-cov report --json --summary-only --ignore-filename-regex "$leave_out" >"$target/coverage/summary.json"
cargo llvm-cov report --html --ignore-filename-regex "$leave_out" --output-dir "$target/coverage" >/dev/null
exec python3 -B ci/coverage.py "$target/coverage/summary.json"
