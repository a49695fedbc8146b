#!/bin/sh
# The HTTP/3 client of the tests: prints the path of a Python with aioquic.
#
# From Debian's package if there is one (ci/install.sh); otherwise, as on Debian 12, a virtual
# environment in target/http3 with the packages in ci/http3.txt.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

python=/usr/bin/python3
if $python -c 'import aioquic' 2>/dev/null; then
    echo $python
    exit
fi

home=$root/target/http3
mkdir -p "$home"
exec 9>"$home/.lock"
flock 9
version=$(cksum <ci/http3.txt)
if [ "$(cat "$home/.version" 2>/dev/null)" != "$version" ]; then
    rm -rf "$home/venv"
    {
        $python -m venv "$home/venv" &&
            "$home/venv/bin/pip" install --quiet --no-deps --require-hashes -r ci/http3.txt
    } >&2 || fail "ci/http3.sh: no Python with aioquic: run ci/install.sh"
    printf '%s\n' "$version" >"$home/.version"
fi
echo "$home/venv/bin/python"
