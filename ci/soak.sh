#!/bin/sh
# authentik is unreachable for a minute while requests with known sessions continue: none may fail.
#
#   ci/soak.sh [SECONDS]     default 60; needs wrk
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh
. ci/site.sh

seconds=${1:-60}
# The minimum load, in requests per second.
enough=2000
nginx_pid='' standin_pid=''

main() {
    site_check_ports
    site_build
    site=$(mktemp -d)
    chmod 711 "$site"
    trap 'site_stop; rm -rf "$site"' EXIT
    trap 'exit 130' INT TERM
    site_configure 'worker_processes 2;'
    # The application stops with authentik, as both are one process here: a file answers instead.
    echo soak >"$site/soak.html"
    file="location = /soak.html { root $site; }"
    sed -i "/authentik_provider auto;/s,\$, $file," "$site/demo.conf"
    site_start_standin
    site_start_nginx
    site_await_settings
    cookie=$(sign_in)
    kill "$standin_pid"
    load "$cookie" >"$site/wrk"
    judge
    site_start_standin
    # The connection is restored by itself.
    tries=0
    until [ "$(grep -c 'connected to authentik' "$site/logs/error.log")" -ge 2 ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || fail "soak: no connection a minute after authentik is back"
        sleep 0.1
    done
    echo "soak: connected again"
}

# Prints the cookie of a signed-in visitor.
sign_in() {
    jar=$site/jar
    status=$(curl -s -o /dev/null -L -c "$jar" -b "$jar" -w '%{http_code}' --max-time 30 \
        -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: document' -H 'Accept: text/html' \
        "$site_url/")
    [ "$status" = 200 ] || fail "soak: the sign-in ended with $status"
    sed -n 's/.*\(authentik_proxy_[0-9a-f]*\)\t\([^\t]*\)$/\1=\2/p' "$jar"
}

load() {
    wrk -t 2 -c 16 -d "${seconds}s" -H "Cookie: $1" "$site_url/soak.html"
}

judge() {
    rate=$(sed -n 's,^Requests/sec: *\([0-9]*\).*,\1,p' "$site/wrk")
    grep -E 'Requests/sec|requests in|Non-2xx|Socket errors' "$site/wrk" || true
    ! grep -Eq 'Non-2xx|Socket errors' "$site/wrk" || fail "soak: requests failed"
    [ "${rate:-0}" -ge $enough ] || fail "soak: only $rate requests a second, $enough are the aim"
    grep -q 'no connection to authentik' "$site/logs/error.log" || fail "soak: authentik was there"
    lines=$(grep -c 'outpost:' "$site/logs/error.log")
    [ "$lines" -le 12 ] || fail "soak: $lines lines about one outage"
    echo "soak: $seconds seconds without authentik, no request failed"
}

main
