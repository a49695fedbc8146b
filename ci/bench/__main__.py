"""`make bench`: measures the table of speed and size, prints it, writes target/bench.{json,md}.

Started by ci/bench/run.sh, which builds what is measured and names it in the environment.
`python3 ci/bench KEY...` measures only these, and `stores` those of session stores; figures of earlier runs
stay in bench.json.
"""

import json
import pathlib
import sys
from typing import Callable, NamedTuple

import directory
import instructions
import load
import locks
import logins
import lookup
import ratios
import seed
import sessions
import stores
from settings import SETTINGS


class Row(NamedTuple):
    """A line of the table."""

    key: str
    what: str
    sign: str
    bound: float

    def holds(self, value, interval=None):
        """Of a ratio with an interval, some part of that must hold."""
        if self.sign == "=":
            return value == self.bound
        low, high = interval or (value, value)
        return high >= self.bound if self.sign == "≥" else low <= self.bound


ROWS = [
    Row("static_vs_plain", "unprotected ÷ protected, 1 KB static file", "≥", 0.96),
    Row("proxied_vs_plain", "unprotected with the same 12 headers ÷ protected, proxied", "≥", 0.98),
    Row("static_vs_auth_request", "`auth_request` (204, keep-alive) ÷ protected, static", "≥", 2.5),
    Row("proxied_vs_auth_request", "`auth_request` (204, keep-alive) ÷ protected, proxied", "≥", 1.9),
    Row("static_vs_recipe", "`auth_request` as authentik documents it ÷ protected, static", "≥", 6),
    Row("instructions_per_request", "instructions added per request, static", "≤", 3_500),
    Row("instructions_browser", "… with a browser's headers and three cookies", "≤", 4_200),
    Row("instructions_proxied", "… proxied, over nginx with the same 12 headers", "≤", 1_800),
    Row("instructions_first", "… of a session's first request in a worker, static", "≤", 60_000),
    Row("instructions_beyond_cache", "… with 5,000 sessions in turn, more than a worker remembers", "≤", 60_000),
    Row("first_vs_known", "a session's first request in a worker ÷ a later one, CPU, static", "≤", 2),
    Row("beyond_cache_vs_known", "request with 5,000 sessions in turn ÷ with one, CPU, static", "≤", 2),
    Row("four_workers_vs_one", "CPU per request with 4 workers ÷ with 1", "≤", 1.2),
    Row("cache_bytes", "memory of a worker's cache of sessions when full, bytes", "≤", 4_000_000),
    Row("locks_per_request", "lookups in the zone per request of a session in use", "≤", 0.001),
    Row("lock_hot_ns", "lock of the zone held for a session in use, ns", "≤", 200),
    Row("lock_cold_ns", "… for one that nobody used lately, among 100,000, ns", "≤", 500),
    Row("workers_hot", "64 workers, sessions in use: percent of 64 times one worker ([model](docs/bench.md))", "≥", 99),
    Row("workers_cold", "64 workers, each session unknown to its worker: the same, percent", "≥", 60),
    Row("million_sessions_vs_thousand", "lookup with 1,000,000 sessions ÷ with 1,000", "≤", 1.5),
    Row("thousand_providers_vs_one", "request with 1,000 providers ÷ with 1", "≤", 1.1),
    Row("thousand_providers_ms", "making 1,000 providers at a worker's start, ms", "≤", 50),
    Row("thousand_providers_kib", "memory of 1,000 providers in a worker, KiB", "≤", 8_192),
    Row("bytes_per_session", "bytes per session in the zone, 1.5 KB token", "≤", 3_584),
    Row("p99_others_during_logins", "p99 of other requests during 50 slow logins ÷ without", "≤", 1.2),
    Row("so_bytes", "the `.so`, stripped, bytes", "≤", 6_291_456),
]

# Those of session stores (docs/sessions.md).
STORES = [
    Row("known_file_vs_memory", "instructions of a request with a known session, `file` ÷ `memory` (callgrind's noise: 0.005)", "≤", 1.005),
    Row("known_redis_vs_memory", "… `redis` ÷ `memory`", "≤", 1.005),
    Row("restart_refused", "nginx restarts, 100,000 stored sessions, 500 requests/s of 1,000 visitors: refused", "≤", 0),
    Row("restart_file_p99_ms", "… p99 of a visitor's first request after it, `file`, ms", "≤", 20),
    Row("sign_out_elsewhere_p99_ms", "sign-out on one host until another refuses, `redis`, p99 of 200, ms", "≤", 200),
    Row("sign_ins_file_vs_memory", "sign-ins per second, `file` ÷ `memory`", "≥", 0.7),
    Row("stored_file_million_vs_thousand", "lookup in a store of 1,000,000 sessions ÷ of 1,000 (the same 100 of them), `file`", "≤", 1.5),
    Row("stored_redis_million_vs_thousand", "… `redis`", "≤", 1.2),
    Row("renewals_per_period", "renewals of a session per period, 40 parallel requests to 2 hosts of 4 workers", "=", 1),
]


