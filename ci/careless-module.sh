#!/bin/sh
# Builds the careless neighbour module of the tests (tests/it/careless) for one nginx; prints its
# path.
#
#   ci/careless-module.sh NAME     NAME as in ci/nginx.sh
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

name=${1:?usage: ci/careless-module.sh NAME}
paths=$(ci/nginx.sh "$name")
eval "$paths"

source=$root/tests/it/careless/ngx_http_careless_module.c
built=$root/target/nginx/$name/ngx_http_careless_module.so
# Compiler and flags from nginx's own Makefile.
if [ ! "$built" -nt "$source" ] || [ ! "$built" -nt "$NGINX_BUILD_DIR/ngx_auto_config.h" ]; then
    printf 'include %s/Makefile\nmodule:\n\t$(CC) -shared -fPIC $(CFLAGS) $(ALL_INCS) -o %s %s\n' \
        "$NGINX_BUILD_DIR" "$built.$$" "$source" | make -s -C "$NGINX_SOURCE_DIR" -f - module >&2
    mv "$built.$$" "$built"
fi
echo "$built"
