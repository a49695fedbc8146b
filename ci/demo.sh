#!/bin/sh
# The demo: two nginx with the module, a stand-in authentik and an application on this machine. The second nginx
# plays another host: they share nothing but the file of sessions.
#
#   ci/demo.sh start     until Ctrl-C; with DEMO_DETACH=1 in the background, until:
#   ci/demo.sh stop
#   ci/demo.sh visit     in a running demo: signs in and checks what the application received
#
# DEMO_PORT, DEMO_TWIN_PORT, DEMO_AUTHENTIK_PORT and DEMO_APP_PORT replace the ports 8080, the next one, 9000 and 3000.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

# Where a demo in the background stores its directory and process ids.
running=$target/demo

start() {
    . ci/site.sh
    [ ! -e "$running" ] || fail "a demo runs in the background: make demo-stop"
    site_check_ports
    is_free "$twin_port" || taken "$twin_port" DEMO_TWIN_PORT
    site_build
    # Not inside the repository: nginx's workers may have no access to it.
    site=$(mktemp -d)
    chmod 711 "$site"
    nginx_pid='' twin_pid='' standin_pid=''
    trap 'site_stop; rm -rf "$site"' EXIT
    trap 'exit 130' INT TERM
    site_store="authentik_session_store file $site/store/sessions;"
    site_configure 'worker_processes 2;'
    site_configure_twin 'worker_processes 1;'
    site_start_standin --form
    site_start_nginx
    site_start_twin
    site_await_settings
    invite
    if [ -n "${DEMO_DETACH-}" ]; then
        trap - EXIT INT TERM
        echo "$site $nginx_pid $twin_pid $standin_pid" >"$running"
        echo "stop it with: make demo-stop"
    else
        echo "Ctrl-C ends it."
        wait "$nginx_pid"
    fi
}

invite() {
    cat <<TEXT

  Open                    $site_url/
  sign in                 click on one of the users
  open to everyone        $site_url/public/
  another application     $notes_url/, whose provider is written in nginx-conf/demo.conf
  … at another nginx      $twin_notes_url/, which knows a session of the first by the file of sessions
  change a provider       $core_url/-/standin/, live in nginx without a reload
  how the module is       $site_url/authentik-status
  sign out                $site_url/outpost.goauthentik.io/sign_out
  what nginx says         $site/logs/error.log
  from another computer   ssh -L $site_port:127.0.0.1:$site_port -L $twin_port:127.0.0.1:$twin_port \\
                            -L $core_port:127.0.0.1:$core_port THIS_HOST

TEXT
}

stop() {
    [ -f "$running" ] || fail "no demo runs in the background"
    read -r site nginx_pid twin_pid standin_pid <"$running"
    for process in "nginx $nginx_pid" "nginx $twin_pid" "standin $standin_pid"; do
        # Only our own processes: the id may have been reused.
        [ "$(cat "/proc/${process#* }/comm" 2>/dev/null)" != "${process% *}" ] ||
            kill "${process#* }"
    done
    rm -rf "$site" "$running"
}

visit() {
    [ -f "$running" ] || fail "no demo runs in the background"
    read -r site nginx_pid twin_pid standin_pid <"$running"
    . ci/site.sh
    site_visit "$site_url/reports/2026?page=2"
    site_visit_twin
    echo "demo: signed in, and known to the other nginx"
}

case ${1-} in
    start) start ;;
    stop) stop ;;
    visit) visit ;;
    *) fail "usage: ci/demo.sh start|stop|visit" ;;
esac
