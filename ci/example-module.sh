#!/bin/sh
# Builds the example of crates/nginx, an unrelated module, for one nginx; prints its path.
#
#   ci/example-module.sh NAME     NAME as in ci/nginx.sh
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

name=${1:?usage: ci/example-module.sh NAME}
paths=$(ci/nginx.sh "$name")
eval "$paths"
export NGINX_SOURCE_DIR NGINX_BUILD_DIR
cargo build --quiet --locked --package nginx-fence --example door --profile test-module \
    --target-dir "$target/$name"

# By renaming, because an nginx may have mapped the old one.
built=$target/nginx/$name/ngx_http_door_module.so
cp "$target/$name/test-module/examples/libdoor.so" "$built.new"
mv "$built.new" "$built"
echo "$built"
