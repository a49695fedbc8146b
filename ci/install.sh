#!/bin/sh
# Installs what this repository needs on Debian. Only installs what is missing, so a second run does
# nothing.
#
#   ci/install.sh PURPOSE...
#
# demo: build and run; unit, test, check, chaos, matrix, fresh, deb, container, release, bench, bench-peers, valgrind,
# fuzz, browser, walk: needed by these targets. Each target installs what it needs and depends on no other target.
# Rust comes from Debian if it is missing or too old.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

main() {
    wanted=$(packages "$@")
    missing=$(only_missing $wanted | sort -u)
    rust=$(rust_packages "$@")
    if [ -n "$missing$rust" ]; then
        apt_install $missing $rust
    fi
    require_rust
}

# The packages for each purpose. curl: scripts wait for servers with it; procps: tests use kill(1).
packages() {
    for purpose; do
        case $purpose in
            demo) echo nginx nginx-dev libclang-dev gcc make curl ca-certificates openssl \
                libpcre2-dev libssl-dev zlib1g-dev dpkg-dev ;;
            unit) echo gcc libc6-dev ca-certificates procps "$(redis)" ;;
            test) packages demo unit; echo caddy procps git cadaver python3-caldav python3-grpcio python3-websockets radicale "$(http3_client)" ;;
            # promtool is in prometheus, fail2ban-regex in fail2ban; no service is needed, nor haproxy's.
            check) packages demo unit; echo prometheus fail2ban python3 python3-yaml haproxy openssl ;;
            chaos) packages test; echo libfaketime nftables iproute2 util-linux ;;
            matrix) packages demo; echo mmdebstrap ;;
            container) packages demo; echo buildah git mmdebstrap ;;
            fresh) echo git mmdebstrap ;;
            deb) packages demo; echo git mmdebstrap python3 xz-utils ;;
            release) echo gcc libc6-dev ca-certificates git python3 ;;
            bench) packages test; echo wrk valgrind python3 ;;
            bench-peers) packages demo; echo wrk python3 apache2 libapache2-mod-auth-openidc ;;
            valgrind) packages test; echo valgrind ;;
            fuzz) packages unit; echo g++ ;;
            walk) packages demo; echo chromium-driver mmdebstrap python3 ;;
            browser) packages demo; echo chromium-driver firefox-esr python3 fonts-ipafont-gothic; has npm || echo npm ;;
            *) fail "ci/install.sh: unknown purpose \"$purpose\"" ;;
        esac
    done
}

# For ci/http3.sh: aioquic, which Debian has since 13.
http3_client() {
    case $(. /etc/os-release && echo "${VERSION_ID-}") in
        12) echo python3-venv ;;
        *) echo python3-aioquic ;;
    esac
}

# The session stores of the tests, which start servers of their own (Sentinel is the same program).
redis() {
    echo redis-server redis-tools
    if debian_has_valkey; then
        echo valkey-server valkey-tools
    fi
}

has() {
    command -v "$1" >/dev/null
}

only_missing() {
    for package; do
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$status" = installed ] || echo "$package"
    done
}

# Debian 13: cargo. Debian 12 has a cargo from 2022, but its security archive has a current compiler
# for browsers, in packages named *-web.
rust_packages() {
    if rust_is_new_enough && ! lacks_lints "$@"; then
        return
    fi
    as_root apt-get -qq update >&2
    if debian_has rustc; then
        echo cargo rustc rustfmt rust-clippy
    elif debian_has rustc-web; then
        echo cargo-web rustc-web rustfmt-web rust-web-clippy
    fi
}

# Debian has them in separate packages.
lacks_lints() {
    case " $* " in
        *" check "*) [ "$(command -v cargo)" = /usr/bin/cargo ] &&
            ! { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 ;;
        *) return 1 ;;
    esac
}

debian_has() {
    candidate=$(LC_ALL=C apt-cache policy "$1" | sed -n 's/^ *Candidate: *//p')
    [ -n "$candidate" ] && dpkg --compare-versions "$candidate" ge "$(msrv)"
}

require_rust() {
    rust_is_new_enough || fail "Rust $(msrv) or newer is needed, and this Debian release has none:" \
        "install it with rustup (https://rustup.rs), then repeat"
}

# Installing nginx or Prometheus must not start a server: nothing here needs the service.
apt_install() {
    echo "installing: $*" >&2
    services=$(new_services "$@")
    deny_service_starts
    as_root apt-get -qq update >&2
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y install --no-install-recommends "$@" >&2
    [ -n "$services" ] || return 0
    # --now: if an existing policy let them start.
    now=
    [ ! -d /run/systemd/system ] || now=--now
    ! command -v systemctl >/dev/null || as_root systemctl --quiet disable $now $services
    echo "installed without their services, which are neither started nor enabled:" $services >&2
}

# The packages whose service was not on this machine before.
new_services() {
    for package; do
        case $package in
            nginx | caddy | apache2 | haproxy | prometheus | fail2ban | redis-server | valkey-server)
                systemctl --quiet cat "$package" >/dev/null 2>&1 || echo "$package"
                ;;
        esac
    done
}

# See invoke-rc.d(8). An existing policy is kept.
deny_service_starts() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee $policy >/dev/null
        as_root chmod 755 $policy
    fi
}

if command -v apt-get >/dev/null; then
    main "$@"
else
    echo "not Debian: nothing installed; needed are nginx with its sources, libclang, a C compiler," \
        "curl, openssl, caddy, Redis, Python with aioquic, and the headers of pcre2, openssl and zlib" >&2
    require_rust
fi
