#!/bin/sh
# Runs the integration tests with one nginx.
#
#   ci/it.sh NAME [FILTER]...     NAME as in ci/nginx.sh; further arguments go to the test binary
#
# The test binary is the same for each nginx: differences are passed in the environment. A module
# that this nginx must reject is built, unless AUTHENTIK_FOREIGN_MODULE names one.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

name=${1:?usage: ci/it.sh NAME [FILTER]...}
shift

module_suspend_all=$(ci/module.sh "$name" test-module suspend-all)
module=$(ci/module.sh "$name" test-module)
case $name in debian) other=1.28 ;; *) other=debian ;; esac
foreign=${AUTHENTIK_FOREIGN_MODULE:-$(ci/module.sh $other test-module)}
paths=$(ci/nginx.sh "$name")
eval "$paths"
# .cargo/config.toml refers to it when the test binary is compiled.
ci/nginx.sh debian >/dev/null

AUTHENTIK_NGINX=$AUTHENTIK_NGINX
AUTHENTIK_NGINX_VERSION=$("$AUTHENTIK_NGINX" -v 2>&1 | sed 's,.*nginx/\([0-9.]*\).*,\1,')
AUTHENTIK_MODULE=$module
AUTHENTIK_FOREIGN_MODULE=$foreign
AUTHENTIK_MODULE_SUSPEND_ALL=$module_suspend_all
AUTHENTIK_CARELESS_MODULE=$(ci/careless-module.sh "$name")
AUTHENTIK_EXAMPLE_MODULE=$(ci/example-module.sh "$name")
export AUTHENTIK_NGINX AUTHENTIK_NGINX_VERSION AUTHENTIK_MODULE AUTHENTIK_MODULE_SUSPEND_ALL \
    AUTHENTIK_FOREIGN_MODULE AUTHENTIK_CARELESS_MODULE AUTHENTIK_EXAMPLE_MODULE
unset NGINX_SOURCE_DIR NGINX_BUILD_DIR

# HTTP/3 was added in nginx 1.25.0. From this version on, every tested nginx must support it; for
# older ones its tests are skipped below.
if [ "$(printf '%s\n' 1.25.0 "$AUTHENTIK_NGINX_VERSION" | sort -V | head -n 1)" = 1.25.0 ]; then
    AUTHENTIK_HTTP3_PYTHON=$(ci/http3.sh)
    export AUTHENTIK_HTTP3_PYTHON
else
    set -- "$@" --skip http3::
fi

set -- "$@" $(left_out_servers)

# A test fills the queue of sign-ins with connections.
files=$(ulimit -n)
[ "$files" = unlimited ] || [ "$files" -ge 4096 ] || ulimit -n 4096

# Tests wait for seconds to pass more than they compute.
: "${RUST_TEST_THREADS:=$(($(nproc) * 2))}"
export RUST_TEST_THREADS

# Debian's version differs between releases.
case $name in debian) name="debian $(. /etc/os-release && echo "${VERSION_CODENAME-}")" ;; esac
echo "== integration tests, nginx $AUTHENTIK_NGINX_VERSION ($name)"
cargo test --locked --package nginx-authentik --test it -- "$@"
