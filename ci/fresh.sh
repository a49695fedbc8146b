#!/bin/sh
# The README's two commands, as run by a newcomer: from a clone of the last commit, on Debian
# releases with only git and make.
#
#   ci/fresh.sh [RELEASE]...     by default bookworm and trixie
#
# The roots are recreated each time; after a failure, the root stays in target/roots.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

failed=

main() {
    mkdir -p "$root/target/roots"
    exec 8>"$root/target/roots/.lock"
    flock -n 8 || fail "fresh: another run is at work in target/roots"
    for release in ${*:-bookworm trixie}; do
        begun=$(date +%s)
        if prove "fresh-$release" "$release"; then
            as_root ci/root.sh remove "fresh-$release"
        else
            failed="$failed $release"
        fi
        echo "== fresh $release: $((($(date +%s) - begun) / 60)) minutes"
    done
    [ -z "$failed" ] || fail "fresh: failed on:$failed"
}

# $1: the root, $2: the release.
prove() {
    as_root ci/root.sh remove "$1" && as_root ci/root.sh make "$1" "$2" git make || return 1
    origin=$(mktemp -d)
    git clone --quiet --bare "$root" "$origin" && as_root cp -r "$origin" "$root/target/roots/$1.target/origin"
    rm -rf "$origin"
    # Ports that do not conflict with a demo on this machine.
    as_root ci/root.sh run "$1" '
        cd
        git clone --quiet /src/target/origin clone
        cd clone
        export DEMO_PORT=18080 DEMO_AUTHENTIK_PORT=19000 DEMO_APP_PORT=13000
        DEMO_DETACH=1 make demo
        ci/demo.sh visit
        make demo-stop
        make test'
}

main "$@"
