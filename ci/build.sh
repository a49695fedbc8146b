#!/bin/sh
# Builds the module for the nginx that is asked for, and prints the path of the .so.
#
#   ci/build.sh                                              Debian's nginx
#   NGINX_VERSION=1.28.3 ci/build.sh                         one whose sources are at hand
#   NGINX_SOURCE=DIR [NGINX_FLAGS='…'] ci/build.sh           any nginx's sources
#   NGINX_SOURCE=DIR NGINX_BUILD=DIR/objs ci/build.sh        the same, configured already
#
# NGINX_FLAGS: what `nginx -V` of the nginx that will load the module calls its configure arguments.
# Without them the sources are configured for the nginx of nginx.org's packages and images. PROFILE is a
# profile of cargo; without it, release.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

source=${NGINX_SOURCE-} objs=${NGINX_BUILD-} version=${NGINX_VERSION-} profile=${PROFILE:-release}

main() {
    [ -z "$source" ] || [ -z "$version" ] || fail "build: NGINX_SOURCE determines the version; leave out NGINX_VERSION"
    [ -n "$source" ] || [ -z "$objs" ] || fail "build: NGINX_BUILD also needs the sources: NGINX_SOURCE"
    if [ -n "$source" ]; then
        from_sources
    elif [ -n "$version" ]; then
        at_hand
    else
        ci/module.sh debian "$profile"
    fi
}

# Debian's by the version of its package, without what Debian puts behind.
at_hand() {
    debian=$(dpkg-query -W -f '${Version}' nginx-dev 2>/dev/null | sed 's/^[0-9]*://; s/[-+].*//' || true)
    crate=$(sed -n '/^name = "nginx-src"/{n;s/.*+\(.*\)"/\1/p}' ci/nginx-source/Cargo.lock)
    case $version in
        "$debian") ci/module.sh debian "$profile" ;;
        "$crate") ci/module.sh 1.28 "$profile" ;;
        *) fail "build: the sources of nginx $version are not here, only those of ${debian:-} $crate;" \
            "unpack them and run: make build NGINX_SOURCE=DIR" ;;
    esac
}

from_sources() {
    header=$source/src/core/nginx.h
    [ -f "$header" ] || fail "build: there are no sources of nginx in $source"
    version=$(sed -n 's/^#define NGINX_VERSION *"\(.*\)"/\1/p' "$header")
    home=$target/any/$version
    mkdir -p "$home"
    if [ -z "$objs" ]; then
        configure
    fi
    [ -f "$objs/ngx_auto_config.h" ] && [ -f "$objs/Makefile" ] ||
        fail "build: $objs is not the output of nginx's configure"
    NGINX_SOURCE_DIR=$(realpath "$source") NGINX_BUILD_DIR=$(realpath "$objs")
    export NGINX_SOURCE_DIR NGINX_BUILD_DIR
    cargo build --locked --package nginx-authentik --profile "$profile" --target-dir "$target/any" >&2
    case $profile in dev) built=debug ;; *) built=$profile ;; esac
    module=$home/ngx_http_authentik_module.so
    cp "$target/any/$built/libngx_http_authentik_module.so" "$module.new"
    mv "$module.new" "$module"
    echo "$module"
}

# In a copy, since configure writes into the sources.
configure() {
    copy=$home/source objs=$home/objs
    rm -rf "$copy" "$objs"
    cp -R "$source" "$copy"
    source=$copy
    # Archives and crates may have lost their modes.
    chmod -R u+rwX "$copy"
    script=$copy/configure
    [ -f "$script" ] || script=$copy/auto/configure
    chmod u+x "$script"
    # The words of NGINX_FLAGS are quoted as a shell quotes them.
    eval "set -- ${NGINX_FLAGS:-$packaged}"
    echo "configuring nginx $version" >&2
    (cd "$copy" && configure_with "$@") >"$home/log" 2>&1 || {
        tail -n 20 "$home/log" >&2
        fail "build: nginx cannot be configured, see $home/log"
    }
}

# What nginx.org's packages have and a module can notice; --with-compat sees to the rest.
packaged='--with-threads --with-http_ssl_module --with-http_v2_module --with-http_realip_module'

# Other modules than nginx's own are not there, and those that are loaded change nothing for this one.
configure_with() {
    for flag; do
        shift
        case $flag in
            --add-module=* | --add-dynamic-module=* | *=dynamic | --builddir=*) ;;
            *) set -- "$@" "$flag" ;;
        esac
    done
    "$script" --with-compat "$@" --builddir="$objs"
}

main
