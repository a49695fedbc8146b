#!/bin/sh
# Builds the module for one nginx and prints the path of the .so.
#
#   ci/module.sh debian|1.28|1.28-asan PROFILE [FEATURE]
#
# PROFILE: release, or test-module (symbols, quick).
# SQLITE=system links the system's SQLite.
# Each nginx has its own target directory: the bindings differ, and sharing one would rebuild them
# each time.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

usage='usage: ci/module.sh debian|1.28|1.28-asan PROFILE [FEATURE]'
name=${1:?$usage} profile=${2:?$usage} feature=${3-}

paths=$(ci/nginx.sh "$name")
eval "$paths"
export NGINX_SOURCE_DIR NGINX_BUILD_DIR
case $name in
    *-asan)
        # rustc calls the sanitizer unstable, but stable compilers include it. Setting the target
        # excludes build scripts and macros from it. With debug assertions, the standard library
        # checks the preconditions of unsafe code: slices from raw parts, alignment, overlaps.
        export RUSTC_BOOTSTRAP=1
        export RUSTFLAGS='-Zsanitizer=address -Cforce-frame-pointers=yes -Cdebug-assertions=yes'
        triple=$(rustc -vV | sed -n 's/^host: //p') ;;
    *) triple='' ;;
esac
sqlite=$(sqlite_options)
cargo build --locked --package nginx-authentik --profile "$profile" $sqlite \
    --target-dir "$target/$name" ${triple:+--target "$triple"} ${feature:+--features "$feature"}

# Copied, because the next build with other features overwrites cargo's file; by renaming, because
# an nginx may have mapped the old one.
module=$target/$name/modules/$profile${feature:+-$feature}/ngx_http_authentik_module.so
mkdir -p "$(dirname "$module")"
cp "$target/$name/${triple:+$triple/}$profile/libngx_http_authentik_module.so" "$module.new"
mv "$module.new" "$module"
echo "$module"
