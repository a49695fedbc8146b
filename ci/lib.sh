# Shared by the scripts in ci/. Sourced with the repository's root as current directory.

# Prints a message and ends the calling script.
fail() {
    echo "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "only root can do this; there is no sudo: $*"
    fi
}

# rustup installs cargo here; a pipeline's shell may not have it in its PATH.
PATH=$PATH:${HOME:-/root}/.cargo/bin

# The repository's root, and the directory for everything built.
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}

# For cargo: SQLite is part of the module, or with SQLITE=system that of the system (libsqlite3-dev, pkgconf).
sqlite_options() {
    case ${SQLITE:-bundled} in
        bundled) ;;
        system) echo --no-default-features --features system-sqlite ;;
        *) fail "SQLITE is either bundled or system, not \"$SQLITE\"" ;;
    esac
}

# The oldest supported Rust; only stated in Cargo.toml.
msrv() {
    sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1
}

# Whether the cargo in the PATH is at least that version.
rust_is_new_enough() {
    have=$(rustc --version 2>/dev/null | cut -d ' ' -f 2) && command -v cargo >/dev/null &&
        [ -n "$have" ] && [ "$(printf '%s\n' "$(msrv)" "$have" | sort -V | head -n 1)" = "$(msrv)" ]
}

# Debian has Valkey since 13.
debian_has_valkey() {
    case $(. /etc/os-release && echo "${VERSION_ID-}") in
        12) return 1 ;;
    esac
}

# Arguments for a test binary: where Debian has no Valkey, its tests are left out, and a line says so.
# Elsewhere they fail without it.
left_out_servers() {
    if ! debian_has_valkey && ! command -v valkey-server >/dev/null; then
        echo "== not tested here: Valkey, which this Debian does not have" >&2
        echo --skip valkey
    fi
}
