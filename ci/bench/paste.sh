#!/bin/sh
# Pastes the latest results of `make bench` and `make bench-peers` into README.md, docs/sessions.md and
# docs/bench.md, between their markers.
set -eu
cd "$(dirname "$0")/../.."
. ci/lib.sh

# $1: page; $2: name of its markers; $3: file in target/
paste_into() {
    [ -f "$target/$3" ] || { echo "not measured yet: $3" >&2; return; }
    grep -q "<!-- $2: begin" "$1" && grep -q "<!-- $2: end -->" "$1" || fail "$1 has no markers \"$2\""
    # To a separate file first: if the disk is full, the page must not be truncated.
    awk -v name="$2" -v table="$target/$3" '
        index($0, "<!-- " name ": end -->") { inside = 0 }
        !inside { print }
        index($0, "<!-- " name ": begin") {
            inside = 1
            while ((getline line < table) > 0) print line
        }
    ' "$1" >"$target/pasted"
    cat "$target/pasted" >"$1"
    rm "$target/pasted"
}

paste_into README.md bench bench.md
paste_into docs/sessions.md "bench stores" bench-stores.md
paste_into docs/bench.md "bench details" bench-details.md
paste_into docs/bench.md "bench peers" bench-peers.md
