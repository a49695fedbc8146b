"""Lookups in a large table beside a small one, without nginx: the gate's example `lookup`."""

import json
import statistics
import subprocess

from settings import SETTINGS


def million_vs_thousand():
    """Medians over alternating runs of the example, which says what it measures."""
    few, many = [], []
    for _ in range(SETTINGS.rounds):
        few.append(_run(1_000))
        many.append(_run(1_000_000))

    def ratio(field):
        return statistics.median(m[field] / f[field] for m, f in zip(many, few, strict=True))

    def nanoseconds(runs, field):
        return statistics.median(run[field] for run in runs)

    details = {
        f"lookup, {label}": f"{nanoseconds(few, field):.0f} ns among 1,000, "
        f"{nanoseconds(many, field):.0f} ns among 1,000,000 ({ratio(field):.2f})"
        for label, field in (
            ("the same 100 sessions", "hot_ns"),
            ("any session", "cold_ns"),
            ("bare memory, same addresses", "memory_ns"),
        )
    }
    return {"million_sessions_vs_thousand": ratio("hot_ns")}, details


def _run(sessions):
    command = [SETTINGS.lookup, str(sessions)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
