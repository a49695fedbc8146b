#!/bin/sh
# Requests with known sessions continue, whatever happens behind them: none may fail.
#
#   ci/soak.sh outage [SECONDS]      authentik is unreachable for that long, by default 60
#   ci/soak.sh restarts [SECONDS]    nginx is restarted every 10 seconds, with sessions in Redis
#   ci/soak.sh                       both, one after the other
#
# A restart is, in turn: a binary upgrade, which must break no connection; a stop and a start; SIGKILL for all of nginx
# and a start. Of the latter two only answers count: while nobody listens, connections are refused. Needs wrk.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh
. ci/site.sh

# The minimum load, in requests per second.
enough=2000
# Sessions that make requests during restarts, and how many more are signed out, one before each restart.
visitors=100
every=10
nginx_pid='' standin_pid='' redis_pid='' load_pid='' site=''

main() {
    site_check_ports
    site_build
    trap 'leave; exit' EXIT
    trap 'exit 130' INT TERM
    case ${1-all} in
        outage) outage "${2:-60}" ;;
        restarts) restarts "${2:-60}" ;;
        all) outage 60; restarts 60 ;;
        *) fail "usage: ci/soak.sh [outage|restarts [SECONDS]]" ;;
    esac
}

# A directory that workers can access.
arrive() {
    site=$(mktemp -d)
    chmod 711 "$site"
}

leave() {
    status=$?
    [ -z "$load_pid" ] || kill "$load_pid" 2>/dev/null || true
    [ -z "$site" ] || { site_stop; gone "$nginx_pid"; rm -rf "$site"; }
    nginx_pid='' standin_pid='' redis_pid='' load_pid='' site='' site_store=''
    return $status
}

# Waits until a process has ended that need not be this shell's child: a binary upgrade starts one.
gone() {
    tries=0
    while [ -n "$1" ] && kill -0 "$1" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 300 ] || fail "soak: nginx does not end"
        sleep 0.1
    done
}

outage() {
    arrive
    site_configure 'worker_processes 2;'
    # The application stops with authentik, as both are one process here: a file answers instead.
    serve_file
    site_start_standin
    site_start_nginx
    site_await_settings
    cookie=$(sign_in)
    kill "$standin_pid"
    wrk -t 2 -c 16 -d "${1}s" -H "Cookie: $cookie" "$site_url/soak.html" >"$site/wrk"
    judge_outage "$1"
    site_start_standin
    # The connection is restored by itself.
    tries=0
    until [ "$(grep -c 'connected to authentik' "$site/logs/error.log")" -ge 2 ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || fail "soak: no connection a minute after authentik is back"
        sleep 0.1
    done
    echo "soak: connected again"
    leave
}

serve_file() {
    echo soak >"$site/soak.html"
    file="location = /soak.html { root $site; }"
    sed -i "/authentik_provider auto;/s,\$, $file," "$site/demo.conf"
}

# Prints the cookie of a signed-in visitor.
sign_in() {
    status=$(curl -s -o /dev/null -L -c "$site/jar" -b "$site/jar" -w '%{http_code}' --max-time 30 \
        -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: document' -H 'Accept: text/html' \
        "$site_url/")
    [ "$status" = 200 ] || fail "soak: the sign-in ended with $status"
    cookie_in_jar
}

# The same, for a user.
sign_in_as() {
    rm -f "$site/jar"
    browse "$site_url/"
    browse "$at" --data "pick=$1"
    [ "$at" = "$site_url/" ] || fail "soak: the sign-in ended at $at"
    cookie_in_jar
}

cookie_in_jar() {
    sed -n 's/.*\(authentik_proxy_[0-9a-f]*\)\t\([^\t]*\)$/\1=\2/p' "$site/jar"
}

judge_outage() {
    rate=$(sed -n 's,^Requests/sec: *\([0-9]*\).*,\1,p' "$site/wrk")
    grep -E 'Requests/sec|requests in|Non-2xx|Socket errors' "$site/wrk" || true
    ! grep -Eq 'Non-2xx|Socket errors' "$site/wrk" || fail "soak: requests failed"
    [ "${rate:-0}" -ge $enough ] || fail "soak: only $rate requests a second, $enough are the aim"
    grep -q 'no connection to authentik' "$site/logs/error.log" || fail "soak: authentik was there"
    lines=$(grep -c 'outpost:' "$site/logs/error.log")
    [ "$lines" -le 12 ] || fail "soak: $lines lines about one outage"
    echo "soak: $1 seconds without authentik, no request failed"
}

restarts() {
    arrive
    site_start_redis
    site_configure 'worker_processes 2;'
    serve_file
    site_start_standin --form
    site_start_daemon
    site_await_settings
    count=0
    while [ $count -lt $visitors ]; do
        sign_in_as alice
        count=$((count + 1))
    done >"$site/cookies"
    SOAK_COOKIES=$site/cookies wrk -t 1 -c 16 -d "${1}s" -s ci/soak.lua "$site_url/soak.html" >"$site/wrk" &
    load_pid=$!
    ends=$(($(date +%s) + $1))
    number=0 upgrades=0
    while [ $(($(date +%s) + every)) -lt $ends ]; do
        sleep $every
        mark=$(wc -l <"$site/logs/error.log")
        gone_cookie=$(sign_out)
        case $((number % 3)) in
            0) upgrade ;;
            1) stop_and_start QUIT ;;
            2) stop_and_start KILL ;;
        esac
        number=$((number + 1))
        status=$(curl -s -o /dev/null -w '%{http_code}' --max-time 10 -H "Cookie: $gone_cookie" "$site_url/soak.html")
        [ "$status" = 401 ] || fail "soak: after restart $number a session that was signed out is answered $status"
        ! tail -n "+$((mark + 1))" "$site/logs/error.log" | grep -E '\[(alert|emerg|crit)\]' ||
            fail "soak: restart $number is not clean"
    done
    wait "$load_pid" || fail "soak: wrk failed: $(cat "$site/wrk")"
    load_pid=''
    judge_restarts "$1"
    leave
}

