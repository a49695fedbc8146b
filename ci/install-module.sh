#!/bin/sh
# Installs the release build for Debian's nginx and enables it; or removes both. Builds nothing and
# touches no service, so root needs no Rust.
#
#   ci/install-module.sh install|uninstall        DESTDIR is honoured
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

built=$target/debian/modules/release/ngx_http_authentik_module.so
module=${DESTDIR-}/usr/lib/nginx/modules/ngx_http_authentik_module.so
enabled=${DESTDIR-}/etc/nginx/modules-enabled/50-mod-http-authentik.conf

# A file from a package must only be changed by the package manager.
if [ -z "${DESTDIR-}" ] && dpkg-query -S "$module" >/dev/null 2>&1; then
    fail "$module belongs to a package: use apt"
fi
case ${1-} in
    install)
        [ -f "$built" ] || fail "there is no $built: run make build first, as yourself"
        # install(1) replaces the file instead of writing to it: a running nginx keeps the old one.
        install -D -m 644 "$built" "$module"
        mkdir -p "$(dirname "$enabled")"
        echo 'load_module modules/ngx_http_authentik_module.so;' >"$enabled"
        echo "installed; restart nginx to use it (a reload keeps the module that is already loaded)" ;;
    uninstall)
        rm -f "$module" "$enabled"
        echo "removed; a running nginx keeps the loaded module. Before the next reload, remove the module's" \
            "directives from the configuration: nginx -t" ;;
    *) fail "usage: ci/install-module.sh install|uninstall" ;;
esac
