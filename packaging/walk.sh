#!/bin/sh
# Inside a root that has nothing of it (ci/walk.sh): what a newcomer does, in three steps. After each it waits for the
# one who looks at the site.
#
#   packaging/walk.sh DIRECTORY DESK      with the packages; where both leave notes
#
# Notes: this script writes open, protected and gone, or log; the other one looked-at-open and so on.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

deb=$(echo "$1"/libnginx-mod-http-authentik_*.deb) desk=$2
standin=$target/standin
nginx_pid='' standin_pid=''
site=$(mktemp -d)
chmod 711 "$site"
mkdir "$site/logs"
export DEBIAN_FRONTEND=noninteractive DEMO_PORT=18080 DEMO_AUTHENTIK_PORT=19000 DEMO_APP_PORT=13000
. ci/site.sh
trap 'site_stop; nginx -s stop 2>/dev/null || true; rm -rf "$site"' EXIT
available=/etc/nginx/sites-available/wiki

main() {
    exec </dev/null
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
    apt-get -qq update
    quietly apt-get -qq -y install nginx

    # A site as it was before: everybody gets in.
    rm /etc/nginx/sites-enabled/default
    cat >$available <<EOF
server {
    listen 127.0.0.1:$site_port;
    server_name localhost;
    location / {
        proxy_pass http://127.0.0.1:$app_port;
        proxy_set_header Host \$http_host;
    }
}
EOF
    ln -s $available /etc/nginx/sites-enabled/
    ln -s /var/log/nginx/error.log "$site/logs/error.log"
    echo the-token-of-the-outpost >"$site/outpost.token"
    site_start_standin --form
    said nginx -t
    nginx
    shown open

    # The package, the token in a file, two lines, nginx -t, a restart.
    quietly apt-get -qq -y install "$deb"
    (umask 077 && cp "$site/outpost.token" /etc/nginx/outpost.token)
    sed -i "1i authentik_outpost $core_url { token_file /etc/nginx/outpost.token; }" $available
    sed -i 's/^    server_name .*/&\n    authentik_provider auto;/' $available
    cat $available
    said nginx -t
    nginx -s stop && sleep 1
    nginx
    site_await_settings
    shown protected

    # Back: the lines go, then the package.
    sed -i '/authentik_/d' $available
    quietly apt-get -qq -y purge libnginx-mod-http-authentik
    said nginx -t
    nginx -s stop && sleep 1
    nginx
    shown gone
}

# Runs an installation, whose output matters only if it fails.
quietly() {
    "$@" >"$site/log" 2>&1 || fail "walk: $*: $(cat "$site/log")"
}

# Runs a command of which a newcomer reads every word.
said() {
    echo "\$ $*"
    "$@" 2>&1
}

# Tells the other one, and waits until it has looked: two minutes at most.
shown() {
    wait_for "$(case $1 in protected) echo 401 ;; *) echo 200 ;; esac)" "$site_url/" error.log
    touch "$desk/$1"
    tries=0
    until [ -e "$desk/looked-at-$1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || fail "walk: nobody has looked at the site ($1)"
        sleep 0.2
    done
}

main
