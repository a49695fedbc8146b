#!/bin/sh
# Runs a command in namespaces of its own for network and mounts: packets that are lost and disks that are full there
# are nobody else's. Needs root, or sudo.
#
#   ci/namespace.sh COMMAND [ARGUMENT]...
set -eu
[ $# -gt 0 ] || { echo "usage: ci/namespace.sh COMMAND [ARGUMENT]..." >&2; exit 1; }
root=
[ "$(id -u)" = 0 ] || root='sudo -E'
# No network but the loopback interface, which is down at first.
exec $root unshare --net --mount --propagation private \
    env AUTHENTIK_OWN_NAMESPACE=1 sh -c 'ip link set lo up && exec "$@"' sh "$@"
