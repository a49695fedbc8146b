#!/bin/sh
# Formatting, drift between code and documentation, the files in monitoring/, lints of everything
# with warnings denied, and the checks of nginx's structures.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

cargo fmt --all --check
cargo fmt --check --manifest-path interleavings/Cargo.toml
ci/drift.sh
ci/monitoring.sh
ci/haproxy.sh

ci/nginx.sh debian >/dev/null
cargo clippy --locked --workspace --all-targets -- -D warnings
cargo clippy --locked --package nginx-authentik --features suspend-all -- -D warnings

CARGO_TARGET_DIR=$target/interleavings cargo clippy --locked --manifest-path interleavings/Cargo.toml --test it -- \
    -D warnings

ci/layout.sh

# Again, for code that is only compiled for newer versions of nginx.
paths=$(ci/nginx.sh 1.28)
eval "$paths"
export NGINX_SOURCE_DIR NGINX_BUILD_DIR
cargo clippy --locked --package nginx-authentik --profile test-module \
    --target-dir "$target/1.28" -- -D warnings
