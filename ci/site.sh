# Runs nginx with the module, the stand-in authentik and an application, for the demo and valgrind.
# Sourced after lib.sh. The caller sets $site, an empty directory that workers can access, and may set $site_store,
# a session store for all nginx of the site.

# Other ports, if these are taken: make demo DEMO_PORT=8090
site_port=${DEMO_PORT:-8080} core_port=${DEMO_AUTHENTIK_PORT:-9000} app_port=${DEMO_APP_PORT:-3000}
twin_port=${DEMO_TWIN_PORT:-$((site_port + 1))} redis_port=${DEMO_REDIS_PORT:-6390}
site_url=http://localhost:$site_port
# A name that browsers and curl resolve without DNS (RFC 6761 §6.3).
notes_url=http://notes.localhost:$site_port
twin_notes_url=http://notes.localhost:$twin_port
core_url=http://127.0.0.1:$core_port

# Fails unless all ports are free: better to know before minutes of building than after.
site_check_ports() {
    is_free "$site_port" || taken "$site_port" DEMO_PORT
    is_free "$core_port" || taken "$core_port" DEMO_AUTHENTIK_PORT
    is_free "$app_port" || taken "$app_port" DEMO_APP_PORT
}

taken() {
    fail "port $1 of 127.0.0.1 is in use; choose another: make demo $2=$(($1 + 10))"
}

# Builds what is needed; sets $AUTHENTIK_NGINX, $module and $standin.
site_build() {
    paths=$(ci/nginx.sh debian)
    eval "$paths"
    module=$(ci/module.sh debian test-module)
    cargo build --locked --package authentik-standin --bin standin
    standin=$target/debug/standin
}

# Writes nginx.conf around nginx-conf/demo.conf. $1: directives for the main context.
site_configure() {
    mkdir -p "$site"
    cp "$module" "$site/ngx_http_authentik_module.so"
    (umask 077 && openssl rand -hex 30 >"$site/outpost.token")
    site_configure_nginx "$site" "$1"
}

# Another nginx on $twin_port, as if on another host: with a directory and memory of its own, the same configuration,
# and the same store. $1: directives for the main context.
site_configure_twin() {
    mkdir -p "$site/twin"
    cp "$site/outpost.token" "$site/twin/"
    site_configure_nginx "$site/twin" "$1"
    sed -i "s/listen 127.0.0.1:$site_port/listen 127.0.0.1:$twin_port/" "$site/twin/demo.conf"
    "$AUTHENTIK_NGINX" -t -q -p "$site/twin/" -c nginx.conf -e logs/error.log
}

# $1: the directory; $2: directives for the main context.
site_configure_nginx() {
    mkdir -p "$1/logs" "$1/tmp"
    sed "s/:8080/:$site_port/; s/:9000/:$core_port/; s/:3000/:$app_port/" nginx-conf/demo.conf \
        >"$1/demo.conf"
    cat >"$1/nginx.conf" <<CONF
load_module $site/ngx_http_authentik_module.so;
error_log logs/error.log info;
pid nginx.pid;
$2
events { }
http {
    access_log off;
    client_body_temp_path tmp/body;
    proxy_temp_path tmp/proxy;
    fastcgi_temp_path tmp/fastcgi;
    uwsgi_temp_path tmp/uwsgi;
    scgi_temp_path tmp/scgi;
    ${site_store-}
    include demo.conf;
}
CONF
    "$AUTHENTIK_NGINX" -t -q -p "$1/" -c nginx.conf -e logs/error.log
}

# $@: additional arguments for the stand-in. Sets $standin_pid.
site_start_standin() {
    is_free "$core_port" || taken "$core_port" DEMO_AUTHENTIK_PORT
    is_free "$app_port" || taken "$app_port" DEMO_APP_PORT
    "$standin" --port "$core_port" --app-port "$app_port" --external-host "$site_url" \
        --provider "notes=$notes_url" --outpost-token "$(cat "$site/outpost.token")" "$@" \
        >"$site/logs/standin.log" 2>&1 &
    standin_pid=$!
    wait_for 200 "$core_url/application/o/wiki/.well-known/openid-configuration" standin.log
}

# A Redis of the site's own, which writes everything to disk. Sets $redis_pid, and $site_store to use it.
site_start_redis() {
    is_free "$redis_port" || taken "$redis_port" DEMO_REDIS_PORT
    mkdir "$site/redis"
    (umask 077 && openssl rand -hex 32 >"$site/store.secret")
    redis-server --bind 127.0.0.1 --port "$redis_port" --save '' --appendonly yes --dir "$site/redis" \
        >"$site/redis/log" 2>&1 &
    redis_pid=$!
    site_store="authentik_session_store redis redis://127.0.0.1:$redis_port secret_file=$site/store.secret"
    site_store="$site_store ends_file=$site/ends/list;"
    tries=0
    until grep -q 'Ready to accept connections' "$site/redis/log"; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { cat "$site/redis/log" >&2; fail "redis-server does not start"; }
        sleep 0.1
    done
}

