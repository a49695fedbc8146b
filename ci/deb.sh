#!/bin/sh
# The packages for Debian 12 and 13: builds a source package with all crates needed on Linux, builds
# it twice in a root of each release without network, and tests the result by installing it.
#
#   ci/deb.sh [RELEASE]...       by default bookworm and trixie
#
# The packages are in target/deb/RELEASE. They contain the last commit.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

name=libnginx-mod-http-authentik
built=$root/target/deb
tools=$root/target/tools

main() {
    mkdir -p "$root/target/roots" "$built"
    exec 8>"$root/target/roots/.lock"
    flock -n 8 || fail "deb: another run is at work in target/roots"
    version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
    sources
    cargo build --quiet --locked --package authentik-standin --bin standin
    for release in ${*:-bookworm trixie}; do
        begun=$(date +%s)
        package "$release"
        echo "== deb $release: $((($(date +%s) - begun) / 60)) minutes"
    done
    ls -l "$built"/*/*.deb
}

# Two archives and debian/, reproducible for the same commit.
sources() {
    source=$built/source/$name-$version
    archive=$built/source/${name}_$version
    rm -rf "$built/source"
    mkdir -p "$source"
    git archive HEAD | tar -x -C "$source"
    when=$(git log -1 --format=%ct)
    pack "$source" . "$archive.orig.tar.xz" "$name-$version"

    [ -x "$tools/bin/cargo-vendor-filterer" ] ||
        cargo install --quiet --locked --root "$tools" --version 0.5.18 cargo-vendor-filterer
    # Those tests contain Windows binaries.
    "$tools/bin/cargo-vendor-filterer" --platform=x86_64-unknown-linux-gnu --platform=aarch64-unknown-linux-gnu \
        --exclude-crate-path='libloading#tests' \
        "$source/vendor" 2>"$built/vendor.log" || fail "deb: $(cat "$built/vendor.log")"
    pack "$source/vendor" . "$archive.orig-vendor.tar.xz" vendor

    cp -R packaging/debian "$source/debian"
    changelog >"$source/debian/changelog"
    python3 packaging/copyright.py "$source/vendor" >"$source/debian/copyright"
}

# Debian's, for the version that only Cargo.toml states.
changelog() {
    printf '%s (%s-1) unstable; urgency=medium\n\n  * See CHANGELOG.md.\n\n' $name "$version"
    echo " -- $(sed -n 's/^Maintainer: //p' packaging/debian/control)  $(LC_ALL=C date -u -R -d "@$when")"
}

# $1: a directory; $2: what to pack of it; $3: the archive; $4: the directory's name in it.
pack() {
    tar -C "$1" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$when" --mode=u+rw,go=rX \
        --transform "s,^\.,$4," -cf - "$2" | xz -T0 -3 >"$3"
}

# $1: the release.
package() {
    rm -rf "${built:?}/$1"
    as_root ci/root.sh make "deb-$1" "$1" build-essential fakeroot lintian
    as_root ci/root.sh remove "deb-$1-test"
    as_root ci/root.sh make "deb-$1-test" "$1" ca-certificates curl procps
    as_root cp -R "$built/source" packaging/build.sh "$root/target/roots/deb-$1.target/"
    as_root ci/root.sh run "deb-$1" "sh /src/target/build.sh $1"
    mkdir -p "$built/$1"
    as_root cp -R "$root/target/roots/deb-$1.target/out/." "$built/$1/"
    as_root cp -R "$built/$1" "$target/debug/standin" "$root/target/roots/deb-$1-test.target/"
    as_root ci/root.sh run "deb-$1-test" "sh packaging/try.sh /src/target/$1"
    as_root ci/root.sh remove "deb-$1-test"
}

main "$@"
