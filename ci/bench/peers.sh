#!/bin/sh
# Builds what `make bench-peers` compares, then measures. Uses the environment of run.sh.
set -eu
cd "$(dirname "$0")/../.."
. ci/lib.sh

paths=$(ci/nginx.sh debian)
eval "$paths"
BENCH_MODULE=$(ci/module.sh debian release)
cargo build --locked --release --package authentik-standin --bin standin
BENCH_STANDIN=$target/release/standin
BENCH_TARGET=$target
export AUTHENTIK_NGINX BENCH_MODULE BENCH_STANDIN BENCH_TARGET
exec python3 -B ci/bench/peers.py
