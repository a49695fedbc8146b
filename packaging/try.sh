#!/bin/sh
# Inside a root that has nothing of it (ci/deb.sh): installs the package as an administrator does, signs in,
# upgrades, removes and purges it.
#
#   packaging/try.sh DIRECTORY      with the packages
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

deb=$(echo "$1"/libnginx-mod-http-authentik_*.deb)
standin=$target/standin
nginx_pid='' standin_pid=''
site=$(mktemp -d)
chmod 711 "$site"
export DEBIAN_FRONTEND=noninteractive DEMO_PORT=18080 DEMO_AUTHENTIK_PORT=19000 DEMO_APP_PORT=13000
. ci/site.sh
trap 'site_stop; nginx -s stop 2>/dev/null || true; rm -rf "$site"' EXIT

main() {
    exec </dev/null
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d
    apt-get -qq update

    mkdir -p "$site/logs"
    variant another-abi 's/nginx-abi-[^ ,]*/nginx-abi-0.0.0-1/'
    ! apt-get -q -y install "$site/another-abi.deb" >"$site/log" 2>&1 || fail "try: a package for another ABI installs"
    grep -q nginx-abi-0.0.0-1 "$site/log" || fail "try: apt refuses another ABI in other words: $(cat "$site/log")"

    variant before 's/^Version: .*/Version: 0.0.1-1/'
    install_it "$site/before.deb"
    nginx -t
    configure
    site_start_standin --form
    nginx
    wait_for 401 "$site_url/" error.log
    site_visit "$site_url/reports"

    install_it "$deb"
    installed=$(dpkg-query -W -f '${Version}' libnginx-mod-http-authentik)
    case $deb in *_"$installed"_*) ;; *) fail "try: version $installed is installed, not $deb" ;; esac
    nginx -t
    nginx -s stop && sleep 1
    nginx
    wait_for 401 "$site_url/" error.log
    site_visit "$site_url/reports"
    state=/var/lib/nginx/authentik
    [ "$(stat -c '%U %a' $state)" = 'www-data 700' ] || fail "try: $state is $(stat -c '%U %a' $state)"
    [ -n "$(ls $state/state)" ] || fail "try: nothing is in $state/state"
    man_pages

    nginx -s stop && sleep 1
    rm /etc/nginx/conf.d/authentik.conf
    for way in remove purge; do
        install_it "$deb"
        apt-get -qq -y "$way" libnginx-mod-http-authentik >/dev/null
        nginx -t || fail "try: nginx is broken after apt $way"
        # dh_nginx remembers until the package is purged that its module was enabled.
        left=$(find /etc/nginx /usr/share/nginx /usr/lib/nginx -name '*authentik*' 2>/dev/null |
            grep -v "^/etc/nginx/modules-enabled/.*\.conf\.${way}d\$" || true)
        [ -z "$left" ] || fail "try: apt $way left $left"
    done
    echo "try: $(basename "$deb") installs, signs in, upgrades and goes"
}

# The package with other lines in its control file. $1: its name; $2: a sed script.
variant() {
    dpkg-deb -R "$deb" "$site/$1"
    sed -i "$2" "$site/$1/DEBIAN/control"
    dpkg-deb -b "$site/$1" "$site/$1.deb" >/dev/null
    rm -rf "${site:?}/$1"
}

install_it() {
    apt-get -qq -y install "$1" nginx >"$site/log" 2>&1 || fail "try: $(cat "$site/log")"
}

# What an administrator writes, around the demo's two servers.
configure() {
    sed "s/:8080/:$site_port/; s/:9000/:$core_port/; s/:3000/:$app_port/
        s,token_file .*,token_file /etc/nginx/outpost.token;,
        s,state_path .*,state_path /var/lib/nginx/authentik/state;," nginx-conf/demo.conf \
        >/etc/nginx/conf.d/authentik.conf
    (umask 077 && echo the-token-of-the-outpost >/etc/nginx/outpost.token)
    cp /etc/nginx/outpost.token "$site/outpost.token"
    ln -sf /var/log/nginx/error.log "$site/logs/error.log"
    rm -f /etc/nginx/sites-enabled/default
}

# Roots leave out man pages when packages say so; then the package is what is looked at.
man_pages() {
    dpkg-deb -c "$deb" | grep man5/authentik_directives.5 >/dev/null || fail "try: there is no authentik_directives(5)"
}

main
