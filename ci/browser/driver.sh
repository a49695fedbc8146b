# Starts a WebDriver. Sourced after lib.sh, with $site/logs.

driver_pid=''

# $@: a WebDriver, which chooses its own port. Sets $driver_pid and $driver_url.
start_driver() {
    # Here, not by the process in the background: a former driver's port must not be read.
    : >"$site/logs/driver.log"
    "$@" >"$site/logs/driver.log" 2>&1 &
    driver_pid=$!
    tries=0
    until port=$(sed -n 's/.*started successfully on port \([0-9]*\).*/\1/p; s/.*Listening on 127.0.0.1:\([0-9]*\).*/\1/p' \
        "$site/logs/driver.log") && [ -n "$port" ]; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || fail "browser: $1 does not start: $(cat "$site/logs/driver.log")"
        sleep 0.1
    done
    driver_url=http://127.0.0.1:$port
}
