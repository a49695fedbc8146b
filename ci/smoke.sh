#!/bin/sh
# Any nginx: builds the module against unconfigured sources (ci/build.sh), and loads it into an
# nginx of this version that was configured differently, like nginx.org's.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

home=$(mktemp -d)
trap 'kill "$(cat "$home/nginx.pid" 2>/dev/null)" 2>/dev/null || true; rm -rf "$home"' EXIT
port=${SMOKE_PORT:-18098}

paths=$(ci/nginx.sh 1.28)
eval "$paths"
mkdir -p "$home/logs"
# As downloaded: nginx's sources without objs and Makefile.
cp -R "$NGINX_SOURCE_DIR" "$home/source"
rm -rf "$home/source/objs" "$home/source/Makefile"

module=$(NGINX_SOURCE=$home/source PROFILE=dev ci/build.sh)
version=$("$AUTHENTIK_NGINX" -v 2>&1)
echo "== smoke test, $version"
(umask 077 && echo secret >"$home/secret")
cat >"$home/nginx.conf" <<END
load_module $module;
error_log $home/log;
pid $home/nginx.pid;
events { }
http {
    access_log off;
    authentik_provider wiki {
        issuer http://127.0.0.1:1/application/o/wiki/;
        client_id wiki;
        client_secret_file $home/secret;
        external_host http://wiki.test;
    }
    server {
        listen 127.0.0.1:$port;
        server_name wiki.test;
        location / { authentik_provider wiki; root $home; }
        location /open/ { authentik_provider off; alias $home/; }
    }
}
END
"$AUTHENTIK_NGINX" -p "$home" -c nginx.conf || fail "smoke: $(cat "$home/log")"

# $1: a path; $2: the expected status; $3: what the response must contain.
expect() {
    status=$(curl -s -m 60 -o "$home/answer" -w '%{http_code}' --noproxy '*' -H 'Host: wiki.test' \
        "http://127.0.0.1:$port$1") || fail "smoke: $1 has no answer; $(cat "$home/log")"
    [ "$status" = "$2" ] || fail "smoke: $1 has status $status, not $2; $(cat "$home/log")"
    grep -q "$3" "$home/answer" || fail "smoke: $1 is answered: $(cat "$home/answer")"
}
# Workers run as another user.
chmod 755 "$home"
echo open >"$home/page"
expect /page 401 '^{.*}$'
expect /open/page 200 open
! grep -q 'alert\|emerg\|crit' "$home/log" || fail "smoke: $(cat "$home/log")"
echo "smoke: $version takes a module that was configured otherwise"
