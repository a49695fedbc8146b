#!/bin/sh
# Mutation testing of the gate and the store: changes one operator, arm or result at a time (cargo-mutants),
# and runs the unit tests of the directory with each. What no test notices is listed, and fails the run.
#
#   ci/mutants.sh SECONDS [PATH]...
#
# Directories or files of crates/gate/src, or from the root: crates/store/src/pending.rs. Each has its own
# share of the seconds; what was not reached is counted as such. MUTANTS_SHARD=0/12 tries one in twelve. A mutant
# that no test can notice belongs into .cargo/mutants.toml, with the reason. Works on a copy of the sources.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

VERSION=26.0.0

seconds=$1
shift
[ $# -gt 0 ] || set -- decision token redirect cookie paths store renewal crates/store/src/pending.rs

main() {
    PATH=$target/tools/bin:$PATH
    cargo mutants --version 2>/dev/null | grep -q " $VERSION\$" ||
        cargo install --quiet --locked --root "$target/tools" "cargo-mutants@$VERSION"
    mkdir -p "$target/mutants"
    # Debug information would take longer to write than the tests to run. The copies share a directory for
    # what is built of others.
    export CARGO_TARGET_DIR="$target/mutants/build" CARGO_PROFILE_TEST_DEBUG=0 CARGO_PROFILE_DEV_DEBUG=0
    share=$((seconds / $#))
    survivors=
    printf '%-26s %8s %8s %10s %10s %12s\n' path mutants caught unviable survivors 'not reached'
    for name; do
        one "$name"
    done
    [ -z "$survivors" ] || fail "no test notices these mutants:$survivors"
}

# One directory or file. Of the gate, only tests of the same directory: those of others would notice less, and
# take minutes. A loop that became endless is caught as well: by five times what the tests take unchanged.
one() {
    case $1 in
        crates/store/src*) path=$1 package=authentik-store tests= ;;
        *) path=crates/gate/src/$1 package=authentik-gate tests=${1%%/*} && tests=${tests%.rs}:: ;;
    esac
    [ -e "$path" ] || fail "there is no $path"
    [ -f "$path" ] || path="$path/**"
    out=$target/mutants/$(echo "$1" | tr / -)
    rm -rf "$out"
    timeout --signal=INT --kill-after=120 "$share" nice cargo mutants --no-shuffle --colors never \
        ${MUTANTS_SHARD:+--sharding round-robin --shard "$MUTANTS_SHARD"} --package "$package" --file "$path" \
        --output "$out" -- --lib -- $tests >"$out.log" 2>&1 || true
    out=$out/mutants.out
    grep -q '^ok .*Unmutated baseline' "${out%/*}.log" || fail "the tests do not pass unchanged: see ${out%/*}.log"
    [ -s "$out/mutants.json" ] || fail "no mutants: see $out.log"
    all=$(grep -c '"genre"' "$out/mutants.json")
    caught=$(cat "$out/caught.txt" "$out/timeout.txt" | wc -l)
    unviable=$(wc -l <"$out/unviable.txt")
    missed=$(wc -l <"$out/missed.txt")
    printf '%-26s %8s %8s %10s %10s %12s\n' \
        "$1" "$all" "$caught" "$unviable" "$missed" $((all - caught - unviable - missed))
    [ "$missed" = 0 ] || survivors="$survivors
$(cat "$out/missed.txt")"
}

main "$@"
