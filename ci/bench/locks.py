"""How often a request of a session in use takes the lock of the zone, by the module's own count."""

import json
import urllib.request

import load
import ratios
import seed
from server import Server

_STATUS = "location = /status.json { authentik_provider off; authentik_status format=json; }\n"


def per_request():
    """Lookups in the zone per request, while one session is used all the time."""
    with Server(
        "locks",
        "authentik_provider wiki;" + _STATUS + ratios.static(""),
        lambda port: seed.zone(1000) + seed.provider("wiki", port),
        seeded=True,
    ) as server:
        before = _lookups(server)
        run = load.run(ratios.case("locks", f"{server.url}/static/1k", server), seconds=4)
        lookups = _lookups(server) - before
    details = {"lookups in the zone": f"{lookups} for {run.requests:,} requests"}
    return {"locks_per_request": lookups / run.requests}, details


def _lookups(server):
    with urllib.request.urlopen(f"{server.url}/status.json") as answer:
        return json.load(answer)["zone"]["lookups"]
