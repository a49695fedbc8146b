#!/bin/sh
# Builds what the benchmark measures, then measures. Arguments: the figures to measure, or `stores` for
# those of session stores; by default all.
#
# BENCH_ROUNDS (15), BENCH_MOST_ROUNDS (40) and BENCH_SECONDS (1): how often and how long each case
# runs.
set -eu
cd "$(dirname "$0")/../.."
. ci/lib.sh

paths=$(ci/nginx.sh debian)
eval "$paths"
BENCH_MODULE=$(ci/module.sh debian release)
# With symbols, so that instructions can be attributed. Not the module that is shipped.
BENCH_MODULE_SEED=$(CARGO_PROFILE_RELEASE_STRIP=none ci/module.sh debian release bench-seed)
cargo build --locked --release --package authentik-gate --example lookup --example directory
cargo build --locked --release --package authentik-store --example stored
cargo build --locked --release --package authentik-standin --bin standin
BENCH_LOOKUP=$target/release/examples/lookup
BENCH_DIRECTORY=$target/release/examples/directory
BENCH_STORED=$target/release/examples/stored
BENCH_STANDIN=$target/release/standin
BENCH_TARGET=$target
export AUTHENTIK_NGINX BENCH_MODULE BENCH_MODULE_SEED BENCH_LOOKUP BENCH_DIRECTORY
export BENCH_STORED BENCH_STANDIN BENCH_TARGET
exec python3 -B ci/bench "$@"
