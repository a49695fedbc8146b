#!/bin/sh
# What a release needs beside its tests, of the last commit:
#
#   version     stands in Cargo.toml only; the tag and the top section of CHANGELOG.md are of it
#   crates      no advisory, yanked version, unknown licence or source (cargo-deny, .cargo/deny.toml)
#   licences    what the module and its tests are made of, in target/release-check/licences.txt
#   SBOM        CycloneDX, of what the module is built from: target/release-check/sbom.cdx.json
#
#   ci/release-check.sh [TAG]       by default HEAD's; without any it is a rehearsal
#
# Where the advisory database cannot be fetched, this fails. ADVISORIES=unchecked lets it pass, and the last line
# says so.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

DENY=0.20.2
CYCLONEDX=0.5.9

out=$target/release-check
made=$(mktemp -d) lists=$(mktemp -d)
trap 'rm -rf "$made" "$lists"' EXIT
# What the last line has to add.
but=

main() {
    rm -rf "$out"
    mkdir -p "$out"
    git archive HEAD | tar -x -C "$made"
    cd "$made"
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    versions
    changelog "${1:-$(git -C "$root" tag --points-at HEAD 'v*')}"

    PATH=$target/tools/bin:$PATH
    tool cargo-deny $DENY
    tool cargo-cyclonedx $CYCLONEDX
    cargo deny --locked check --hide-inclusion-graph bans licenses sources || fail "release-check: see above"
    advisories
    cargo deny --locked list --layout license >"$out/licences.txt"
    sbom
    ls "$out"/*
    echo "release-check: $version is in order$but"
}

# The packages of the workspace, none of which may state a version of its own.
versions() {
    [ -n "$version" ] || fail "release-check: Cargo.toml states no version"
    cargo tree --locked --workspace --depth 0 --prefix none | sort -u | sed '/^$/d' >"$lists/packages"
    [ -s "$lists/packages" ] || fail "release-check: cargo lists no packages"
    ! grep -v " v$version " "$lists/packages" >&2 || fail "release-check: these are not of version $version of Cargo.toml"
}

# $1: the tag, or nothing. The notes of the release are the section's lines.
changelog() {
    top=$(sed -n 's/^## //p' CHANGELOG.md | head -n 1)
    if [ -z "$1" ]; then
        but="$but; a rehearsal: HEAD has no tag, and CHANGELOG.md starts with \"$top\""
    else
        [ "$1" = "v$version" ] || fail "release-check: Cargo.toml has version $version, the tag is $1"
        echo "$top" | grep -qxE "$(echo "$version" | sed 's/\./\\./g') \([0-9]{4}-[0-9]{2}-[0-9]{2}\)" ||
            fail "release-check: CHANGELOG.md starts with \"$top\", not with \"$version (DATE)\""
    fi
    awk '/^## / { sections++; next } sections == 1' CHANGELOG.md >"$out/notes.md"
    grep -q '^- ' "$out/notes.md" || fail "release-check: \"$top\" in CHANGELOG.md says nothing"
}

# $1: a program of crates.io; $2: its version.
tool() {
    "$1" --version 2>/dev/null | grep -q " $2\$" ||
        cargo install --quiet --locked --root "$target/tools" "$1@$2" ||
        fail "release-check: $1 $2 cannot be built; a newer Rust may be needed (rustup)"
}

# A database of an earlier day does not count.
advisories() {
    if cargo deny --locked fetch db 2>"$lists/log"; then
        cargo deny --locked check --hide-inclusion-graph advisories || fail "release-check: see above"
        return
    fi
    cat "$lists/log" >&2
    [ "${ADVISORIES-}" = unchecked ] ||
        fail "release-check: advisories were NOT checked, since their database cannot be fetched" \
            "(ADVISORIES=unchecked passes nevertheless)"
    but="$but; advisories were NOT checked, since their database cannot be fetched"
}

# Must list what cargo builds the module from, neither more nor less.
sbom() {
    SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct) cargo cyclonedx --quiet --format json \
        --target x86_64-unknown-linux-gnu --override-filename sbom.cdx
    mv sbom.cdx.json "$out/"
    cargo tree --locked --package nginx-authentik --edges normal,build --prefix none --no-dedupe \
        --target x86_64-unknown-linux-gnu | sed 's/^\([^ ]*\) v\([^ ]*\).*/\1 \2/; /^$/d' | sort -u >"$lists/crates"
    python3 - "$out/sbom.cdx.json" "$version" >"$lists/listed" <<'EOF'
import json, sys
bom = json.load(open(sys.argv[1]))
module = bom["metadata"]["component"]
if module["version"] != sys.argv[2]:
    sys.exit(f"release-check: the SBOM is of version {module['version']}")
listed = {(one["name"], one["version"]) for one in [module, *bom["components"]]}
print("\n".join(sorted(" ".join(one) for one in listed)))
EOF
    LC_ALL=C sort -o "$lists/crates" "$lists/crates"
    LC_ALL=C sort -o "$lists/listed" "$lists/listed"
    diff -u "$lists/crates" "$lists/listed" >&2 || fail "release-check: the SBOM lacks (-) or invents (+) these crates"
}

main "$@"
