"""The lock of the zone: how often a request takes it, for how long, and what 64 workers make of that."""

import json
import statistics
import subprocess
import urllib.request

import load
import ratios
import seed
from queue_model import efficiency
from server import Server
from settings import SETTINGS

_STATUS = "location = /status.json { authentik_provider off; authentik_status format=json; }\n"
_BODY = "authentik_provider wiki;" + _STATUS + ratios.static("")
_WORKERS = 64


def _of_64(request_us, locked_us):
    return efficiency(_WORKERS, request_us, locked_us)


def per_request():
    """Lookups in the zone per request while one session is used all the time, by the module's own count;
    and the efficiency of 64 workers then, and when no worker knows any session."""
    with Server(
        "locks",
        _BODY,
        lambda port: seed.zone(seed.SESSIONS) + seed.provider("wiki", port),
        seeded=True,
    ) as server:
        url = f"{server.url}/static/1k"
        in_use = _Load(server, ratios.case("in use", url, server))
        all_cold = ratios.case("cold", url, server)._replace(script=seed.in_turn(seed.SESSIONS))
        cold = _Load(server, all_cold)
    held = [_held() for _ in range(SETTINGS.rounds)]
    confirm_us, copy_us = (_middle(held, field) / 1000 for field in ("confirm_ns", "first_ns"))
    figures = {
        "locks_per_request": in_use.lookups,
        "lock_hot_ns": confirm_us * 1000,
        "lock_cold_ns": copy_us * 1000,
        "workers_hot": _of_64(in_use.cpu_us, in_use.lookups * confirm_us),
        "workers_cold": _of_64(cold.cpu_us, cold.lookups * copy_us),
    }
    details = {
        "workers_hot, of a request": f"{in_use.cpu_us:.2f} µs CPU, {in_use.lookups:.5f} times the lock",
        "workers_hot, if each took the lock": f"{_of_64(in_use.cpu_us, confirm_us):.1f} %",
        "workers_cold, of a request": f"{cold.cpu_us:.2f} µs CPU, {cold.lookups:.2f} times the lock",
        "lock_cold_ns, not read ahead": f"{_middle(held, 'unread_ns'):,.0f} ns",
    }
    return figures, details


class _Load:
    """Medians of a few runs: CPU and lookups per request."""

    def __init__(self, server, case):
        load.run(case)
        before = _lookups(server)
        runs = [load.run(case) for _ in range(5)]
        lookups = _lookups(server) - before
        self.cpu_us = statistics.median(run.cpu_us for run in runs)
        self.lookups = lookups / sum(run.requests for run in runs)


def _lookups(server):
    with urllib.request.urlopen(f"{server.url}/status.json") as answer:
        return json.load(answer)["zone"]["lookups"]


def _held():
    command = [SETTINGS.lookup, str(seed.SESSIONS)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def _middle(runs, field):
    return statistics.median(run[field] for run in runs)
