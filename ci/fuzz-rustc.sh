#!/bin/sh
# rustc for ci/fuzz.sh: instruments our own crates, and the parsers that decide what reaches them.
set -eu
case " $* " in
    *" --crate-name authentik_"* | *" --crate-name serde_json "* | *" --crate-name url "* | \
        *" --crate-name cookie "* | *" --crate-name tungstenite "* | *" --crate-name redis "* | *" --crate-name fuzz_"*)
        exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing
        ;;
    *) exec "$@" ;;
esac
