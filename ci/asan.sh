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

# These judge by the size of the workers, and the sanitizer keeps freed memory to see who uses it
# afterwards. What is lost for good is found by the leak check at the end of every worker.
by_size='malformed::thousands_of_malformed_requests_leave_the_workers_as_small_as_they_were
    outpost::many::a_change_among_a_thousand_providers_is_live_within_seconds_and_leaves_no_memory_behind
    uploads::a_gigabyte_goes_up_and_down_through_a_protected_location_in_little_memory'

ci/it.sh 1.28-asan "$@" $(printf -- '--skip %s ' $by_size)
