#!/bin/sh
# Prepares an nginx to build the module against and to load it into, once, in target/nginx/NAME.
#
#   ci/nginx.sh debian|1.28|1.28-asan
#
# Prints three assignments for eval: AUTHENTIK_NGINX (the binary), NGINX_SOURCE_DIR and
# NGINX_BUILD_DIR (read by the crate nginx-sys).
#
# debian:    the packaged nginx; its sources are only configured, with the flags it was built with.
# 1.28:      the sources in the crate nginx-src, configured and compiled.
# 1.28-asan: the same, instrumented by AddressSanitizer; see ci/asan.sh.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

# Not below $CARGO_TARGET_DIR: .cargo/config.toml names this place.
name=${1:?usage: ci/nginx.sh debian|1.28|1.28-asan}
home=$root/target/nginx/$name
# --builddir must be absolute: nginx-sys resolves "-I objs" against the sources.
objs=$home/objs

main() {
    mkdir -p "$home"
    exec 9>"$home/.lock"
    flock 9
    case $name in
        debian) debian ;;
        1.28) from_crate ;;
        1.28-asan)
            cc_opt=$asan_cc_opt ld_opt=-fsanitize=address
            from_crate ;;
        *) fail "ci/nginx.sh: no nginx is called \"$name\"; there are: debian 1.28 1.28-asan" ;;
    esac
    echo "AUTHENTIK_NGINX='$binary'"
    echo "NGINX_SOURCE_DIR='$source'"
    echo "NGINX_BUILD_DIR='$objs'"
}

debian() {
    source=/usr/share/nginx/src
    binary=/usr/sbin/nginx
    [ -x $binary ] && [ -f $source/conf_flags ] || fail "nginx or nginx-dev is missing: run ci/install.sh"
    version=$(dpkg-query -W -f '${Version}' nginx-dev)
    if is_stale "$version"; then
        rm -rf "$objs"
        logged configure_debian
        mark "$version"
    fi
}

# The flags as Debian keeps them for module packages: a bash array in conf_flags.
configure_debian() {
    cd /usr/share/nginx/src
    OBJS=$objs bash -euc '
        . ./conf_flags
        ./configure "${NGX_CONF_FLAGS[@]}" --builddir="$OBJS" \
            --with-cc-opt="$(dpkg-buildflags --get CFLAGS) -fPIC $(dpkg-buildflags --get CPPFLAGS)" \
            --with-ld-opt="$(dpkg-buildflags --get LDFLAGS) -fPIC"'
}

# What the tests use, nothing else.
modules='http_ssl http_v2 http_v3 http_auth_request http_stub_status http_realip http_sub http_addition
    http_slice'

# Every allocation of a pool is one of malloc's, so that the sanitizer knows where it ends; what the
# slab allocator gives out and takes back is filled with 0xA5.
asan_cc_opt='-fsanitize=address -fno-omit-frame-pointer -DNGX_DEBUG_PALLOC=1 -DNGX_DEBUG_MALLOC=1'
cc_opt='' ld_opt=''

from_crate() {
    source=$home/source
    binary=$objs/nginx
    version="$(cksum <ci/nginx-source/Cargo.lock) $(cksum <ci/nginx.sh)"
    if is_stale "$version"; then
        rm -rf "$objs" "$source"
        copy_sources
        logged compile
        mark "$version"
    fi
}

copy_sources() {
    manifest=$(cargo metadata --quiet --locked --format-version 1 --manifest-path ci/nginx-source/Cargo.toml |
        grep -o '"manifest_path":"[^"]*/nginx-src-[^"]*/Cargo.toml"' | cut -d '"' -f 4)
    [ -n "$manifest" ] || fail "ci/nginx.sh: cargo does not say where nginx-src is"
    cp -R "$(dirname "$manifest")/nginx" "$source"
}

compile() {
    cd "$source"
    # Crates carry no modes: the scripts lost theirs.
    chmod -R u+rwX . && chmod u+x auto/configure
    auto/configure --builddir="$objs" --prefix="$home/prefix" --with-compat --with-debug \
        --with-threads --with-pcre-jit --with-poll_module --with-select_module \
        --with-cc-opt="$cc_opt" --with-ld-opt="$ld_opt" \
        $(printf -- '--with-%s_module ' $modules) &&
        make -f "$objs/Makefile" -j "$(nproc)" build
}

# $1: what the present preparation depends on.
is_stale() {
    [ ! -f "$objs/ngx_auto_config.h" ] || [ "$(cat "$home/.version" 2>/dev/null)" != "$1" ]
}

mark() {
    printf '%s\n' "$1" >"$home/.version"
}

# Runs quietly; what was said appears when it fails.
logged() {
    echo "preparing nginx $name" >&2
    ("$@") >"$home/log" 2>&1 || {
        tail -n 40 "$home/log" >&2
        fail "ci/nginx.sh: $1 failed, see target/nginx/$name/log"
    }
}

main
