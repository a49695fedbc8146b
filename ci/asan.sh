#!/bin/sh
# The integration tests under AddressSanitizer and LeakSanitizer, with an nginx and a module built
# for them.
#
#   ci/asan.sh [FILTER]...
#
# A finding ends the process, is in the error log, and fails the test. Not covered: shared memory,
# which is one block to the sanitizer, and code of Rust's standard library that is not compiled with
# the module.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

# The module stays loaded: what it keeps for the life of a process is referred to from its static
# memory, which would be unmapped before the leak check, and its functions would have no names in a
# report.
loaded=$target/asan-stays-loaded.so
mkdir -p "$target"
echo 'int dlclose(void *handle) { return handle == 0; }' |
    cc -shared -fPIC -x c -o "$loaded" -
# It comes before the sanitizer's library: verify_asan_link_order.
export LD_PRELOAD="$loaded"

# SIGABRT, because nginx treats a worker that exits with an error code as a minor event.
# Every dynamic module of nginx defines ngx_modules and ngx_module_names, as nginx itself does: no violation.
export ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1:detect_leaks=1:detect_odr_violation=0:verify_asan_link_order=0
export LSAN_OPTIONS=suppressions=$root/ci/asan.supp:print_suppressions=0

# Tests do not check the size of the workers: the sanitizer keeps freed memory to detect later use.
# Real leaks are found by the leak check when each process ends.
export AUTHENTIK_UNMEASURED=1

ci/it.sh 1.28-asan "$@"
