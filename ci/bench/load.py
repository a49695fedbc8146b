"""wrk, and what it says.

Servers and wrk have a processor each, where there are two: neither takes time from the other. A ratio
is the median of the ratios of paired runs, each pair within one round of all cases, with the interval
in which it lies with a probability of 95 %.
"""

import math
import re
import statistics
import subprocess
import tempfile
from typing import NamedTuple

import processors
from settings import SETTINGS

# A ratio with a wider interval is measured again.
NARROW = 0.03


class Run(NamedTuple):
    """One short run against one case."""

    requests: int
    per_second: float
    cpu_us: float  # CPU time per request of all processes involved
    p50_us: float
    p99_us: float


class Case(NamedTuple):
    """What is requested, and whose CPU time counts: server, authorizer, upstream."""

    name: str
    url: str
    servers: tuple
    headers: tuple = ()
    script: str = ""  # for wrk, in Lua
    may_close: float = 0.0  # connections that the server may close, per request


def run(case, seconds=SETTINGS.seconds, connections=32):
    """Loads the case with keep-alive connections. An answer other than 2xx is an error."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    for header in case.headers:
        command += ["-H", header]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if case.script:
            script.write(case.script)
            script.flush()
            command += ["-s", script.name]
        before = sum(server.cpu_seconds() for server in case.servers)
        out = subprocess.run(
            [*command, case.url],
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=processors.of_client,
        ).stdout
    cpu = sum(server.cpu_seconds() for server in case.servers) - before
    requests = int(re.search(r"(\d+) requests in", out)[1])
    if "Non-2xx" in out or _broken(out) > requests * case.may_close:
        raise RuntimeError(f"{case.name}: wrk met errors:\n{out}\n{case.servers[0].log()[-2000:]}")
    return Run(
        requests=requests,
        per_second=float(re.search(r"Requests/sec:\s*([\d.]+)", out)[1]),
        cpu_us=cpu / requests * 1e6,
        p50_us=_latency(out, 50),
        p99_us=_latency(out, 99),
    )


def _broken(out):
    """How many connections failed. wrk counts one that the server has closed as a read error."""
    return sum(map(int, re.findall(r"(?:connect|read|write|timeout) (\d+)", out)))


def _latency(out, percent):
    value, unit = re.search(rf"^\s*{percent}%\s+([\d.]+)(us|ms|s)\b", out, re.M).groups()
    return float(value) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


class Ratio(NamedTuple):
    """A median, and the interval of 95 % around it."""

    value: float
    low: float
    high: float

    @property
    def is_narrow(self):
        return self.high - self.low <= NARROW

    def __str__(self):
        wide = "" if self.is_narrow else f", wider than {NARROW}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}{wide}]"


def alternate(cases, pairs):
    """Runs the cases in turn, every second round backwards: drift of the machine hits all alike.

    `pairs` names the ratios: key to a pair of cases. Rounds go on until the interval of each is narrow;
    cases that no ratio needs any more stay out of them. Gives the runs by case, and the ratios by key.
    """
    for case in cases:
        run(case, seconds=1)
    runs = {case.name: [] for case in cases}
    paired = {key: [] for key in pairs}
    wide = dict(pairs)
    for number in range(SETTINGS.most_rounds):
        needed = {name for pair in wide.values() for name in pair}
        of_round = {}
        for case in cases if number % 2 == 0 else reversed(cases):
            if case.name in needed:
                of_round[case.name] = run(case)
                runs[case.name].append(of_round[case.name])
        for key, (over, under) in wide.items():
            paired[key].append(of_round[over].cpu_us / of_round[under].cpu_us)
        if number + 1 >= SETTINGS.rounds:
            wide = {key: pair for key, pair in wide.items() if not median(paired[key]).is_narrow}
        if not wide:
            break
    return runs, {key: median(ratios) for key, ratios in paired.items()}


def median(values):
    """The interval is that of order statistics, whatever the distribution is: of so many values, as many
    lie below the true median as heads come of so many coins."""
    values = sorted(values)
    count = len(values)
    rank, below = -1, 0.0
    while (next_below := below + math.comb(count, rank + 1) / 2**count) <= 0.025:
        rank, below = rank + 1, next_below
    rank = max(rank, 0)  # with fewer than six, the interval is all of them
    return Ratio(statistics.median(values), values[rank], values[count - 1 - rank])


def summary(runs):
    """A line for people."""
    middle = {
        field: statistics.median(getattr(one, field) for one in runs)
        for field in ("cpu_us", "per_second", "p50_us", "p99_us")
    }
    return (
        f"{middle['cpu_us']:.2f} µs CPU/request {middle['per_second']:,.0f} requests/s "
        f"p50 {middle['p50_us']:,.0f} µs p99 {middle['p99_us']:,.0f} µs"
    )