def size_of_module():
    return {"so_bytes": SETTINGS.module.stat().st_size}, {}


# Each returns its figures by key, and details to store with them.
MEASURES: list[tuple[set[str], Callable]] = [
    ({"so_bytes"}, size_of_module),
    (
        {
            "static_vs_plain",
            "proxied_vs_plain",
            "static_vs_auth_request",
            "proxied_vs_auth_request",
            "static_vs_recipe",
        },
        ratios.side_by_side,
    ),
    ({"thousand_providers_vs_one"}, ratios.providers),
    ({"thousand_providers_ms", "thousand_providers_kib"}, directory.thousand),
    (
        {"instructions_per_request", "instructions_browser", "instructions_proxied"},
        instructions.added_per_request,
    ),
    ({"instructions_first", "instructions_beyond_cache"}, instructions.first_request),
    ({"first_vs_known", "beyond_cache_vs_known", "cache_bytes"}, sessions.in_turn),
    ({"four_workers_vs_one"}, sessions.four_workers),
    (
        {"locks_per_request", "lock_hot_ns", "lock_cold_ns", "workers_hot", "workers_cold"},
        locks.per_request,
    ),
    ({"million_sessions_vs_thousand"}, lookup.million_vs_thousand),
    ({"bytes_per_session"}, seed.bytes_per_session),
    ({"p99_others_during_logins"}, logins.others_while_logins_wait),
    ({"known_file_vs_memory", "known_redis_vs_memory"}, stores.known_request),
    ({"restart_refused", "restart_file_p99_ms"}, stores.restarts),
    ({"sign_out_elsewhere_p99_ms"}, stores.sign_outs),
    ({"sign_ins_file_vs_memory"}, stores.sign_ins),
    ({"stored_file_million_vs_thousand", "stored_redis_million_vs_thousand"}, stores.lookups),
    ({"renewals_per_period"}, stores.renewals),
]


def main(wanted):
    if "stores" in wanted:
        wanted = wanted - {"stores"} | {row.key for row in STORES}
    unknown = wanted - {row.key for row in ROWS + STORES}
    if unknown:
        sys.exit(f"bench: no such figure: {', '.join(sorted(unknown))}")
    path = SETTINGS.target / "bench.json"
    results = json.loads(path.read_text()) if wanted and path.exists() else {"details": {}}
    intervals = results.setdefault("intervals", {})
    results["bars"] = {row.key: f"{row.sign} {row.bound}" for row in ROWS + STORES}
    for keys, measure in MEASURES:
        if wanted and not keys & wanted:
            continue
        print(f"bench: {', '.join(sorted(keys))}", file=sys.stderr, flush=True)
        figures, details = measure()
        for key, figure in figures.items():
            intervals.pop(key, None)
            if isinstance(figure, load.Ratio):
                details[key] = str(figure)
                intervals[key] = (figure.low, figure.high)
                figure = figure.value
            results[key] = figure
        results["details"].update(details)
        path.write_text(json.dumps(results, indent=2) + "\n")
    report(results)
    missed = [
        row.key
        for row in ROWS + STORES
        if row.key in results and not row.holds(results[row.key], intervals.get(row.key))
    ]
    if missed:
        sys.exit(f"bench: below the bar: {', '.join(missed)}")


def report(results):
    """Prints the details, then the table. Both go to files, for paste.sh."""
    for name, detail in results["details"].items():
        print(f"{name:40} {detail}")
    rows = "".join(f"| {name} | {detail} |\n" for name, detail in results["details"].items())
    details = f"| detail | measured |\n|---|---|\n{rows}"
    pathlib.Path(SETTINGS.target / "bench-details.md").write_text(details)
    pathlib.Path(SETTINGS.target / "bench.md").write_text(table(ROWS, results))
    pathlib.Path(SETTINGS.target / "bench-stores.md").write_text(table(STORES, results))
    print("\n" + table(ROWS + STORES, results))


def table(rows, results):
    lines = ["| what | key | must reach | measured |", "|---|---|---|---|"]
    for row in rows:
        value = results.get(row.key)
        interval = results["intervals"].get(row.key)
        measured = "–" if value is None else shown(value)
        if interval:
            measured += f" [{shown(interval[0])}, {shown(interval[1])}]"
        if value is not None and not row.holds(value, interval):
            measured += " ✗"
        lines.append(f"| {row.what} | `{row.key}` | {row.sign} {shown(row.bound)} | {measured} |")
    return "\n".join(lines) + "\n"


def shown(value):
    return f"{value:,.0f}" if value >= 100 or value == 0 else f"{value:.2f}" if value >= 0.01 else f"{value:.5f}"


main(set(sys.argv[1:]))
