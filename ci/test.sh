#!/bin/sh
# Runs the integration tests with each nginx on this machine: Debian's, and one built from its
# sources; then the smoke test of ci/build.sh. A failure in one does not stop the others.
#
#   ci/test.sh [FILTER]...
set -u
cd "$(dirname "$0")/.."

failed=
for name in debian 1.28; do
    ci/it.sh "$name" "$@" || failed="$failed $name"
done
ci/smoke.sh || failed="$failed any"
if [ -n "$failed" ]; then
    echo "integration tests failed under nginx:$failed" >&2
    exit 1
fi
