#!/bin/sh
# Installs the release build where Debian's nginx looks for modules, and enables it.
# install(1) replaces the file, it does not write into it: a running nginx keeps the old one.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

module=$target/debian/modules/release/ngx_http_authentik_module.so
[ -f "$module" ] || fail "there is no $module: run make build"
install -D -m 644 "$module" "${DESTDIR-}/usr/lib/nginx/modules/ngx_http_authentik_module.so"

enabled=${DESTDIR-}/etc/nginx/modules-enabled/50-mod-http-authentik.conf
mkdir -p "$(dirname "$enabled")"
echo 'load_module modules/ngx_http_authentik_module.so;' >"$enabled"
echo "installed; nginx uses it after a restart (a reload keeps the module it has loaded)"
