#!/bin/sh
# The integration tests under each nginx that the machine at hand has: Debian's, and one built from its
# sources; then the smoke test of ci/build.sh. One that fails does not keep the next from running.
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
