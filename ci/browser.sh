#!/bin/sh
# Walks through the demo with real browsers (headless Chromium and Firefox) and takes screenshots: sign-in,
# return to the requested page, identity, sign-out, error pages, also in German and Japanese at 320 px,
# authentik unreachable; many tabs, the back button, WebSocket and EventSource, speculative loads, a service
# worker. The rules of axe-core (https://github.com/dequelabs/axe-core) are checked on each page that
# the module serves.
#
#   ci/browser.sh     pictures in target/browser/
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh
. ci/site.sh
. ci/browser/driver.sh

nginx_pid='' standin_pid=''

main() {
    site_check_ports
    site_build
    site=$(mktemp -d)
    chmod 711 "$site"
    trap 'kill $driver_pid 2>/dev/null || true; site_stop; rm -rf "$site"' EXIT
    trap 'exit 130' INT TERM
    site_configure 'worker_processes 2;'
    add_locations
    fetch_axe
    pictures=$target/browser
    rm -rf "$pictures"
    mkdir -p "$pictures"
    install_geckodriver
    start_driver chromedriver --port=0
    site_start_nginx
    walk while_authentik_is_away
    site_start_standin --form
    site_await_settings
    walk visit
    # As a link, by a rule to prefetch, by a rule to prerender, as an image.
    loaded_on_suspicion 4
    kill "$driver_pid"
    start_driver "$target/tools/bin/geckodriver" --port=0
    walk firefox
    # Firefox has no such rules.
    loaded_on_suspicion 6
    ! grep -E '\[(alert|crit|emerg)\]' "$site/logs/error.log" || fail "browser: see the lines above"
    echo "browser: all well; pictures in $pictures"
}

# A page that nobody may see, and what clients.py needs.
add_locations() {
    echo 'data: hello' >"$site/events"
    echo >>"$site/events"
    echo 'onfetch = event => event.respondWith(fetch(event.request));' >"$site/sw.js"
    cat >"$site/locations.conf" <<CONF
location /closed { authentik_require group nobody; proxy_pass http://127.0.0.1:$app_port; }
location = /events { default_type text/event-stream; alias $site/events; }
location = /sw.js { authentik_provider off; default_type text/javascript; alias $site/sw.js; }
location = /ws {
    proxy_pass http://127.0.0.1:$app_port;
    proxy_http_version 1.1;
    proxy_set_header Upgrade \$http_upgrade;
    proxy_set_header Connection upgrade;
}
CONF
    sed -i "s,^    location = /authentik-status .*,&\n    include $site/locations.conf;," "$site/demo.conf"
}

# Fails unless browsers have loaded the link to sign out this often without a person asking, and were refused.
loaded_on_suspicion() {
    found=$(grep -c 'reason: unasked.* "GET /outpost.goauthentik.io/sign_out' "$site/logs/error.log" || true)
    [ "$found" = "$1" ] || fail "browser: the link to sign out was loaded $found times, not $1"
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

# Mozilla's driver of Firefox, which Debian does not have, as it is published on crates.io.
geckodriver_version=0.37.1
install_geckodriver() {
    "$target/tools/bin/geckodriver" --version 2>/dev/null | grep -q "^geckodriver $geckodriver_version " ||
        cargo install --quiet --locked --root "$target/tools" "geckodriver@$geckodriver_version"
}

main
