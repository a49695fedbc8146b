"""What one lock costs many workers."""


def efficiency(workers, request_us, locked_us):
    """Percent of N times one worker's requests that N workers answer, on as many processors.

    A closed queue: each worker computes by itself, then comes to the one lock, waits for those that are
    there before it, has it for `locked_us`, and begins anew. Exact mean value analysis, one more worker
    at a time: who comes finds the queue of one worker less.
    """
    queue = rate = 0.0
    for count in range(1, workers + 1):
        at_lock = locked_us * (1 + queue)
        rate = count / (request_us - locked_us + at_lock)
        queue = rate * at_lock
    return 100 * rate * request_us / workers
