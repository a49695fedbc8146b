#!/bin/sh
# The gate's code for shared memory in every order in which processes may run, with every value that
# a load may return (loom). Then the same with single orderings and checks taken out, as listed in
# interleavings/weakened.txt: a test must fail each time.
#
#   ci/interleavings.sh [intact|weakened]
#
# Weakened is a copy of the sources.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

built=$target/interleavings
copy=$built/weakened

main() {
    case ${1:-both} in
        intact) intact ;;
        weakened) weakened ;;
        both) intact && weakened ;;
        *) fail "ci/interleavings.sh: no \"$1\"" ;;
    esac
}

intact() {
    mkdir -p "$built"
    explored . >"$built/log" 2>&1 || {
        cat "$built/log" >&2
        fail "interleavings: a promise is broken"
    }
    sed -n 's/^.*EXPLORED //p' "$built/log" | sort
}

# explored DIRECTORY [TEST]
explored() {
    CARGO_TARGET_DIR=$built cargo test --locked --quiet --manifest-path "$1/interleavings/Cargo.toml" \
        --test it -- --nocapture --test-threads 1 ${2:+"$2"}
}

weakened() {
    rm -rf "$copy"
    mkdir -p "$copy/crates/gate" "$copy/tests"
    cp -r crates/gate/src "$copy/crates/gate/"
    cp -r tests/data "$copy/tests/"
    cp -r interleavings "$copy/"
    count=0
    while read -r line; do
        case $line in
            '' | '#'*) continue ;;
        esac
        test=${line%% @@ *} expression=${line##* @@ } file=${line#* @@ }
        file=${file%% @@ *}
        sed "$expression" "$file" >"$copy/$file"
        ! cmp -s "$file" "$copy/$file" || fail "interleavings/weakened.txt: nothing changes: $line"
        if explored "$copy" "$test" >"$built/log" 2>&1; then
            unnoticed="${unnoticed-}
$test: $file: $expression"
        fi
        grep -q '^test result: ' "$built/log" || {
            tail -n 20 "$built/log" >&2
            fail "interleavings: $test did not run: $file: $expression"
        }
        cp "$file" "$copy/$file"
        count=$((count + 1))
    done <interleavings/weakened.txt
    [ -z "${unnoticed-}" ] || fail "interleavings: not noticed:$unnoticed"
    echo "$count weakened forms, all noticed"
}

main "$@"
