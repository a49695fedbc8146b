#!/bin/sh
# Roots of other Debian releases in target/roots, and commands inside them. Must run as root.
#
#   ci/root.sh make NAME SUITE [PACKAGE]...   unless it exists; PACKAGEs are added to a minimal system
#   ci/root.sh run NAME COMMAND               with sh, in an existing root
#   ci/root.sh remove NAME
#
# Inside, the repository is mounted read-only as /src, with a /src/target of the root's own
# (target/roots/NAME.target). Mounts and processes are isolated: whatever ends the command, the
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
    # Snapshot mirrors serve a release file that has expired.
    alone mmdebstrap --quiet --mode=root --variant=apt ${packages:+--include="$packages"} \
        --aptopt='Acquire::Check-Valid-Until "false"' "$suite" "$home.new" >"$home.log" 2>&1 || {
        tail -n 20 "$home.log" >&2
        fail "ci/root.sh: no root of $suite, see target/roots/$name.log"
    }
    # Not earlier: mmdebstrap itself needs them.
    echo 'APT::Keep-Downloaded-Packages "false";' >"$home.new/etc/apt/apt.conf.d/99keep-nothing"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$home.new/etc/hosts"
    # Certificate authorities trusted by this machine; ca-certificates adds them when installed.
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

# The command and all its children are killed together with this script.
alone() {
    unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$@" </dev/null &
    trap 'kill -KILL $!; exit 130' INT TERM
    wait $!
}

remove() {
    for place in "$home" "$home.new" "$built"; do
        # Never delete anything below an unexpected mount.
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
