#!/bin/sh
# Checks that HAProxy accepts the configuration of docs/outpost-for-others.md, without a warning: names and arguments
# of its directives, samples and actions. The two Lua files of the recipe are in no package; the action that they
# register is registered here by a stub with the same name and number of arguments, which does nothing. So this does
# not show that HAProxy and the module understand each other.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

page=docs/outpost-for-others.md
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
PATH=$PATH:/usr/sbin

main() {
    sed -n '/^```haproxy$/,/^```$/p' $page | grep -v '^```' >"$made/shown"
    grep -q 'lua.auth-intercept' "$made/shown" || fail "haproxy: $page no longer shows a configuration with auth-intercept"
    openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=wiki.example.com -days 1 \
        -keyout "$made/key" -out "$made/certificate" 2>/dev/null
    cat "$made/certificate" "$made/key" >"$made/wiki.pem"
    # As README.md of haproxy-auth-request describes it: backend, path, method, headers of three messages.
    cat >"$made/stub.lua" <<'EOF'
core.register_action("auth-intercept", { "http-req" }, function() end, 6)
EOF
    {
        printf 'global\n    zero-warning\n    lua-load %s/stub.lua\n' "$made"
        printf 'defaults\n    mode http\n    timeout connect 5s\n    timeout client 1m\n    timeout server 1m\n'
        sed "s,/etc/haproxy/wiki.pem,$made/wiki.pem," "$made/shown"
    } >"$made/haproxy.cfg"
    haproxy -c -f "$made/haproxy.cfg" >"$made/log" 2>&1 || fail "haproxy: $page: $(cat "$made/log")"
    echo "haproxy: $(haproxy -v | sed -n 's/^HAProxy version \([^ ]*\).*/\1/p') reads the configuration of $page"
}

main
