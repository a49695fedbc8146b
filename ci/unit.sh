#!/bin/sh
# Runs the tests of the crates that need no nginx.
#
#   ci/unit.sh [FILTER]...
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

left_out=$(left_out_servers)
exec cargo test --locked -p authentik-gate -p authentik-io -p authentik-store -p authentik-standin \
    -p authentik-fuzz -- "$@" $left_out
