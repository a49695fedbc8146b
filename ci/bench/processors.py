"""Which processor whoever takes part runs on."""

import os

_ALL = sorted(os.sched_getaffinity(0))


def of_servers():
    """To be called in a process that is about to be a server: the first processor."""
    _pin(_ALL[:1])


def of_client():
    """To be called in a process that is about to be the load generator: the last one."""
    _pin(_ALL[-1:])


def _pin(processors):
    if len(_ALL) > 1:
        os.sched_setaffinity(0, processors)
