#!/bin/sh
# Checks that an nginx structure with another layout than the module expects is detected: when the
# module is built, when it is loaded, or at the first request. A module compiled with a patched
# header stands in for a patched nginx.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

home=$(mktemp -d)
trap 'kill "$(cat "$home/nginx.pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$home"' EXIT

main() {
    paths=$(ci/nginx.sh debian)
    eval "$paths"
    export NGINX_SOURCE_DIR NGINX_BUILD_DIR
    port=${LAYOUT_PORT:-18099}

    if cargo clippy --locked --package nginx-authentik --features doctored-probe >"$home/log" 2>&1; then
        fail "layout: a build with bindings that are wrong did not stop"
    fi
    says "do not agree on ngx_http_request_t.unparsed_uri"

    build doctored-conf
    if "$AUTHENTIK_NGINX" -t -p "$home" -c nginx.conf >"$home/log" 2>&1; then
        fail "layout: an nginx with another ngx_http_request_t is not noticed"
    fi
    says 'emerg.*"http_host" differs'

    build doctored-request
    "$AUTHENTIK_NGINX" -p "$home" -c nginx.conf >"$home/log" 2>&1 || fail "layout: $(cat "$home/log")"
    # It listens before the command returns.
    status=$(curl -s -m 60 -o "$home/answer" -w '%{http_code}' --noproxy '*' "http://127.0.0.1:$port/") ||
        fail "layout: no answer; $(cat "$home/log")"
    [ "$status" = 500 ] || fail "layout: an nginx with bit-fields elsewhere answered $status"
    says 'alert.*answered 500: this nginx was built with other structures'

    echo "layout: what lies elsewhere is noticed"
}

# $1: a feature. Not optimized, since dependencies are compiled like this for the unit tests anyway.
build() {
    cargo build --quiet --locked --package nginx-authentik --features "$1"
    cp "$target/debug/libngx_http_authentik_module.so" "$home/module.so"
    cat >"$home/nginx.conf" <<END
load_module $home/module.so;
error_log $home/log;
pid $home/nginx.pid;
worker_processes 1;
events { }
http {
    access_log off;
    server { listen 127.0.0.1:$port; location / { root $home; } }
}
END
}

# $1: what the log must contain.
says() {
    grep -q "$1" "$home/log" || fail "layout: \"$1\" is not said, but:
$(tail -n 20 "$home/log")"
}

main
