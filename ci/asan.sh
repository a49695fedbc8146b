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

# SIGABRT, because nginx treats a worker that exits with an error code as a minor event.
# Every dynamic module of nginx defines ngx_modules and ngx_module_names, as nginx itself does: no violation.
export ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1:detect_leaks=1:detect_odr_violation=0
export LSAN_OPTIONS=suppressions=$root/ci/asan.supp:print_suppressions=0

# Tests do not check the size of the workers: the sanitizer keeps freed memory to detect later use.
# Real leaks are found by the leak check when each process ends.
export AUTHENTIK_UNMEASURED=1

ci/it.sh 1.28-asan "$@"
