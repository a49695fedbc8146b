#!/bin/sh
# Looks for inputs that break a promise of crates/fuzz, with libFuzzer: all targets for so many
# seconds each, side by side on the processors that there are.
#
#   ci/fuzz.sh SECONDS [TARGET]...
#
# Starts from fuzz/seeds and keeps what it gathers in fuzz/corpus. A finding is minimised into
# fuzz/artifacts and fails the run: mend it, and move the file to fuzz/seeds/TARGET, which
# `make unit` replays. Any compiler will do: the instrumentation is LLVM's (no nightly, and no
# sanitizer, since the gate, the store and io forbid unsafe code). `cargo fuzz` works as well.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

seconds=$1
shift
all=$(sed -n 's/^name = "\(.*_.*\|jwt\|table\|credentials\|introspection\)"$/\1/p' fuzz/Cargo.toml)
targets=${*:-$all}
built=$target/fuzz
jobs=${JOBS:-$(nproc)}

main() {
    # Only our own crates are instrumented: a wrapper for rustc tells them from the others.
    RUSTC_WRAPPER="$root/ci/fuzz-rustc.sh" CARGO_TARGET_DIR="$built" cargo build --quiet \
        --release --locked --manifest-path fuzz/Cargo.toml
    mkdir -p "$built/logs" fuzz/artifacts
    # shellcheck disable=SC2086 # names
    printf '%s\n' $targets | xargs -P "$jobs" -I TARGET "$0" --one "$seconds" TARGET || found=yes
    # shellcheck disable=SC2086
    report $targets
    [ -z "${found-}" ] || fail "inputs that break a promise are in fuzz/artifacts"
}

# One target. -timeout: an input that takes long is a finding as well.
one() {
    mkdir -p "fuzz/corpus/$2" "fuzz/artifacts/$2"
    log=$built/logs/$2
    if nice "$built/release/$2" -max_total_time="$1" -timeout=10 -rss_limit_mb=2048 -max_len="$(longest "$2")" \
        -print_final_stats=1 -artifact_prefix="fuzz/artifacts/$2/" "fuzz/corpus/$2" "fuzz/seeds/$2" \
        >"$log" 2>&1; then
        return
    fi
    sed -n '/panicked at/,/^$/p; /SUMMARY/p' "$log" | head -20
    for input in "fuzz/artifacts/$2"/*; do
        case $input in
            *.minimized | */\*) continue ;;
        esac
        "$built/release/$2" -minimize_crash=1 -max_total_time=30 -exact_artifact_path="$input.minimized" \
            "$input" >/dev/null 2>&1 || true
        echo "$2: $input"
    done
    return 1
}

# Longest input. Documents are long; for the others, short ones are tried more often.
longest() {
    case $1 in
        outpost_rest | outpost_settings) echo 16384 ;;
        key_set | token_answer | introspection | jwt | outpost_message) echo 6144 ;;
        path_verdict | table) echo 200 ;;
        *) echo 2048 ;;
    esac
}

report() {
    printf '%-18s %12s %9s %8s %7s\n' target executions branches covered inputs
    for name; do
        log=$built/logs/$name
        runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        counters=$(sed -n 's/.*Loaded . modules *(\([0-9]*\) inline.*/\1/p' "$log" | head -n 1)
        covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
        inputs=$(find "fuzz/corpus/$name" -type f | wc -l)
        printf '%-18s %12s %9s %8s %7s\n' "$name" "${runs:-?}" "${counters:-?}" "${covered:-?}" "$inputs"
    done
}

case $seconds in
    --one) one "$@" ;;
    *) main ;;
esac
