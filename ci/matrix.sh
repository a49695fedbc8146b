#!/bin/sh
# The integration tests in roots of other Debian releases: their nginx, built for with their Rust.
#
#   ci/matrix.sh [FILTER]...
#
# trixie: Debian 13. Its Rust is the oldest that Cargo.toml promises; the release build and the demo too.
# forky:  Debian testing, the newest nginx that is packaged.
#
# The roots stay below target/roots; a second run builds on. One that fails does not keep the next from
# running.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

failed=

main() {
    mkdir -p "$root/target/roots"
    exec 8>"$root/target/roots/.lock"
    flock -n 8 || fail "matrix: another run is at work in target/roots"
    # Must be refused there. A module of this machine's is read by any Debian that is not older.
    foreign=${AUTHENTIK_FOREIGN_MODULE:-$(ci/module.sh 1.28 test-module)}
    # Side by side, as they wait for the network; the tests, which keep times, one by one.
    prepare trixie &
    other=$!
    prepare forky || failed="$failed forky"
    wait $other || failed="$failed trixie"
    row trixie "$(oldest_rust); make build; $(demo); $(tests "$@")"
    row forky "$(tests "$@")"
    [ -z "$failed" ] || fail "matrix: failed:$failed"
}

# $1: the root, which has the release's name.
prepare() {
    as_root ci/root.sh make "$1" "$1" make || return 1
    as_root cp "$foreign" "$root/target/roots/$1.target/foreign.so"
    in_root "$1" 'ci/install.sh test' >"$root/target/roots/$1.log" 2>&1 || {
        tail -n 20 "$root/target/roots/$1.log" >&2
        return 1
    }
}

# $2: what to do there.
row() {
    case " $failed " in *" $1 "*) return ;; esac
    begun=$(date +%s)
    echo "== $1: $(in_root "$1" 'nginx -v 2>&1; rustc --version' | tr '\n' ' ')"
    in_root "$1" "$2" || failed="$failed $1"
    echo "== $1: $((($(date +%s) - begun) / 60)) minutes"
}

in_root() {
    as_root ci/root.sh run "$1" "$2"
}

oldest_rust() {
    echo "case \$(rustc --version) in
        'rustc $(msrv).'*) ;;
        *) echo 'matrix: Cargo.toml promises Rust $(msrv), and this is another' >&2; exit 1 ;;
    esac"
}

# Ports that a demo of this machine would not take.
demo() {
    echo 'export DEMO_PORT=18080 DEMO_AUTHENTIK_PORT=19000 DEMO_APP_PORT=13000
    DEMO_DETACH=1 make demo; ci/demo.sh visit; make demo-stop'
}

tests() {
    echo "AUTHENTIK_FOREIGN_MODULE=/src/target/foreign.so make it-debian TEST='$*'"
}

main "$@"
