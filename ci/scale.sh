#!/bin/sh
# Prints the tables of docs/scaling.md: measured figures, and what a model makes of them.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

paths=$(ci/nginx.sh debian)
eval "$paths"
module=$(ci/module.sh debian release)
cargo build --quiet --locked --release --package authentik-gate --example directory
python3 -B ci/scale "$AUTHENTIK_NGINX" "$module" "$target/release/examples/directory"
ci/it.sh debian session_store::traffic --nocapture 2>&1 | sed -n '/^scale: /p; /^test /p'
