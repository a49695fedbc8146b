#!/bin/sh
# Runs the integration tests in roots of other Debian releases, with their nginx and their Rust.
#
#   ci/matrix.sh [FILTER]...
#
# trixie: Debian 13. Its Rust is the oldest supported by Cargo.toml; also runs the release build and
# the demo.
# forky:  Debian testing, with the newest packaged nginx.
#
# The roots stay in target/roots and are reused. A failure in one does not stop the others.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

failed=

main() {
    mkdir -p "$root/target/roots"
    exec 8>"$root/target/roots/.lock"
    flock -n 8 || fail "matrix: another run is at work in target/roots"
    # A module that must be rejected there. Any Debian of the same age or newer can load one from
    # this machine.
    foreign=${AUTHENTIK_FOREIGN_MODULE:-$(ci/module.sh 1.28 test-module)}
    # In parallel, as they wait for the network; the tests, which depend on timing, run one by one.
    prepare trixie &
    other=$!
    prepare forky || failed="$failed forky"
    wait $other || failed="$failed trixie"
    row trixie "$(oldest_rust); make build; $(demo); $(tests "$@")"
    row forky "$(tests "$@")"
    [ -z "$failed" ] || fail "matrix: failed:$failed"
}

# $1: the root, named after the release.
prepare() {
    as_root ci/root.sh make "$1" "$1" make || return 1
    as_root cp "$foreign" "$root/target/roots/$1.target/foreign.so"
    in_root "$1" 'ci/install.sh test' >"$root/target/roots/$1.log" 2>&1 || {
        tail -n 20 "$root/target/roots/$1.log" >&2
        return 1
    }
}

# $2: the command to run there.
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

# Ports that do not conflict with a demo on this machine.
demo() {
    echo 'export DEMO_PORT=18080 DEMO_AUTHENTIK_PORT=19000 DEMO_APP_PORT=13000
    DEMO_DETACH=1 make demo; ci/demo.sh visit; make demo-stop'
}

tests() {
    echo "AUTHENTIK_FOREIGN_MODULE=/src/target/foreign.so make it-debian TEST='$*'"
}

main "$@"
