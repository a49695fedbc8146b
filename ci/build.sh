#!/bin/sh
# Builds the module for the requested nginx, and prints the path of the .so.
#
#   ci/build.sh                                              Debian's nginx
#   NGINX_VERSION=1.28.3 ci/build.sh                         a version whose sources are at hand
#   NGINX_SOURCE=DIR [NGINX_FLAGS='…'] ci/build.sh           the sources of any nginx
#   NGINX_SOURCE=DIR NGINX_BUILD=DIR/objs ci/build.sh        the same, already configured
#
# NGINX_FLAGS: the configure arguments that `nginx -V` shows for the nginx that will load the
# module. Without them the sources are configured as for nginx.org's packages and images. PROFILE is
# a cargo profile, by default release. SQLITE=system links the system's SQLite instead of building it in.
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

# Debian's, by its package version without Debian's suffix.
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
    sqlite=$(sqlite_options)
    cargo build --locked --package nginx-authentik --profile "$profile" $sqlite --target-dir "$target/any" >&2
    case $profile in dev) built=debug ;; *) built=$profile ;; esac
    module=$home/ngx_http_authentik_module.so
    cp "$target/any/$built/libngx_http_authentik_module.so" "$module.new"
    mv "$module.new" "$module"
    echo "$module"
}

# In a copy, since configure writes to the source directory.
configure() {
    copy=$home/source objs=$home/objs
    rm -rf "$copy" "$objs"
    cp -R "$source" "$copy"
    source=$copy
    # Archives and crates may have lost their file modes.
    chmod -R u+rwX "$copy"
    script=$copy/configure
    [ -f "$script" ] || script=$copy/auto/configure
    chmod u+x "$script"
    # NGINX_FLAGS is quoted as in a shell.
    eval "set -- ${NGINX_FLAGS:-$packaged}"
    echo "configuring nginx $version" >&2
    (cd "$copy" && configure_with "$@") >"$home/log" 2>&1 || {
        tail -n 20 "$home/log" >&2
        fail "build: nginx cannot be configured, see $home/log"
    }
}

# The flags of nginx.org's packages that a module can notice; --with-compat takes care of the rest.
packaged='--with-threads --with-http_ssl_module --with-http_v2_module --with-http_realip_module'

# Third-party modules are not available, and dynamic modules make no difference to this one.
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
