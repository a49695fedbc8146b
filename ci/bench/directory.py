"""The providers of an outpost, made of what was published: the gate's example `directory`."""

import json
import statistics
import subprocess

from settings import SETTINGS


def thousand():
    """Medians over the runs; one with 5,000 providers beside them."""
    runs = [_run(1_000) for _ in range(SETTINGS.rounds)]
    figures = {
        "thousand_providers_ms": statistics.median(run["made_us"] for run in runs) / 1000,
        "thousand_providers_kib": statistics.median(run["kib"] for run in runs),
    }
    many = _run(5_000)
    details = {"5,000 providers": f"{many['made_us'] / 1000:.0f} ms, {many['kib']} KiB"}
    return figures, details


def _run(providers):
    command = [SETTINGS.directory, str(providers)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