# $@: command to run nginx under, if any. Sets $nginx_pid.
site_start_nginx() {
    is_free "$site_port" || taken "$site_port" DEMO_PORT
    "$@" "$AUTHENTIK_NGINX" -p "$site/" -c nginx.conf -e logs/error.log -g 'daemon off;' \
        >"$site/logs/nginx.out" 2>&1 &
    nginx_pid=$!
    wait_for 204 "$site_url/outpost.goauthentik.io/ping" error.log
}

# The same in the background, as a service: only such an nginx can be upgraded (SIGUSR2). Not a child of the shell.
site_start_daemon() {
    is_free "$site_port" || taken "$site_port" DEMO_PORT
    "$AUTHENTIK_NGINX" -p "$site/" -c nginx.conf -e logs/error.log -g 'daemon on;' >"$site/logs/nginx.out" 2>&1
    wait_for 204 "$site_url/outpost.goauthentik.io/ping" error.log
    nginx_pid=$(cat "$site/nginx.pid")
}

# Sets $twin_pid.
site_start_twin() {
    is_free "$twin_port" || taken "$twin_port" DEMO_TWIN_PORT
    "$AUTHENTIK_NGINX" -p "$site/twin/" -c nginx.conf -e logs/error.log -g 'daemon off;' \
        >"$site/twin/logs/nginx.out" 2>&1 &
    twin_pid=$!
    wait_for 401 "$twin_notes_url/" ../twin/logs/error.log
}

# Waits until the providers have been fetched from authentik: visitors are then asked to sign in.
site_await_settings() {
    wait_for 401 "$site_url/" error.log
}

# Signs in as a visitor would, and checks what the application received. $1: URL of a page.
site_visit() {
    rm -f "$site/jar"
    browse "$1"
    grep -q 'to continue to <strong>Wiki' "$site/page" || fail "no form to sign in at $at: $(cat "$site/page")"
    browse "$at" --data pick=alice
    [ "$at" = "$1" ] || fail "the way ended at $at, not at $1"
    grep -q 'Hello, Alice' "$site/page" || fail "the application does not know who asks"
}

# Signs in at the application whose provider is written by hand, and opens the same page at the other nginx.
site_visit_twin() {
    rm -f "$site/jar"
    page=/reports/2026
    browse "$notes_url$page"
    browse "$at" --data pick=alice
    [ "$at" = "$notes_url$page" ] || fail "the way ended at $at, not at $notes_url$page"
    browse "$twin_notes_url$page"
    [ "$at" = "$twin_notes_url$page" ] || fail "the other nginx does not know the session: it led to $at"
    grep -q 'Hello, Alice' "$site/page" || fail "the application behind the other nginx does not know who asks"
    cp "$site/jar" "$site/kept"
    browse "$twin_notes_url/outpost.goauthentik.io/sign_out"
    tries=0
    until [ "$(curl -sS --max-time 10 -b "$site/kept" -o /dev/null -w '%{http_code}' "$notes_url$page")" = 401 ]; do
        tries=$((tries + 1))
        [ $tries -lt 20 ] || fail "signed out at the other nginx, the session goes on here"
        sleep 0.1
    done
    rm -f "$site/kept"
}

# $1: URL; then further curl options. The last page is in $site/page, its URL in $at.
browse() {
    at=$(curl -sS -L --max-time 30 -b "$site/jar" -c "$site/jar" -o "$site/page" -w '%{url_effective}' \
        -H 'Sec-Fetch-Mode: navigate' -H 'Sec-Fetch-Dest: document' -H 'Accept: text/html' "$@")
}

site_stop() {
    # One by one: a shell's kill stops at the first id that is empty or gone.
    for pid in "${nginx_pid-}" "${twin_pid-}" "${standin_pid-}" "${redis_pid-}"; do
        [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    done
    wait "$nginx_pid" ${twin_pid:-} "$standin_pid" ${redis_pid:-} 2>/dev/null || true
}

# $1: status, $2: URL, $3: the log to show on failure.
wait_for() {
    tries=0
    until [ "$(curl -s -o /dev/null -w '%{http_code}' --max-time 2 "$2")" = "$1" ]; do
        tries=$((tries + 1))
        if [ $tries -ge 150 ]; then
            tail -n 20 "$site/logs/$3" >&2
            fail "no answer $1 from $2 after 30 seconds"
        fi
        sleep 0.2
    done
}

# curl's exit status 7: nobody listens.
is_free() {
    curl -s -o /dev/null --max-time 1 "http://127.0.0.1:$1/" && return 1
    [ $? -eq 7 ]
}
