#!/bin/sh
# Format, drift between code and documentation, what monitoring/ offers, lints of everything, warnings denied, and
# the checks of nginx's structures.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

cargo fmt --all --check
ci/drift.sh
ci/monitoring.sh

ci/nginx.sh debian >/dev/null
cargo clippy --locked --workspace --all-targets -- -D warnings
cargo clippy --locked --package nginx-authentik --features suspend-all -- -D warnings

ci/layout.sh

# Once more for the code that only a newer nginx compiles.
paths=$(ci/nginx.sh 1.28)
eval "$paths"
export NGINX_SOURCE_DIR NGINX_BUILD_DIR
cargo clippy --locked --package nginx-authentik --profile test-module \
    --target-dir "$target/1.28" -- -D warnings
