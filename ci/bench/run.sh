#!/bin/sh
# Builds what the benchmark measures, then measures. Arguments: the figures wanted, else all.
#
# BENCH_ROUNDS (15), BENCH_MOST_ROUNDS (40) and BENCH_SECONDS (1): how often and how long each case runs.
set -eu
cd "$(dirname "$0")/../.."
. ci/lib.sh

paths=$(ci/nginx.sh debian)
eval "$paths"
BENCH_MODULE=$(ci/module.sh debian release)
BENCH_MODULE_SEED=$(ci/module.sh debian release bench-seed)
cargo build --locked --release --package authentik-gate --example lookup --example directory \
    --example session_key
BENCH_LOOKUP=$target/release/examples/lookup
BENCH_DIRECTORY=$target/release/examples/directory
BENCH_SESSION_KEY=$target/release/examples/session_key
BENCH_TARGET=$target
export AUTHENTIK_NGINX BENCH_MODULE BENCH_MODULE_SEED BENCH_LOOKUP BENCH_DIRECTORY \
    BENCH_SESSION_KEY BENCH_TARGET
exec python3 -B ci/bench "$@"
