#!/bin/sh
# Walks through the demo with a real browser (headless Chromium) and takes screenshots: sign-in,
# return to the requested page, identity, sign-out, error pages, also in German and Japanese at 320 px,
# authentik unreachable. The rules of axe-core (https://github.com/dequelabs/axe-core) are checked on each page that
# the module serves.
#
#   ci/browser.sh     pictures in target/browser/
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh
. ci/site.sh

nginx_pid='' standin_pid='' driver_pid=''

main() {
    site_check_ports
    site_build
    site=$(mktemp -d)
    chmod 711 "$site"
    trap 'kill $driver_pid 2>/dev/null || true; site_stop; rm -rf "$site"' EXIT
    trap 'exit 130' INT TERM
    site_configure 'worker_processes 2;'
    # A page that nobody may see.
    sed -i 's,^    location = /authentik-status .*,&\n    location /closed { authentik_require group nobody; proxy_pass http://127.0.0.1:3000; },' \
        "$site/demo.conf"
    sed -i "s/:3000/:$app_port/" "$site/demo.conf"
    fetch_axe
    pictures=$target/browser
    rm -rf "$pictures"
    mkdir -p "$pictures"
    start_driver
    site_start_nginx
    walk while_authentik_is_away
    site_start_standin --form
    site_await_settings
    walk visit
    ! grep -E '\[(alert|crit|emerg)\]' "$site/logs/error.log" || fail "browser: see the lines above"
    echo "browser: all well; pictures in $pictures"
}

# $1: the part of the walk.
walk() {
    python3 ci/browser/walk.py "$1" "$driver_url" "$site_url" "$pictures" "$axe" || {
        tail -n 20 "$site/logs/error.log" >&2
        fail "browser: the walk ended early"
    }
}

# Sets $axe. A tool of this check only, so it is neither vendored nor shipped.
axe_version=4.14.1
axe_integrity=sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==
fetch_axe() {
    axe=$target/tools/axe-$axe_version.js
    [ ! -f "$axe" ] || return 0
    mkdir -p "$target/tools"
    archive=$site/$(cd "$site" && npm pack --silent "axe-core@$axe_version")
    found=sha512-$(openssl dgst -sha512 -binary "$archive" | openssl base64 -A)
    [ "$found" = "$axe_integrity" ] || fail "browser: axe-core $axe_version is not what it was: $found"
    tar -xzOf "$archive" package/axe.min.js >"$axe.new"
    mv "$axe.new" "$axe"
}

# WebDriver, from Debian's chromedriver, which chooses its own port.
start_driver() {
    chromedriver --port=0 >"$site/logs/chromedriver.log" 2>&1 &
    driver_pid=$!
    tries=0
    until port=$(sed -n 's/.*started successfully on port \([0-9]*\).*/\1/p' \
        "$site/logs/chromedriver.log") && [ -n "$port" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "browser: chromedriver does not start"
        sleep 0.1
    done
    driver_url=http://127.0.0.1:$port
}

main
