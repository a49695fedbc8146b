# What the scripts in ci/ share. Sourced with the repository's root as current directory.

# Stops the calling script with a message.
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

# Where rustup puts cargo; a pipeline's shell may not have it.
PATH=$PATH:${HOME:-/root}/.cargo/bin

# The repository's root, and where everything built goes.
root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}

# The oldest Rust that compiles this code; Cargo.toml alone states it.
msrv() {
    sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml | head -n 1
}

# Whether the cargo on the PATH is at least that.
rust_is_new_enough() {
    have=$(rustc --version 2>/dev/null | cut -d ' ' -f 2) && command -v cargo >/dev/null &&
        [ -n "$have" ] && [ "$(printf '%s\n' "$(msrv)" "$have" | sort -V | head -n 1)" = "$(msrv)" ]
}
