#!/bin/sh
# Heavy evidence about the stores of sessions: nginx and redis-server are killed 200 times amid
# sign-ins and sign-outs, and strangers invent 100,000 cookies. Prints the figures.
#
#   ci/chaos.sh [NAME]     NAME as in ci/nginx.sh, default debian; CHAOS_ROUNDS=N for fewer or more
set -eu
cd "$(dirname "$0")/.."

ci/it.sh "${1:-debian}" chaos:: --ignored --nocapture --test-threads=1
