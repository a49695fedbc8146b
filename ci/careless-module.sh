#!/bin/sh
# Builds a careless neighbour for the tests (tests/it/careless), for one nginx; prints its path.
#
#   ci/careless-module.sh NAME     as ci/nginx.sh has them
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

name=${1:?usage: ci/careless-module.sh NAME}
paths=$(ci/nginx.sh "$name")
eval "$paths"

source=$root/tests/it/careless/ngx_http_careless_module.c
built=$root/target/nginx/$name/ngx_http_careless_module.so
# The compiler and its flags as nginx's own Makefile has them.
if [ ! "$built" -nt "$source" ] || [ ! "$built" -nt "$NGINX_BUILD_DIR/ngx_auto_config.h" ]; then
    printf 'include %s/Makefile\nmodule:\n\t$(CC) -shared -fPIC $(CFLAGS) $(ALL_INCS) -o %s %s\n' \
        "$NGINX_BUILD_DIR" "$built.$$" "$source" | make -s -C "$NGINX_SOURCE_DIR" -f - module >&2
    mv "$built.$$" "$built"
fi
echo "$built"
