#!/bin/sh
# Heavy evidence about sessions and their stores, with the figures:
#
# - ten minutes in which one thing after another goes wrong, amid sign-ins, sign-outs and strangers: processes are
#   killed and stopped, nginx is reloaded and upgraded, its clock steps (Debian's libfaketime), the disk is full,
#   packets to authentik and to Redis are lost (nftables, in a network namespace of its own);
# - nginx and redis-server are killed 200 times;
# - strangers invent 100,000 cookies.
#
#   ci/chaos.sh [NAME [FILTER]]     NAME as in ci/nginx.sh, default debian; FILTER selects tests, e.g. storm.
#                                   CHAOS_SECONDS=600, CHAOS_ROUNDS=200: more or less of it
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

AUTHENTIK_FAKETIME=$(dpkg -L libfaketime | grep '/libfaketimeMT\.so')
triple=$(rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')
export AUTHENTIK_FAKETIME "CARGO_TARGET_${triple}_RUNNER=$PWD/ci/namespace.sh"

ci/it.sh "${1:-debian}" "chaos::${2-}" --ignored --nocapture --test-threads=1
