#!/bin/sh
# Inside a root (ci/deb.sh): builds the package twice, without network, in two places with two homes. Both must
# be the same to the byte, and lintian must have nothing to say.
set -eu
release=$1 from=/src/target/source out=/src/target/out

main() {
    exec </dev/null
    export DEBIAN_FRONTEND=noninteractive
    rm -rf "$out" /build
    mkdir -p "$out"
    unpack /build/here
    apt-get -qq update
    # Quiet, unless it fails.
    apt-get -qq -y --no-install-recommends build-dep "$source" >"$out/apt.log" 2>&1 || {
        tail -n 20 "$out/apt.log" >&2
        exit 1
    }
    build /build/here /build/home
    unpack /build/somewhere/else
    build /build/somewhere/else /build/other/home

    cd /build/here
    for package in *.deb; do
        cmp "$package" "/build/somewhere/else/$package" || {
            echo "deb: $package is another one when it is built in another place" >&2
            exit 1
        }
    done
    echo "deb: the same from two places: $(ls *.deb | tr '\n' ' ')"
    lintian --fail-on error,warning --suppress-tags bad-distribution-in-changes-file *.changes
    cp *.deb *.dsc *.tar.xz *.changes *.buildinfo "$out/"
}

# $1: where. Sets $source.
unpack() {
    mkdir -p "$1"
    cp "$from"/*.tar.xz "$1/"
    cp -R "$from"/*/ "$1/"
    source=$(echo "$1"/*/)
    cd "$source"
    # As backports do; what is built later is newer.
    . /etc/os-release
    sed -i "1s/-\([^-]*\)) unstable/-\1~deb${VERSION_ID}u1) $release/" debian/changelog
}

# $1: where the sources are; $2: a home.
build() {
    mkdir -p "$2"
    cd "$1"/*/
    HOME=$2 unshare --net dpkg-buildpackage -us -uc >"$1.log" 2>&1 || {
        tail -n 40 "$1.log" >&2
        exit 1
    }
}

main