# Signs another user in, and out again; prints the cookie.
sign_out() {
    cookie=$(sign_in_as bob)
    status=$(curl -s -o /dev/null -w '%{http_code}' --max-time 10 -H "Cookie: $cookie" \
        -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: document' \
        "$site_url/outpost.goauthentik.io/sign_out")
    [ "$status" = 302 ] || fail "soak: the sign-out ended with $status"
    echo "$cookie"
}

# SIGUSR2, and SIGQUIT to the former master as soon as the new one has workers.
upgrade() {
    former=$(cat "$site/nginx.pid")
    kill -USR2 "$former"
    tries=0
    until [ -s "$site/nginx.pid.oldbin" ] && [ -s "$site/nginx.pid" ] &&
        nginx_pid=$(cat "$site/nginx.pid") && [ "$nginx_pid" != "$former" ] &&
        [ "$(ps --no-headers --ppid "$nginx_pid" -o pid | wc -l)" -ge 2 ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "soak: no new master: $(tail -n 5 "$site/logs/error.log")"
        sleep 0.1
    done
    kill -QUIT "$former"
    gone "$former"
    echo "soak: upgraded"
}

# $1: the signal for the master, and SIGKILL for the workers as well.
stop_and_start() {
    former=$(cat "$site/nginx.pid")
    workers=$(ps --no-headers --ppid "$former" -o pid)
    kill "-$1" "$former"
    [ "$1" != KILL ] || kill -KILL $workers
    gone "$former"
    for worker in $workers; do
        gone "$worker"
    done
    rm -f "$site/nginx.pid"
    site_start_daemon
    echo "soak: stopped by SIG$1, and started"
}

judge_restarts() {
    grep -E 'Requests/sec|requests in|answers|Socket errors' "$site/wrk" || true
    served=$(sed -n 's/^answers 200: //p' "$site/wrk")
    others=$(grep '^answers' "$site/wrk" | grep -v '^answers 200:' || true)
    [ -z "$others" ] || fail "soak: known sessions were refused: $others"
    [ "${served:-0}" -ge $((enough * $1 / 2)) ] || fail "soak: only $served requests in $1 seconds"
    [ $number -ge 1 ] || fail "soak: no restart in $1 seconds"
    echo "soak: $number restarts in $1 seconds, no known session refused, no signed-out one admitted"
}

main "$@"
