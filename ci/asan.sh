#!/bin/sh
# The integration tests under AddressSanitizer and LeakSanitizer, in an nginx and with a module that
# were built for it.
#
#   ci/asan.sh [FILTER]...
#
# A finding ends the process, is in the error log, and fails the test. Not seen: what happens inside
# shared memory, which is one piece to the sanitizer, and code of Rust's standard library that is
# not compiled with the module.
set -eu
cd "$(dirname "$0")/.."
. ci/lib.sh

# SIGABRT, because nginx takes a worker that exits with an error code for a calm event.
export ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1:detect_leaks=1
export LSAN_OPTIONS=suppressions=$root/ci/asan.supp:print_suppressions=0

# Tests do not judge the size of the workers: the sanitizer keeps freed memory to see who uses it
# afterwards. What is lost for good is found by the leak check at the end of every process.
export AUTHENTIK_UNMEASURED=1

ci/it.sh 1.28-asan "$@"
