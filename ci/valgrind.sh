#!/bin/sh
# A login and 1,000 requests under valgrind's memcheck; fails on an error or a leak. Once with sessions in memory only,
# and once with a file of sessions, which is also read: the session of one run is found in it by the next.
#
# A single process, so that valgrind sees everything. Two runs of different length: what nginx and
# the dynamic loader never free is the same in both, a leak per request is not.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh
. ci/site.sh

nginx_pid='' standin_pid='' site=''

main() {
    site_build
    trap leave EXIT
    measure memory
    measure file
}

leave() {
    [ -z "$site" ] || { site_stop; rm -rf "$site"; }
    nginx_pid='' standin_pid='' site=''
}

# $1: where sessions are.
measure() {
    site=$(mktemp -d)
    case $1 in
        memory) site_store='' ;;
        file) site_store="authentik_session_store file $site/store/sessions;" ;;
    esac
    site_configure 'master_process off;'
    site_start_standin
    few=$(lost_after 100)
    many=$(lost_after 1000)
    echo "valgrind: sessions in $1: no errors; lost for good: $few bytes after 100 requests, $many after 1,000"
    [ "$many" -le "$few" ] || fail "valgrind: a leak grows with the requests"
    leave
}

# Prints the bytes definitely lost after a login and $1 requests.
lost_after() {
    report=$site/logs/memcheck-$1
    site_start_nginx valgrind --log-file="$report" --leak-check=full --num-callers=30 \
        --suppressions=ci/valgrind.supp >&2
    site_await_settings
    is_known_again >&2
    visit "$1" >&2
    # Repeat until it exits: a signal just before nginx falls asleep does not wake it, and under
    # valgrind that window is long.
    while kill -QUIT "$nginx_pid" 2>/dev/null; do sleep 1; done &
    wait "$nginx_pid" || { tail -n 60 "$report" >&2; fail "valgrind: nginx did not end well"; }
    if ! grep -q 'ERROR SUMMARY: 0 errors' "$report" && has_invalid_access "$report"; then
        cat "$report" >&2
        fail "valgrind: memory errors"
    fi
    sed -n 's/.*definitely lost: \([0-9,]*\) bytes.*/\1/p' "$report" | tr -d ','
}

# With a store, the session of the run before outlived it.
is_known_again() {
    [ -n "$site_store" ] && [ -f "$site/jar" ] || return 0
    status=$(curl -s -o /dev/null -b "$site/jar" -w '%{http_code}' --max-time 60 "$site_url/")
    [ "$status" = 200 ] || fail "valgrind: the session in the store is answered $status"
}

# Leaks are counted separately.
has_invalid_access() {
    grep -Eq 'Invalid (read|write|free)|uninitialised|overlap|Mismatched' "$1"
}

# Signs in by redirects (the stand-in has no form), then makes $1 requests with the cookie.
visit() {
    jar=$site/jar
    rm -f "$jar"
    status=$(curl -s -o /dev/null -L -c "$jar" -b "$jar" -w '%{http_code}' --max-time 60 \
        -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: document' -H 'Accept: text/html' \
        "$site_url/")
    [ "$status" = 200 ] || fail "valgrind: the login ended with $status"
    refused=$(curl -s -b "$jar" -w '%{http_code}\n' -o /dev/null "$site_url/?[1-$1]" | grep -vc 200 || true)
    [ "$refused" = 0 ] || fail "valgrind: $refused of $1 requests were not answered with 200"
}

main
