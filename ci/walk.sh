#!/bin/sh
# A newcomer's walk, in a root of Debian that has nothing of it: a site that everybody can open, then the package, two
# lines and `nginx -t`, a sign-in and sign-out in headless Chromium, and back. Prints what the newcomer reads; pictures
# are in target/walk.
#
#   ci/walk.sh [RELEASE]      by default trixie
#
# Installs the package that is in target/deb; without one, builds it (ci/deb.sh).
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh
. ci/browser/driver.sh

release=${1:-trixie}
name=walk-$release
pictures=$target/walk
guest=''
# Those of packaging/walk.sh.
site_url=http://localhost:18080

main() {
    set -- "$root/target/deb/$release"/libnginx-mod-http-authentik_*.deb
    [ -e "$1" ] || ci/deb.sh "$release"
    cargo build --quiet --locked --package authentik-standin --bin standin
    rm -rf "$pictures"
    mkdir -p "$root/target/roots" "$pictures"
    exec 8>"$root/target/roots/.lock"
    flock -n 8 || fail "walk: another run is at work in target/roots"
    as_root ci/root.sh remove "$name"
    as_root ci/root.sh make "$name" "$release" ca-certificates curl
    home=$root/target/roots/$name.target
    as_root cp -R "$root/target/deb/$release" "$target/debug/standin" "$home/"
    as_root install -d -m 777 "$home/desk"
    site=$(mktemp -d)
    mkdir "$site/logs"
    trap 'kill $driver_pid $guest 2>/dev/null || true; rm -rf "$site"' EXIT
    trap 'exit 130' INT TERM

    start_driver chromedriver --port=0
    as_root ci/root.sh run "$name" "sh packaging/walk.sh /src/target/$release /src/target/desk" 8>&- &
    guest=$!
    for step in open protected gone; do
        look_at $step
    done
    wait $guest || fail "walk: it ended badly"
    guest=''
    as_root ci/root.sh remove "$name"
    echo "walk: from package to sign-in and back on $release; pictures in $pictures"
}

look_at() {
    until [ -e "$home/desk/$1" ]; do
        kill -0 $guest 2>/dev/null || fail "walk: it ended before the site was $1"
        sleep 0.2
    done
    python3 ci/browser/walk.py "newcomer_$1" "$driver_url" "$site_url" "$pictures" - ||
        fail "walk: the site is not as it should be ($1)"
    touch "$home/desk/looked-at-$1"
}

main
