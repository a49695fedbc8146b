#!/bin/sh
# Roots of other Debian releases below target/roots, and commands inside them. Needs to be root.
#
#   ci/root.sh make NAME SUITE [PACKAGE]...   unless it is there; the packages come on top of the least
#   ci/root.sh run NAME COMMAND               by sh, in a root that has been made
#   ci/root.sh remove NAME
#
# What runs inside sees the repository as /src, not to be written to, and a /src/target of its own
# (target/roots/NAME.target). It has mounts and processes of its own: whatever ends the command, the
# kernel removes both, and the machine never sees a mount. The network is the machine's.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

action=${1:?see ci/root.sh} name=${2:?see ci/root.sh}
shift 2
roots=$root/target/roots
home=$roots/$name
built=$home.target

make_root() {
    suite=$1
    shift
    [ ! -d "$home" ] || return 0
    remove
    mkdir -p "$roots"
    echo "making a root of Debian $suite" >&2
    packages=$(echo "$@" | tr ' ' ,)
    # Mirrors that keep a snapshot serve a release file that has expired.
    alone mmdebstrap --quiet --mode=root --variant=apt ${packages:+--include="$packages"} \
        --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$home.new" >"$home.log" 2>&1 || {
        tail -n 20 "$home.log" >&2
        fail "ci/root.sh: no root of $suite, see target/roots/$name.log"
    }
    # Not before: mmdebstrap itself wants them kept.
    echo 'APT::Keep-Downloaded-Packages "false";' >"$home.new/etc/apt/apt.conf.d/99keep-nothing"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$home.new/etc/hosts"
    # Whom the administrator of this machine trusts; ca-certificates takes them in when installed.
    mkdir -p "$home.new/usr/local/share/ca-certificates"
    cp /usr/local/share/ca-certificates/*.crt "$home.new/usr/local/share/ca-certificates/" 2>/dev/null ||
        true
    mkdir -p "$home.new/src" "$built"
    mv "$home.new" "$home"
}

run() {
    [ -d "$home" ] || fail "ci/root.sh: there is no root $name"
    cp -L /etc/resolv.conf "$home/etc/resolv.conf"
    alone sh -euc '
        cd "$1"
        mount -t proc proc proc
        mount --rbind /dev dev
        mount --bind "$3" src
        mount -o remount,bind,ro src
        mount --bind "$2" src/target
        shift 3
        chroot . env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
            LC_ALL=C.UTF-8 CARGO_TERM_COLOR=never PIP_CERT=/etc/ssl/certs/ca-certificates.crt "$@"
    ' sh "$home" "$built" "$root" \
        ${CI:+CI="$CI"} ${http_proxy:+http_proxy="$http_proxy"} \
        ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} \
        sh -euc "cd /src; $1"
}

# The command is killed with this script, and all that it started with it.
alone() {
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$@" </dev/null &
    trap 'kill -KILL $!; exit 130' INT TERM
    wait $!
}

remove() {
    for place in "$home" "$home.new" "$built"; do
        # Where nobody should have mounted anything, it is not ours to delete.
        ! grep -qF " $place/" /proc/self/mountinfo || fail "ci/root.sh: something is mounted below $place"
        rm -rf --one-file-system "$place"
    done
}

[ "$(id -u)" = 0 ] || fail "ci/root.sh: only root can make a root"
case $action in
    make) make_root "$@" ;;
    run) run "$@" ;;
    remove) remove ;;
    *) fail "ci/root.sh: no action is called \"$action\"" ;;
esac
