"""A session in use beside one that the worker has not seen: time, memory, and several workers."""

import pathlib
import re

import load
import ratios
import seed
from server import Server

# More than fit in a worker's cache (about 1,300), and few enough to stay in the processor's caches.
_MANY = 5_000
_BODY = "authentik_provider wiki;" + ratios.static("")


def in_turn():
    """The same session again and again, 5,000 sessions in turn, and all 100,000."""
    with Server("sessions", _BODY, _http, seeded=True) as server:
        # The number of connections is the same now as later: any growth in the end is the cache.
        one = _case(server, "one session", 1)
        load.run(one)
        before = _private_bytes(server.worker())
        cases = [one, _case(server, "5,000 in turn", _MANY), _case(server, "all", seed.SESSIONS)]
        runs, figures = load.alternate(
            cases,
            {"beyond_cache_vs_known": (cases[1].name, one.name), "first_vs_known": ("all", one.name)},
        )
        grown = _private_bytes(server.worker()) - before
    details = {f"sessions, {name}": load.summary(these) for name, these in runs.items()}
    return figures | {"cache_bytes": grown}, details


def four_workers():
    """A session in use, CPU per request of four workers on all processors ÷ of one worker; beside it the
    same of nginx without the module."""
    with (
        Server("1 worker", _BODY, _http, seeded=True) as one,
        Server("4 workers", _BODY, _http, seeded=True, workers=4) as four,
        Server("1 worker, unprotected", ratios.static("")) as plain_one,
        Server("4 workers, unprotected", ratios.static(""), workers=4) as plain_four,
    ):
        servers = (one, four, plain_one, plain_four)
        runs, figures = load.alternate(
            [ratios.case(server.name, f"{server.url}/static/1k", server) for server in servers],
            {
                "four_workers_vs_one": (four.name, one.name),
                "four_workers_vs_one, unprotected": (plain_four.name, plain_one.name),
            },
        )
    return figures, {name: load.summary(these) for name, these in runs.items()}


def _http(port):
    return seed.zone(seed.SESSIONS) + seed.provider("wiki", port)


def _case(server, name, sessions):
    script = seed.in_turn(sessions) if sessions > 1 else ""
    return ratios.case(name, f"{server.url}/static/1k", server)._replace(script=script)


def _private_bytes(pid):
    """Memory that is the process's own: neither files nor the zone."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s*(\d+) kB", status)[1]) * 1024
